from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from cotenant.judge.isolation.pairs import choose
from cotenant.judge.isolation.parties import anybody
from cotenant.judge.isolation.report import Tally
from cotenant.kube.errors import Forbidden
from cotenant.proof.prover import Prover
from cotenant.proof.scene import Question, Scene, inhabited
from unit.judge.isolation.samples import CATALOGUE, NOWHERE, blue, red

WHY = "webhook authorizer does not support user rule resolution"


class Server:
    """Takes everybody for who they say they are. `incomplete`: an authorizer does not list its rules."""

    def __init__(self, *, incomplete: bool = False, user: str = "admin", groups: tuple = ()) -> None:
        self._incomplete = incomplete
        self._who = {"username": user, "groups": [*groups]}

    def as_user(self, user, groups):
        return Server(incomplete=self._incomplete, user=user, groups=groups)

    async def raw(self, _method, path, **_):
        if path.endswith("selfsubjectreviews"):
            status = {"userInfo": self._who}
        else:
            status = {"incomplete": self._incomplete, "evaluationError": WHY if self._incomplete else ""}
        return 201, msgspec.json.encode({"status": status})

    async def list(self, _resource):
        raise Forbidden(403, "Forbidden", "no")


async def plan(*, incomplete: bool):
    parties = (red(accounts=(anybody("red-dev"),)), blue())
    prover = Prover(
        Server(incomplete=incomplete),
        Question(nowhere=NOWHERE, seed=1, now=datetime.now(UTC)),
        Tally(parties, choose(["red", "blue"], 1)),
    )
    scene = Scene(parties, tuple(CATALOGUE), {}, ())
    await prover.introduce(scene)
    foreign = [one for one in prover.attempts(scene) if one.source != one.target]
    return prover, {one.means for one in foreign if one.identity.member.startswith("any ")}


@pytest.mark.parametrize(
    ("incomplete", "means"),
    [(False, {"rules"}), (True, {"rules", "review"})],
)
async def test_where_rules_are_not_all_listed_service_accounts_are_also_asked_for_and_a_note_says_so(incomplete, means):
    prover, found = await plan(incomplete=incomplete)
    assert found == means
    assert any(WHY in note for note in prover.notes) == incomplete


async def test_who_may_not_list_service_accounts_tries_any_of_each_space_and_says_so():
    before = [red(accounts=(anybody("red-dev"),))]
    after, notes = await inhabited(Server(), before)
    assert after == before
    assert notes == ["ServiceAccounts are tried as any of a space, none by its name: no"]
