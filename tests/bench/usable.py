"""From an owner's create of a Space to the first pod admitted in it."""

from __future__ import annotations

import asyncio
import time

from tests.bench.plane import Bench
from tests.bench.script import tenant

from cotenant.controllers.ledger import REFRESH
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError
from cotenant.kube.resource import PODS, RESOURCE_QUOTAS, SPACES, TENANTS
from cotenant.kube.transport import Transport

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"generateName": "first-"},
    "spec": {"containers": [{"name": "main", "image": "registry.example/main:1"}]},
}


async def owner(bench: Bench, tenant: str) -> Client:
    """A member with role owner, by client certificate."""
    return Client(await Transport.load(str(bench.plane.user(f"{tenant}-alice", [f"{tenant}-owners"]))))


async def usable(member: Client, tenant: str, name: str) -> float:
    """Seconds until the pod is admitted; every refusal on the way is one of RBAC, of a quota, or a missing namespace."""
    home = f"home-{tenant}"
    space = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Space", "metadata": {"name": name, "namespace": home}}
    began = time.monotonic()
    await member.create(SPACES, space)
    while True:
        try:
            await member.create(PODS, POD, f"{tenant}-{name}")
        except ApiError:
            await asyncio.sleep(0.005)
        else:
            return time.monotonic() - began


async def first(bench: Bench) -> float:
    """Milliseconds from a Tenant, on a plane that never had one, to the first pod in a Space that its owner made."""
    member, began = await owner(bench, "first"), time.monotonic()
    await bench.client.create(TENANTS, tenant("first", 0))
    while True:
        try:
            await usable(member, "first", "dev")
            break
        except ApiError:  # the Space is refused until the home is open
            await asyncio.sleep(0.005)
    taken = 1000 * (time.monotonic() - began)
    await member.close()
    return taken


async def latencies(bench: Bench, tenants: int) -> list[float]:
    """One new Space in each of so many tenants, one after the other, in milliseconds, sorted."""
    found = []
    for number in range(tenants):
        member = await owner(bench, f"t{number}")
        found.append(1000 * await usable(member, f"t{number}", "extra"))
        await member.close()
    return sorted(found)


async def calls_of_pods(bench: Bench) -> tuple[int, int]:
    """Webhook calls of all the pods that a space has at hand, one after the other, and what the operator calls then.

    None of these calls is on a pod's way: what the space keeps at hand is filled up again, and the ledgers tell once in
    REFRESH seconds what is used.
    """
    member = await owner(bench, "t0")
    quota = await bench.client.get(RESOURCE_QUOTAS, "cotenant", "t0-s0")
    room = int(quota["spec"]["hard"]["pods"]) - int(quota["status"]["used"]["pods"])
    assert room > 0, "the space holds nothing that a pod could use"
    metrics, mark = bench.plane.metrics(), bench.plane.audit_mark()
    for _ in range(room):
        await member.create(PODS, POD, "t0-s0")
    await asyncio.sleep(REFRESH + 1)
    webhooks = bench.plane.metrics().delta(metrics).sum("apiserver_admission_webhook_request_total")
    calls = [call for call in bench.plane.audit_since(mark, user=bench.robot_name) if call.resource != "leases"]
    await member.close()
    return int(webhooks), len([call for call in calls if call.verb != "watch"])
