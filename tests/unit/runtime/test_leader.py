"""The lease contract where time matters, on a loop whose time is played; tests/plane/runtime has the real processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cotenant.kube.errors import Conflict, NotFound, Unavailable
from cotenant.runtime.leader import Leader, NotLeadingError
from cotenant.runtime.metrics import Metrics

pytestmark = [pytest.mark.looptime, pytest.mark.asyncio(loop_scope="function")]


class Cluster:
    """One Lease with compare-and-swap."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.version = 0
        self.writes: list[tuple[float, str]] = []

    def put(self, lease: dict[str, Any]) -> None:
        self.version += 1
        self.lease = lease | {"metadata": {"name": "l", "resourceVersion": str(self.version)}}
        self.writes.append((asyncio.get_running_loop().time(), lease["spec"]["holderIdentity"]))

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        return self.lease["spec"]


class Line:
    """One process' connection to it: `ok`, `dead` (errors), `silent` (hangs), or `deaf` (does it, but never answers)."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster, self.state = cluster, "ok"

    async def _pass(self) -> None:
        await asyncio.sleep(0.01)
        if self.state == "silent":
            await asyncio.sleep(3600)
        if self.state == "dead":
            raise Unavailable(0, "ClientConnectorError", "cannot be reached")

    async def _answer(self) -> None:
        if self.state == "deaf":
            await asyncio.sleep(3600)

    async def get(self, *_: Any, type: Any) -> Any:
        await self._pass()
        if self.cluster.lease is None:
            raise NotFound(404, "NotFound", "no lease")
        return msgspec.convert(self.cluster.lease, type)

    async def create(self, _: Any, body: dict[str, Any], *__: Any, **___: Any) -> None:
        await self._pass()
        if self.cluster.lease is not None:
            raise Conflict(409, "AlreadyExists", "")
        self.cluster.put(msgspec.to_builtins(body))

    async def replace(self, _: Any, body: dict[str, Any], **__: Any) -> None:
        await self._pass()
        if body["metadata"]["resourceVersion"] != str(self.cluster.version):
            raise Conflict(409, "Conflict", "")
        self.cluster.put(msgspec.to_builtins(body))
        await self._answer()


class Process:
    def __init__(self, cluster: Cluster, identity: str, skew: float = 0.0, **options: Any) -> None:
        self.line = Line(cluster)
        self.metrics = Metrics()

        def now() -> datetime:
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=asyncio.get_running_loop().time() + skew)

        self.leader = Leader(
            self.line, namespace="n", name="l", identity=identity, now=now, metrics=self.metrics, **options
        )
        self.spans: list[tuple[float, float]] = []
        self.working = False
        self.finish = asyncio.Event()

    async def work(self) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        self.working = True
        try:
            await self.finish.wait()
        finally:
            self.working = False
            self.spans.append((started, clock()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        self.task = asyncio.create_task(self.leader.run(self.work))
        try:
            yield self
        finally:
            await self.kill()

    async def kill(self) -> None:
        """As SIGKILL: no goodbye."""
        if not self.task.done():
            self.line.state = "dead"
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


def clock() -> float:
    return asyncio.get_running_loop().time()


async def until(condition: Any, seconds: float = 60) -> float:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)
    return clock()


async def test_2_the_defaults_are_15_10_and_2_and_all_can_be_set() -> None:
    leader = Process(Cluster(), "a").leader
    assert (leader.duration, leader.renew_deadline, leader.retry) == (15.0, 10.0, 2.0)
    assert Process(Cluster(), "a", duration=3, renew_deadline=2, retry=0.5).leader.duration == 3
    with pytest.raises(ValueError, match="renew deadline"):
        Process(Cluster(), "a", duration=10, renew_deadline=10)


async def test_only_one_of_two_leads_and_it_renews_every_retry_period() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a, Process(cluster, "b").running() as b:
        await asyncio.sleep(60)
        assert [a.working, b.working].count(True) == 1

    assert len({identity for _, identity in cluster.writes}) == 1
    assert 25 <= len(cluster.writes) <= 32
    assert cluster.spec["leaseTransitions"] == 0


@pytest.mark.parametrize("skew", [-86_400.0, 0.0, 86_400.0])
async def test_1_expiry_is_what_was_observed_to_change_not_what_clocks_say(skew: float) -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a, Process(cluster, "b", skew).running() as b:
        await until(lambda: a.working or b.working)
        first, second = (a, b) if a.working else (b, a)
        await asyncio.sleep(30)
        assert not second.working
        await first.kill()
        died = clock()
        taken = await until(lambda: second.working)

    assert 12 <= taken - died <= 15 + 2.4 + 0.5


@pytest.mark.parametrize("trouble", ["silent", "dead"])
async def test_2_it_stops_before_another_may_start(trouble: str) -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        async with Process(cluster, "b").running() as b:
            await asyncio.sleep(7)
            a.line.state = trouble
            lost = clock()
            started = await until(lambda: b.working)

    _, stopped = a.spans[0]
    assert 7.5 <= stopped - lost <= 10.1
    assert started - stopped >= 2


async def test_2_a_leader_whose_renewals_are_not_answered_stops_too() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        a.line.state = "deaf"
        lost = clock()
        stopped = await until(lambda: not a.working)

    assert stopped - lost <= 10.1


async def test_2_one_hanging_request_does_not_cost_the_leadership() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        await asyncio.sleep(3)
        a.line.state = "silent"
        await asyncio.sleep(2)
        a.line.state = "ok"
        await asyncio.sleep(30)
        assert a.working

    assert len(a.spans) == 1


async def test_5_no_write_goes_out_after_the_deadline_even_before_the_work_was_stopped() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        a.leader.guard()
        a.line.state = "silent"
        await asyncio.sleep(10.1)
        assert not a.leader.leading()
        with pytest.raises(NotLeadingError):
            a.leader.guard()


async def test_3_the_lease_is_given_back_at_the_end_and_taken_within_a_retry_period() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        async with Process(cluster, "b").running() as b:
            await asyncio.sleep(5)
            a.finish.set()
            await a.task
            ended = clock()
            assert cluster.spec["holderIdentity"] == ""
            taken = await until(lambda: b.working)

    assert taken - ended <= 2.5
    assert cluster.spec["leaseTransitions"] == 1


async def test_3_a_cancelled_leader_stops_its_work_and_gives_the_lease_back() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        a.task.cancel()
        await asyncio.gather(a.task, return_exceptions=True)

    assert not a.working
    assert cluster.spec["holderIdentity"] == ""
    assert b'leader_election_master_status{name="l"} 0.0' in a.metrics.expose()


async def test_6_a_restarted_process_takes_its_own_lease_back_at_once() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        await a.kill()
    died = clock()
    async with Process(cluster, "a").running() as again:
        taken = await until(lambda: again.working)

    assert taken - died <= 0.1
    assert cluster.spec["leaseTransitions"] == 0


async def test_6_two_processes_under_one_name_do_not_take_the_lease_from_each_other_for_ever() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as first:
        await until(lambda: first.working)
        async with Process(cluster, "a").running() as second:
            await asyncio.sleep(60)
            assert (first.working, second.working) == (False, True)
            assert len(second.spans) == 0
            assert len(first.spans) == 1
            _, stopped = first.spans[0]
            assert stopped <= 60


async def test_a_leader_that_lost_it_stands_by_and_leads_again() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        a.line.state = "dead"
        await until(lambda: not a.working)
        a.line.state = "ok"
        await until(lambda: a.working)

    assert len(a.spans) == 2


async def test_a_lease_that_somebody_deleted_is_made_again() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        cluster.lease = None
        await asyncio.sleep(5)
        assert a.working

    assert a.spans[0][1] >= 5
    assert cluster.spec["holderIdentity"] == "a"


async def test_a_lease_taken_from_us_stops_the_work_at_the_next_look() -> None:
    cluster = Cluster()
    async with Process(cluster, "a").running() as a:
        await until(lambda: a.working)
        cluster.put({"spec": cluster.spec | {"holderIdentity": "thief", "renewTime": "2026-01-01T00:00:00.000000Z"}})
        stolen = clock()
        await until(lambda: not a.working)

    assert clock() - stolen <= 2.6


async def test_the_longer_promise_of_the_holder_is_kept() -> None:
    cluster = Cluster()
    async with Process(cluster, "a", duration=40, renew_deadline=30).running() as a:
        await until(lambda: a.working)
        await asyncio.sleep(3)
        async with Process(cluster, "b").running() as b:
            await asyncio.sleep(3)
            await a.kill()
            died = clock()
            taken = await until(lambda: b.working)

    assert taken - died >= 36


async def test_work_that_fails_gives_the_lease_back_and_says_so() -> None:
    cluster = Cluster()
    process = Process(cluster, "a")

    async def fail() -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await process.leader.run(fail)
    assert cluster.spec["holderIdentity"] == ""
