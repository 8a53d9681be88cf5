from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

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
    await asyncio.sleep(1)
    seen = (await admin.get(LEASES, "alive", space))["spec"]["renewTime"]
    tasks[0].cancel()
    await asyncio.sleep(1)
    lease = await admin.get(LEASES, "alive", space)
    assert lease["spec"]["renewTime"] > seen
    assert lease["spec"]["holderIdentity"] == "second"
    assert not tasks[1].done()
    tasks[1].cancel()


async def test_a_lease_that_somebody_deleted_comes_back(admin, space) -> None:
    one = Heartbeat(admin, namespace=space, name="alive", identity="x", now=now)
    await one.beat()
    await admin.delete(LEASES, "alive", space)
    await one.beat()
    assert await admin.get(LEASES, "alive", space)
