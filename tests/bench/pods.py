"""What a pod meets on its way in: the same quota without any of our policies, beside ours, and the assist."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.bench.plane import Bench
from tests.bench.transfers import deployment as workload
from tests.bench.transfers import in_force, release
from tests.bench.turns import Cost, by_turns, unleashed

from cotenant.kube.errors import ApiError
from cotenant.kube.resource import (
    DEPLOYMENTS,
    LIMIT_RANGES,
    NAMESPACES,
    PODS,
    RESOURCE_QUOTAS,
    TENANTS,
)

Manifest = dict[str, Any]


def body(cpu: str = "") -> Manifest:
    """A pod that nobody schedules: what is measured is its admission."""
    container: Manifest = {"name": "c", "image": "registry.example/c:1"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    spec = {"schedulingGates": [{"name": "bench.example/held"}], "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "p-"}, "spec": spec}


def tenant(name: str, hard: Manifest, cpu: str) -> Manifest:
    """Two spaces; a usual container requests so much."""
    spec = {
        "members": [{"role": "owner", "group": f"{name}-owners"}],
        "spaces": {"limit": 2, "declared": ["a", "b"]},
        "quota": {"hard": hard},
        "limits": [{"type": "Container", "defaultRequest": {"cpu": cpu}}],
        "pods": {"security": "baseline"},
    }
    return {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": spec}


async def given(bench: Bench, name: str, hard: Manifest, cpu: str = "10m") -> None:
    """Made and open."""
    await bench.client.create(TENANTS, tenant(name, hard, cpu))
    await bench.until_ready_of(f"home-{name}", 2)


async def native(bench: Bench, name: str, like: str) -> None:
    """A namespace with the same ResourceQuota, large enough, and the same LimitRange, and nothing else of ours."""
    await bench.client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for resource in (RESOURCE_QUOTAS, LIMIT_RANGES):
        there = await bench.client.get(resource, "cotenant", like)
        copied = {"name": "cotenant", "namespace": name}
        await bench.client.create(
            resource, {key: there[key] for key in ("apiVersion", "kind", "spec")} | {"metadata": copied}
        )
    while not (await bench.client.get(RESOURCE_QUOTAS, "cotenant", name)).get("status", {}).get("used"):
        await asyncio.sleep(0.02)


async def paired(bench: Bench, pods: int) -> tuple[Cost, int]:
    """A create in a space over that in the native namespace; and the webhook calls of all of them."""
    await given(bench, "calm", {"pods": 20 * pods, "requests.cpu": "1000"})
    await native(bench, "plain", "calm-a")
    before = bench.plane.metrics()
    async with unleashed(bench, "plain"):
        plain, calm = await by_turns(bench, ("plain", "calm-a"), body, pods)
    calls = bench.plane.metrics().delta(before).sum("apiserver_admission_webhook_request_total")
    return calm.over(plain), int(calls)


async def falsely_refused(bench: Bench, pods: int = 200) -> tuple[int, float]:
    """A space that holds nothing while the other holds room for all: pods refused; p99 of those that were admitted, ms."""
    await given(bench, "tight", {"requests.cpu": "20"}, cpu="1")
    await bench.client.create(DEPLOYMENTS, workload("tight-a", 20))
    await in_force(bench, "tight-a", 20)
    while (await bench.client.get(NAMESPACES, "tight-b"))["metadata"]["labels"].get("cotenant.dev/scarce") != "true":
        await asyncio.sleep(0.02)
    await release(bench, "tight-a")
    refused, times = 0, []
    for _ in range(pods):
        began = time.monotonic()
        try:
            await bench.client.create(PODS, body("100m"), "tight-b")
        except ApiError:
            refused += 1
        times.append(1000 * (time.monotonic() - began))
    return refused, sorted(times)[int(len(times) * 0.99) - 1]
