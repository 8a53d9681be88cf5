"""Kubernetes events (events.k8s.io/v1) about what we decided: aggregated, rate limited, never in anybody's way."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, NotFound
from cotenant.kube.resource import EVENTS
from cotenant.kube.throttle import TokenBucket
from cotenant.runtime.metrics import Metrics

log = structlog.get_logger()

NOTE_LIMIT = 1024  # bytes, by the API's validation
SERIES_IDLE = 360.0  # seconds without a repetition after which a series is over, as in client-go
SERIES_LIMIT = 2_000
REPEAT_SECONDS = 10.0  # a series is written at most this often
FLUSH_SECONDS = 2.0
WITHOUT_NAMESPACE = "default"  # where the API wants the events of cluster-scoped objects
NOT_DNS = re.compile(r"[^a-z0-9.-]+")
Key = tuple[str, ...]


@dataclass(slots=True)
class _Series:
    manifest: dict[str, Any]
    last: float
    last_time: str
    count: int = 1
    written: int = 0
    name: str = ""
    queued: bool = False
    changed: bool = field(default=True)


class Recorder:
    """Writes events in the background, from `run`; `record` only takes note.

    instance: which process this is, shown as reportingInstance. rate, burst: writes a second. Beyond `SERIES_LIMIT`
    different events at once, new ones are dropped and counted.
    """

    def __init__(
        self,
        client: Client,
        component: str = "cotenant",
        instance: str = "",
        *,
        rate: float = 5.0,
        burst: float = 50.0,
        now: Callable[[], datetime] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        self._client = client
        self._component = component
        self._instance = (instance or component)[:128]
        self._bucket = TokenBucket(rate, burst)
        self._now = now or (lambda: datetime.now(UTC))
        self._metrics = metrics or Metrics()
        self._series: OrderedDict[Key, _Series] = OrderedDict()
        self._pending: asyncio.Queue[Key] = asyncio.Queue()

    def record(
        self,
        regarding: Mapping[str, Any],
        reason: str,
        note: str,
        *,
        type: Literal["Normal", "Warning"] = "Normal",
        action: str = "Reconcile",
    ) -> None:
        """Says something about an object: {apiVersion, kind, name, namespace?, uid?}, or a whole manifest. Never raises.

        The same reason about the same object within six minutes counts up one event; its note stays the first one.
        """
        about = _reference(regarding)
        key: Key = (*about.values(), reason, action, type)
        loop_time = asyncio.get_running_loop().time()
        moment = _micro(self._now())
        series = self._series.get(key)
        if series is not None and loop_time - series.last <= SERIES_IDLE:
            series.count += 1
            series.last, series.last_time, series.changed = loop_time, moment, True
            self._series.move_to_end(key)
            self._later(key, series)
            return
        if series is None and len(self._series) >= SERIES_LIMIT and not self._forget_idle(loop_time):
            self._metrics.events_dropped.labels("too-many").inc()
            return
        series = _Series(self._event(about, reason, note, type, action, moment), loop_time, moment, queued=True)
        self._series[key] = series
        self._pending.put_nowait(key)

    async def run(self) -> None:
        """Writes until cancelled; then writes what is left, for two seconds at most."""
        try:
            while True:
                await self._next(await self._pending.get())
        finally:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    while not self._pending.empty():
                        await self._next(self._pending.get_nowait())
            except TimeoutError:
                self._metrics.events_dropped.labels("shutdown").inc(self._pending.qsize())

    async def _next(self, key: Key) -> None:
        series = self._series.get(key)
        if series is None:
            return
        series.queued = False
        if not series.changed:
            return
        await self._bucket.take()
        series.changed, count = False, series.count
        try:
            await self._write(series, count)
        except ApiError as error:
            # An event that cannot be written is no reason to try again: the condition on the object says the same.
            self._metrics.events_dropped.labels(error.reason or "error").inc()
            log.debug("event not written", reason=series.manifest["reason"], error=str(error))
        except Exception:
            self._metrics.events_dropped.labels("error").inc()
            log.exception("event not written")
        else:
            series.written = count
            self._metrics.events_sent.inc()
            if series.changed:
                self._later(key, series)

    async def _write(self, series: _Series, count: int) -> None:
        namespace = series.manifest["metadata"]["namespace"]
        if series.name:
            patch = {"series": {"count": count, "lastObservedTime": series.last_time}}
            try:
                await self._client.merge(EVENTS, series.name, patch, namespace)
                return
            except NotFound:  # events live for an hour: begin again
                series.manifest = series.manifest | {"eventTime": series.last_time}
        about = NOT_DNS.sub("-", series.manifest["regarding"].get("name", "").lower())[:200].strip(".-")
        name = f"{about or 'event'}.{uuid.uuid4().hex[:16]}"
        manifest = series.manifest | {"metadata": {"name": name, "namespace": namespace}}
        if count > 1:
            manifest["series"] = {"count": count, "lastObservedTime": series.last_time}
        await self._client.create(EVENTS, manifest, namespace)
        series.name = name

    def _later(self, key: Key, series: _Series) -> None:
        if series.queued:
            return
        series.queued = True
        wait = 0.0 if series.written <= 1 else REPEAT_SECONDS
        asyncio.get_running_loop().call_later(wait, self._pending.put_nowait, key)

    def _forget_idle(self, now: float) -> bool:
        """Makes room; False if everything is recent."""
        oldest, series = next(iter(self._series.items()))
        if series.queued or now - series.last <= SERIES_IDLE:
            return False
        del self._series[oldest]
        return True

    def _event(
        self, about: dict[str, str], reason: str, note: str, type: str, action: str, moment: str
    ) -> dict[str, Any]:
        return {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.kind,
            "metadata": {"namespace": about["namespace"] or WITHOUT_NAMESPACE},
            "eventTime": moment,
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": action,
            "reason": reason,
            "regarding": {key: value for key, value in about.items() if value},
            "note": note.encode()[:NOTE_LIMIT].decode("utf-8", "ignore"),
            "type": type,
        }


def _reference(regarding: Mapping[str, Any]) -> dict[str, str]:
    source = regarding.get("metadata") or regarding
    found = {key: str(regarding.get(key) or "") for key in ("apiVersion", "kind")}
    return found | {key: str(source.get(key) or "") for key in ("name", "namespace", "uid")}


def _micro(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
