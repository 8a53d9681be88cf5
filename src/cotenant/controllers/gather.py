"""Snapshots from the stores: everything one decision needs, taken at one moment, without awaiting."""

from __future__ import annotations

from datetime import datetime

from cotenant.api.builtin import Namespace, ResourceQuota
from cotenant.api.keys import COTENANT, HOME_PREFIX, SPACE, TENANT, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.controllers.world import World, spaces_of
from cotenant.kube.resource import ROLE_BINDINGS
from cotenant.model import pool
from cotenant.model.escrow.units import use_of
from cotenant.model.finding import Finding, Ref
from cotenant.model.placement import candidate, contradicted
from cotenant.model.platform import Platform
from cotenant.model.snapshot import SpaceSnapshot, TenantSnapshot, TenantView, told, view


def gather_view(world: World, tenant: Tenant, platform: Platform, now: datetime) -> TenantView | None:
    """A tenant with its profile; None while the profile that it names is missing."""
    profile = world.profiles.get(None, tenant.spec.profile) if tenant.spec.profile else None
    return view(tenant, profile, platform, now)


def gather_stranded(world: World, tenant: Tenant, platform: Platform, now: datetime) -> TenantView | None:
    """A tenant whose profile is missing; None while it is there."""
    missing = tenant.spec.profile and world.profiles.get(None, tenant.spec.profile) is None
    return told(tenant, None, platform, now) if missing else None


def gather_space(world: World, key: str, platform: Platform, now: datetime) -> SpaceSnapshot | None:
    """What decides about the Space `namespace/name`; None if there is no such Space."""
    space = world.spaces.at(key)
    if space is None:
        return None
    tenant = tenant_of_home(world, space.metadata.namespace)
    if tenant is None:
        return SpaceSnapshot(now=now, platform=platform, space=space)
    seen = gather_view(world, tenant, platform, now)
    namespace = namespace_of(world, space, tenant.metadata.name)
    occupant = world.namespaces.get(None, candidate(space, seen)) if seen and namespace is None else None
    quota = world.quotas.get(namespace.metadata.name, COTENANT) if namespace else None
    return SpaceSnapshot(
        now=now,
        platform=platform,
        space=space,
        view=seen,
        tenant_exists=True,
        stranded=gather_stranded(world, tenant, platform, now),
        namespace=namespace,
        occupant=occupant,
        quota=quota,
        served=seen is not None and quota is not None and served(world, seen, quota),
        idle=idle(world, seen, space, quota) if seen and quota else {},
        fenced=world.fenced is True,
        unfenced=world.unfenced,
        children=world.children_of(namespace.metadata.name) if namespace else {},
    )


def gather_tenant(world: World, name: str, platform: Platform, now: datetime) -> TenantSnapshot | None:
    """What decides about a tenant and its home; None if there is no such tenant."""
    tenant = world.tenants.get(None, name)
    if tenant is None:
        return None
    spaces = tuple(sorted(spaces_of(world, name), key=lambda one: one.metadata.name))
    had = {one.status.namespace for one in spaces}
    found = (one for one in world.namespaces.by("tenant", name) if one.metadata.name in had or not contradicted(one))
    labelled = sorted(found, key=lambda one: one.metadata.name)
    namespaces = tuple(one for one in labelled if one.metadata.name != home_of(name))
    quotas = (world.quotas.get(one.metadata.name, COTENANT) for one in namespaces)
    rights = {one.metadata.name: rights_in(world, one.metadata.name) for one in labelled}
    seen = gather_view(world, tenant, platform, now)
    profile = world.profiles.get(None, tenant.spec.profile) if tenant.spec.profile else None
    return TenantSnapshot(
        now=now,
        platform=platform,
        tenant=tenant,
        view=seen,
        ledgers=ledgers_of(world, seen) if seen else {},
        source=pool.revision(tenant, profile),
        fenced=world.fenced is not False,
        unfenced=world.unfenced,
        strict=world.strict,
        unstrict=world.unstrict,
        barred=world.barred,
        stranded=gather_stranded(world, tenant, platform, now),
        home=world.namespaces.get(None, home_of(name)),
        home_quota=world.quotas.get(home_of(name), COTENANT),
        lapse=world.lapse,
        mutates=world.mutates,
        glass=world.glass,
        spaces=spaces,
        namespaces=namespaces,
        quotas=tuple(one for one in quotas if one),
        foreign=tuple(other for one in namespaces for other in world.foreign.by("namespace", one.metadata.name)),
        children=world.children_of(home_of(name)),
        rights=rights,
        bindings=sum(map(len, rights.values())),
        roles=frozenset(one.metadata.name for one in world.roles.items()),
        iam=mapped(world, name),
    )


def ledgers_of(world: World, seen: TenantView) -> dict[str, TenantLedger]:
    """The ledger of each pooled key, where there is one."""
    found = {key: world.ledgers.get(seen.home, pool.slug(key)) for key in seen.rules.hard}
    return {key: one for key, one in found.items() if one is not None}


def served(world: World, seen: TenantView, quota: ResourceQuota) -> bool:
    """Whether a space got its first share of every pooled key."""
    return all(pool.served(world.ledgers.get(seen.home, pool.slug(key)), quota, key) for key in seen.rules.hard)


def idle(world: World, seen: TenantView, space: Space, quota: ResourceQuota) -> dict[str, tuple[tuple[str, int], ...]]:
    """Of each key that a space has nothing of, who else of its tenant has something that is not used."""
    ledgers = {key: world.ledgers.get(seen.home, pool.slug(key)) for key in pool.bare(seen, space, quota)}
    return {key: unused(world, one, key, quota.metadata.namespace) for key, one in ledgers.items() if one}


def unused(world: World, ledger: TenantLedger, key: str, here: str) -> tuple[tuple[str, int], ...]:
    """Other spaces that hold more than they use, and how much, most first.

    From the ledger: of the many spaces of a full tenant most hold nothing, and each of those asks this.
    """
    found = []
    for entry in ledger.spec.entries:
        if not entry.allocation or entry.space == here:
            continue
        there = world.quotas.get(entry.space, COTENANT)
        if there and (left := entry.allocation - use_of(key, there.status.used.get(key, "0"))) > 0:
            found.append((there.metadata.labels.get(SPACE, entry.space), left))
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def mapped(world: World, tenant: str) -> tuple[Finding, ...] | None:
    """What is known of the identities of a tenant's members; None where the operator maps none."""
    if not world.maps:
        return None
    found = world.mapped.get(None, tenant)
    return found.trouble if found else (Finding("IAMPending", "access entries have not been looked at yet", "Unknown"),)


def rights_in(world: World, namespace: str) -> tuple[Ref, ...]:
    """Our RoleBindings in a namespace."""
    found = world.children["RoleBinding"].by("namespace", namespace)
    return tuple(Ref(ROLE_BINDINGS.api_version, "RoleBinding", namespace, one.metadata.name) for one in found)


def tenant_of_home(world: World, namespace: str) -> Tenant | None:
    """The tenant whose home a namespace is: by its name, which no space can have, and by our label.

    Somebody may have made a namespace of that name before the tenant came: Spaces in it are not the tenant's.
    """
    found = world.namespaces.get(None, namespace)
    if found is None or not namespace.startswith(HOME_PREFIX):
        return None
    tenant = world.tenants.get(None, namespace.removeprefix(HOME_PREFIX))
    return tenant if tenant and found.metadata.labels.get(TENANT) == tenant.metadata.name else None


def namespace_of(world: World, space: Space, tenant: str) -> Namespace | None:
    """The namespace that carries the labels of a space. Should several, the one that it had before wins, then the oldest."""
    had = space.status.namespace
    found = [
        one
        for one in world.namespaces.by("tenant", tenant)
        if one.metadata.labels.get(SPACE) == space.metadata.name and (one.metadata.name == had or not contradicted(one))
    ]
    return min(
        found,
        key=lambda one: (one.metadata.name != had, one.metadata.creation_timestamp or "", one.metadata.name),
        default=None,
    )
