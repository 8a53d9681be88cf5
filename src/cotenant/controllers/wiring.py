"""Which controller hears of what, and how urgently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import Any

from cotenant.api.builtin import Child, Namespace, ResourceQuota
from cotenant.api.keys import ADOPT, COTENANT, HOME_PREFIX, MANAGED_BY, SPACE, TENANT, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.api.workload import Denial, Workload
from cotenant.controllers.changes import at_ease, charged, gone, labelled, longer, opened, spec_changed, wanting
from cotenant.controllers.denials import CHOSEN, lean
from cotenant.controllers.iam import KEY as ENTRIES
from cotenant.controllers.ledger import LedgerController
from cotenant.controllers.meter import transferred
from cotenant.controllers.quota import QuotaController
from cotenant.controllers.scarcity import ScarcityController
from cotenant.controllers.space import SpaceController
from cotenant.controllers.tenant import TenantController
from cotenant.controllers.world import WATCHED, World, space_key, spaces_of, tenant_label, type_or_decoder
from cotenant.kube.client import Client
from cotenant.kube.resource import EVENTS
from cotenant.runtime.controller import Controller, Reconcile
from cotenant.runtime.events import Recorder
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.queue import LAZY, NORMAL, URGENT
from cotenant.runtime.reflector import Reflector
from cotenant.runtime.store import Change, Store
from cotenant.settings import Settings

SETTLE = 0.5
"""Seconds in which changes of a tenant's many spaces become one look at the tenant, and charges that leave plenty one at its ledgers."""
GATHER = 0.01
"""Seconds in which charges of a tenant become one look at its ledgers: a charge is rarely alone."""
BUNDLE = 0.05
"""Seconds in which charges become one look at whether a tenant has little left."""
BEGUN = 5
"""Priority of what waited for its quota: it is finished before the next one is begun, and after members that change."""
NEXT = 4
"""Priority of the new Spaces of a tenant that has got one a moment ago: those that come together cost less."""
SELECTED = {"ResourceQuota", "RoleBinding", "NetworkPolicy", "LimitRange", "SpacePolicy", "TenantLedger"}
"""Kinds of which only ours are watched. Namespaces are watched all: a name that is taken must be known before."""


def reflectors(client: Client, world: World, metrics: Metrics) -> list[Reflector[Any]]:
    """One list and watch a kind, cluster-wide; of ResourceQuotas a second one for those that are not ours; of Events
    those alone that say that a pod could not be created.
    """
    made: list[Reflector[Any]] = []
    for kind, store in world.stores().items():
        type_, decode = type_or_decoder(kind)
        labels = f"{MANAGED_BY}={COTENANT}" if kind in SELECTED else ""
        made.append(Reflector(client, WATCHED[kind], type_, store=store, decode=decode, labels=labels, metrics=metrics))
    others = f"{MANAGED_BY}!={COTENANT}"
    foreign = Reflector(
        client,
        WATCHED["ResourceQuota"],
        ResourceQuota,
        store=world.foreign,
        labels=others,
        metrics=metrics,
        name="resourcequotas of others",
    )
    denials = Reflector(
        client,
        EVENTS,
        store=world.denials,
        decode=lean,
        fields=CHOSEN,
        bookmarks=False,
        metrics=metrics,
        name="refusals in events",
    )
    return [*made, foreign, denials]


def controllers(
    client: Client, world: World, settings: Settings, now: Callable[[], datetime], events: Recorder, metrics: Metrics
) -> list[Controller]:
    """The controllers, each subscribed to what decides about its keys."""
    platform, workers = settings.platform, settings.workers

    def controller(name: str, reconcile: Any) -> Controller:
        return Controller(name, reconcile, workers=workers, metrics=metrics)

    space = controller("space", SpaceController(client, world, platform, now, events, settings.resync).reconcile)
    tenant = controller("tenant", TenantController(client, world, platform, now, settings.resync).reconcile)
    quota = controller("quota", QuotaController(client, world, platform, now).reconcile)
    watch_for_spaces(space, world)
    watch_for_tenants(tenant, world)
    watch_for_quotas(quota, world)
    ledger = controller(
        "ledger",
        LedgerController(
            client, world, platform, now, lambda: world.fenced is True, partial(transferred, metrics)
        ).reconcile,
    )
    watch_for_ledgers(ledger, world)
    scarcity = controller(
        "scarcity", ScarcityController(client, world, platform, now, enabled=bool(settings.assist)).reconcile
    )
    watch_for_scarcity(scarcity, world, charges=bool(settings.assist))
    return [tenant, quota, ledger, space, scarcity]


def iam_controller(world: World, reconcile: Reconcile, metrics: Metrics) -> Controller:
    """The controller of access entries, which hears of members that come and go, in bundles."""
    # What AWS throttles takes its time; one look begins only after the other.
    found = Controller("iam", reconcile, workers=1, deadline=180.0, metrics=metrics)
    found.watches(world.tenants, lambda _: [ENTRIES], delay=SETTLE, when=spec_changed)
    found.always(ENTRIES)
    world.maps = True
    return found


def watch_for_spaces(space: Controller, world: World) -> None:
    """A Space hears of itself, its home, tenant and profile, its namespace (its future one too), and what is in it."""

    def all_of(tenant: Tenant) -> Iterable[str]:
        return [one.metadata.key for one in spaces_of(world, tenant.metadata.name)]

    def of_namespace(namespace: Namespace) -> Iterable[str]:
        name = namespace.metadata.name
        # A home that goes decides about Spaces that were deleted before and wait: nothing happens to those themselves.
        housed = world.spaces.by("namespace", name) if namespace.metadata.deletion_timestamp else []
        wanting = [one.metadata.key for one in [*world.spaces.by("wants", name), *housed]]
        return [*space_key(namespace), *offered_to(namespace), *wanting]

    def in_home(namespace: Namespace) -> Iterable[str]:
        return [one.metadata.key for one in world.spaces.by("namespace", namespace.metadata.name)]

    def of_profile(profile: TenantProfile) -> Iterable[str]:
        return [key for one in world.tenants.by("profile", profile.metadata.name) for key in all_of(one)]

    space.watches(world.spaces, own_key, priority=order, when=spec_changed)
    # Members come and go by this: before everything else.
    space.watches(world.tenants, all_of, priority=URGENT, when=spec_changed)
    space.watches(world.profiles, of_profile)
    space.watches(world.namespaces, of_namespace, when=world.news)
    space.watches(world.namespaces, in_home, when=labelled)
    world.namespaces.subscribe(lambda change: hurry_siblings(space, world, change))
    space.watches(world.quotas, child_key, priority=BEGUN, when=opened)
    space.watches(world.quotas, child_key, delay=SETTLE, when=lambda change: eases(world, change))
    space.watches(world.ledgers, lambda one: joined(world, one), priority=BEGUN, when=longer)
    for store in world.children.values():
        space.watches(store, child_key, when=world.news)


def eases(world: World, change: Change[ResourceQuota]) -> bool:
    """Whether something changed in a space that is said to use more than it may; others do not hear of charges."""
    spaces = [world.spaces.at(key) for key in child_key(change.current)]
    return any(said.reason == "QuotaExceeded" for one in spaces if one for said in one.status.conditions)


def hurry_siblings(space: Controller, world: World, change: Change[Namespace]) -> None:
    """With the namespace of a new Space, the Spaces of its tenant that wait for theirs come next."""
    if change.new is None or change.old is not None or SPACE not in change.new.metadata.labels:
        return
    for tenant in tenant_label(change.new):
        for one in spaces_of(world, tenant):
            if not one.status.namespace:
                space.queue.prefer(one.metadata.key, NEXT)


def watch_for_tenants(tenant: Controller, world: World) -> None:
    """A Tenant hears of itself and its profile at once, of its spaces and their quotas in bundles."""

    def of_profile(profile: TenantProfile) -> Iterable[str]:
        return [one.metadata.name for one in world.tenants.by("profile", profile.metadata.name)]

    tenant.watches(world.tenants, own_key, priority=order, when=spec_changed)
    # Its own status is mirrored in the home, once it has settled.
    tenant.watches(world.tenants, own_key, delay=SETTLE, when=lambda change: not spec_changed(change))
    tenant.watches(world.profiles, of_profile)
    tenant.watches(world.mapped, own_key)
    tenant.watches(world.roles, lambda one: granting(world, one.metadata.name), priority=LAZY)
    tenant.watches(world.namespaces, home_tenant, when=world.news)
    tenant.watches(world.namespaces, tenant_label, delay=SETTLE, when=world.news)
    tenant.watches(world.spaces, lambda one: [one.metadata.namespace.removeprefix(HOME_PREFIX)], delay=SETTLE)
    tenant.watches(world.quotas, lambda one: child_tenant(one, home=True), priority=BEGUN)
    tenant.watches(world.quotas, lambda one: child_tenant(one, home=False), delay=SETTLE)
    tenant.watches(world.foreign, lambda one: tenant_of(world, one), delay=SETTLE, when=labelled)
    for store in world.children.values():
        tenant.watches(store, lambda one: child_tenant(one, home=True), when=world.news)
    tenant.watches(world.children["RoleBinding"], lambda one: child_tenant(one, home=False), delay=SETTLE, when=gone)


def watch_for_quotas(quota: Controller, world: World) -> None:
    """A namespace's quota hears of the namespace, its Space and Tenant, of itself, and a home's of its Spaces."""

    def of_space(space: Space) -> Iterable[str]:
        tenant = space.metadata.namespace.removeprefix(HOME_PREFIX)
        found = world.namespaces.by("tenant", tenant)
        return [
            space.metadata.namespace,
            *(one.metadata.name for one in found if one.metadata.labels.get(SPACE) == space.metadata.name),
        ]

    def of_tenant(tenant: Tenant) -> Iterable[str]:
        return [one.metadata.name for one in world.namespaces.by("tenant", tenant.metadata.name)]

    def of_profile(profile: TenantProfile) -> Iterable[str]:
        return [key for one in world.tenants.by("profile", profile.metadata.name) for key in of_tenant(one)]

    quota.watches(world.namespaces, lambda one: [one.metadata.name] if list(tenant_label(one)) else [], priority=URGENT)
    quota.watches(world.spaces, of_space, when=spec_changed)
    quota.watches(world.tenants, of_tenant, priority=URGENT, when=spec_changed)
    quota.watches(world.profiles, of_profile)
    quota.watches(
        world.quotas,
        lambda one: [one.metadata.namespace],
        when=lambda change: world.news(change) and not charged(change),
    )


def watch_for_ledgers(ledger: Controller, world: World) -> None:
    """A tenant's ledgers hear of the tenant, its profile, its Spaces, and of every charge in them."""

    def of_profile(profile: TenantProfile) -> Iterable[str]:
        return [one.metadata.name for one in world.tenants.by("profile", profile.metadata.name)]

    def of_home(one: Space | TenantLedger) -> Iterable[str]:
        return [one.metadata.namespace.removeprefix(HOME_PREFIX)]

    def of_quota(one: ResourceQuota) -> Iterable[str]:
        return child_tenant(one, home=False)

    ledger.watches(world.tenants, own_key, priority=order, when=spec_changed)
    ledger.watches(world.profiles, of_profile)
    ledger.watches(world.namespaces, tenant_label, delay=GATHER, when=labelled)
    ledger.watches(world.namespaces, home_tenant, when=labelled)
    ledger.watches(world.spaces, of_home, delay=GATHER, when=spec_changed)
    ledger.watches(world.quotas, of_quota, delay=partial(unless_at_ease, GATHER), priority=URGENT, when=world.news)
    for store in world.workloads.values():
        ledger.watches(store, lambda one: tenant_of(world, one), delay=GATHER, priority=URGENT, when=wanting)
    ledger.watches(
        world.denials,
        lambda one: tenant_of(world, one),
        delay=GATHER,
        priority=URGENT,
        when=lambda change: retold(world, change),
    )
    ledger.watches(world.ledgers, of_home, delay=GATHER, when=world.news)


def unless_at_ease(seconds: float, change: Change[ResourceQuota]) -> float:
    """So many seconds are waited for more changes of quotas; SETTLE after a charge that leaves plenty: nothing follows from it."""
    return SETTLE if at_ease(change) else seconds


def watch_for_scarcity(scarcity: Controller, world: World, *, charges: bool) -> None:
    """Whether a tenant has little left follows from its rules, its spaces and every charge in them.

    Without the assist nobody asks: a label that is left over is taken off once.
    """

    def of_profile(profile: TenantProfile) -> Iterable[str]:
        return [one.metadata.name for one in world.tenants.by("profile", profile.metadata.name)]

    scarcity.watches(world.tenants, own_key, when=spec_changed)
    scarcity.watches(world.profiles, of_profile)
    scarcity.watches(world.namespaces, tenant_label, when=lambda change: world.news(change) and labelled(change))
    if charges:
        scarcity.watches(world.quotas, lambda one: child_tenant(one, home=False), delay=partial(unless_at_ease, BUNDLE))


def look_again(found: Iterable[Controller], world: World) -> None:
    """Every Space and Tenant is looked at: whether the policies act has changed."""
    stores: dict[str, Store[Any]] = {"space": world.spaces, "tenant": world.tenants}
    for one in found:
        for key in list(stores[one.name].keys()) if one.name in stores else []:
            one.queue.add(key)


def retold(world: World, change: Change[Denial]) -> bool:
    """Whether a workload begins to be refused, or by somebody else: each of its pods may have an Event, each retry changes one."""
    before, now = world.denials.turn(change)
    return change.new is not None and before != now


def tenant_of(world: World, one: Workload | ResourceQuota | Denial) -> Iterable[str]:
    """The tenant in whose space something of others is; most is in nobody's."""
    namespace = world.namespaces.get(None, one.metadata.namespace)
    return tenant_label(namespace) if namespace and SPACE in namespace.metadata.labels else []


def joined(world: World, ledger: TenantLedger) -> Iterable[str]:
    """The Spaces in a ledger that are not open yet: one that nothing is left for hears of it by no other way."""
    namespaces = [world.namespaces.get(None, entry.space) for entry in ledger.spec.entries if not entry.allocation]
    return [key for one in namespaces if one is not None for key in space_key(one)]


def offered_to(namespace: Namespace) -> Iterable[str]:
    """The Space that a namespace is offered to by annotation."""
    tenant, _, space = namespace.metadata.annotations.get(ADOPT, "").partition("/")
    return [f"{home_of(tenant)}/{space}"] if tenant and space else []


def own_key(one: Any) -> Iterable[str]:
    """The key of a Tenant or Space."""
    return [one.metadata.key]


def child_key(one: Child | ResourceQuota) -> Iterable[str]:
    """The Space whose namespace an object is in, by the object's labels."""
    return space_key(one.metadata)


def child_tenant(one: Child | ResourceQuota, *, home: bool) -> Iterable[str]:
    """The tenant of an object in a home, or in a space."""
    name = one.metadata.labels.get(TENANT, "")
    return [name] if name and (one.metadata.namespace == home_of(name)) is home else []


def home_tenant(namespace: Namespace) -> Iterable[str]:
    """The tenant whose home a namespace is, or would be."""
    name = namespace.metadata.name
    return [name.removeprefix(HOME_PREFIX)] if name.startswith(HOME_PREFIX) else []


def granting(world: World, role: str) -> Iterable[str]:
    """Tenants that have a member with the role that a ClusterRole stands for."""
    name = role.removeprefix("cotenant:")
    if name == role:
        return []
    return [
        one.metadata.name for one in world.tenants.items() if any(who.role == name for who in one.spec.members or [])
    ]


def order(change: Change[Any]) -> int:
    """The priority of a Tenant or Space: changes of old ones come before new ones, of which there may be thousands."""
    return NORMAL if change.old is None else URGENT
