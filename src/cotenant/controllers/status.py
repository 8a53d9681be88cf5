"""Status: one PUT on the status subresource, and none when nothing changed."""

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
    """What is on its way to ready gets a moment to arrive before its status says how far it is: fewer writes."""

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

    A PUT costs the API server two thirds of an apply (designs/2026-11-21-creating-by-post.md). It is bound to the
    version of which `old` is the status, so that nothing of others is lost that `new` does not know of. Raises Conflict
    if somebody was faster, or if there is another object of that name by now.
    """
    if old == new:
        return None
    where: dict[str, Any] = {
        "name": metadata.name,
        "uid": metadata.uid,
        "resourceVersion": metadata.resource_version,
    }
    if metadata.namespace:
        where["namespace"] = metadata.namespace
    # The API server takes metadata and spec of a custom resource from what is there: status is all that is sent.
    body = {"apiVersion": API_VERSION, "kind": resource.kind, "metadata": where, "status": msgspec.to_builtins(new)}
    try:
        return await client.replace(resource, body, subresource="status", manager=STATUS_MANAGER)
    except NotFound:
        return None
