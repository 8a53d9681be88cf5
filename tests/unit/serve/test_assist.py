from __future__ import annotations

from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cotenant.api.workload import PodSpec
from cotenant.runtime.metrics import Metrics
from cotenant.serve.assist import PATH, SECONDS, application

POD = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "2"}}}]}}


class Helper:
    """Notes who asked; fails if it was told to."""

    def __init__(self, *, broken: bool = False) -> None:
        self.asked: list[tuple[str, PodSpec, float]] = []
        self.broken = broken

    async def help(self, namespace: str, pod: PodSpec, seconds: float) -> str:
        self.asked.append((namespace, pod, seconds))
        if self.broken:
            raise RuntimeError("broken")
        return "moved"


async def answered(helper: Helper, body: Any, metrics: Metrics | None = None) -> tuple[int, Any]:
    async with TestClient(TestServer(application(helper, metrics or Metrics()))) as client:
        async with client.post(PATH, json=body) as found:
            return found.status, await found.json() if found.status == 200 else await found.text()


def review(**request: Any) -> Any:
    asked = {"uid": "u-1", "namespace": "red-dev", "operation": "CREATE", "object": POD} | request
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": asked}


async def test_it_allows_and_changes_nothing_once_it_has_helped() -> None:
    helper, metrics = Helper(), Metrics()
    status, found = await answered(helper, review(), metrics)
    assert status == 200
    assert found["response"] == {"uid": "u-1", "allowed": True}
    ((namespace, pod, seconds),) = helper.asked
    assert (namespace, pod.containers[0].resources.requests) == ("red-dev", {"cpu": "2"})
    assert 0 < seconds <= SECONDS < 1
    assert b'cotenant_assist_total{outcome="moved"} 1.0' in metrics.expose()


@pytest.mark.parametrize("request_", [{"dryRun": True}, {"operation": "UPDATE"}, {"object": {"spec": 3}}])
async def test_a_dry_run_and_what_is_no_create_of_a_pod_are_allowed_and_nobody_is_bothered(request_: Any) -> None:
    helper = Helper()
    assert (await answered(helper, review(**request_)))[1]["response"]["allowed"] is True
    assert helper.asked == []


async def test_a_fault_of_ours_refuses_nobody() -> None:
    status, found = await answered(Helper(broken=True), review())
    assert (status, found["response"]["allowed"]) == (200, True)


async def test_what_is_no_review_is_told_so() -> None:
    status, text = await answered(Helper(), {"kind": "Pod"})
    assert status == 400
    assert "no AdmissionReview" in text
