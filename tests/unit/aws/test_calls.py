from __future__ import annotations

import asyncio

import pytest

from cotenant.aws.calls import Calls
from cotenant.aws.faults import Fault


class Slow(Calls):
    """Answers at once, and knows when it was asked."""

    def __init__(self, **more: float) -> None:
        super().__init__("us-east-1", **more)
        self.asked: list[float] = []

    def _do(self, service: str, operation: str, parameters: object) -> dict[str, object]:
        return {}

    async def call(self, service: str, operation: str, **parameters: object) -> dict[str, object]:
        answer = await super().call(service, operation, **parameters)
        self.asked.append(asyncio.get_running_loop().time())
        return answer


@pytest.mark.asyncio(loop_scope="function")
async def test_calls_keep_the_rate_that_eks_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    calls = Slow(rate=5.0, burst=10.0)
    monkeypatch.setattr("cotenant.kube.throttle.asyncio.sleep", sleep)
    for _ in range(110):
        await calls.call("eks", "ListAccessEntries")
    calls.close()
    # Ten were saved up; the hundred others wait a fifth of a second more each.
    assert len(slept) >= 95
    assert 18 < max(slept) <= 20.1


@pytest.mark.asyncio(loop_scope="function")
async def test_services_do_not_wait_for_each_other() -> None:
    calls = Slow(rate=0.001, burst=1.0)
    await asyncio.wait_for(asyncio.gather(*(calls.call(one, "X") for one in ("eks", "iam", "sts"))), 60)
    calls.close()


@pytest.mark.asyncio(loop_scope="function")
async def test_what_is_refused_for_good_is_not_asked_again() -> None:
    class Refusing(Slow):
        def _do(self, service: str, operation: str, parameters: object) -> dict[str, object]:
            self.asked.append(0)
            raise Fault("denied", "no")

    calls = Refusing()
    with pytest.raises(Fault):
        await calls.call("eks", "X")
    calls.close()
    assert len(calls.asked) == 1
