"""From somebody's need to quota in force: out of the pool, and out of another space that does not use it."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.bench.plane import Bench

from cotenant.api.builtin import ResourceQuota
from cotenant.api.ledger import TenantLedger
from cotenant.kube.resource import DEPLOYMENTS, REPLICA_SETS, RESOURCE_QUOTAS, TENANT_LEDGERS, TENANTS
from cotenant.model import pool

Manifest = dict[str, Any]
KEYS = {
    "pods": "1000",
    "requests.cpu": "100",
    "requests.memory": "100Gi",
    "limits.cpu": "500",
    "limits.memory": "200Gi",
}
LIMITS = [
    {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "128Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "64Mi"},
    }
]
PATIENCE = 30.0


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
        "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": "registry.example/c:1"}]},
    }
    spec = {"paused": paused, "replicas": replicas, "selector": {"matchLabels": {"app": "need"}}, "template": template}
    metadata = {"name": "need", "namespace": namespace}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}


async def in_force(bench: Bench, namespace: str, pods: int) -> None:
    """Returns when that many pods may be: every key that grows with them is in force."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = await bench.client.get(RESOURCE_QUOTAS, "cotenant", namespace, type=ResourceQuota)
        held = [pool.quota(found, key) for key in ("pods", "requests.cpu") if key in found.spec.hard]
        wanted = [pods if key == "pods" else 100 * pods for key in ("pods", "requests.cpu") if key in found.spec.hard]
        if all((one.enforced or 0) >= amount for one, amount in zip(held, wanted, strict=True)):
            return
        await asyncio.sleep(0.003)
    raise TimeoutError(f"{namespace} has not got {pods} pods within {PATIENCE} s")


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


async def hoard(bench: Bench, tenant: str, namespace: str) -> None:
    """One space gets everything that is left in the pool, and does not use it."""
    found = await bench.client.get(TENANT_LEDGERS, "pods", f"home-{tenant}", type=TenantLedger)
    entry = pool.entry_of(found, namespace)
    assert entry is not None
    left = found.spec.limit - sum(one.allocation for one in found.spec.entries)
    await moved(bench, namespace, entry.allocation + left)
    await release(bench, namespace)


async def many_tenants(bench: Bench, tenants: int, pods: int = 9) -> tuple[list[float], list[float]]:
    """Out of the pool, then out of a space that hoards it, once in each of so many usual tenants; milliseconds, sorted."""
    from_pool, from_space = [], []
    for number in range(tenants):
        from_pool.append(await moved(bench, f"t{number}-s0", pods))
        await release(bench, f"t{number}-s0")
        await hoard(bench, f"t{number}", f"t{number}-s1")
        from_space.append(await moved(bench, f"t{number}-s2", pods))
        await release(bench, f"t{number}-s2")
    return sorted(from_pool), sorted(from_space)


async def one_tenant(bench: Bench, name: str, samples: int, pods: int = 8) -> tuple[list[float], list[float]]:
    """The same in so many spaces of one tenant."""
    from_pool = []
    for number in range(samples):
        from_pool.append(await moved(bench, f"{name}-s{number}", pods))
        await release(bench, f"{name}-s{number}")
    await hoard(bench, name, f"{name}-s0")
    from_space = []
    for number in range(samples, 2 * samples):
        from_space.append(await moved(bench, f"{name}-s{number}", pods))
        await release(bench, f"{name}-s{number}")
    return sorted(from_pool), sorted(from_space)


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
