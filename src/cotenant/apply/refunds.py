"""Carries out what refunds and recounts ask of the cluster: every write of a quota is bound to a revision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from cotenant.api.keys import FROZEN, QUOTA_MANAGER, REFUNDED
from cotenant.kube import errors
from cotenant.kube.client import Client
from cotenant.kube.resource import ALL, RESOURCE_QUOTAS, Resource
from cotenant.model.checked import labelled
from cotenant.model.pool import in_bytes, spelled
from cotenant.model.refund import recount as r
from cotenant.model.refund.values import Pairs, Refund, Stored, marks, pairs, parsed, text
from cotenant.model.usage import objects
from cotenant.model.usage.amounts import added, read, write
from cotenant.model.usage.objects import usage

Manifest = dict[str, Any]
COUNTED: dict[str, Resource] = {str(one): one for one in ALL if str(one) in objects.COUNTED}
"""Kinds that the operator counts and gives back, by the name that a quota key has for them."""


def stored(found: Manifest) -> Stored:
    """A ResourceQuota as refunds see it."""
    metadata, status = found["metadata"], found.get("status", {})
    annotation = (metadata.get("annotations") or {}).get(REFUNDED, "")
    used, hard = pairs(read(status.get("used"))), pairs(read(found["spec"].get("hard")))
    return Stored(int(metadata["resourceVersion"]), used, hard, parsed(annotation))


def told(key: str, amount: Fraction) -> str:
    """What is used, exactly, as the API server itself would show it: 3Gi and not 3221225472."""
    return spelled(key, amount.numerator) if in_bytes(key) and amount.denominator == 1 else write(amount)


class Refunds:
    """One ResourceQuota. `found` is its manifest at the revision that a write is bound to."""

    def __init__(self, client: Client, namespace: str, name: str, now: Callable[[], datetime]) -> None:
        self.client, self.namespace, self.name, self.now = client, namespace, name, now

    async def refund(self, found: Manifest, refund: Refund) -> Manifest:
        """Writes `used` and its mark; a recount that is over lets go of what it held. Raises Conflict."""
        assert int(found["metadata"]["resourceVersion"]) == refund.revision
        used = {key: told(key, amount) for key, amount in refund.used}
        notes = {REFUNDED: text(refund.refunded), FROZEN: None}
        body = bound(found, notes, status=found["status"] | {"used": used})
        return await self.client.replace(RESOURCE_QUOTAS, body, subresource="status", manager=QUOTA_MANAGER)

    async def recount(self, goal: r.Recount, known: Stored | None = None, most: int = 30) -> bool:
        """One recount; whether it got to its end within so many requests."""
        step: r.Step = r.begin(goal, known)
        for _ in range(most):
            if isinstance(step, r.Finished):
                break
            try:
                answer = await self.perform(step.request)
            except errors.Conflict:
                answer = r.Conflict()
            except errors.NotFound:
                answer = r.NotFound()
            step = r.advance(step, answer)
        return isinstance(step, r.Finished) and step.done

    async def thaw(self, found: Manifest) -> Manifest:
        """Takes off the mark of a recount that did not get to its end. Raises Conflict."""
        return await self.client.replace(RESOURCE_QUOTAS, bound(found, {FROZEN: None}), manager=QUOTA_MANAGER)

    async def perform(self, request: r.Request) -> r.Answer:
        """One request of a recount. Raises ApiError."""
        match request:
            case r.GetQuota():
                return r.Read(stored(await self.get()))
            case r.Wait(seconds):
                await asyncio.sleep(seconds)
                return r.Waited()
            case r.ListObjects(kinds):
                return await self.list(kinds)
            case r.Freeze(hard, revision):
                return r.Written(await self.freeze(hard, revision))
            case Refund():
                answer = await self.refund(await self.get(request.revision), request)
                return r.Written(int(answer["metadata"]["resourceVersion"]))

    async def get(self, revision: int | None = None) -> Manifest:
        """A live read. Raises Conflict where it is not this revision."""
        found = await self.client.get(RESOURCE_QUOTAS, self.name, self.namespace)
        if revision is not None and int(found["metadata"]["resourceVersion"]) != revision:
            raise errors.Conflict(409, "Conflict", f"the quota is not at revision {revision} any more")
        return found

    async def freeze(self, hard: Pairs, revision: int) -> int:
        """The mark and spec.hard, then status.hard."""
        found = await self.get(revision)
        amounts = {key: write(amount) for key, amount in hard}
        mark = {FROZEN: self.now().isoformat(timespec="seconds")}
        body = bound(found, mark, spec=found["spec"] | {"hard": amounts})
        made = await self.client.replace(RESOURCE_QUOTAS, body, manager=QUOTA_MANAGER)
        body = bound(made, {}, status=made["status"] | {"hard": amounts})
        made = await self.client.replace(RESOURCE_QUOTAS, body, subresource="status", manager=QUOTA_MANAGER)
        return int(made["metadata"]["resourceVersion"])

    async def list(self, kinds: tuple[str, ...]) -> r.Listed:
        """Consistent lists, one after the other. A kind that we may not list is left out."""
        total, revisions = [], {}
        for kind in kinds:
            if kind in COUNTED:
                try:
                    found = await self.client.list(COUNTED[kind], self.namespace)
                except errors.Forbidden:
                    continue
                total += [usage(kind, one, self.now()) for one in found.items]
                revisions[kind] = int(found.resource_version)
        return r.Listed(pairs(added(*total)), marks(revisions))


def bound(found: Manifest, annotations: Mapping[str, str | None], **change: Manifest) -> Manifest:
    """The object as it was read, with its version and what changes of `spec` or `status`; None takes an annotation off.

    A PUT of status replaces labels and annotations too. The label by which charges are checked follows from the limits.
    """
    body = found | change
    metadata = {key: value for key, value in found["metadata"].items() if key != "managedFields"}
    notes = {**(metadata.get("annotations") or {}), **annotations}
    metadata["annotations"] = {key: value for key, value in notes.items() if value is not None}
    hard, enforced = (body.get(part, {}).get("hard") or {} for part in ("spec", "status"))
    metadata["labels"] = labelled(metadata.get("labels") or {}, hard, enforced)
    return body | {"metadata": metadata}
