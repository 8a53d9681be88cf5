"""Writes aws-auth: read, edit, keep the old version, compare-and-swap, read back. Whoever is faster wins; we look again.

A server-side apply cannot merge what is one text to the API server, so it is PUT with the resourceVersion that was read.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, Conflict, NotFound
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.model.iam import history
from cotenant.model.iam.awsauth import NAME, NAMESPACE
from cotenant.model.iam.edit import Edited

TRIES = 12
PAUSE = 0.05
"""Seconds at most before the second try; twice as long before each next one, at most two seconds."""
MISSING = (
    "there is no ConfigMap aws-auth in kube-system, and one that appears changes who may sign in; make an empty one if the "
    "cluster shall read it: kubectl create configmap aws-auth -n kube-system"
)
Make = Callable[[Mapping[str, str]], Edited]


class Written(Struct, frozen=True):
    """What became of an edit."""

    edited: Edited
    revision: int = 0
    """Number of the version that was kept before the write; 0 where nothing was written."""
    tries: int = 1


class AwsAuthDesk:
    """aws-auth of one cluster, by the rights of a client. author: who is told to have changed it."""

    def __init__(self, client: Client, author: str, now: Callable[[], str]) -> None:
        self.client, self.author, self.now = client, author, now

    async def read(self) -> dict[str, Any] | None:
        """The ConfigMap; None if there is none."""
        try:
            return await self.client.get(CONFIG_MAPS, NAME, NAMESPACE)
        except NotFound:
            return None

    async def change(self, make: Make, why: str) -> Written:
        """Carries out what `make` makes of the data, again after each Conflict. Raises ApiError, Unkept."""
        for attempt in range(1, TRIES + 1):
            found = await self.read()
            if found is None:
                return Written(Edited({}, refused=(MISSING,)))
            old: dict[str, str] = found.get("data") or {}
            edited = make(old)
            if fault := unwritable(found):
                return Written(Edited(old, edited.changes, (fault,)))
            if edited.refused or edited.data == old:
                return Written(edited, tries=attempt)
            try:
                number = await self.keep(old, why)
                answer = await self.client.replace(CONFIG_MAPS, found | {"data": dict(edited.data)})
            except (Conflict, AlreadyExists):
                await asyncio.sleep(random.uniform(0.5, 1) * min(PAUSE * 2**attempt, 2.0))  # noqa: S311 - no secret
                continue
            if (answer.get("data") or {}) == edited.data:
                return Written(edited, number, attempt)
            return Written(await self.restored(answer, old, edited), number, attempt)
        return Written(Edited({}, refused=(f"somebody else changed aws-auth {TRIES} times meanwhile; try again",)))

    async def restored(self, answer: dict[str, Any], old: Mapping[str, str], edited: Edited) -> Edited:
        """Puts the old version back where the API server stored something else than what was sent."""
        what = "something changed aws-auth on its way in (a mutating webhook?)"
        try:
            await self.client.replace(CONFIG_MAPS, answer | {"data": dict(old)})
        except Conflict:
            return Edited(old, edited.changes, (f"{what}, and somebody wrote after that; look: cotenant iam list",))
        return Edited(old, edited.changes, (f"{what}; the version before is back",))

    async def history(self) -> dict[str, Any] | None:
        """The ConfigMap with earlier versions; None if there is none."""
        try:
            return await self.client.get(CONFIG_MAPS, history.NAME, NAMESPACE)
        except NotFound:
            return None

    async def keep(self, data: Mapping[str, str], why: str) -> int:
        """Keeps a version; its number. Raises Conflict, AlreadyExists if somebody else kept one meanwhile."""
        found = await self.history()
        stored: dict[str, str] = (found or {}).get("data") or {}
        new = history.recorded(stored, data, time=self.now(), author=self.author, why=why)
        if found is None:
            metadata = {"name": history.NAME, "namespace": NAMESPACE}
            await self.client.create(
                CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": new}
            )
        else:
            await self.client.replace(CONFIG_MAPS, found | {"data": new})
        return history.revisions(new)[-1].number


def unwritable(found: Mapping[str, Any]) -> str:
    """Why a ConfigMap cannot be edited as texts; "" if it can."""
    if found.get("immutable"):
        return "the ConfigMap aws-auth is immutable"
    if found.get("binaryData"):
        return "the ConfigMap aws-auth has binaryData, which nobody reads"
    return ""
