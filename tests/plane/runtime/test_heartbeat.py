from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from cotenant.kube.errors import NotFound
from cotenant.kube.resource import LEASES
from cotenant.runtime.heartbeat import Heartbeat

pytestmark = pytest.mark.cluster


def now() -> datetime:
    return datetime.now(UTC)


async def test_replicas_keep_one_lease_fresh_together(admin, space) -> None:
    beats = [
        Heartbeat(admin, namespace=space, name="alive", identity=one, now=now, every=0.2) for one in ("first", "second")
    ]
    tasks = [asyncio.create_task(one.run()) for one in beats]

    async def renewed(after: str, by: str) -> str:
        """When it was, once it is later than `after` and was done by this one."""
        async with asyncio.timeout(120):
            while True:
                with suppress(NotFound):
                    spec = (await admin.get(LEASES, "alive", space))["spec"]
                    if spec["renewTime"] > after and spec["holderIdentity"] in by:
                        return spec["renewTime"]
                await asyncio.sleep(0.1)

    seen = await renewed("", "first second")
    tasks[0].cancel()
    for _ in range(2):
        seen = await renewed(seen, "second")
    assert not tasks[1].done()
    tasks[1].cancel()


async def test_a_lease_that_somebody_deleted_comes_back(admin, space) -> None:
    one = Heartbeat(admin, namespace=space, name="alive", identity="x", now=now)
    await one.beat()
    await admin.delete(LEASES, "alive", space)
    await one.beat()
    assert await admin.get(LEASES, "alive", space)
