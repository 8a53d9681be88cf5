"""The loop of strict accounting against a scripted quota: what it hears, and what it writes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from cotenant.apply.refunds import COUNTED, told
from cotenant.controllers import refunds
from cotenant.controllers.refunds import StrictAccounting
from cotenant.kube.errors import Conflict, Forbidden
from cotenant.kube.resource import ALL, DAEMON_SETS, EVENTS, REPLICATION_CONTROLLERS
from cotenant.model.platform import Platform
from cotenant.model.quantity import parse
from cotenant.render.install.rights import operator_rights
from cotenant.render.install.strict import strict_rights
from unit.specimens import NOW

SPACE = "dev"


def quota(revision: int, used: str, mark: str = "") -> dict[str, Any]:
    metadata = {"name": "cotenant", "namespace": SPACE, "resourceVersion": str(revision)}
    metadata["annotations"] = {"cotenant.dev/refunded": mark} if mark else {}
    return {
        "metadata": metadata,
        "spec": {"hard": {"pods": "9"}},
        "status": {"hard": {"pods": "9"}, "used": {"pods": used}},
    }


def pod(name: str, revision: int) -> dict[str, Any]:
    metadata = {"name": name, "uid": name, "namespace": SPACE, "resourceVersion": str(revision)}
    return {"metadata": metadata, "spec": {"containers": []}, "status": {}}


class Cluster:
    """Stores a quota as an API server does; what is watched is told by the test."""

    def __init__(self, stored: dict[str, Any]) -> None:
        self.stored, self.writes = stored, []

    async def replace(self, resource: Any, body: dict[str, Any], **_: Any) -> dict[str, Any]:
        if body["metadata"]["resourceVersion"] != self.stored["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "no")
        self.writes.append((body["status"]["used"]["pods"], body["metadata"]["annotations"]))
        revision = int(self.stored["metadata"]["resourceVersion"]) + 100
        self.stored = body | {"metadata": body["metadata"] | {"resourceVersion": str(revision)}}
        return self.stored


@pytest.fixture
async def played(monkeypatch):
    monkeypatch.setattr(refunds, "BATCH", 0.01)
    monkeypatch.setattr(StrictAccounting, "follow", lambda self, kind: None)
    cluster = Cluster(quota(10, "3"))
    work = StrictAccounting(cluster, lambda: NOW)
    work.quotas([cluster.stored], 10)
    work.listed("pods", [pod("a", 5), pod("b", 6), pod("c", 7)], 10)
    yield cluster, work
    work.accounts[SPACE].close()


def count(counter: Any) -> float:
    return counter.collect()[0].samples[0].value


async def until(fact: Any) -> None:
    async with asyncio.timeout(60):
        while not fact():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("key", "amount", "text"),
    [
        ("requests.storage", Fraction(3 * 2**30), "3Gi"),
        ("limits.memory", Fraction(2**30 + 1), "1073741825"),
        ("requests.memory", Fraction(1, 2), "500m"),
        ("requests.memory", Fraction(0), "0"),
        ("requests.cpu", Fraction(3, 2), "1500m"),
        ("pods", Fraction(2**20), "1048576"),
    ],
)
def test_what_is_left_in_use_is_written_as_people_read_it(key: str, amount: Fraction, text: str) -> None:
    assert told(key, amount) == text
    assert parse(text) == amount


async def test_what_goes_together_is_given_back_in_one_write(played) -> None:
    cluster, work = played
    work.event("pods", "DELETED", pod("a", 20))
    work.event("pods", "DELETED", pod("b", 21))
    await until(lambda: cluster.writes)
    assert cluster.writes == [("1", {"cotenant.dev/refunded": "pods=21"})]
    await asyncio.sleep(0.05)
    assert len(cluster.writes) == 1


def leaving(name: str, revision: int, grace: int = 30) -> dict[str, Any]:
    found = pod(name, revision)
    end = NOW + timedelta(seconds=grace)
    found["metadata"] |= {"deletionTimestamp": f"{end:%Y-%m-%dT%H:%M:%SZ}", "deletionGracePeriodSeconds": grace}
    return found


def done(name: str, revision: int) -> dict[str, Any]:
    """A pod whose kubelet has taken the rest of its grace away: overdue, until it is gone in a moment."""
    return leaving(name, revision, 0)


async def test_pods_that_are_asked_to_go_together_and_go_one_by_one_are_all_given_back(played) -> None:
    cluster, work = played
    for number, name in enumerate("abc"):
        work.event("pods", "MODIFIED", leaving(name, 12 + number))
    for number, name in enumerate("abc"):
        work.event("pods", "MODIFIED", done(name, 200 * number + 20))
        work.event("pods", "DELETED", done(name, 200 * number + 21))
        await until(lambda number=number: len(cluster.writes) == number + 1)
        await asyncio.sleep(0)
    assert [used for used, _ in cluster.writes] == ["2", "1", "0"]


async def test_a_pod_that_is_about_to_be_gone_is_waited_for(played) -> None:
    cluster, work = played
    work.event("pods", "MODIFIED", done("b", 20))
    work.event("pods", "DELETED", pod("a", 21))
    await asyncio.sleep(0.015)
    work.event("pods", "DELETED", pod("b", 22))
    await until(lambda: cluster.writes)
    assert cluster.writes == [("1", {"cotenant.dev/refunded": "pods=22"})]


async def test_one_that_does_not_go_is_not_waited_for_long(played) -> None:
    cluster, work = played
    work.event("pods", "MODIFIED", done("b", 20))
    work.event("pods", "DELETED", pod("a", 21))
    await until(lambda: cluster.writes)
    assert cluster.writes == [("2", {"cotenant.dev/refunded": "pods=21"})]


async def test_a_conflict_waits_for_the_watch(played) -> None:
    cluster, work = played
    cluster.stored = quota(15, "4")
    work.event("pods", "DELETED", pod("a", 20))
    await until(lambda: count(work.metrics.refund_conflicts))
    assert cluster.writes == []
    work.quota("MODIFIED", quota(15, "4"))
    await until(lambda: cluster.writes)
    assert cluster.writes[0][0] == "3"


async def test_after_a_list_what_is_missing_is_decided_once(played) -> None:
    cluster, work = played
    work.listed("pods", [pod("c", 7)], 30)
    await until(lambda: cluster.writes)
    assert cluster.writes == [("1", {"cotenant.dev/refunded": "pods=30"})]


async def test_a_quota_that_was_listed_again_may_have_been_lowered_meanwhile(played) -> None:
    cluster, work = played
    cluster.stored = quota(25, "2")
    work.event("pods", "DELETED", pod("a", 20))
    work.quotas([cluster.stored], 25)
    await asyncio.sleep(0.1)
    assert cluster.writes == []


async def test_a_quota_that_goes_takes_its_book_along(played) -> None:
    _, work = played
    task = work.accounts[SPACE].task
    work.quota("DELETED", quota(40, "3"))
    await asyncio.sleep(0)
    assert SPACE not in work.accounts
    assert task.cancelled() or task.cancelling()
    work.quotas([quota(50, "0")], 50)


def recounts(work: StrictAccounting) -> list[float]:
    """When a recount of the space was begun, from now on; each one ends well at once."""
    counted: list[float] = []

    async def recount(*_: Any) -> bool:
        counted.append(asyncio.get_running_loop().time())
        return True

    work.accounts[SPACE].refunds.recount = recount
    return counted


@pytest.mark.looptime
async def test_a_leak_is_recounted_two_seconds_after_the_last_charge_whatever_is_given_back_meanwhile(played) -> None:
    cluster, work = played
    counted = recounts(work)
    begun = asyncio.get_running_loop().time()
    cluster.stored = quota(11, "5")
    work.quota("MODIFIED", cluster.stored)
    await asyncio.sleep(1.5)
    work.event("pods", "DELETED", pod("a", 20))
    await asyncio.sleep(1.5)
    assert [one[0] for one in cluster.writes] == ["4"]
    assert counted
    assert 2.0 <= counted[0] - begun <= 2.6


@pytest.fixture
async def standby(played):
    _, work = played
    work.leads = False
    work.leading = lambda: work.leads
    return played


@pytest.mark.looptime
async def test_a_standby_gives_back_what_the_leader_does_not(standby) -> None:
    cluster, work = standby
    work.event("pods", "DELETED", pod("a", 20))
    await asyncio.sleep(refunds.HELP)
    assert cluster.writes == []
    await asyncio.sleep(1)
    assert cluster.writes == [("2", {"cotenant.dev/refunded": "pods=20"})]


@pytest.mark.looptime
async def test_a_standby_leaves_to_the_leader_what_it_gives_back_in_time(standby) -> None:
    cluster, work = standby
    work.event("pods", "DELETED", pod("a", 20))
    await asyncio.sleep(refunds.HELP / 2)
    cluster.stored = quota(21, "2", "pods=20")
    work.quota("MODIFIED", cluster.stored)
    await asyncio.sleep(5)
    assert cluster.writes == []


@pytest.mark.looptime
async def test_leaks_wait_for_who_leads(standby) -> None:
    cluster, work = standby
    counted = recounts(work)
    promotion = asyncio.create_task(work.promoted())
    cluster.stored = quota(11, "5")
    work.quota("MODIFIED", cluster.stored)
    await asyncio.sleep(30)
    assert counted == []
    work.leads = True
    await asyncio.sleep(5)
    assert counted
    promotion.cancel()


def test_what_the_operator_may_not_read_by_design_is_not_asked_for() -> None:
    """No request that is refused every half minute, for ever: the quota controller counts it."""
    platform = Platform()
    read = {
        f"{plural}.{group}" if group else plural
        for role in (*operator_rights(platform), *strict_rights(platform))
        for found in role.get("rules", ())
        if role["kind"] == "ClusterRole" and "list" in found["verbs"] and "watch" in found["verbs"]
        for group in found["apiGroups"]
        for plural in found["resources"]
    }
    assert COUNTED.keys() <= read
    # Kubernetes charges nothing for Events; the two others are read for the pods that they are about to make.
    uncounted = {str(one) for one in (EVENTS, DAEMON_SETS, REPLICATION_CONTROLLERS)}
    assert {str(one) for one in ALL if one.namespaced} & read - uncounted == COUNTED.keys()


async def test_a_kind_that_is_left_to_kubernetes_is_told_once() -> None:
    strict = StrictAccounting(Cluster(quota(1, "0")), lambda: NOW)
    with structlog.testing.capture_logs() as told:
        for _ in range(3):
            strict.follow("secrets")
            strict.follow("crontabs.stable.example.com")
    assert strict.feeds == {}
    assert [one["resource"] for one in told] == ["secrets", "crontabs.stable.example.com"]


class Locked(Cluster):
    """Lists and watches what `allowed` names; a watch that was accepted stays silent until it is to end."""

    def __init__(self, *allowed: str) -> None:
        super().__init__(quota(10, "3"))
        self.allowed, self.end = set(allowed), asyncio.Event()

    def refuse(self, kind: Any, verb: str) -> None:
        if f"{verb} {kind}" not in self.allowed:
            raise Forbidden(403, "Forbidden", f"cannot {verb} {kind}")

    async def list(self, kind: Any, *_: Any, **__: Any) -> Any:
        self.refuse(kind, "list")
        return SimpleNamespace(items=[], resource_version="10")

    async def stream(self, kind: Any, *_: Any, **__: Any) -> Any:
        self.refuse(kind, "watch")
        yield []
        await self.end.wait()
        self.end.clear()


@pytest.mark.looptime
async def test_a_kind_that_may_not_be_read_is_told_until_it_may_be_listed_and_watched() -> None:
    cluster, told = Locked("list services", "watch services"), []
    work = StrictAccounting(cluster, lambda: NOW, changed=told.append)
    for kind in ("services", "pods"):
        work.follow(kind)
    await asyncio.sleep(1)
    assert told == [("pods",)]
    cluster.allowed.add("list pods")
    await asyncio.sleep(60)
    assert told == [("pods",)]
    cluster.allowed.add("watch pods")
    await asyncio.sleep(60)
    assert told == [("pods",), ()]
    # Taken away under way: heard of when the watch ends.
    cluster.allowed.discard("watch pods")
    cluster.end.set()
    await asyncio.sleep(60)
    assert told == [("pods",), (), ("pods",)]
    for task in work.feeds.values():
        task.cancel()


async def test_what_was_barred_is_forgotten_with_the_run() -> None:
    told: list[Any] = []
    work = StrictAccounting(Locked(), lambda: NOW, changed=told.append)
    running = asyncio.create_task(work.run())
    await asyncio.sleep(0)
    work.bar("pods")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told == [("pods",), ()]


@pytest.mark.looptime
async def test_nothing_is_recounted_while_a_kind_may_not_be_read(played) -> None:
    cluster, work = played
    account, counted = work.accounts[SPACE], []

    async def recount(*_: Any) -> bool:
        counted.append(1)
        return True

    account.refunds.recount = recount
    work.bar("pods")
    cluster.stored = quota(11, "5")
    work.quota("MODIFIED", cluster.stored)
    await asyncio.sleep(20)
    assert not counted
    work.open("pods")
    await asyncio.sleep(5)
    assert counted
