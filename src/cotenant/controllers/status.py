"""Status: one apply on the status subresource, and none when nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cotenant.api.builtin import Manifest
from cotenant.api.keys import API_VERSION, STATUS_MANAGER
from cotenant.api.meta import ObjectMeta
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, NotFound
from cotenant.kube.resource import Resource
from cotenant.model.finding import Outcome


class Patience:
    """New objects get a moment to become ready before their status says that they are not: one write less for each."""

    def __init__(self, now: Callable[[], datetime], seconds: float = 3.0) -> None:
        self.now, self.seconds = now, seconds
        self.begun: dict[str, datetime] = {}

    def left(self, key: str) -> float:
        """Seconds that are left of it since this was first asked about `key`; 0 when it is over."""
        now = self.now()
        since = (now - self.begun.setdefault(key, now)).total_seconds()
        # A clock that is set back costs nobody a status.
        return self.seconds - since if 0 <= since < self.seconds else 0.0

    def over(self, key: str) -> None:
        """The object is ready, or gone."""
        self.begun.pop(key, None)


class Unfinished(ApiError):
    """A plan could not be carried out whole; the queue tries again, later each time."""

    def __init__(self, outcome: Outcome) -> None:
        first = outcome.trouble[0]
        super().__init__(0, "Unfinished", f"{first.ref}: {first.verb}: {first.detail}")


def moment(now: datetime) -> str:
    """RFC 3339 in whole seconds, as Kubernetes writes times."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


async def report(client: Client, resource: Resource, metadata: ObjectMeta, old: Struct, new: Struct) -> Manifest | None:
    """Writes the status if it differs; the answer, None if nothing was written or the object is gone.

    Raises Conflict if there is another object of that name by now: the uid tells.
    """
    if old == new:
        return None
    where: dict[str, Any] = {"name": metadata.name, "uid": metadata.uid}
    if metadata.namespace:
        where["namespace"] = metadata.namespace
    body = {"apiVersion": API_VERSION, "kind": resource.kind, "metadata": where, "status": msgspec.to_builtins(new)}
    try:
        return await client.apply(resource, body, subresource="status", manager=STATUS_MANAGER)
    except NotFound:
        return None
