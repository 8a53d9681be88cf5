"""Carries out a Plan, step by step, and says what became of each object.

Stops at the first step that fails. Plans are ordered so that what closes comes before what opens: whatever is missing
then, nobody has got rights too early. Rights that go, go all the same: nobody keeps them because something else failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cotenant.api.builtin import Manifest
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, Conflict, NotFound
from cotenant.kube.resource import resource_of
from cotenant.model.denial import layer
from cotenant.model.finding import Done, Outcome, Ref, Verb
from cotenant.model.fingerprint import CONTENT, ours
from cotenant.model.plan import Plan, Step

KEPT = ("uid", "resourceVersion", "annotations", "finalizers", "ownerReferences")
"""Metadata that a replacement takes over from what is there."""
Remember = Callable[[Ref, Manifest], None]
"""Told about every object that was written, so that the next look at the store sees it before the watch does."""


class Engine:
    """Applies plans with one client. `remember` gets the API server's answer to each write."""

    def __init__(self, client: Client, remember: Remember) -> None:
        self.client, self.remember = client, remember

    async def run(self, plan: Plan) -> Outcome:
        """Does what the plan says. Refusals are values in the Outcome; no answer at all is one too."""
        done: list[Done] = []
        for step in plan.steps:
            done.append(await self.step(step))
            if done[-1].bad:
                break
        failed = bool(done) and done[-1].bad
        gone = [ref for ref in plan.prune if not failed or ref.kind == "RoleBinding"]
        done.extend([await self.remove(ref) for ref in gone])
        return Outcome(tuple(done))

    async def step(self, step: Step) -> Done:
        """One object."""
        if step.action == "keep":
            return Done(step.ref, "unchanged")
        try:
            return Done(step.ref, await self.write(step))
        except ApiError as error:
            return refused(step.ref, error)

    async def write(self, step: Step) -> Verb:
        """Creates or changes one object. Raises ApiError."""
        wanted, ref = step.manifest, step.ref
        if ref.kind in CONTENT:
            return await self.own(step)
        if step.action == "create":
            # POST: an apply would take over a namespace that somebody made in the meantime.
            self.remember(ref, await self.client.create(resource_of(wanted), wanted))
            return "created"
        if ref.kind == "Space":
            return await self.mark(step)
        self.remember(ref, await self.client.apply(resource_of(wanted), bound(wanted, step.uid)))
        return "applied"

    async def mark(self, step: Step) -> Verb:
        """A Space that is there already: our labels become those of the step, the rest is its maker's."""
        resource = resource_of(step.manifest)
        found = await self.client.get(resource, step.ref.name, step.ref.namespace)
        if step.uid and found["metadata"]["uid"] != step.uid:
            raise Conflict(409, "Conflict", f"{step.ref} is another one by now")
        metadata = replacement(step.manifest, found)["metadata"]
        self.remember(step.ref, await self.client.replace(resource, found | {"metadata": metadata}))
        return "replaced"

    async def own(self, step: Step) -> Verb:
        """An object that is ours whole: POST, else PUT on what is there. Nothing of others stays in its content.

        A POST costs the API server two thirds of an apply that creates (designs/2026-11-21-creating-by-post.md), and
        an apply would leave what others added, such as one more label in a podSelector.
        """
        wanted, ref = step.manifest, step.ref
        resource = resource_of(wanted)
        if step.action == "create":
            try:
                self.remember(ref, await self.client.create(resource, wanted))
            except AlreadyExists:
                pass
            else:
                return "created"
        try:
            found = await self.client.get(resource, ref.name, ref.namespace)
        except NotFound:
            self.remember(ref, await self.client.create(resource, wanted))
            return "created"
        if found.get("roleRef") != wanted.get("roleRef"):
            # Nobody can change which role a RoleBinding gives.
            await self.client.delete(resource, ref.name, ref.namespace, uid=found["metadata"]["uid"])
            self.remember(ref, await self.client.create(resource, wanted))
        else:
            self.remember(ref, await self.client.replace(resource, replacement(wanted, found)))
        return "replaced"

    async def remove(self, ref: Ref) -> Done:
        """Prunes one object; gone already is fine."""
        resource = resource_of({"apiVersion": ref.api_version, "kind": ref.kind})
        try:
            await self.client.delete(resource, ref.name, ref.namespace or None)
        except NotFound:
            return Done(ref, "unchanged")
        except ApiError as error:
            return refused(ref, error)
        return Done(ref, "deleted")


def bound(wanted: Manifest, uid: str) -> Manifest:
    """The manifest, bound to the object with this uid: an apply then neither creates nor touches another one."""
    return wanted | {"metadata": wanted["metadata"] | {"uid": uid}} if uid else wanted


def replacement(wanted: Manifest, found: Manifest) -> Manifest:
    """What a PUT sends: our content, the metadata of others, the resourceVersion that was read."""
    have: dict[str, Any] = found["metadata"]
    theirs = {key: value for key, value in have.get("labels", {}).items() if not ours(key)}
    kept = {key: have[key] for key in KEPT if key in have}
    metadata = wanted["metadata"] | kept | {"labels": theirs | wanted["metadata"].get("labels", {})}
    return wanted | {"metadata": metadata}


def refused(ref: Ref, error: ApiError) -> Done:
    """What an error means for the object: somebody else's field, a refusal with its layer, or no answer."""
    if isinstance(error, Conflict | AlreadyExists):
        return Done(ref, "conflict", error.message)
    if 400 <= error.status < 500:
        return Done(ref, "denied", f"{layer(error.status, error.message)}: {error.message}")
    return Done(ref, "failed", error.message or str(error))
