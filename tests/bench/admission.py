"""What the policies cost: a pod in a space against one in a namespace with the same quota, limits and Pod Security.

And how soon an API server obeys a SpacePolicy that changed.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median
from typing import Any

from tests.bench.plane import Bench

from cotenant.api import keys
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import (
    LIMIT_RANGES,
    NAMESPACES,
    PODS,
    RESOURCE_QUOTAS,
    SERVICE_ACCOUNTS,
    SERVICES,
    SPACE_POLICIES,
    Resource,
)

Manifest = dict[str, Any]
PAIRS = 400
SPACE, POOL, NATIVE = "admission-space", "admission-pool", "admission-native"
MARKS = {keys.TENANT: "acme", keys.SPACE: "dev"}
RULES: Manifest = {
    "tenant": "acme",
    "space": "dev",
    "network": {"isolation": "tenant", "internet": True},
    "pods": {
        "registries": ["registry.example/", "111122223333.dkr.ecr.eu-west-1.amazonaws.com/"],
        "priorityClasses": ["standard"],
        "runtimeClasses": [],
        "allowExec": True,
    },
    "services": {"types": ["ClusterIP"]},
    "ingress": {"hosts": ["*.acme.example.com"]},
    "storage": {"classes": ["gp3"]},
    "serviceAccounts": {"iamRoles": []},
    "enforcement": "enforce",
}


def pod(namespace: str) -> Manifest:
    """A usual pod: two containers, an init container, a volume and a toleration."""
    one = {"name": "main", "image": "registry.example/acme/main:1", "resources": {"limits": {"cpu": "1"}}}
    spec = {
        "containers": [one, one | {"name": "side", "image": "registry.example/acme/side:1"}],
        "initContainers": [one | {"name": "first"}],
        "volumes": [{"name": "scratch", "emptyDir": {}}],
        "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
        # Nobody schedules them: only their admission is of interest.
        "schedulingGates": [{"name": "example.com/never"}],
    }
    metadata = {"generateName": "p-", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


async def made(bench: Bench, namespace: str, *, space: bool, nodes: Manifest | None = None) -> None:
    """A namespace, its quota and limits; with a SpacePolicy and our labels if it is a space, on these nodes."""
    who = bench.robot if space else bench.client
    marks = {f"{keys.POD_SECURITY}/enforce": "baseline", **(MARKS if space else {})}
    ours = {keys.MANAGED_BY: keys.COTENANT, **MARKS} if space else {}

    async def make(kind: Resource, name: str, labels: Manifest, **content: Any) -> None:
        metadata: Manifest = {"name": name, "labels": labels}
        if kind.namespaced:
            metadata["namespace"] = namespace
        await who.create(kind, {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **content})

    await make(NAMESPACES, namespace, marks)
    if space:
        await who.create(SPACE_POLICIES, policy(namespace, RULES | ({"nodes": nodes} if nodes else {})))
    await make(RESOURCE_QUOTAS, keys.COTENANT, ours, spec={"hard": {"pods": "100k", "limits.cpu": "100k"}})
    await make(LIMIT_RANGES, keys.COTENANT, ours, spec={"limits": [{"type": "Container", "default": {"cpu": "1"}}]})
    async with asyncio.timeout(30):
        while not (await bench.client.get(RESOURCE_QUOTAS, keys.COTENANT, namespace)).get("status", {}).get("used"):
            await asyncio.sleep(0.05)
        while "default" not in [
            one["metadata"]["name"] for one in (await bench.client.list(SERVICE_ACCOUNTS, namespace)).items
        ]:
            await asyncio.sleep(0.05)


async def pod_creates(bench: Bench, pairs: int = PAIRS) -> tuple[float, float, float]:
    """Medians in ms: of a space, of one with nodes of its own, and of the native namespace; created in turns."""
    await made(bench, SPACE, space=True)
    await made(bench, POOL, space=True, nodes={"pool": "gold", "dedicated": True})
    await made(bench, NATIVE, space=False)
    await asyncio.sleep(3)
    ours, pooled, native = await by_turns(bench, (SPACE, POOL, NATIVE), pairs)
    return ours, pooled, native


async def crowded(bench: Bench, spaces: int, pairs: int = PAIRS) -> tuple[float, float]:
    """The same of a space and the native namespace, among so many other spaces with a SpacePolicy each."""
    names = iter(range(spaces))

    async def work() -> None:
        for number in names:
            namespace = f"crowd-{number}"
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": MARKS}}
            await bench.robot.create(NAMESPACES, body)
            await bench.robot.create(SPACE_POLICIES, policy(namespace, RULES))

    await asyncio.gather(*(work() for _ in range(8)))
    await asyncio.sleep(5)
    ours, native = await by_turns(bench, (SPACE, NATIVE), pairs)
    return ours, native


async def by_turns(bench: Bench, order: tuple[str, ...], pairs: int) -> list[float]:
    """Median of the creates in each namespace, ms."""
    times: dict[str, list[float]] = {name: [] for name in order}
    for number in range(pairs + 20):
        at = number % len(order)
        for namespace in (*order[at:], *order[:at]):
            body = pod(namespace)
            began = time.perf_counter()
            await bench.client.create(PODS, body)
            if number >= 20:
                times[namespace].append(1000 * (time.perf_counter() - began))
    return [median(times[name]) for name in order]


async def changes(bench: Bench, times: int = 200) -> list[float]:
    """Milliseconds from a change of a SpacePolicy to the first answer that obeys it, its own write included; sorted."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": SPACE}}
    service["spec"] = {"type": "NodePort", "ports": [{"port": 80}]}
    found = []
    for number in range(times):
        allowed = number % 2 == 0
        types = ["ClusterIP", "NodePort"] if allowed else ["ClusterIP"]
        began = time.perf_counter()
        await bench.robot.merge(SPACE_POLICIES, keys.POLICY, {"spec": {"services": {"types": types}}}, SPACE)
        async with asyncio.timeout(30):
            while await through(bench, service) is not allowed:
                pass
        found.append(1000 * (time.perf_counter() - began))
    return sorted(found)


async def through(bench: Bench, service: Manifest) -> bool:
    """Whether a Service may be made."""
    try:
        await bench.client.create(SERVICES, service, dry_run=True)
    except Forbidden:
        return False
    return True


def policy(namespace: str, spec: Manifest) -> Manifest:
    """A SpacePolicy."""
    ours = {keys.MANAGED_BY: keys.COTENANT, **MARKS}
    if pool := spec.get("nodes", {}).get("pool"):
        ours |= {keys.POOLED: pool}
    metadata = {"name": keys.POLICY, "namespace": namespace, "labels": ours}
    return {"apiVersion": SPACE_POLICIES.api_version, "kind": SPACE_POLICIES.kind, "metadata": metadata, "spec": spec}
