"""The work queue: each key at most once, never two workers on one key, later and again without a task each.

After client-go's workqueue: a key that comes while a worker has it waits until that worker is done.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from cotenant.runtime.metrics import Metrics

URGENT, NORMAL, LAZY = 10, 0, -10
RETRY_FIRST, RETRY_CAP = 0.005, 60.0  # seconds


@dataclass(slots=True)
class _Waiting:
    priority: int
    since: float


@dataclass(slots=True)
class _Timer:
    handle: asyncio.TimerHandle
    when: float
    priority: int


class Queue:
    """Higher priorities first, first come first served within one.

    A key is in one place: waiting, or timed, each at the highest priority anyone asked for and the earliest time.
    `add` beats a timer; a timer never delays a key that already waits.
    """

    def __init__(
        self, name: str = "queue", *, metrics: Metrics | None = None, jitter: Callable[[], float] = random.random
    ) -> None:
        metrics = metrics or Metrics()
        self._jitter = jitter
        self._heap: list[tuple[int, int, str]] = []
        self._sequence = 0
        self._dirty: dict[str, _Waiting] = {}
        self._processing: dict[str, int] = {}
        self._timers: dict[str, _Timer] = {}
        self._failures: dict[str, int] = {}
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._depth = metrics.queue_depth.labels(name)
        self._adds = metrics.queue_adds.labels(name)
        self._retries = metrics.queue_retries.labels(name)
        self._wait = metrics.queue_wait.labels(name)

    def __len__(self) -> int:
        """Keys waiting, those that a worker has and that came again included; timers are not."""
        return len(self._dirty)

    @property
    def idle(self) -> bool:
        """Nothing waits and nobody works; timers may be running."""
        return not self._dirty and not self._processing

    def add(self, key: str, *, priority: int = NORMAL) -> None:
        """Now."""
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.handle.cancel()
            priority = max(priority, timer.priority)
        waiting = self._dirty.get(key)
        if waiting is not None:
            if priority > waiting.priority:
                waiting.priority = priority
                self._offer(key, priority)
            return
        self._dirty[key] = _Waiting(priority, asyncio.get_running_loop().time())
        self._adds.inc()
        self._depth.set(len(self._dirty))
        self._offer(key, priority)

    def prefer(self, key: str, priority: int) -> None:
        """A key that waits comes sooner; one that does not is left alone."""
        if key in self._dirty:
            self.add(key, priority=priority)

    def add_after(self, key: str, seconds: float, *, priority: int = NORMAL) -> None:
        """In so many seconds, unless it is sooner anyway."""
        if seconds <= 0 or key in self._dirty:
            self.add(key, priority=priority)
            return
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        timer = self._timers.get(key)
        if timer is not None:
            timer.priority = max(timer.priority, priority)
            if timer.when <= when:
                return
            timer.handle.cancel()
            priority = timer.priority
        self._timers[key] = _Timer(loop.call_at(when, self._ring, key), when, priority)

    async def get(self) -> str:
        """The next key; the caller must say done(key)."""
        while True:
            key = self._pop()
            if key is not None:
                return key
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                else:
                    self._wake()  # we were called and will not come: call somebody else
                raise

    def done(self, key: str) -> None:
        """The worker has finished; a key that came again meanwhile is offered now."""
        self._processing.pop(key, None)
        waiting = self._dirty.get(key)
        if waiting is not None:
            self._offer(key, waiting.priority)

    def retry(self, key: str, *, at_least: float = 0.0) -> float:
        """After a failure: later each time, 5 ms doubling to 60 s, the upper half of it by chance. Returns seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self._retries.inc()
        full = min(RETRY_CAP, RETRY_FIRST * 2.0 ** min(failures, 20))
        seconds = max(at_least, full * (0.5 + self._jitter() / 2))
        self.add_after(key, seconds, priority=self._processing.get(key, NORMAL))
        return seconds

    def forget(self, key: str) -> None:
        """After a success: the next failure begins at 5 ms again."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """How often in a row it failed."""
        return self._failures.get(key, 0)

    def clear(self) -> None:
        """Drops what waits and every timer; keys that workers have stay theirs."""
        for timer in self._timers.values():
            timer.handle.cancel()
        self._timers.clear()
        self._dirty.clear()
        self._heap.clear()
        self._failures.clear()
        self._depth.set(0)

    def _ring(self, key: str) -> None:
        self.add(key, priority=self._timers[key].priority)

    def _offer(self, key: str, priority: int) -> None:
        if key in self._processing:
            return
        self._sequence += 1
        heapq.heappush(self._heap, (-priority, self._sequence, key))
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _pop(self) -> str | None:
        while self._heap:
            negative, _, key = heapq.heappop(self._heap)
            waiting = self._dirty.get(key)
            # A raised priority leaves the older entry behind: it is void, as is one of a key that went meanwhile.
            if waiting is None or waiting.priority != -negative or key in self._processing:
                continue
            del self._dirty[key]
            self._processing[key] = waiting.priority
            self._depth.set(len(self._dirty))
            self._wait.observe(asyncio.get_running_loop().time() - waiting.since)
            return key
        return None
