from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import structlog

from cotenant.api.builtin import Namespace
from cotenant.kube.errors import TooManyRequests
from cotenant.runtime.controller import DONE, Controller, Result
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.queue import URGENT
from cotenant.runtime.store import Store

timed = [pytest.mark.looptime, pytest.mark.asyncio(loop_scope="function")]
pytestmark = timed


def made(name: str, version: str = "1", **labels: str) -> Namespace:
    return msgspec.convert({"metadata": {"name": name, "resourceVersion": version, "labels": labels}}, Namespace)


class Work:
    """A reconcile that notes what it is asked, and does what the test says."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.times: list[float] = []
        self.answer: Any = DONE

    async def __call__(self, key: str) -> Result:
        self.keys.append(key)
        self.times.append(asyncio.get_running_loop().time())
        answer = self.answer(key) if callable(self.answer) else self.answer
        if isinstance(answer, BaseException):
            raise answer
        if asyncio.iscoroutine(answer):
            answer = await answer
        return answer or DONE


@asynccontextmanager
async def running(controller: Controller) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(controller.run())
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def settled(controller: Controller) -> None:
    async with asyncio.timeout(60):
        while not controller.queue.idle:
            await asyncio.sleep(0.001)


async def test_every_object_that_is_there_is_looked_at_once_at_the_start() -> None:
    store: Store[Namespace] = Store()
    for name in "abc":
        store.upsert(made(name, team="t"))
    work = Work()
    controller = Controller("c", work)
    controller.watches(store, lambda item: [item.metadata.name])
    controller.watches(store, lambda item: item.metadata.labels.values())
    async with running(controller):
        await settled(controller)

    assert sorted(work.keys) == ["a", "b", "c", "t"]


async def test_both_what_was_and_what_is_are_mapped() -> None:
    store: Store[Namespace] = Store()
    work = Work()
    controller = Controller("c", work)
    controller.watches(store, lambda item: item.metadata.labels.values())
    async with running(controller):
        store.upsert(made("a", "1", team="x"))
        await settled(controller)
        store.upsert(made("a", "2", team="y"))
        await settled(controller)
        store.remove("a")
        await settled(controller)

    assert work.keys == ["x", "y", "x", "y"]


async def test_what_changes_while_it_does_not_run_is_seen_when_it_runs_again() -> None:
    store: Store[Namespace] = Store()
    work = Work()
    controller = Controller("c", work)
    controller.watches(store, lambda item: [item.metadata.name])
    async with running(controller):
        pass
    store.upsert(made("a"))
    assert len(controller.queue) == 0
    async with running(controller):
        await settled(controller)

    assert work.keys == ["a"]


async def test_a_delay_gathers_a_burst_into_one_reconcile() -> None:
    store: Store[Namespace] = Store()
    work = Work()
    controller = Controller("c", work)
    controller.watches(store, lambda _: ["tenant"], delay=0.3)
    async with running(controller):
        for version in range(5):
            store.upsert(made("a", str(version)))
            await asyncio.sleep(0.05)
        assert work.keys == []
        await asyncio.sleep(0.1)

    assert work.times == [pytest.approx(0.3, abs=0.01)]


async def test_a_filter_decides_which_changes_matter_and_a_function_how_much() -> None:
    store: Store[Namespace] = Store()
    work = Work()
    controller = Controller("c", work, workers=1)
    controller.watches(
        store,
        lambda item: [item.metadata.name],
        when=lambda change: "quiet" not in change.current.metadata.labels,
        priority=lambda change: URGENT if change.new is None else 0,
    )
    async with running(controller):
        store.upsert(made("quiet", quiet="1"))
        store.upsert(made("b"))
        store.upsert(made("c"))
        store.remove("c")
        await settled(controller)

    assert work.keys == ["c", "b"]


async def test_a_result_says_when_to_look_again() -> None:
    work = Work()
    work.answer = Result(after=10)
    controller = Controller("c", work)
    async with running(controller):
        controller.queue.add("a")
        await asyncio.sleep(35)

    assert [round(time) for time in work.times] == [0, 10, 20, 30]


async def test_failures_come_again_later_each_time_and_are_logged_once() -> None:
    work, metrics = Work(), Metrics()
    work.answer = lambda _: RuntimeError("same") if len(work.keys) <= 6 else DONE
    controller = Controller("c", work, metrics=metrics)
    with structlog.testing.capture_logs() as logs:
        async with running(controller):
            controller.queue.add("a")
            await asyncio.sleep(5)

    waits = [b - a for a, b in pairwise(work.times)]
    assert len(work.keys) == 7
    assert all(0.0025 * 2**n <= wait <= 0.0051 * 2**n + 0.001 for n, wait in enumerate(waits))
    assert [(line["event"], line["key"]) for line in logs] == [("reconcile failed", "a"), ("recovered", "a")]
    text = metrics.expose().decode()
    assert 'controller_runtime_reconcile_total{controller="c",result="error"} 6.0' in text
    assert 'controller_runtime_reconcile_total{controller="c",result="success"} 1.0' in text
    assert controller.queue.failures("a") == 0


async def test_another_message_is_logged_again() -> None:
    work = Work()
    work.answer = lambda _: RuntimeError(f"number {min(len(work.keys), 4) // 2}") if len(work.keys) < 9 else DONE
    controller = Controller("c", work)
    with structlog.testing.capture_logs() as logs:
        async with running(controller):
            controller.queue.add("a")
            await asyncio.sleep(5)

    assert [line["error"] for line in logs if "error" in line] == [f"RuntimeError: number {n}" for n in (0, 1, 2)]


async def test_a_wait_that_the_server_asked_for_is_kept() -> None:
    work = Work()
    work.answer = lambda _: TooManyRequests(429, "", "", retry_after=7.0) if len(work.keys) == 1 else DONE
    controller = Controller("c", work)
    async with running(controller):
        controller.queue.add("a")
        await asyncio.sleep(10)

    assert [round(time) for time in work.times] == [0, 7]


async def test_a_reconcile_that_hangs_is_ended_at_its_deadline() -> None:
    work = Work()
    work.answer = lambda _: asyncio.sleep(100) if len(work.keys) == 1 else DONE
    controller = Controller("c", work, workers=1, deadline=5)
    with structlog.testing.capture_logs() as logs:
        async with running(controller):
            controller.queue.add("a")
            controller.queue.add("b")
            await asyncio.sleep(20)

    assert work.keys == ["a", "b", "a"]
    assert logs[0]["error"] == "not done within 5 s"


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), TimeoutError(), ValueError(), ExceptionGroup("g", [OSError()])]
)
async def test_no_error_costs_a_worker(error: BaseException) -> None:
    work = Work()
    work.answer = lambda key: error if key == "bad" and work.keys.count("bad") < 5 else DONE
    controller = Controller("c", work, workers=1)
    async with running(controller) as task:
        for key in ("bad", "good"):
            controller.queue.add(key)
        await asyncio.sleep(2)
        assert not task.done()

    assert work.keys.count("bad") == 5
    assert "good" in work.keys


async def test_one_key_is_never_in_two_hands() -> None:
    store: Store[Namespace] = Store()
    hands: dict[str, int] = {}
    most = 0

    async def reconcile(key: str) -> Result:
        nonlocal most
        hands[key] = hands.get(key, 0) + 1
        most = max(most, hands[key])
        await asyncio.sleep(0.01)
        hands[key] -= 1
        return DONE

    controller = Controller("c", reconcile, workers=8)
    controller.watches(store, lambda item: [item.metadata.name])
    async with running(controller):
        for version in range(200):
            store.upsert(made("ab"[version % 2], str(version)))
            await asyncio.sleep(0.001)
        await settled(controller)

    assert most == 1


async def test_draining_lets_hands_finish_and_takes_nothing_new() -> None:
    work = Work()
    done: list[str] = []

    async def slowly(key: str) -> Result:
        await asyncio.sleep(1 if key == "short" else 100)
        done.append(key)
        return DONE

    work.answer = slowly
    controller = Controller("c", work, workers=2)
    async with running(controller) as task:
        for key in ("short", "long", "waiting"):
            controller.queue.add(key)
        await asyncio.sleep(0.5)
        started = asyncio.get_running_loop().time()
        await controller.drain(3)
        await asyncio.wait_for(task, 1)
        assert asyncio.get_running_loop().time() - started <= 3.1

    assert done == ["short"]
    assert "waiting" not in work.keys
