"""Onboarding: how much longer cotenant takes than a plain script that makes the same objects."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.bench.plane import Bench
from tests.bench.script import onboard, tenant

from cotenant.api.space import Space
from cotenant.kube.resource import SPACES, TENANTS

CLIENTS = 8


async def ready_spaces(bench: Bench) -> int:
    """How many Spaces say that they are ready."""
    listed = await bench.client.list(SPACES, type=Space)
    return sum(1 for one in listed.items if one.status.phase == "Ready")


async def by_script(tenants: int, spaces: int) -> dict[str, float]:
    """The baseline on a plane of its own."""
    async with Bench.fresh() as bench:
        seconds, writes = await onboard(
            bench.client, bench.robot, [tenant(f"t{n}", spaces) for n in range(tenants)], CLIENTS
        )
        return {"script seconds": seconds, "script writes": writes}


async def by_cotenant(bench: Bench, tenants: int, spaces: int, report: Any = None) -> dict[str, float]:
    """Tenants applied by as many clients; done when the last Space is ready."""
    mark = bench.plane.audit_mark()
    began, queue = time.monotonic(), iter([tenant(f"t{n}", spaces) for n in range(tenants)])

    async def work() -> None:
        for manifest in queue:
            await bench.client.create(TENANTS, manifest)

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    while (ready := await ready_spaces(bench)) < tenants * spaces:
        if report:
            report(ready)
        await asyncio.sleep(0.5 if tenants * spaces < 2000 else 3)
    seconds = time.monotonic() - began
    calls = bench.plane.audit_since(mark, writes=True)
    writes = sum(
        1 for call in calls if call.user == "system:serviceaccount:cotenant-system:cotenant" and call.code < 400
    )
    return {
        "cotenant seconds": seconds,
        "cotenant writes": writes + tenants,
        "cpu": bench.cpu(),
        "memory": bench.memory(),
    }
