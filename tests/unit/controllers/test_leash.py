from __future__ import annotations

from typing import Any

import pytest

from cotenant.controllers.leash import LATER, SOON, Leash
from cotenant.kube.errors import Forbidden, Unavailable
from cotenant.model.platform import Platform
from cotenant.runtime.metrics import Metrics

REFUSAL = Forbidden(403, "Forbidden", "denied request: COTENANT-LEASH-2: cotenant may not CREATE limitranges")
PLATFORM = Platform()
LOST = "the policy cotenant-leash is not in force; run: cotenant install"


class Over(Exception):
    """The test has no more answers."""


class Server:
    """Answers who asks, and does with the canary what the test says, one answer after the other."""

    def __init__(self, *answers: Exception | None, name: str = PLATFORM.operator) -> None:
        self.answers, self.name, self.dry = list(answers), name, True

    async def create(self, resource: Any, _body: Any, *, dry_run: bool = False) -> Any:
        if resource.kind == "SelfSubjectReview":
            return {"status": {"userInfo": {"username": self.name}}}
        self.dry = self.dry and dry_run
        if not self.answers:
            raise Over
        if answer := self.answers.pop(0):
            raise answer
        return {}


async def trial(*answers: Exception | None, **choice: Any) -> str:
    server: Any = Server(*answers, **choice)
    problem = await Leash(server, PLATFORM, Metrics()).trial()
    assert server.dry
    return problem


async def test_a_leash_that_refuses_three_times_is_proven() -> None:
    assert await trial(REFUSAL, REFUSAL, REFUSAL) == ""


async def test_one_api_server_without_the_policy_is_enough_not_to_be_ready() -> None:
    assert "not in force" in await trial(REFUSAL, REFUSAL, None)


async def test_a_refusal_by_rbac_proves_nothing() -> None:
    rbac = Forbidden(403, "Forbidden", 'limitranges is forbidden: User "x" cannot create resource "limitranges"')
    assert "not in force" in await trial(rbac)


async def test_no_answer_is_no_proof() -> None:
    assert "could not be tried" in await trial(Unavailable(503, "ServiceUnavailable", "down"))


async def test_the_leash_is_for_the_operators_own_identity_only() -> None:
    assert await trial(name="kubernetes-admin") == ""


def leash(*answers: Exception | None, **choice: Any) -> Leash:
    server: Any = Server(*answers, **choice)
    return Leash(server, PLATFORM, Metrics())


async def until_over(one: Leash, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, list[str], bool]]:
    """Pause, problems and gauge after each trial until the answers are used up."""
    told = []

    async def sleep(seconds: float) -> None:
        told.append((seconds, one.problems(), b"cotenant_leash_in_force 1.0" in one.metrics.expose()))

    monkeypatch.setattr("cotenant.controllers.leash.asyncio.sleep", sleep)
    with pytest.raises(Over):
        await one.run()
    return told


async def test_it_is_not_ready_before_it_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    one = leash(None, REFUSAL, REFUSAL, REFUSAL)
    assert one.problems() == ["the policy cotenant-leash has not been tried yet"]
    assert await until_over(one, monkeypatch) == [(SOON, [LOST], False), (LATER, [], True)]


async def test_a_leash_that_is_taken_off_later_is_noticed_and_so_is_its_return(monkeypatch: pytest.MonkeyPatch) -> None:
    one = leash(*[REFUSAL] * 3, None, *[REFUSAL] * 3)
    assert await until_over(one, monkeypatch) == [(LATER, [], True), (SOON, [LOST], False), (LATER, [], True)]


async def test_whoever_the_leash_is_not_for_is_asked_once_and_never_called_leashed() -> None:
    one = leash(name="kubernetes-admin")
    await one.run()
    assert (one.problems(), b"cotenant_leash_in_force 0.0" in one.metrics.expose()) == ([], True)
