from __future__ import annotations

from cotenant.kube.throttle import TokenBucket


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_is_free_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(10, 3, Clock())

    assert [round(bucket.reserve(), 3) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]


def test_tokens_come_back_with_time_up_to_the_burst() -> None:
    clock = Clock()
    bucket = TokenBucket(10, 3, clock)
    for _ in range(3):
        bucket.reserve()
    clock.now += 60

    assert [round(bucket.reserve(), 3) for _ in range(4)] == [0, 0, 0, 0.1]


def test_without_a_rate_nothing_waits() -> None:
    bucket = TokenBucket(0, 1, Clock())

    assert {bucket.reserve() for _ in range(1000)} == {0.0}
