"""When a policy counts as active: denials in a row, by itself, and by nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli.cluster.canaries import others, parametrised
from cotenant.cli.cluster.proof import Canary, NotProven, prove
from cotenant.kube.errors import Forbidden, Invalid, NotFound, Unavailable
from cotenant.model.platform import Platform
from cotenant.render.install import deny

OURS = Forbidden(403, "Forbidden", "COTENANT-X-1: no")
THEIRS = Forbidden(403, "Forbidden", "somebody else's webhook says no")
UNTRIED = {
    # Only where the Gateway API is installed could somebody ask for a route.
    "cotenant-routes",
    # Tried by others: by canaries of their own, and by the operator before it opens a space.
    "cotenant-leash",
    "cotenant-guard",
    "cotenant-quota-first",
    "cotenant-strict",
}


class Server:
    """Gives these answers, one after the other, then always the last."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.asked = list(answers), 0

    async def attempt(self) -> None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer:
            raise answer


def canary(server: Server, *, patient: bool = False) -> Canary:
    return Canary("cotenant-x", "COTENANT-X", server.attempt, patient)


async def test_a_streak_that_breaks_begins_anew() -> None:
    server = Server(OURS, OURS, None, OURS)
    await prove(canary(server), denials=3)
    assert server.asked == 6


@pytest.mark.parametrize("answer", [None, NotFound(404, "NotFound", "no such pod")])
async def test_what_is_let_through_is_not_proven(answer: Exception | None) -> None:
    with pytest.raises(NotProven) as told:
        await prove(canary(Server(answer)), seconds=0.3)
    assert told.value.tried


async def test_a_parameter_that_is_missing_is_a_refusal_too() -> None:
    await prove(canary(Server(Invalid(422, "Invalid", "COTENANT-X: no params found"))), denials=2)


async def test_a_refusal_by_somebody_else_is_no_proof_and_passes_where_one_is_patient() -> None:
    with pytest.raises(NotProven) as told:
        await prove(canary(Server(THEIRS)))
    assert not told.value.tried
    await prove(canary(Server(THEIRS, OURS), patient=True), denials=2)
    with pytest.raises(NotProven, match="webhook") as told:
        await prove(canary(Server(THEIRS), patient=True), seconds=0.3)
    assert not told.value.tried


async def test_without_an_answer_nothing_is_proven() -> None:
    with pytest.raises(NotProven):
        await prove(canary(Server(Unavailable(503, "ServiceUnavailable", "down"))))


def test_every_policy_is_tried_by_somebody() -> None:
    nobody: Any = None
    tried = {one.policy for one in (*parametrised(nobody, "x"), *others(nobody, nobody, "x"))}
    policies = {one["metadata"]["name"] for one in deny(Platform()) if one["kind"] == "ValidatingAdmissionPolicy"}
    assert tried | UNTRIED == policies
    assert not tried & UNTRIED
