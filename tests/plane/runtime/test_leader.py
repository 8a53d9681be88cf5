"""The six lines of the lease contract, with real processes on a real API server.

Candidates use 3 s, 2 s and 0.4 s for duration, renew deadline and retry.
"""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cotenant.kube.client import Client
from cotenant.kube.resource import CONFIG_MAPS, LEASES
from cotenant.local.handle import Handle
from cotenant.testing import AuditLog
from plane.runtime.replicas import Wire, replica
from vocabulary import BUSY

pytestmark = pytest.mark.cluster
DURATION, DEADLINE, RETRY = 3.0, 2.0, 0.4
SLACK = 0.7  # two cores shared with a control plane


@pytest.mark.parametrize("skew", [-86_400.0, 86_400.0])
async def test_1_a_wrong_wall_clock_neither_steals_nor_waits_for_ever(
    admin_kubeconfig: Path, space: str, skew: float
) -> None:
    async with replica(admin_kubeconfig, space, "a") as a:
        await a.until("leads")
        async with replica(admin_kubeconfig, space, "b", skew=skew) as b:
            await b.until("ready")
            await asyncio.sleep(DURATION + 1)
            assert not b.all("leads")
            died = a.signal(signal.SIGKILL)
            took = await b.until("leads")

    # Not for ever: how soon it is to the millisecond is played in tests/unit/runtime.
    assert DURATION - RETRY - SLACK <= took - died <= DURATION + 1.2 * RETRY + SLACK * BUSY


async def test_2_and_5_a_leader_cut_off_stops_before_another_starts_and_writes_nothing_after(
    control_plane: Handle, admin_kubeconfig: Path, space: str, audit: AuditLog
) -> None:
    url = urlsplit(control_plane.url)
    async with Wire(url.hostname or "", url.port or 0).listening() as wire:
        indirect = admin_kubeconfig.with_name(f"{space}.kubeconfig")
        indirect.write_text(admin_kubeconfig.read_text().replace(f":{url.port}", f":{wire.port}"))
        async with replica(indirect, space, "a") as a:
            await a.until("leads")
            async with replica(admin_kubeconfig, space, "b") as b:
                await b.until("ready")
                await a.until("wrote", 5)
                cut = wire.silence()
                stopped = await a.until("stops")
                took = await b.until("leads")
                mark = audit.mark()
                wire.restore()
                await asyncio.sleep(1.5)
                late = audit.since(mark, agent=f"{space}-a", writes=True)
    indirect.unlink()

    assert stopped - cut <= DEADLINE + SLACK * BUSY
    assert stopped < took
    assert a.all("wrote")[-1] < stopped
    # What had passed the guard in the moment of the stop goes out when it wakes: one request, if any.
    assert len([each for each in late if each.resource == "configmaps"]) <= 1


async def test_5_a_process_that_slept_through_its_lease_begins_no_write_when_it_wakes(
    admin_kubeconfig: Path, space: str, audit: AuditLog
) -> None:
    async with replica(admin_kubeconfig, space, "a") as a:
        await a.until("wrote", 5)
        async with replica(admin_kubeconfig, space, "b") as b:
            await b.until("ready")
            a.signal(signal.SIGSTOP)
            await b.until("leads")
            mark = audit.mark()
            a.signal(signal.SIGCONT)
            await a.until("stops")
            await asyncio.sleep(1)
            late = audit.since(mark, agent=f"{space}-a", writes=True)

    # What had passed the guard in the moment of the stop goes out when it wakes: one request, if any.
    assert len([each for each in late if each.resource == "configmaps"]) <= 1


async def test_3_and_4_sigterm_hands_over_within_a_retry_period_to_warm_caches(
    admin_kubeconfig: Path, space: str, audit: AuditLog, admin: Client
) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": space}}
    await asyncio.gather(
        *(admin.create(CONFIG_MAPS, body | {"metadata": body["metadata"] | {"name": f"c{n}"}}) for n in range(20))
    )
    async with replica(admin_kubeconfig, space, "a") as a:
        await a.until("leads")
        async with replica(admin_kubeconfig, space, "b") as b:
            await b.until("ready")
            mark = audit.mark()
            asked = a.signal(signal.SIGTERM)
            took = await b.until("leads")
            ended = await a.until("ends")
            reads = [each for each in audit.since(mark, agent=f"{space}-b") if each.verb == "list"]
            assert (await a.process.wait()) == 0
            assert next(each["cached"] for each in b.said if each["what"] == "leads") >= 20

    # Whoever did not hand over would be waited for until its lease is over.
    assert took - asked < DURATION - RETRY
    assert ended - asked <= 1.5 * BUSY
    assert a.all("stops")[0] <= took
    assert reads == []


async def test_6_a_killed_process_that_comes_back_leads_at_once(
    admin_kubeconfig: Path, space: str, admin: Client
) -> None:
    async with replica(admin_kubeconfig, space, "a") as a:
        await a.until("leads")
        a.signal(signal.SIGKILL)
        await a.process.wait()
    async with replica(admin_kubeconfig, space, "a") as again:
        ready = await again.until("ready")
        took = await again.until("leads")

    lease = await admin.get(LEASES, "cotenant", space)
    assert took - ready < DURATION - RETRY
    assert lease["spec"]["leaseTransitions"] == 0
