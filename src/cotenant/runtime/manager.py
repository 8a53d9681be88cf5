"""Runs the parts in order: caches first, controllers only while leading, and down again in the opposite order."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import structlog

from cotenant.runtime.controller import Controller
from cotenant.runtime.leader import Leader
from cotenant.runtime.reflector import Reflector
from cotenant.runtime.rights import RightsMissing

log = structlog.get_logger()

Part = Callable[[], Awaitable[None]]
RESTART_FIRST, RESTART_CAP = 1.0, 60.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Manager:
    """The life of one process.

    reflectors: run always, also on a standby, so that taking over begins with warm caches;
    controllers and while_leading: run while this process leads, or from the sync on without a leader;
    services: run always (HTTP, events). A part that raises is started again, later each time.
    requirement: asked for at the start, beside all that; its RightsMissing ends the run in order, and is raised then.
    grace: seconds that reconciles in hand get on stop.
    """

    def __init__(
        self,
        *,
        reflectors: Sequence[Reflector[Any]] = (),
        controllers: Sequence[Controller] = (),
        leader: Leader | None = None,
        services: Sequence[Part] = (),
        while_leading: Sequence[Part] = (),
        requirement: Part | None = None,
        grace: float = 10.0,
    ) -> None:
        self.reflectors = list(reflectors)
        self.controllers = list(controllers)
        self.leader = leader
        self.services = list(services)
        self.while_leading = list(while_leading)
        self.requirement = requirement
        self.grace = grace
        self.working = False
        self._stopping = asyncio.Event()
        self._running = False
        self._missing: RightsMissing | None = None

    def ready(self) -> bool:
        """Every cache has its first list."""
        return not self.unsynced()

    def healthy(self) -> bool:
        """The process does what it should; broken watches show in problems(), a restart would not mend them."""
        return self._running and not self._stopping.is_set()

    def unsynced(self) -> list[str]:
        """The resources still missing."""
        return [str(each.resource) for each in self.reflectors if not each.store.synced]

    def problems(self) -> list[str]:
        """What keeps a cache from being true, one sentence each."""
        return [f"{each.resource}: {each.last_error}" for each in self.reflectors if each.last_error]

    def stop(self) -> None:
        """Begins the orderly end; run() returns when it is done."""
        self._stopping.set()

    async def wait_synced(self, seconds: float | None = None) -> None:
        """Returns when ready; TimeoutError after so many seconds."""
        async with asyncio.timeout(seconds):
            for each in self.reflectors:
                await each.wait_synced()

    async def run(self, *, signals: bool = False) -> None:
        """Until stop(), or SIGTERM and SIGINT with `signals`: drains, gives the lease back, ends services, then caches.

        RightsMissing where the requirement was not met.
        """
        self._running = True
        watching = [asyncio.create_task(_keep(each.run), name=str(each.resource)) for each in self.reflectors]
        serving = [asyncio.create_task(_keep(each)) for each in self.services]
        serving.append(asyncio.create_task(self._required()))
        try:
            with _handled(self.stop) if signals else _handled(None):
                await self._until_stopped(self.wait_synced())
                if not self._stopping.is_set():
                    gc.collect()
                    gc.freeze()  # the caches live as long as we do: no collector needs to look at them again
                    await self._lead_or_stand_by()
        finally:
            await _end(serving)
            await _end(watching)
            self._running = False
        if self._missing is not None:
            raise self._missing

    async def _required(self) -> None:
        try:
            if self.requirement is not None:
                await self.requirement()
        except RightsMissing as missing:
            self._missing = missing
            self.stop()

    async def _lead_or_stand_by(self) -> None:
        if self.leader is None:
            await self._work()
            return
        election = asyncio.create_task(self.leader.run(self._work), name="leader")
        stopped = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((election, stopped), return_when=asyncio.FIRST_COMPLETED)
            if self.working:
                await asyncio.wait((election,), timeout=self.grace + self.leader.retry)
        finally:
            await _end((election, stopped))

    async def _work(self) -> None:
        """Controllers and their companions until stop(), or until cancelled because the lease is lost."""
        parts: list[Part] = [*(each.run for each in self.controllers), *self.while_leading]
        tasks = [asyncio.create_task(_keep(part)) for part in parts]
        self.working = True
        try:
            await self._stopping.wait()
            await asyncio.gather(*(each.drain(self.grace) for each in self.controllers))
        finally:
            await _end(tasks)
            self.working = False

    async def _until_stopped(self, work: Awaitable[None]) -> None:
        tasks = [asyncio.ensure_future(work), asyncio.create_task(self._stopping.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(tasks)


async def _keep(part: Part) -> None:
    """A part that returns has done its work; one that raises is started again."""
    delay = RESTART_FIRST
    while True:
        try:
            await part()
        except Exception:
            log.exception("part failed", part=getattr(part, "__qualname__", str(part)), restart=delay)
        else:
            return
        await asyncio.sleep(delay)
        delay = min(delay * 2, RESTART_CAP)


async def _end(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _handled(stop: Callable[[], None] | None) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    caught = SIGNALS if stop is not None else ()
    for each in caught:
        assert stop is not None
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in caught:
            loop.remove_signal_handler(each)
