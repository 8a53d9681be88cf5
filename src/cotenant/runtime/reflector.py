"""Keeps a store like the cluster: list, watch, resume, relist, and never gives up.

The nine rules: paged list that begins again on 410; watch with bookmarks and a random timeout; resume after a clean end;
relist with synthetic deletes on 410, as an event or as a status; backoff on anything else, 403 included; a silent
connection is dropped; lines of any size, a cut-off one is a disconnect; another uid is another object; an object that
cannot be decoded is set aside, not the stream.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar, cast

import msgspec
import structlog
from msgspec import Struct

from cotenant.api.meta import ObjectMeta
from cotenant.kube.client import Client, decoder
from cotenant.kube.errors import ApiError, BadRequest, Gone, Invalid, from_event
from cotenant.kube.resource import Resource
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.store import Observed, Store

log = structlog.get_logger()
T = TypeVar("T", bound=Observed)

SILENCE = 120.0  # seconds; API servers send a bookmark about every minute
WATCH_SECONDS = (290, 590)
UNMARKED_SECONDS = (60, 100)  # of a watch without bookmarks: over before it could be taken for a silent one
BACKOFF_FIRST, BACKOFF_CAP = 0.2, 30.0
HASTY = 1.0  # a watch that ends sooner and brought nothing counts as a failure
INITIAL_END = "k8s.io/initial-events-end"


class _Event(Struct, gc=False):
    type: str
    object: msgspec.Raw


class _Bare(Struct, gc=False):
    metadata: ObjectMeta


_EVENT = msgspec.json.Decoder(_Event)
_BARE = msgspec.json.Decoder(_Bare)


class Reflector(Generic[T]):
    """One resource type into one store. Give `type`, or `decode` for the raw bytes of one object.

    healthy: the last attempt to list or watch went well; last_error: what did not, in words.
    on_quarantine(key, message): an object that cannot be decoded; its last good version stays in the store.
    streaming: the first list as a watch with initial events, where the server takes that (WatchList).
    bookmarks: whether the server sends any. Of Events it sends none (it keeps no cache of them), so on a quiet cluster a
    watch of them ends with nothing said, and its version is compacted away: neither is worth a word.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        type: type[T] | None = None,
        *,
        store: Store[T],
        decode: Callable[[bytes], T] | None = None,
        labels: str = "",
        fields: str = "",
        namespace: str | None = None,
        page: int = 500,
        silence: float = SILENCE,
        streaming: bool = False,
        bookmarks: bool = True,
        on_quarantine: Callable[[str, str], None] | None = None,
        metrics: Metrics | None = None,
        name: str = "",
    ) -> None:
        self.resource = resource
        self.store = store
        self.healthy = False
        self.last_error: str | None = None
        self.quarantined: dict[str, str] = {}
        self._client = client
        self._decode: Callable[[Any], T] = decode or _typed(type)
        self._copies = decode is not None
        self._labels, self._fields, self._namespace = labels, fields, namespace
        self._page = page
        self._silence = silence
        self._streaming = streaming
        self._bookmarks = bookmarks
        self._on_quarantine = on_quarantine
        self._version: str | None = None
        self._backoff = BACKOFF_FIRST
        self._progress = False
        self._started = 0.0
        self._synced = asyncio.Event()
        self._metrics = metrics or Metrics()
        word = self.name = name or str(resource)
        self._synced_gauge = self._metrics.synced.labels(word)
        self._healthy_gauge = self._metrics.healthy.labels(word)
        self._objects_gauge = self._metrics.objects.labels(word)
        self._quarantine_gauge = self._metrics.quarantined.labels(word)
        self._events = self._metrics.watch_events.labels(word)

    async def run(self) -> None:
        """Until cancelled."""
        clock = asyncio.get_running_loop().time
        while True:
            self._progress, self._started = False, clock()
            try:
                if self._version is None:
                    await self._relist()
                await self._watch(self._version)
                if not self._progress and clock() - self._started < HASTY:
                    await self._pause(0.0)
            except Gone as error:
                self._version = None
                if self._bookmarks:
                    self._report(error)
                await self._pause(0.0)
            except ApiError as error:
                self._report(error)
                await self._pause(error.retry_after or 0.0)
            except msgspec.DecodeError as error:
                # Not an object but the envelope: the stream is garbled. A second time at one place, begin anew.
                if not self._progress:
                    self._version = None
                self._report(error)
                await self._pause(0.0)
            except Exception as error:
                log.exception("reflector failed", resource=self.name)
                self._version = None
                self._report(error)
                await self._pause(0.0)

    async def wait_synced(self) -> None:
        """Returns once the first list is in the store."""
        await self._synced.wait()

    async def _relist(self) -> None:
        self._metrics.relists.labels(self.name).inc()
        seen: set[str] = set()
        if not (self._streaming and await self._list_by_watch(seen)):
            seen.clear()
            await self._list_by_pages(seen)
        self.store.retain(seen)
        for key in [key for key in self.quarantined if key not in seen]:
            self._release(key)
        if not self.store.synced:
            self.store.synced = True
            self._synced.set()
            self._synced_gauge.set(1)
            log.info("cache synced", resource=self.name, objects=len(self.store))
        self._well()
        self._objects_gauge.set(len(self.store))

    async def _list_by_pages(self, seen: set[str]) -> None:
        pages = self._client.pages(
            self.resource,
            self._namespace,
            labels=self._labels,
            fields=self._fields,
            limit=self._page,
            type=msgspec.Raw,
        )
        version = ""
        async with aclosing(pages):  # type: ignore[type-var]  # an async generator
            async for page in pages:
                for raw in page.items or ():
                    self._take(raw, seen)
                version = page.metadata.resource_version
        self._version = version

    async def _list_by_watch(self, seen: set[str]) -> bool:
        """The list as initial events; False where the server does not know the way."""
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        try:
            await self._consume(query, seen)
        except (BadRequest, Invalid):
            self._streaming = False
            return False
        if self._version is None:
            raise ApiError(0, "Incomplete", "the watch ended before the list was complete")
        return True

    async def _watch(self, version: str | None) -> None:
        await self._consume({"resourceVersion": version or ""}, None)

    async def _consume(self, query: dict[str, str], initial: set[str] | None) -> None:
        """Takes in a watch. With `initial`, returns at the bookmark that ends the initial events."""
        seconds = random.randint(*(WATCH_SECONDS if self._bookmarks else UNMARKED_SECONDS))  # noqa: S311 - spread
        query |= {"allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        query |= {
            key: value for key, value in (("labelSelector", self._labels), ("fieldSelector", self._fields)) if value
        }
        stream = self._client.stream(self.resource, self._namespace, query=query, idle=self._silence)
        async with aclosing(stream) as batches:  # type: ignore[type-var]  # an async generator
            async for lines in batches:
                for line in lines:
                    if self._event(_EVENT.decode(line), initial):
                        return
                self._well()
                if lines:
                    self._events.inc(len(lines))
                    self._objects_gauge.set(len(self.store))

    def _event(self, event: _Event, initial: set[str] | None) -> bool:
        """Takes in one event; True at the end of the initial ones."""
        if event.type in ("ADDED", "MODIFIED"):
            version = self._take(event.object, initial)
        elif event.type == "ERROR":
            raise from_event(event.object)
        else:
            metadata = _BARE.decode(event.object).metadata
            version = metadata.resource_version
            if event.type == "DELETED":
                self.store.remove(metadata.key)
                self._release(metadata.key)
            elif initial is not None and metadata.annotations.get(INITIAL_END) == "true":
                self._version = version
                return True
        if version and initial is None:
            self._version = version
            self._progress = True
            self._backoff = BACKOFF_FIRST
        return False

    def _take(self, raw: msgspec.Raw, seen: set[str] | None) -> str:
        """One object into the store, or into quarantine. Returns its resourceVersion, "" if it has none to read."""
        try:
            item = self._decode(bytes(raw) if self._copies else raw)
        except Exception as error:  # noqa: BLE001 - a decoder of the caller may raise anything; the stream must go on
            return self._quarantine(raw, error, seen)
        metadata = item.metadata
        if seen is not None:
            seen.add(metadata.key)
        if self.quarantined:
            self._release(metadata.key)
        self.store.upsert(item)
        return metadata.resource_version

    def _quarantine(self, raw: msgspec.Raw, error: Exception, seen: set[str] | None) -> str:
        try:
            metadata = _BARE.decode(raw).metadata
        except msgspec.DecodeError:
            metadata = ObjectMeta(name="?")
        key, message = metadata.key, f"{type(error).__name__}: {error}"
        if seen is not None:
            seen.add(key)
        if self.quarantined.get(key) != message:
            self.quarantined[key] = message
            self._quarantine_gauge.set(len(self.quarantined))
            log.warning("object set aside", resource=self.name, key=key, error=message)
            if self._on_quarantine is not None:
                self._on_quarantine(key, message)
        return metadata.resource_version

    def _release(self, key: str) -> None:
        if self.quarantined.pop(key, None) is not None:
            self._quarantine_gauge.set(len(self.quarantined))

    def _well(self) -> None:
        if not self.healthy:
            self.healthy = True
            self.last_error = None
            self._healthy_gauge.set(1)

    def _report(self, error: Exception) -> None:
        reason = error.reason if isinstance(error, ApiError) and error.reason else type(error).__name__
        self._metrics.watch_failures.labels(self.name, reason).inc()
        text = f"{reason}: {error}"
        if text != self.last_error:
            log.warning("watch broken", resource=self.name, error=text)
        self.last_error = text
        self.healthy = False
        self._healthy_gauge.set(0)

    async def _pause(self, at_least: float) -> None:
        if asyncio.get_running_loop().time() - self._started > BACKOFF_CAP:
            self._backoff = BACKOFF_FIRST
        wait = self._backoff * random.uniform(0.5, 1.0)  # noqa: S311 - spread
        self._backoff = min(self._backoff * 2, BACKOFF_CAP)
        await asyncio.sleep(max(wait, at_least))


def _typed(type: type[T] | None) -> Callable[[Any], T]:
    if type is None:
        raise TypeError("a reflector needs a type or a decode function")
    return cast("Callable[[Any], T]", decoder(type).decode)
