"""What the controllers would do, without doing it: their own plans carried out on stores alone until nothing changes.

The same functions decide as in the operator, so a forecast is wrong only where the API server would refuse something.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import structs

from cotenant.api.builtin import Manifest, QuotaAmounts, ResourceQuota
from cotenant.api.keys import COTENANT, SPACE, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.meta import Condition, ObjectMeta
from cotenant.controllers.gather import gather_space, gather_tenant, gather_view, namespace_of
from cotenant.controllers.status import moment
from cotenant.controllers.world import World, observed
from cotenant.judge.space import SpaceFacts, judge_space
from cotenant.judge.tenant import TenantFacts, judge_tenant
from cotenant.model import allowance, pool
from cotenant.model.escrow.values import Entry, Ledger
from cotenant.model.finding import Outcome, Ref
from cotenant.model.fingerprint import CONTENT, ours
from cotenant.model.plan import Plan, Step, ref_of
from cotenant.model.platform import Platform
from cotenant.model.quantity import same
from cotenant.model.snapshot import TenantView
from cotenant.render.quota import quota
from cotenant.render.space import render_space
from cotenant.render.tenant import render_tenant

ROUNDS = 12
"""A tenant settles in three: home and Spaces, namespaces and quotas, rights."""
ORDER = ("Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "SpacePolicy", "Space", "RoleBinding")
Verb = Literal["create", "update", "delete"]


@dataclass(frozen=True, slots=True)
class Write:
    """One object that the controllers would write."""

    verb: Verb
    ref: Ref
    manifest: Manifest
    why: str
    tenant: str
    space: str = ""


@dataclass(slots=True)
class Forecast:
    """Carries plans out on `world`, which is changed by it."""

    world: World
    platform: Platform
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    writes: dict[Ref, Write] = field(default_factory=dict)

    def settle(self, tenant: str) -> None:
        """Brings one tenant to where its controllers have nothing left to do."""
        for _ in range(ROUNDS):
            if not self.round(tenant):
                break
        self.judge(tenant)

    def view(self, name: str) -> TenantView | None:
        """A tenant with its rules and members; None while it or its profile is missing."""
        tenant = self.world.tenants.get(None, name)
        return gather_view(self.world, tenant, self.platform, self.now) if tenant else None

    def round(self, tenant: str) -> bool:
        """One reconcile of everything that belongs to a tenant; whether anything was written."""
        found = gather_tenant(self.world, tenant, self.platform, self.now)
        if found is None or found.tenant.metadata.deletion_timestamp:
            return False
        wrote = self.carry_out(render_tenant(found), tenant)
        if found.view and found.home:
            wrote |= self.count(quota(found.view, found.view.home, allowance.home_hard(found.view)), tenant)
        for key in self.keys(tenant):
            space = gather_space(self.world, key, self.platform, self.now)
            assert space is not None
            wrote |= self.carry_out(render_space(space), tenant, space.space.metadata.name)
            if space.view:
                wrote |= self.space_quota(space.view, key)
        if found.view:
            self.share_out(found.view)
        return wrote

    def keys(self, tenant: str) -> list[str]:
        """The keys of a tenant's Spaces that are not being deleted."""
        there = self.world.spaces.by("namespace", home_of(tenant))
        return sorted(one.metadata.key for one in there if not one.metadata.deletion_timestamp)

    def space_quota(self, view: TenantView, key: str) -> bool:
        """The ResourceQuota of a space, as the quota controller writes it."""
        space = self.world.spaces.at(key)
        namespace = namespace_of(self.world, space, view.name) if space else None
        if space is None or namespace is None or namespace.metadata.deletion_timestamp:
            return False
        label, name = space.metadata.name, namespace.metadata.name
        there = self.world.quotas.get(name, COTENANT)
        # It is born with 0 and raised at once; what it may get at most is what tells something.
        hard = pool.wanted(view, space, there) if there else allowance.hard(view, space)
        return self.count(quota(view, name, hard, label), view.name, label)

    def share_out(self, view: TenantView) -> None:
        """The ledgers as they are once nobody holds more than it uses: what is given beyond that is nobody's plan."""
        names = sorted(one.metadata.name for one in self.world.namespaces.by("tenant", view.name))
        quotas = [one for name in names if name != view.home and (one := self.world.quotas.get(name, COTENANT))]
        named = view.tenant.spec.profile
        source = pool.revision(view.tenant, self.world.profiles.get(None, named) if named else None)
        for key, limit in pool.limits(view).items():
            used = {one.metadata.namespace: pool.quota(one, key).used for one in quotas}
            entries = tuple(Entry(space, amount) for space, amount in used.items())
            spec, status = pool.content(key, Ledger(max(limit, sum(used.values())), entries, source=source), used)
            self.world.ledgers.upsert(
                TenantLedger(metadata=ObjectMeta(pool.slug(key), view.home), spec=spec, status=status)
            )

    def count(self, wanted: Manifest, tenant: str, space: str = "") -> bool:
        """A ResourceQuota and the status that the API server gives it."""
        hard, namespace = wanted["spec"]["hard"], wanted["metadata"]["namespace"]
        there = self.world.quotas.get(namespace, COTENANT)
        if there and same(there.spec.hard, hard) and there.status.hard.keys() >= hard.keys():
            return False
        if there is None or not same(there.spec.hard, hard):
            verb: Verb = "update" if there else "create"
            self.note(verb, wanted, "what the namespace may use", tenant, space)
        used = dict.fromkeys(hard, "0") | (there.status.used if there else {})
        metadata = msgspec.convert(wanted["metadata"], ObjectMeta)
        metadata.uid = there.metadata.uid if there else ""
        self.world.quotas.upsert(ResourceQuota(metadata, QuotaAmounts(hard), QuotaAmounts(hard, used)))
        return True

    def carry_out(self, plan: Plan, tenant: str, space: str = "") -> bool:
        """Everything in a plan that would be written."""
        for step in plan.changes:
            self.write(step, tenant, space)
        for ref in plan.prune:
            self.note("delete", {"metadata": {}}, "not wanted any more", tenant, space, ref)
            store = self.world.stores()[ref.kind]
            store.remove(f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name)
        return bool(plan.changes or plan.prune)

    def write(self, step: Step, tenant: str, space: str) -> None:
        """One step, as server-side apply would leave the object."""
        wanted, store = step.manifest, self.world.stores()[step.ref.kind]
        there: Any = store.get(step.ref.namespace or None, step.ref.name)
        named = space or wanted["metadata"].get("labels", {}).get(SPACE, "")
        self.note("update" if there else "create", wanted, step.why, tenant, named)
        made = observed(step.ref.kind, wanted | {"metadata": dict(wanted["metadata"])})
        if there is not None:
            made = kept(there, made, step.ref.kind)
        store.upsert(made)

    def note(self, verb: Verb, wanted: Manifest, why: str, tenant: str, space: str, ref: Ref | None = None) -> None:
        """Remembers a write; what is made and then changed is made in its last form."""
        ref = ref or ref_of(wanted)
        before = self.writes.get(ref)
        if before and before.verb == "create":
            verb = "create"
            if wanted.get("spec") is None and before.manifest.get("spec") is not None:
                wanted = wanted | {"spec": before.manifest["spec"]}
        self.writes[ref] = Write(verb, ref, wanted, why, tenant, space)

    def judge(self, tenant: str) -> None:
        """Status of a tenant and its Spaces as their controllers would write it."""
        now = moment(self.now)
        for key in self.keys(tenant):
            found = gather_space(self.world, key, self.platform, self.now)
            assert found is not None
            status = judge_space(SpaceFacts(found, render_space(found), Outcome()), now)
            self.world.spaces.upsert(
                structs.replace(found.space, status=status, metadata=unversioned(found.space.metadata))
            )
        whole = gather_tenant(self.world, tenant, self.platform, self.now)
        if whole is not None:
            status_ = judge_tenant(TenantFacts(whole, render_tenant(whole), Outcome()), now)
            metadata = unversioned(whole.tenant.metadata)
            self.world.tenants.upsert(structs.replace(whole.tenant, status=status_, metadata=metadata))

    def ordered(self) -> Iterator[Write]:
        """All writes: tenant by tenant, the home first, each space in the order of making."""

        def place(one: Write) -> tuple[str, str, int, str, str]:
            rank = ORDER.index(one.ref.kind)
            home = one.ref.kind == "Space"
            return one.tenant, "" if home else one.space, rank, one.ref.namespace, one.ref.name

        yield from sorted(self.writes.values(), key=place)


def unversioned(metadata: ObjectMeta) -> ObjectMeta:
    """The same object in a state that no API server has given a version."""
    return structs.replace(metadata, resource_version="")


def kept(there: Any, made: Any, kind: str) -> Any:
    """The object after an apply: our labels as we want them, everything of others as it was."""
    old, new = there.metadata, made.metadata
    labels = {key: value for key, value in old.labels.items() if not ours(key)} | new.labels
    metadata = structs.replace(old, resource_version="", labels=labels, annotations=old.annotations | new.annotations)
    return structs.replace(made if kind in CONTENT else there, metadata=metadata)


def shortcomings(conditions: list[Condition]) -> Iterator[Condition]:
    """What a person should know before going on: what is not True, without what no forecast can tell."""
    untold = {"Reconciling", "Stalled", "NetworkIsolated", "Verified", "StrictAccounting"}
    for one in conditions:
        if one.type in untold or one.reason in ("Synced", "Ready"):
            continue
        if one.status != "True" or one.reason in ("MemberExpired", "NoMembers"):
            yield one
