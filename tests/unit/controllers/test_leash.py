from __future__ import annotations

from typing import Any

import pytest

from cotenant.controllers.leash import Leash
from cotenant.kube.errors import Forbidden, Unavailable
from cotenant.model.platform import Platform

REFUSAL = Forbidden(403, "Forbidden", "denied request: COTENANT-LEASH-2: cotenant may not CREATE limitranges")
PLATFORM = Platform()


class Server:
    """Answers who asks, and does with the canary what the test says, one answer after the other."""

    def __init__(self, *answers: Exception | None, name: str = PLATFORM.operator) -> None:
        self.answers, self.name, self.dry = list(answers), name, True

    async def create(self, resource: Any, _body: Any, *, dry_run: bool = False) -> Any:
        if resource.kind == "SelfSubjectReview":
            return {"status": {"userInfo": {"username": self.name}}}
        self.dry = self.dry and dry_run
        if answer := self.answers.pop(0):
            raise answer
        return {}


async def trial(*answers: Exception | None, **choice: Any) -> str:
    server: Any = Server(*answers, **choice)
    problem = await Leash(server, PLATFORM).trial()
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


async def test_it_is_not_ready_before_it_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cotenant.controllers.leash.SOON", 0)
    server: Any = Server(None, REFUSAL, REFUSAL, REFUSAL)
    leash = Leash(server, PLATFORM)
    assert leash.problems() == ["the policy cotenant-leash has not been tried yet"]
    await leash.run()
    assert leash.problems() == []
