from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotenant.runtime.metrics import Metrics
from cotenant.runtime.queue import LAZY, NORMAL, URGENT, Queue

METRICS = Metrics()


def new() -> Queue:
    return Queue(metrics=METRICS, jitter=lambda: 1.0)


async def taken(queue: Queue, number: int) -> list[str]:
    return [await asyncio.wait_for(queue.get(), 60) for _ in range(number)]


async def test_a_key_is_queued_once() -> None:
    queue = new()
    for key in ("a", "b", "a", "a"):
        queue.add(key)

    assert len(queue) == 2
    assert await taken(queue, 2) == ["a", "b"]


async def test_higher_priorities_come_first_and_a_raise_counts() -> None:
    queue = new()
    queue.add("lazy", priority=LAZY)
    queue.add("raised", priority=LAZY)
    queue.add("normal", priority=NORMAL)
    queue.add("urgent", priority=URGENT)
    queue.add("raised", priority=URGENT)
    queue.add("urgent", priority=LAZY)

    assert await taken(queue, 4) == ["urgent", "raised", "normal", "lazy"]
    assert len(queue) == 0


async def test_a_key_in_work_waits_until_it_is_done() -> None:
    queue = new()
    queue.add("a")
    await queue.get()
    queue.add("a")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.01)

    queue.done("a")

    assert await taken(queue, 1) == ["a"]


async def test_one_timer_a_key_and_the_earlier_wins() -> None:
    queue = new()
    queue.add_after("a", 5)
    queue.add_after("a", 0.02)
    queue.add_after("a", 9)
    assert len(queue) == 0

    assert await taken(queue, 1) == ["a"]
    queue.done("a")
    assert queue._timers == {}


async def test_a_key_that_waits_can_be_preferred_and_no_other_comes_by_it() -> None:
    queue = new()
    queue.add("first")
    queue.add("second")
    queue.prefer("second", URGENT)
    queue.prefer("nobody", URGENT)
    assert await taken(queue, 2) == ["second", "first"]
    assert len(queue) == 0


async def test_adding_beats_a_timer_and_keeps_its_priority() -> None:
    queue = new()
    queue.add("before")
    queue.add_after("a", 5, priority=URGENT)
    queue.add("a", priority=LAZY)

    assert await taken(queue, 2) == ["a", "before"]
    assert queue._timers == {}


async def test_a_key_that_waits_gets_no_timer() -> None:
    queue = new()
    queue.add("a")
    queue.add_after("a", 0.01)

    await taken(queue, 1)
    queue.done("a")
    await asyncio.sleep(0.03)

    assert len(queue) == 0


async def test_failures_wait_5_ms_doubling_to_a_minute() -> None:
    queue = new()
    waits = [queue.retry("a") for _ in range(17)]

    assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
    assert waits[-1] == 60.0
    queue.forget("a")
    assert queue.retry("a") == 0.005
    assert queue.retry("a", at_least=3.0) == 3.0
    queue.clear()


async def test_jitter_takes_up_to_half_away() -> None:
    assert Queue(metrics=METRICS, jitter=lambda: 0.0).retry("a") == 0.0025


async def test_a_cancelled_worker_passes_its_key_on() -> None:
    queue = new()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()

    assert await asyncio.wait_for(second, 60) == "a"


async def test_clearing_leaves_nothing_to_ring() -> None:
    queue = new()
    queue.add("a")
    queue.add_after("b", 0.01)
    queue.clear()
    await asyncio.sleep(0.02)

    assert len(queue) == 0
    assert queue.idle


async def test_ten_times_the_keys_cost_about_ten_times_the_work() -> None:
    async def spent(keys: int) -> float:
        queue = new()
        started = time.thread_time()
        for number in range(keys):
            queue.add(f"k{number}", priority=number % 3)
        for _ in range(keys):
            queue.done(await queue.get())
        return time.thread_time() - started

    small = min([await spent(3_000) for _ in range(3)])

    assert await spent(30_000) < 30 * small  # a scan of all keys for each would be a hundred times


@dataclass
class Model:
    """The queue as one would explain it: per key a waiting priority, a worker, or an earliest time."""

    now: float = 0.0
    order: int = 0
    waiting: dict[str, tuple[int, int]] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    timers: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, key: str, priority: int) -> None:
        _, timed = self.timers.pop(key, (0, priority))
        priority = max(priority, timed)
        before = self.waiting.get(key)
        if before is None or priority > before[0]:
            self.order += 1
            self.waiting[key] = (priority, self.order)

    def later(self, key: str, seconds: float, priority: int) -> None:
        if key in self.waiting or seconds <= 0:
            self.add(key, priority)
            return
        when, timed = self.timers.get(key, (self.now + seconds, priority))
        self.timers[key] = (min(when, self.now + seconds), max(timed, priority))

    def next(self) -> str | None:
        free = [key for key in self.waiting if key not in self.held]
        if not free:
            return None
        key = min(free, key=lambda each: (-self.waiting[each][0], self.waiting[each][1]))
        self.held[key] = self.waiting.pop(key)[0]
        return key

    def done(self, key: str) -> None:
        self.held.pop(key)
        if key in self.waiting:
            self.order += 1
            self.waiting[key] = (self.waiting[key][0], self.order)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for key, (when, priority) in sorted(self.timers.items(), key=lambda item: item[1][0]):
            if when <= self.now:
                self.add(key, priority)


KEYS = st.sampled_from("abcde")
PRIORITIES = st.sampled_from([LAZY, NORMAL, URGENT])
ACTIONS = st.one_of(
    st.tuples(st.just("add"), KEYS, PRIORITIES),
    st.tuples(st.just("later"), KEYS, st.integers(0, 4), PRIORITIES),
    st.tuples(st.just("get")),
    st.tuples(st.just("done")),
    st.tuples(st.just("time"), st.integers(1, 3)),
)


class ByHand(asyncio.SelectorEventLoop):
    """A loop whose clock moves when it is told to."""

    hands = 0.0

    def time(self) -> float:
        return self.hands


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=60))
def test_it_does_what_the_simple_model_does(actions: list[tuple]) -> None:
    async def compare() -> None:
        loop = asyncio.get_running_loop()
        queue, model, unique = new(), Model(), 0
        for action in actions:
            match action:
                case ("add", key, priority):
                    queue.add(key, priority=priority)
                    model.add(key, priority)
                case ("later", key, units, priority):
                    unique += 1
                    seconds = units + unique * 1e-6 if units else 0.0  # no two timers at once
                    queue.add_after(key, seconds, priority=priority)
                    model.later(key, seconds, priority)
                case ("get",):
                    expected = model.next()
                    assert expected == queue._pop()
                case ("done",):
                    if model.held:
                        key = next(iter(model.held))
                        model.done(key)
                        queue.done(key)
                case ("time", units):
                    loop.hands += units + 0.5
                    model.pass_time(units + 0.5)
                    for _ in range(3):
                        await asyncio.sleep(0)
            assert len(queue) == len(model.waiting)
            assert {key: timer.priority for key, timer in queue._timers.items()} == {
                key: priority for key, (_, priority) in model.timers.items()
            }
        queue.clear()

    loop = ByHand()
    try:
        loop.run_until_complete(compare())
    finally:
        loop.close()
