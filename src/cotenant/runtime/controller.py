"""Workers on a queue: a key goes in, a reconcile comes out, and its result decides when the key is looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from cotenant.kube.errors import ApiError, Conflict
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.queue import LAZY, NORMAL, Queue
from cotenant.runtime.store import Change, Observed, Store

log = structlog.get_logger()
T = TypeVar("T", bound=Observed)


@dataclass(frozen=True, slots=True)
class Result:
    """after: seconds until the key is wanted again, None for not before something changes."""

    after: float | None = None


DONE = Result()
AT_LEAST = 0.01
"""Seconds between two looks at a key that asks for another one."""
Reconcile = Callable[[str], Awaitable[Result]]


class Controller:
    """Level-triggered: `reconcile` gets a key, never an event, and must work from the stores alone.

    It may raise; the key then comes again, later each time. deadline: seconds for one reconcile.
    Every key of every watched store is looked at once, lazily, each time `run` begins.
    """

    def __init__(
        self,
        name: str,
        reconcile: Reconcile,
        *,
        workers: int = 4,
        deadline: float = 60.0,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self.workers = workers
        self.deadline = deadline
        metrics = metrics or Metrics()
        self.queue = Queue(name, metrics=metrics)
        self._reconcile = reconcile
        self._seeds: list[Callable[[], None]] = []
        self._running = False
        self._draining = False
        self._busy: set[asyncio.Task[None]] = set()
        self._said: dict[str, str] = {}
        self._count = {word: metrics.reconciles.labels(name, word) for word in ("success", "requeue_after", "error")}
        self._errors = metrics.reconcile_errors.labels(name)
        self._seconds = metrics.reconcile_seconds.labels(name)
        self._active = metrics.active_workers.labels(name)
        metrics.workers.labels(name).set(workers)

    def watches(
        self,
        store: Store[T],
        mapper: Callable[[T], Iterable[str]],
        *,
        priority: int | Callable[[Change[T]], int] = NORMAL,
        delay: float | Callable[[Change[T]], float] = 0.0,
        when: Callable[[Change[T]], bool] | None = None,
    ) -> None:
        """Adds the keys of what an object was and of what it is now.

        delay: seconds to wait for more of the same; when: which changes matter at all.
        """

        def changed(change: Change[T]) -> None:
            if not self._running or (when is not None and not when(change)):
                return
            urgency = priority if isinstance(priority, int) else priority(change)
            wait = delay(change) if callable(delay) else delay
            keys = dict.fromkeys(mapper(change.new)) if change.new is not None else {}
            if change.old is not None:
                keys.update(dict.fromkeys(mapper(change.old)))
            for key in keys:
                self.queue.add_after(key, wait, priority=urgency)

        def seed() -> None:
            for item in list(store.items()):
                for key in mapper(item):
                    self.queue.add(key, priority=LAZY)

        store.subscribe(changed)
        self._seeds.append(seed)

    def always(self, key: str) -> None:
        """A key that is looked at each time `run` begins, whatever the stores hold."""
        self._seeds.append(lambda: self.queue.add(key, priority=LAZY))

    async def run(self) -> None:
        """Works until cancelled. What is in hand is then cancelled too; see drain for the gentle way."""
        self._running, self._draining = True, False
        try:
            for seed in self._seeds:
                seed()
            async with asyncio.TaskGroup() as group:
                self._tasks = [group.create_task(self._work(), name=f"{self.name}-{n}") for n in range(self.workers)]
        finally:
            self._running = False
            self.queue.clear()
            self._said.clear()

    async def drain(self, seconds: float) -> None:
        """Takes no new key; gives those in hand so many seconds, then cancels them. `run` returns."""
        if not self._running:
            return
        self._draining = True
        for task in self._tasks:
            if task not in self._busy:
                task.cancel()
        if self._busy:
            await asyncio.wait(self._busy, timeout=seconds)
        for task in self._tasks:
            task.cancel()

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._draining:
            key = await self.queue.get()
            self._busy.add(task)
            self._active.inc()
            try:
                await self._one(key)
            finally:
                self.queue.done(key)
                self._active.dec()
                self._busy.discard(task)

    async def _one(self, key: str) -> None:
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(self.deadline) as limit:
                result = await self._reconcile(key)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            self._failed(key, "cancelled from within")  # a stray cancellation must not cost a worker
        except Exception as error:  # noqa: BLE001 - whatever a reconcile raises, the queue decides about it
            late = isinstance(error, TimeoutError) and limit.expired()
            self._failed(key, f"not done within {self.deadline:g} s" if late else error)
        else:
            self.queue.forget(key)
            if self._said.pop(key, None) is not None:
                log.info("recovered", controller=self.name, key=key)
            if result.after is not None:
                # A result of nothing or less would keep a worker busy without ever yielding to the others.
                self.queue.add_after(key, max(result.after, AT_LEAST))
            self._count["success" if result.after is None else "requeue_after"].inc()
        finally:
            self._seconds.observe(clock() - started)

    def _failed(self, key: str, error: Exception | str) -> None:
        self._count["error"].inc()
        self._errors.inc()
        asked = error.retry_after or 0.0 if isinstance(error, ApiError) else 0.0
        again = self.queue.retry(key, at_least=asked)
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        if self._said.get(key) == text or (isinstance(error, Conflict) and self.queue.failures(key) == 1):
            return  # losing one compare-and-swap is how they work; losing again and again is worth a line
        self._said[key] = text
        # An answer of the API server explains itself; anything else is ours to fix and needs its traceback.
        trace: Any = None if isinstance(error, str | ApiError) else error
        log.warning(
            "reconcile failed", controller=self.name, key=key, error=text, retry=round(again, 3), exc_info=trace
        )
