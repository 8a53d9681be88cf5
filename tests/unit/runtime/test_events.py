from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import EVENTS, Resource
from cotenant.runtime import events
from cotenant.runtime.events import Recorder
from cotenant.runtime.metrics import Metrics

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio(loop_scope="function")]
SPACE = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Space", "name": "dev", "namespace": "home-a", "uid": "u1"}


class Written:
    """A client that keeps what it is asked to write."""

    def __init__(self) -> None:
        self.created: list[dict[str, Any]] = []
        self.patched: list[tuple[str, dict[str, Any]]] = []
        self.error: Exception | None = None
        self.times: list[float] = []

    async def create(self, resource: Resource, body: dict[str, Any], namespace: str) -> None:
        assert resource is EVENTS
        assert namespace == body["metadata"]["namespace"]
        self._note()
        self.created.append(body)

    async def merge(self, _: Resource, name: str, patch: dict[str, Any], namespace: str) -> None:
        self._note()
        self.patched.append((f"{namespace}/{name}", patch))

    def _note(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        if self.error is not None:
            error, self.error = self.error, None
            raise error


@asynccontextmanager
async def running(client: Written, **options: Any) -> AsyncIterator[Recorder]:
    recorder = Recorder(client, instance="pod-1", now=lambda: datetime(2026, 1, 2, 3, 4, 5, 6, UTC), **options)
    task = asyncio.create_task(recorder.run())
    try:
        yield recorder
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_event_says_what_why_and_about_whom() -> None:
    client = Written()
    async with running(client) as recorder:
        recorder.record(SPACE, "NamespaceCreated", "namespace a-dev is ready", action="Create")
        await asyncio.sleep(1)

    (event,) = client.created
    name = event.pop("metadata")["name"]
    assert name.startswith("dev.")
    assert event == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "eventTime": "2026-01-02T03:04:05.000006Z",
        "reportingController": "cotenant",
        "reportingInstance": "pod-1",
        "action": "Create",
        "reason": "NamespaceCreated",
        "regarding": SPACE,
        "note": "namespace a-dev is ready",
        "type": "Normal",
    }


async def test_repetitions_count_up_one_event() -> None:
    client = Written()
    async with running(client) as recorder:
        for _ in range(300):
            recorder.record(SPACE, "Refused", "again", type="Warning")
            await asyncio.sleep(0.1)
        await asyncio.sleep(15)

    assert len(client.created) == 1
    assert len(client.patched) <= 6
    assert client.patched[-1][1]["series"]["count"] == 300
    assert client.patched[-1][0] == f"home-a/{client.created[0]['metadata']['name']}"


async def test_after_six_quiet_minutes_a_new_event_begins() -> None:
    client = Written()
    async with running(client) as recorder:
        recorder.record(SPACE, "Refused", "one")
        await asyncio.sleep(361)
        recorder.record(SPACE, "Refused", "two")
        await asyncio.sleep(1)

    assert [event["note"] for event in client.created] == ["one", "two"]


async def test_another_object_reason_or_type_is_another_event() -> None:
    client = Written()
    async with running(client) as recorder:
        recorder.record(SPACE, "A", "n")
        recorder.record(SPACE, "B", "n")
        recorder.record(SPACE, "A", "n", type="Warning")
        recorder.record(SPACE | {"uid": "u2"}, "A", "n")
        await asyncio.sleep(1)

    assert len(client.created) == 4


async def test_a_cluster_scoped_object_has_its_events_in_default() -> None:
    client = Written()
    tenant = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "a", "uid": "u"}}
    async with running(client) as recorder:
        recorder.record(tenant, "Ready", "n")
        await asyncio.sleep(1)

    assert client.created[0]["metadata"]["namespace"] == "default"
    assert client.created[0]["regarding"]["name"] == "a"


async def test_the_rate_is_kept_and_nobody_waits_for_it() -> None:
    client = Written()
    async with running(client, rate=5, burst=10) as recorder:
        started = asyncio.get_running_loop().time()
        for number in range(60):
            recorder.record(SPACE | {"name": f"s{number}"}, "A", "n")
        assert asyncio.get_running_loop().time() == started
        await asyncio.sleep(30)

    assert len(client.created) == 60
    assert sum(time < 0.01 for time in client.times) == 10
    assert client.times[-1] == pytest.approx(10.0, abs=0.1)


@pytest.mark.parametrize("error", [Forbidden(403, "Forbidden", "no"), RuntimeError("bug")])
async def test_an_event_that_cannot_be_written_is_dropped_and_counted(error: Exception) -> None:
    client, metrics = Written(), Metrics()
    client.error = error
    async with running(client, metrics=metrics) as recorder:
        recorder.record(SPACE, "A", "n")
        await asyncio.sleep(1)
        recorder.record(SPACE, "B", "n")
        await asyncio.sleep(1)

    assert [event["reason"] for event in client.created] == ["B"]
    text = metrics.expose().decode()
    assert "cotenant_events_dropped_total{" in text
    assert "cotenant_events_sent_total 1.0" in text


async def test_a_series_whose_event_expired_begins_again() -> None:
    client = Written()
    async with running(client) as recorder:
        recorder.record(SPACE, "A", "n")
        await asyncio.sleep(1)
        client.error = NotFound(404, "NotFound", "gone")
        recorder.record(SPACE, "A", "n")
        await asyncio.sleep(1)

    assert len(client.created) == 2
    assert client.created[1]["series"]["count"] == 2
    assert client.created[0]["metadata"]["name"] != client.created[1]["metadata"]["name"]


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "SERIES_LIMIT", 10)
    client, metrics = Written(), Metrics()
    async with running(client, metrics=metrics) as recorder:
        for number in range(30):
            recorder.record(SPACE | {"name": f"s{number}"}, "A", "n")
        await asyncio.sleep(400)
        recorder.record(SPACE, "Later", "n")
        await asyncio.sleep(1)

    assert len(client.created) == 11
    assert len(recorder._series) == 10
    assert 'cotenant_events_dropped_total{reason="too-many"} 20.0' in metrics.expose().decode()


async def test_what_is_left_is_written_at_the_end() -> None:
    client = Written()
    async with running(client) as recorder:
        await asyncio.sleep(0)
        recorder.record(SPACE, "Stopping", "n")

    assert len(client.created) == 1


async def test_a_note_is_cut_at_1024_bytes_and_a_name_made_fit() -> None:
    client = Written()
    async with running(client) as recorder:
        recorder.record({"apiVersion": "v1", "kind": "ClusterRole", "name": "cotenant:Home"}, "A", "ä" * 1000)
        await asyncio.sleep(1)

    assert len(client.created[0]["note"].encode()) == 1024
    assert client.created[0]["metadata"]["name"].startswith("cotenant-home.")
