"""The Tenant controller: a Tenant becomes its home, the Spaces it declares, and what members may do there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

from msgspec import convert
from msgspec.structs import replace

from cotenant.api.keys import TENANT_FINALIZER
from cotenant.api.meta import Condition
from cotenant.api.tenant import Tenant
from cotenant.apply.engine import Engine
from cotenant.controllers.finalizer import hold, release
from cotenant.controllers.gather import gather_tenant
from cotenant.controllers.guard import Guard
from cotenant.controllers.status import Patience, Unfinished, moment, report
from cotenant.controllers.world import World
from cotenant.judge.tenant import TenantFacts, judge_tenant
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import ROLE_BINDINGS, SPACES, TENANTS
from cotenant.model.deletion import confirmed
from cotenant.model.finding import Outcome, Ref
from cotenant.model.placement import home_is_ours
from cotenant.model.plan import Plan
from cotenant.model.platform import Platform
from cotenant.model.snapshot import TenantSnapshot
from cotenant.model.strays import strays
from cotenant.render.tenant import render_tenant
from cotenant.runtime.controller import Result


class TenantController:
    """Keys are names of tenants."""

    def __init__(
        self, client: Client, world: World, platform: Platform, now: Callable[[], datetime], resync: float
    ) -> None:
        self.client, self.world, self.platform, self.now = client, world, platform, now
        self.engine, self.guard, self.resync = Engine(client, world.remember), Guard(client), resync
        self.patience, self.farewell = Patience(now), Patience(now, 1.0)

    async def reconcile(self, key: str) -> Result:
        """Gather → render → apply → judge → status."""
        found = gather_tenant(self.world, key, self.platform, self.now())
        if found is None:
            self.patience.over(key)
            return Result()
        if found.tenant.metadata.deletion_timestamp:
            return await self.leave(found)
        if held := await hold(self.client, TENANTS, found.tenant.metadata, TENANT_FINALIZER):
            found = replace(found, tenant=convert(held, Tenant))
            self.world.remember(Ref(TENANTS.api_version, "Tenant", "", key), held)
        if strays(found):
            found = replace(found, spaces_born=await self.guard.kind_born(SPACES))
        plan = render_tenant(found)
        untold = not found.tenant.status.conditions
        outcome = await self.engine.run(unmirrored(plan) if untold else plan)
        silent = await self.tell(TenantFacts(found, plan, outcome))
        if outcome.trouble:
            raise Unfinished(outcome)
        if untold and not silent:
            return Result(after=0)
        known = found.view or found.stranded
        expiry = known.access.next_expiry if known else None
        return Result(after=min(silent or self.resync, self.resync if expiry is None else expiry + 0.05))

    async def tell(self, facts: TenantFacts) -> float:
        """Judges and writes the status; or the seconds for which a tenant on its way may still keep silent."""
        tenant, key = facts.found.tenant, facts.found.tenant.metadata.name
        status = judge_tenant(facts, moment(self.now()))
        known = tenant.status.conditions
        on_its_way = moving(status.conditions) and (not known or moving(known)) and not facts.outcome.trouble
        if on_its_way and status != tenant.status and (left := self.patience.left(key)):
            return left
        self.patience.over(key)
        if written := await report(self.client, TENANTS, tenant.metadata, tenant.status, status):
            self.world.remember(Ref(TENANTS.api_version, "Tenant", "", key), written)
        return 0.0

    async def leave(self, found: TenantSnapshot) -> Result:
        """A Tenant that is being deleted takes its members' rights along, and its namespaces only if that was confirmed."""
        metadata = found.tenant.metadata
        if TENANT_FINALIZER not in metadata.finalizers:
            return Result()
        if await self.guard.kind_leaves(TENANTS):
            await release(self.client, TENANTS, metadata, TENANT_FINALIZER)
            return Result()
        known = found.view or found.stranded
        delete = known is not None and known.rules.deletion_policy == "Delete" and confirmed(metadata)
        empty = await self.empty(found) if delete else await self.revoke(found)
        if empty and not (left := self.farewell.left(metadata.name)):
            await release(self.client, TENANTS, metadata, TENANT_FINALIZER)
            self.farewell.over(metadata.name)
            return Result()
        if empty:
            # A look at a space that began before the tenant went may still give rights: look again when it is over.
            return Result(after=left)
        await self.tell(TenantFacts(found, Plan(), Outcome()))
        return Result(after=5.0)

    async def revoke(self, found: TenantSnapshot) -> bool:
        """Deletes every RoleBinding of ours in the tenant's namespaces; true when none is left."""
        names = [one.metadata.name for one in self.world.namespaces.by("tenant", found.tenant.metadata.name)]
        bindings = [one for name in names for one in self.world.children["RoleBinding"].by("namespace", name)]
        for one in bindings:
            try:
                await self.client.delete(ROLE_BINDINGS, one.metadata.name, one.metadata.namespace)
            except NotFound:
                continue
        return not bindings

    async def empty(self, found: TenantSnapshot) -> bool:
        """Deletes the Spaces, which delete their namespaces, then the home; true when nothing is left."""
        await self.revoke(found)
        for space in found.spaces:
            if not space.metadata.deletion_timestamp:
                await self.client.delete(SPACES, space.metadata.name, space.metadata.namespace, uid=space.metadata.uid)
        if found.spaces:
            return False
        name = found.tenant.metadata.name
        home = (
            await self.guard.namespace(found.home.metadata.name)
            if found.home and home_is_ours(found.home, name)
            else None
        )
        if home is None:
            return True
        await self.guard.delete(home)
        return False


def moving(conditions: Iterable[Condition]) -> bool:
    """Whether they say that things go on by themselves."""
    return any(one.type == "Reconciling" for one in conditions)


def unmirrored(plan: Plan) -> Plan:
    """Without the home's SpacePolicy where there is none yet: it mirrors a status, and is written once there is one."""
    steps = (one for one in plan.steps if not (one.ref.kind == "SpacePolicy" and one.action == "create"))
    return replace(plan, steps=tuple(steps))
