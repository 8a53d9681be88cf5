"""Whether a real API server takes our events; what they say is tested in tests/unit/runtime."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube.client import Client
from cotenant.kube.resource import EVENTS, NAMESPACES
from cotenant.runtime.events import Recorder

pytestmark = pytest.mark.cluster


async def test_an_event_is_accepted_and_its_repetitions_become_a_series(admin: Client, space: str) -> None:
    recorder = Recorder(admin, instance="pod-1")
    task = asyncio.create_task(recorder.run())
    about = {"apiVersion": "v1", "kind": "ConfigMap", "name": "dev", "namespace": space}
    cluster_scoped = await admin.get(NAMESPACES, space)
    recorder.record(about, "Refused", "too many", type="Warning", action="Admit")
    recorder.record(cluster_scoped, "Created", "namespace is there")
    async with asyncio.timeout(120):
        while not (first := (await admin.list(EVENTS, space)).items):
            await asyncio.sleep(0.02)
        recorder.record(about, "Refused", "too many", type="Warning", action="Admit")
        recorder.record(about, "Refused", "too many", type="Warning", action="Admit")
        while not (second := (await admin.list(EVENTS, space)).items)[0].get("series"):
            await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert (first[0]["reason"], first[0]["type"], first[0]["note"]) == ("Refused", "Warning", "too many")
    assert len(second) == 1
    assert second[0]["series"]["count"] == 3
    elsewhere = await admin.list(EVENTS, "default", fields="reason=Created")
    assert space in {event["regarding"]["name"] for event in elsewhere.items}
