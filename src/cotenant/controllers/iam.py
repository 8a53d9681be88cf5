"""The IAM controller: members of all tenants by IAM principal become the access entries of the cluster.

One key, for one principal may belong to several tenants and has one entry. What comes of it is told to the tenants, whose
own controller writes their status: AWS being slow or away delays nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from cotenant.api.keys import GROUP
from cotenant.api.meta import ObjectMeta
from cotenant.api.tenant import Tenant
from cotenant.aws.associations import Associations
from cotenant.aws.desk import EntryDesk, Held, finding
from cotenant.aws.faults import Fault
from cotenant.controllers.gather import gather_stranded, gather_view
from cotenant.controllers.guard import Guard
from cotenant.controllers.world import Mapped, World
from cotenant.kube.client import Client
from cotenant.kube.resource import TENANTS
from cotenant.model.finding import Finding
from cotenant.model.iam.claims import guarded, people, tenants_of
from cotenant.model.iam.entries import NO_MODE, Step
from cotenant.model.iam.inforce import by_aws_auth, left_over
from cotenant.model.iam.workloads import Holder, misgiven
from cotenant.model.platform import Platform
from cotenant.model.snapshot import TenantView
from cotenant.render import access
from cotenant.runtime.controller import Result
from cotenant.runtime.events import Recorder

KEY = "entries"
AWS_AUTH_READ = (NO_MODE, "API_AND_CONFIG_MAP")
EVENTS = {"create": "EntryCreated", "update": "EntryChanged", "delete": "EntryDeleted"}
"""Reasons of events."""
WARNED = {"AwsAuthDamaged", "AwsAuthUnread", "GroupWithoutMember", "ForeignRole", "UsernameConflict"}
"""Reasons of a condition that is also an event: somebody did something to the tenant's identities."""


class IamController:
    """The only key is KEY. Works while members come and go, and looks again after `resync` seconds."""

    def __init__(
        self,
        client: Client,
        world: World,
        platform: Platform,
        now: Callable[[], datetime],
        desk: EntryDesk,
        resync: float,
        events: Recorder,
        aws_auth: Callable[[], Mapping[str, str] | None] = lambda: None,
        unread: Callable[[], Finding | None] = lambda: None,
        pods: Associations | None = None,
    ) -> None:
        """aws_auth: its texts, for a cluster that reads nothing else; None while they are not known; unread: why.

        pods: the roles of Pods by association; None where nobody looks.
        """
        self.world, self.platform, self.now = world, platform, now
        self.events, self.aws_auth, self.unread, self.pods = events, aws_auth, unread, pods
        self.desk, self.resync, self.guard = desk, resync, Guard(client)

    async def reconcile(self, _: str) -> Result:
        """Gather → render → apply, for all tenants at once; their statuses are judged elsewhere."""
        views = list(self.views())
        tenants = list(self.world.tenants.items())
        users = [who for one in tenants for who in people(one.metadata.name, one.spec.members or ())]
        claims = guarded((one for view in views for one in access.wishes(view)), users)
        # Tenants that vanish with their definition were deleted by nobody: losing all of ours loses no entry.
        removing = not await self.guard.kind_leaves(TENANTS)
        found = await self.desk.settle(claims, removing=removing)
        trouble, auth, unread = found.trouble, self.aws_auth(), self.unread()
        left: list[tuple[str, Finding]] = []
        if self.desk.mode in AWS_AUTH_READ and auth is not None:
            alone = self.desk.mode == NO_MODE
            sso = await self.desk.roles_of_sets(claims) if alone else self.desk.directory.sso()
            trouble = by_aws_auth(claims, auth, sso) if alone else trouble
            left = list(left_over(claims, auth, sso))
        if self.desk.mode == NO_MODE and unread:
            trouble = {**dict.fromkeys(claims, unread), **(trouble if auth is not None else {})}
        mine = [(one.tenant, trouble[one]) for one in claims if one in trouble]
        self.tell(views, [*mine, *former(found.held), *left, *await self.carried(views)])
        self.report(found.done)
        expiries = [view.access.next_expiry for view in views if view.access.next_expiry is not None]
        after = [self.resync if found.again is None else found.again, *(one + 0.05 for one in expiries)]
        return Result(after=min(after))

    def report(self, done: Iterable[Step]) -> None:
        """An event on each Tenant that an entry was made, changed or deleted for."""
        for step in done:
            for name in sorted(tenants_of((*step.groups, *(step.before.groups if step.before else ())))):
                tenant = self.world.tenants.get(None, name)
                if tenant is not None:
                    note = f"access entry of {step.principal}: {step.why}"
                    self.events.record(reference(tenant), EVENTS[step.action], note, action="Map")

    async def carried(self, views: Iterable[TenantView]) -> list[tuple[str, Finding]]:
        """What is wrong with the IAM roles that ServiceAccounts have by association; whose roles, nobody is told."""
        if self.pods is None:
            return []
        named = [(view.name, tuple(view.rules.service_accounts.iam_roles or ())) for view in views]
        try:
            bonds = await self.pods.look()
        except Fault as error:
            # Who names no role for Pods need not hear that a permission for it is missing.
            said = replace(finding(error), status="Unknown")
            return [(name, said) for name, roles in named if roles]
        spaces = {name: frozenset(self.spaces(name)) for name, _ in named}
        holders = [Holder(name, spaces[name], roles) for name, roles in named]
        return list(misgiven(holders, bonds, self.desk.eks.cluster))

    def spaces(self, tenant: str) -> Iterator[str]:
        """The namespaces of a tenant's spaces, and its home."""
        return (one.metadata.name for one in self.world.namespaces.by("tenant", tenant))

    def views(self) -> Iterable[TenantView]:
        """Every tenant with its members."""
        for tenant in list(self.world.tenants.items()):
            now = self.now()
            found = gather_view(self.world, tenant, self.platform, now)
            if found := found or gather_stranded(self.world, tenant, self.platform, now):
                yield found

    def tell(self, views: Iterable[TenantView], said: Iterable[tuple[str, Finding]]) -> None:
        """Keeps what became of each tenant's members, where its controller finds it; an equal verdict wakes nobody."""
        mine: dict[str, list[Finding]] = {view.name: [] for view in views}
        for name, one in said:
            if name in mine:
                mine[name].append(one)
        for name, found in mine.items():
            self.warn(name, found)
            version = msgspec.json.encode(found).decode()
            metadata = ObjectMeta(name=name, resource_version=version)
            self.world.mapped.upsert(Mapped(metadata, tuple(found)))
        self.world.mapped.retain(set(mine))

    def warn(self, name: str, found: Iterable[Finding]) -> None:
        """An event for what is new among what somebody else did."""
        before, tenant = self.world.mapped.get(None, name), self.world.tenants.get(None, name)
        for one in found:
            if tenant and one.reason in WARNED and (before is None or one not in before.trouble):
                self.events.record(reference(tenant), one.reason, one.message, type="Warning", action="Map")


def reference(tenant: Tenant) -> dict[str, str]:
    """A Tenant as the object of an event."""
    metadata = tenant.metadata
    return {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Tenant", "name": metadata.name, "uid": metadata.uid}


def former(held: Iterable[Held]) -> Iterator[tuple[str, Finding]]:
    """(tenant, finding) of the tenants that a principal was a member of."""
    for one in held:
        for name in sorted(one.tenants):
            yield name, one.finding
