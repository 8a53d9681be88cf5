"""What happens to objects after they were listed, for `-w`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Raw, Struct

from cotenant.kube.client import Client
from cotenant.kube.errors import from_event
from cotenant.kube.resource import Resource

SILENCE = 120.0
"""Seconds; API servers send a bookmark about every minute."""
PAUSE = 1.0
"""Seconds before a watch that the server has ended is asked for again."""


class Event(Struct):
    """One line of a watch."""

    type: str
    object: Raw


async def changes(
    client: Client, resource: Resource, namespace: str | None = None, *, version: str, labels: str = ""
) -> AsyncIterator[dict[str, Any]]:
    """Every object that is made, changed or deleted after a version, in its last state. Never ends by itself.

    The server ends each watch after some minutes; it goes on where it stopped. Raises ApiError where it cannot: Gone if
    the server has forgotten the version, Unavailable if the connection is lost.
    """
    while True:
        query = {"resourceVersion": version, "allowWatchBookmarks": "true"}
        query |= {"labelSelector": labels} if labels else {}
        stream = client.stream(resource, namespace, query=query, idle=SILENCE)
        async with aclosing(stream) as batches:  # type: ignore[type-var]  # an async generator
            async for lines in batches:
                for line in lines:
                    event = msgspec.json.decode(line, type=Event)
                    if event.type == "ERROR":
                        raise from_event(event.object)
                    item = msgspec.json.decode(event.object)
                    version = item["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        yield item
        await asyncio.sleep(PAUSE)
