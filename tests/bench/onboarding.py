"""Onboarding: how much longer cotenant takes than a plain script that makes the same objects."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.plane import Bench
from tests.bench.script import onboard, tenant

from cotenant.kube.resource import TENANTS

CLIENTS = 8


@dataclass(frozen=True)
class Run:
    """One onboarding: wall seconds, successful writes, CPU seconds of everybody who took part."""

    seconds: float
    writes: int
    cpu: float


def say(line: str) -> None:
    """Progress, apart from the figures."""
    print(line, file=sys.stderr, flush=True)


async def by_script(tenants: int, spaces: int) -> Run:
    """The baseline, on a plane of its own."""
    async with Bench.fresh() as bench:
        manifests = [tenant(f"t{number}", spaces) for number in range(tenants)]
        before = bench.cpu()
        seconds, writes = await onboard(bench.client, bench.robot, manifests, CLIENTS)
        return Run(seconds, writes, bench.cpu() - before)


async def by_cotenant(bench: Bench, tenants: int, spaces: int) -> Run:
    """Tenants applied by as many clients; done when the last Space is ready."""
    mark, before = bench.plane.audit_mark(), bench.cpu()
    began, queue = time.monotonic(), iter([tenant(f"t{number}", spaces) for number in range(tenants)])

    async def work() -> None:
        for manifest in queue:
            await bench.client.create(TENANTS, manifest)

    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    await bench.until_ready(tenants * spaces, lambda ready: say(f"  {ready} spaces ready"))
    seconds, cpu = time.monotonic() - began, bench.cpu() - before
    return Run(seconds, tenants + len(bench.writes(mark)), cpu)


async def settled(bench: Bench, seconds: float, act: Callable[[], None] | None = None) -> int:
    """Writes of the operator, the Lease's left out, in so many seconds after `act`."""
    mark = bench.plane.audit_mark()
    if act:
        act()
    await asyncio.sleep(seconds)
    return len([call for call in bench.writes(mark) if call.resource != "leases"])
