from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import structlog

from cotenant.api.builtin import Namespace
from cotenant.kube.client import Client
from cotenant.kube.resource import NAMESPACES
from cotenant.runtime.controller import DONE, Controller, Result
from cotenant.runtime.manager import Manager
from cotenant.runtime.reflector import Reflector
from cotenant.runtime.rights import Right, RightsMissing
from cotenant.runtime.store import Store
from endpoint import Endpoint, listing, namespace, refusal


class Parts:
    """A reflector, a controller and a diary."""

    def __init__(self, client: Client) -> None:
        self.diary: list[str] = []
        self.store: Store[Namespace] = Store()
        self.reflector = Reflector(client, NAMESPACES, Namespace, store=self.store)
        self.controller = Controller("c", self.reconcile)
        self.controller.watches(self.store, lambda item: [item.metadata.name])

    async def reconcile(self, key: str) -> Result:
        self.diary.append(key)
        return DONE

    async def nothing(self) -> None:
        """A requirement that is met."""

    def noting(self, name: str) -> Callable[[], Awaitable[None]]:
        async def part() -> None:
            self.diary.append(f"{name} begins")
            try:
                await asyncio.sleep(3600)
            finally:
                self.diary.append(f"{name} ends")

        return part


class Election:
    """A leader that leads when it is told to."""

    retry = 0.1

    def __init__(self) -> None:
        self.turn, self.lost = asyncio.Event(), asyncio.Event()
        self.released = False

    async def run(self, on_started: Callable[[], Awaitable[None]], *_: Any) -> None:
        try:
            while True:
                await self.turn.wait()
                work = asyncio.ensure_future(on_started())
                lost = asyncio.ensure_future(self.lost.wait())
                await asyncio.wait((work, lost), return_when=asyncio.FIRST_COMPLETED)
                if work.done():
                    lost.cancel()
                    return
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                self.turn.clear()
                self.lost.clear()
        finally:
            self.released = True


async def stopped(manager: Manager, task: asyncio.Task[None]) -> None:
    manager.stop()
    await asyncio.wait_for(task, 60)


async def test_controllers_begin_only_when_every_cache_is_complete(client: Client, endpoint: Endpoint) -> None:
    parts = Parts(client)
    endpoint.play(refusal(403, "Forbidden"))
    manager = Manager(reflectors=[parts.reflector], controllers=[parts.controller])
    task = asyncio.create_task(manager.run())
    await endpoint.until(manager.problems)
    assert (manager.ready(), manager.unsynced(), manager.working) == (False, ["namespaces"], False)
    with pytest.raises(TimeoutError):
        await manager.wait_synced(0.01)

    endpoint.play(listing("5", namespace("a"), namespace("b")))
    await manager.wait_synced(60)
    await endpoint.until(lambda: parts.diary == ["a", "b"])
    assert manager.ready()
    assert manager.healthy()
    await stopped(manager, task)
    assert not manager.healthy()


async def test_a_standby_keeps_its_caches_warm_and_does_nothing(client: Client, endpoint: Endpoint) -> None:
    parts, election = Parts(client), Election()
    endpoint.play(listing("5", namespace("a")))
    manager = Manager(reflectors=[parts.reflector], controllers=[parts.controller], leader=election)
    task = asyncio.create_task(manager.run())
    await manager.wait_synced(60)
    parts.store.upsert(msgspec.convert(namespace("b"), Namespace))
    await asyncio.sleep(0.05)
    assert manager.ready()
    assert parts.diary == []

    election.turn.set()
    await endpoint.until(lambda: sorted(parts.diary) == ["a", "b"])
    election.lost.set()
    await endpoint.until(lambda: not manager.working)
    parts.store.upsert(msgspec.convert(namespace("c"), Namespace))
    await asyncio.sleep(0.05)
    assert "c" not in parts.diary
    election.turn.set()
    await endpoint.until(lambda: "c" in parts.diary)

    await stopped(manager, task)
    assert len([each for each in endpoint.seen if "watch" not in each.query]) == 1, "no second list"


async def test_it_ends_in_order_work_lease_services_caches(client: Client, endpoint: Endpoint) -> None:
    parts, election = Parts(client), Election()
    endpoint.play(listing("5", namespace("a")))
    begun = asyncio.Event()

    async def slow(key: str) -> Result:
        begun.set()
        await asyncio.sleep(0.2)
        parts.diary.append(f"reconciled {key}")
        assert not election.released
        return DONE

    controller = Controller("slow", slow)
    controller.watches(parts.store, lambda item: [item.metadata.name])
    manager = Manager(
        reflectors=[parts.reflector],
        controllers=[controller],
        leader=election,
        services=[parts.noting("service")],
        while_leading=[parts.noting("sweep")],
    )
    task = asyncio.create_task(manager.run())
    election.turn.set()
    await asyncio.wait_for(begun.wait(), 60)
    await stopped(manager, task)

    assert election.released
    assert parts.diary == ["service begins", "sweep begins", "reconciled a", "sweep ends", "service ends"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(client: Client, endpoint: Endpoint, number: signal.Signals) -> None:
    parts = Parts(client)
    endpoint.play(listing("5"))
    manager = Manager(reflectors=[parts.reflector], controllers=[parts.controller])
    task = asyncio.create_task(manager.run(signals=True))
    await manager.wait_synced(60)
    await asyncio.sleep(0)
    os.kill(os.getpid(), number)

    await asyncio.wait_for(task, 60)


async def test_it_can_be_stopped_before_anything_is_synced(client: Client, endpoint: Endpoint) -> None:
    parts = Parts(client)
    manager = Manager(reflectors=[parts.reflector], controllers=[parts.controller])
    task = asyncio.create_task(manager.run())
    await endpoint.until(lambda: endpoint.seen)
    await stopped(manager, task)

    assert parts.diary == []


@pytest.mark.looptime
@pytest.mark.asyncio(loop_scope="function")
async def test_a_part_that_fails_is_started_again_later_each_time() -> None:
    times: list[float] = []

    async def fails() -> None:
        times.append(asyncio.get_running_loop().time())
        raise RuntimeError("broken")

    manager = Manager(services=[fails])
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(manager.run())
        await asyncio.sleep(600)
        manager.stop()
        await task

    waits = [round(b - a) for a, b in pairwise(times)]
    assert waits[:7] == [1, 2, 4, 8, 16, 32, 60]
    assert logs[0]["event"] == "part failed"


async def test_rights_that_are_missing_end_the_run_in_order_and_are_raised(client: Client, endpoint: Endpoint) -> None:
    parts = Parts(client)

    async def requirement() -> None:
        await endpoint.until(lambda: parts.diary == ["service begins"])
        raise RightsMissing([Right("list", NAMESPACES)])

    manager = Manager(reflectors=[parts.reflector], services=[parts.noting("service")], requirement=requirement)
    with pytest.raises(RightsMissing, match="list namespaces"):
        await asyncio.wait_for(manager.run(), 60)

    assert parts.diary == ["service begins", "service ends"]
    assert not manager.healthy()


async def test_a_requirement_that_is_met_ends_nothing(client: Client, endpoint: Endpoint) -> None:
    parts = Parts(client)
    endpoint.play(listing("5", namespace("a")))
    manager = Manager(reflectors=[parts.reflector], controllers=[parts.controller], requirement=parts.nothing)
    task = asyncio.create_task(manager.run())

    await endpoint.until(lambda: parts.diary == ["a"])
    assert manager.healthy()
    await stopped(manager, task)
