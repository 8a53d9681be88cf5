"""Every event of a resource, in order, and word of it where some may have been missed.

A Reflector keeps a store like the cluster and does not tell how it got there. Whoever gives back what was charged must
know: a revision that was never seen may have given it back already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, Gone, from_event
from cotenant.kube.resource import Resource

log = structlog.get_logger()
Manifest = dict[str, Any]

SILENCE = 120.0
"""Seconds without a byte after which a watch is dropped; API servers send a bookmark about every minute."""
PAUSE = 0.5
"""Seconds before the next attempt after an error."""


CLOSED = 10.0
"""Seconds before the next knock where we may not look."""


class _Event(Struct, gc=False):
    type: str
    object: msgspec.Raw


_EVENT = msgspec.json.Decoder(_Event)


class Feed:
    """`listed(items, revision)` at the beginning and after each gap, then `event(type, object)` for each one.

    Both are called in order from `run`, and must not wait. A watch that ends is resumed where it ended: that is no gap.
    `barred` hears each time that we may not look, and each time that a watch is accepted.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        listed: Callable[[list[Manifest], int], None],
        event: Callable[[str, Manifest], None],
        *,
        namespace: str | None = None,
        labels: str = "",
        barred: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._client, self._resource = client, resource
        self._listed, self._event, self._barred = listed, event, barred
        self._namespace, self._labels = namespace, labels
        self._version = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except Gone:
                self._version = ""
            except Forbidden as error:
                log.warning("feed closed", resource=str(self._resource), error=str(error))
                self._barred(True)
                await asyncio.sleep(CLOSED)
            except (ApiError, msgspec.DecodeError) as error:
                log.warning("feed broken", resource=str(self._resource), error=str(error))
                await asyncio.sleep(PAUSE)

    async def _list(self) -> None:
        found = await self._client.list(self._resource, self._namespace, labels=self._labels)
        self._version = found.resource_version
        self._listed(found.items, int(found.resource_version))

    async def _watch(self) -> None:
        query = {"resourceVersion": self._version, "allowWatchBookmarks": "true", "timeoutSeconds": "300"}
        if self._labels:
            query["labelSelector"] = self._labels
        stream = self._client.stream(self._resource, self._namespace, query=query, idle=SILENCE)
        async with aclosing(stream) as batches:  # type: ignore[type-var]  # an async generator
            async for lines in batches:
                self._barred(False)
                for line in lines:
                    self._take(_EVENT.decode(line))

    def _take(self, event: _Event) -> None:
        if event.type == "ERROR":
            raise from_event(event.object)
        found: Manifest = msgspec.json.decode(event.object)
        if event.type != "BOOKMARK":
            self._event(event.type, found)
        self._version = found["metadata"]["resourceVersion"]
