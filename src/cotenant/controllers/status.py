"""Status: one apply on the status subresource, and none when nothing changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cotenant.api.builtin import Manifest
from cotenant.api.keys import API_VERSION, STATUS_MANAGER
from cotenant.api.meta import ObjectMeta
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Conflict, NotFound
from cotenant.kube.resource import Resource
from cotenant.model.finding import Outcome


class Unfinished(ApiError):
    """A plan could not be carried out whole; the queue tries again, later each time."""

    def __init__(self, outcome: Outcome) -> None:
        first = outcome.trouble[0]
        super().__init__(0, "Unfinished", f"{first.ref}: {first.verb}: {first.detail}")


def moment(now: datetime) -> str:
    """RFC 3339 in whole seconds, as Kubernetes writes times."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


async def report(client: Client, resource: Resource, metadata: ObjectMeta, old: Struct, new: Struct) -> Manifest | None:
    """Writes the status if it differs; the answer, None if nothing was written or the object is gone."""
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
    except Conflict:
        # Another object of that name by now (the uid tells); its own events bring it here.
        return None
