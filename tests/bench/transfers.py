"""From somebody's need to quota in force: out of the pool, and out of another space that does not use it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
from tests.bench.plane import Bench

from cotenant.api.builtin import ResourceQuota
from cotenant.api.ledger import TenantLedger
from cotenant.kube.resource import DEPLOYMENTS, REPLICA_SETS, RESOURCE_QUOTAS, TENANT_LEDGERS, TENANTS
from cotenant.model import pool

Manifest = dict[str, Any]
KEYS = {
    "pods": "4000",
    "requests.cpu": "400",
    "requests.memory": "400Gi",
    "limits.cpu": "2000",
    "limits.memory": "800Gi",
}
LIMITS = [
    {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "128Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "64Mi"},
    }
]
PATIENCE = 30.0


class Event(msgspec.Struct):
    """A watch event of a ResourceQuota, or a bookmark."""

    type: str
    object: ResourceQuota


EVENT = msgspec.json.Decoder(Event)
MORE = 5
"""Pods that a space wants beyond what it holds."""


def wide(name: str, spaces: int) -> Manifest:
    """One tenant with many spaces and five resources."""
    return {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name},
        "spec": {
            "members": [{"role": "owner", "group": f"{name}-owners"}],
            "spaces": {"limit": spaces, "declared": [f"s{number}" for number in range(spaces)]},
            "quota": {"hard": KEYS},
            "limits": LIMITS,
            "pods": {"security": "baseline"},
        },
    }


def deployment(namespace: str, replicas: int, *, paused: bool = True) -> Manifest:
    """Paused it makes no pods: what is measured is the move, not what comes after it."""
    template = {
        "metadata": {"labels": {"app": "need"}},
        "spec": {
            "schedulingGates": [{"name": "bench.example/held"}],
            "containers": [{"name": "c", "image": "registry.example/c:1"}],
        },
    }
    spec = {"paused": paused, "replicas": replicas, "selector": {"matchLabels": {"app": "need"}}, "template": template}
    metadata = {"name": "need", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


async def in_force(bench: Bench, namespace: str, pods: int) -> None:
    """Returns when that many pods may be: every key that grows with them is in force. By a watch: asking costs nothing."""
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with asyncio.timeout(PATIENCE):
        async for lines in bench.client.stream(RESOURCE_QUOTAS, namespace, query=query, idle=PATIENCE):
            for event in map(EVENT.decode, lines):
                if event.type in ("ADDED", "MODIFIED") and allows(event.object, pods):
                    return


def allows(there: ResourceQuota, pods: int) -> bool:
    """Whether a quota admits so many pods, whatever it counts of them."""
    wanted = {"pods": pods, "requests.cpu": 100 * pods}
    held = {key: pool.quota(there, key).enforced or 0 for key in wanted if key in there.spec.hard}
    return all(amount >= wanted[key] for key, amount in held.items())


async def moved(bench: Bench, namespace: str, pods: int) -> float:
    """Milliseconds from a workload that wants pods to quota for all of them."""
    began = time.monotonic()
    await bench.client.create(DEPLOYMENTS, deployment(namespace, pods))
    await in_force(bench, namespace, pods)
    return 1000 * (time.monotonic() - began)


async def release(bench: Bench, namespace: str) -> None:
    """The workload is gone; what it needed stays where it is until somebody else needs it."""
    await bench.client.delete(DEPLOYMENTS, "need", namespace, propagation="Background")
    await asyncio.sleep(0.1)


async def held(bench: Bench, namespace: str) -> int:
    """Pods that a space may have just now."""
    found = await bench.client.get(RESOURCE_QUOTAS, "cotenant", namespace, type=ResourceQuota)
    return pool.quota(found, "pods").hard


async def left(bench: Bench, tenant: str) -> int:
    """Pods in the pool."""
    found = await bench.client.get(TENANT_LEDGERS, "pods", f"home-{tenant}", type=TenantLedger)
    return found.spec.limit - sum(one.allocation for one in found.spec.entries)


async def from_the_pool(bench: Bench, tenant: str, space: str) -> float:
    """What a space gets that wants MORE pods than it holds, while the pool has them. Raises ValueError if it has not."""
    if await left(bench, tenant) < MORE:
        raise ValueError(f"the pool of {tenant} is empty")
    namespace = f"{tenant}-{space}"
    took = await moved(bench, namespace, await held(bench, namespace) + MORE)
    await release(bench, namespace)
    return took


async def from_a_space(bench: Bench, tenant: str, space: str, hoarder: str) -> float:
    """The same while the pool has too few: another space got all of it before, and does not use it."""
    if (more := await left(bench, tenant)) >= MORE:
        await moved(bench, f"{tenant}-{hoarder}", await held(bench, f"{tenant}-{hoarder}") + more)
        await release(bench, f"{tenant}-{hoarder}")
    namespace = f"{tenant}-{space}"
    took = await moved(bench, namespace, await held(bench, namespace) + MORE)
    await release(bench, namespace)
    return took


async def many_tenants(bench: Bench, tenants: int) -> tuple[list[float], list[float]]:
    """Once in each of so many usual tenants; milliseconds, sorted."""
    names = [f"t{number}" for number in range(tenants)]
    from_pool = [await from_the_pool(bench, name, "s0") for name in names]
    return sorted(from_pool), sorted([await from_a_space(bench, name, "s2", "s1") for name in names])


async def one_tenant(bench: Bench, name: str, samples: int) -> tuple[list[float], list[float]]:
    """The same in so many spaces of one tenant."""
    from_pool = [await from_the_pool(bench, name, f"s{number}") for number in range(samples)]
    drained = [await from_a_space(bench, name, f"s{number}", "s0") for number in range(samples, 2 * samples)]
    return sorted(from_pool), sorted(drained)


async def refusals_left(bench: Bench, tenants: int, replicas: int = 15) -> int:
    """ReplicaSets that are still refused one second after their Deployments came, while their tenants have room."""
    namespaces = [f"t{number}-s3" for number in range(tenants)]
    left = 0
    for namespace in namespaces:
        await bench.client.create(DEPLOYMENTS, deployment(namespace, replicas, paused=False))
        await asyncio.sleep(1)
        sets = (await bench.client.list(REPLICA_SETS, namespace)).items
        conditions = [one for found in sets for one in found.get("status", {}).get("conditions", ())]
        left += any(one["type"] == "ReplicaFailure" and one["status"] == "True" for one in conditions)
    return left


async def given_wide(bench: Bench, name: str, spaces: int) -> None:
    """Made, and every space ready."""
    await bench.client.create(TENANTS, wide(name, spaces))
    await bench.until_ready(spaces, lambda _: None)


def p99(times: list[float]) -> float:
    """The nearest rank; of less than a hundred the largest but none."""
    return times[max(0, -(-99 * len(times) // 100) - 1)]
