"""When a policy counts as active: denials in a row, by itself, and by nobody else."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli.cluster.canaries import metered, others, parametrised
from cotenant.cli.cluster.observers import audits
from cotenant.cli.cluster.proof import Canary, NotProven, prove
from cotenant.cli.cluster.settled import changes, claims
from cotenant.kube.errors import AlreadyExists, Forbidden, Invalid, NotFound, Unavailable
from cotenant.model.platform import Platform
from cotenant.render.install import deny

OURS = Forbidden(403, "Forbidden", "COTENANT-X-1: no")
THEIRS = Forbidden(403, "Forbidden", "somebody else's webhook says no")


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
    return Canary("cotenant-x", ("COTENANT-X",), server.attempt, patient)


async def test_a_streak_that_breaks_begins_anew() -> None:
    server = Server(OURS, OURS, None, OURS)
    await prove(canary(server), denials=3)
    assert server.asked == 6


@pytest.mark.parametrize(
    "answer", [None, NotFound(404, "NotFound", "no such pod"), AlreadyExists(409, "AlreadyExists", "there is one")]
)
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


@pytest.mark.parametrize("warning", ["", "with binding 'somebody-else'"])
async def test_a_refusal_without_the_warning_beside_it_is_half_a_proof(warning: str) -> None:
    with pytest.raises(NotProven, match="still does not warn: cotenant-x-warn") as told:
        await prove(warning_canary(warning), seconds=0.3)
    assert told.value.tried
    await prove(warning_canary("Validation failed ... with binding 'cotenant-x-warn': no"), denials=2)


def warning_canary(warning: str) -> Canary:
    heard: list[str] = []

    async def attempt() -> None:
        heard.append(warning)
        raise OURS

    return Canary("cotenant-x", ("COTENANT-X", "cotenant-x-warn"), attempt, heard=heard)


async def test_what_must_be_written_is_looked_for_in_the_answer() -> None:
    async def answer() -> dict[str, str]:
        return {"pool": "gold"}

    await prove(Canary("cotenant-pools", (), answer, written=lambda found: found["pool"] == "gold"))
    with pytest.raises(NotProven, match="does not write") as told:
        await prove(Canary("cotenant-pools", (), answer, written=lambda found: "x" in found), seconds=0.3)
    assert told.value.tried


def test_every_binding_is_tried_by_somebody() -> None:
    nobody: Any = None
    client: Any = Nobody()
    found = [
        *parametrised(nobody, "x", routes=True),
        *others(nobody, nobody, "x"),
        *metered(nobody, nobody, "x"),
        *changes(client, "x", routes=True),
        claims(nobody, nobody, "x"),
    ]
    tried = {one.removeprefix("with binding '").partition("'")[0] for each in found for one in each.words}
    # Leash and guard, which are tried first, by canaries of their own; and the one that acts only while an operator counts, who tries it.
    tried |= {"cotenant-leash", "cotenant-leash-busy", "cotenant-guard", "cotenant-strict"}
    bindings = {one["metadata"]["name"] for one in deny(Platform()) if one["kind"].endswith("Binding")}
    assert tried | {name for name in bindings if name.endswith("-observe")} == bindings
    assert not {name for name in tried if name.endswith("-observe")}


class Nobody:
    """A client that may be copied."""

    on_warning = None


def test_audits_are_read_from_a_page_of_metrics_by_their_binding() -> None:
    page = b"""# TYPE apiserver_validating_admission_policy_check_total counter
apiserver_validating_admission_policy_check_total{enforcement_action="audit",error_type="no_error",policy="p",policy_binding="p-observe"} 3
apiserver_validating_admission_policy_check_total{enforcement_action="audit",error_type="invalid_error",policy="p",policy_binding="p-observe"} 1
apiserver_validating_admission_policy_check_total{enforcement_action="deny",error_type="no_error",policy="p",policy_binding="p"} 7
apiserver_other{policy_binding="p-observe",enforcement_action="audit"} 9
"""

    assert audits(page) == {"p-observe": 4.0}
    assert audits(b"") == {}
