"""The Space controller: a Space becomes a namespace with everything that closes it, then with rights."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec import convert
from msgspec.structs import replace

from cotenant.api.builtin import Manifest
from cotenant.api.keys import ADOPT, CONFIRM_DELETE, DECLARED, DELETED, SPACE, SPACE_FINALIZER, TENANT
from cotenant.api.meta import ObjectMeta
from cotenant.api.space import Space, SpaceStatus
from cotenant.apply.engine import Engine
from cotenant.controllers.finalizer import hold, release
from cotenant.controllers.gather import gather_space
from cotenant.controllers.guard import Guard
from cotenant.controllers.newborn import Newborns
from cotenant.controllers.status import Patience, Unfinished, moment, report
from cotenant.controllers.world import World
from cotenant.judge.space import SpaceFacts, judge_space
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import NAMESPACES, SPACES
from cotenant.model.deletion import Fate, confirmed, fate, wants_deletion
from cotenant.model.finding import Finding, Outcome, Ref
from cotenant.model.plan import Plan
from cotenant.model.platform import Platform
from cotenant.model.snapshot import SpaceSnapshot
from cotenant.render.space import render_space
from cotenant.runtime.controller import Result
from cotenant.runtime.events import Recorder

SOON = 10.0
"""Seconds until a space that is not ready is looked at again: what it waits for may be nothing that we watch."""

WAITING = 30.0
"""Seconds until a deleted Space that waits is looked at again: its kind may be on its way out, which nobody watches."""


class SpaceController:
    """Keys are `home-<tenant>/<space>`."""

    def __init__(
        self,
        client: Client,
        world: World,
        platform: Platform,
        now: Callable[[], datetime],
        events: Recorder,
        resync: float,
    ) -> None:
        self.client, self.world, self.platform, self.now = client, world, platform, now
        self.engine, self.guard, self.events, self.resync = (
            Engine(client, world.remember),
            Guard(client),
            events,
            resync,
        )
        self.patience, self.newborns = Patience(now), Newborns(client, self.guard)

    async def reconcile(self, key: str) -> Result:
        """Gather → render → apply → judge → status."""
        found = gather_space(self.world, key, self.platform, self.now())
        if found is None:
            self.patience.over(key)
            await self.newborns.bury(key)
            return Result()
        if found.space.metadata.deletion_timestamp:
            return await self.leave(found)
        plan = render_space(found)
        if plan.steps and (held := await hold(self.client, SPACES, found.space.metadata, SPACE_FINALIZER)):
            await self.still_there(found.space.metadata)
            found = replace(found, space=convert(held, Space))
            self.remember(held)
        if not plan.waiting or any(step.ref.kind == "RoleBinding" for step in plan.steps):
            # Complete: also where there are no members, what is in it may be somebody's from now on.
            self.newborns.opened(key)
        outcome = await self.engine.run(plan)
        for one in outcome.done:
            if one.ref.kind == "Namespace" and one.verb == "created":
                self.newborns.made(key, self.world.namespaces.get(None, one.ref.name))
        return await self.tell(key, SpaceFacts(found, plan, outcome))

    async def still_there(self, metadata: ObjectMeta) -> None:
        """Raises NotFound if the Space is gone although it was just held.

        An API server that began a deletion before our finalizer was on ends it all the same: it checks the uid alone.
        """
        there = await self.client.get(SPACES, metadata.name, metadata.namespace, type=Space)
        if there.metadata.uid != metadata.uid:
            raise NotFound(404, "NotFound", f"Space {metadata.key} is another one by now")

    async def tell(self, key: str, facts: SpaceFacts) -> Result:
        """Judges and writes the status; a space that is just being made gets a moment to become ready first."""
        space = facts.found.space
        status = judge_space(facts, moment(self.now()))
        fresh = status.phase == "Pending" and not space.status.conditions and not facts.outcome.trouble
        if fresh and (left := self.patience.left(key)):
            return Result(after=left)
        self.patience.over(key)
        if written := await report(self.client, SPACES, space.metadata, space.status, status):
            self.remember(written)
            if status.phase == "Ready":
                self.announce(facts, status)
        if facts.outcome.trouble:
            raise Unfinished(facts.outcome)
        return self.again(facts.found, self.resync if status.phase == "Ready" else SOON)

    def remember(self, answer: Manifest) -> None:
        """Takes in the answer to a write of the Space itself."""
        self.world.remember(Ref(SPACES.api_version, "Space", answer["metadata"]["namespace"], ""), answer)

    @staticmethod
    def again(found: SpaceSnapshot, seconds: float) -> Result:
        """Looks again after so long, or as soon as a member expires: its rights are here, not only in the home."""
        known = found.view or found.stranded
        expiry = known.access.next_expiry if known else None
        return Result(after=seconds if expiry is None else min(seconds, expiry + 0.05))

    def announce(self, facts: SpaceFacts, status: SpaceStatus) -> None:
        """An event for whoever made the Space; a declared one has nobody waiting, and its condition says the same."""
        metadata = facts.found.space.metadata
        if facts.found.space.status.phase != "Ready" and DECLARED not in metadata.labels:
            reason = "SpaceAdopted" if facts.found.space.spec.namespace else "SpaceCreated"
            note = f"namespace {status.namespace} is ready"
            self.events.record(reference(metadata), reason, note, action="Reconcile")

    async def leave(self, found: SpaceSnapshot) -> Result:
        """A Space that is being deleted: decides on live reads what becomes of its namespace."""
        space, view = found.space, found.view
        if SPACE_FINALIZER not in space.metadata.finalizers:
            return Result()
        name = found.namespace.metadata.name if found.namespace else space.status.namespace
        namespace = await self.guard.namespace(name) if name else None
        known = view or found.stranded
        tenant = known.tenant if known else None
        marks = namespace.labels if namespace else {}
        home = space.metadata.namespace
        theirs = f"home-{marks.get(TENANT)}" == home and marks.get(SPACE) == space.metadata.name
        decision = fate(
            namespace if theirs else None,
            delete=wants_deletion(space, tenant, known.rules if known else None),
            kind_leaves=await self.guard.kind_leaves(SPACES),
            home_leaves=await self.guard.namespace_leaves(home),
        )
        if decision in (Fate.LET_GO, Fate.KEEP_AND_FORGET):
            await release(self.client, SPACES, space.metadata, SPACE_FINALIZER)
            return Result()
        assert namespace is not None
        plan, outcome = Plan(), Outcome()
        if decision is Fate.DELETE or namespace.deletion_timestamp:
            await self.guard.delete(namespace)
            farewell = Finding("DeletingNamespace", f"namespace {namespace.name} is being deleted")
        else:
            await self.forget(namespace)
            farewell = waits(space, namespace.name)
            # Members who may delete a Space could otherwise keep their rights in it for good.
            plan = render_space(found)
            outcome = await self.engine.run(plan)
        await self.tell(space.metadata.key, SpaceFacts(found, plan, outcome, farewell))
        return self.again(found, WAITING)

    async def forget(self, namespace: ObjectMeta) -> None:
        """Marks a namespace as deliberately left: labels alone never bring its Space back, nor is it on offer."""
        if DELETED in namespace.annotations:
            return
        notes: dict[str, Any] = {DELETED: moment(self.now()), ADOPT: None}
        patch = {"metadata": {"annotations": notes, "resourceVersion": namespace.resource_version}}
        self.world.remember(
            Ref("v1", "Namespace", "", namespace.name), await self.client.merge(NAMESPACES, namespace.name, patch)
        )


def waits(space: Space, namespace: str) -> Finding:
    """What a deleted Space waits for while its namespace stays."""
    if space.spec.deletion_policy == "Delete" and not confirmed(space.metadata):
        name, home = space.metadata.name, space.metadata.namespace
        confirm = f"kubectl annotate cosp {name} -n {home} {CONFIRM_DELETE}={name}"
        return Finding("DeletionNotConfirmed", f"namespace {namespace} is kept; to delete it: {confirm}")
    release = f"kubectl label namespace {namespace} {TENANT}- {SPACE}-"
    return Finding(
        "WaitsForRelease", f"namespace {namespace} is kept until an administrator deletes or releases it: {release}"
    )


def reference(metadata: ObjectMeta) -> dict[str, str]:
    """An object reference for events."""
    return {
        "apiVersion": SPACES.api_version,
        "kind": "Space",
        "namespace": metadata.namespace,
        "name": metadata.name,
        "uid": metadata.uid,
    }
