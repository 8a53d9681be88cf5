from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from cotenant.judge.isolation.outside import Beside
from cotenant.judge.isolation.pairs import choose
from cotenant.judge.isolation.parties import anybody
from cotenant.judge.isolation.report import Tally
from cotenant.kube.client import Listing
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import ROLE_BINDINGS
from cotenant.proof.prover import Prover
from cotenant.proof.scene import Question, Scene, inhabited
from unit.judge.isolation.samples import CATALOGUE, NOWHERE, blue, green, red

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


class Authorizer(Server):
    """Refuses everything that it is asked, and counts."""

    def __init__(self, *, readable: bool = True, denied: bool = False, **more) -> None:
        super().__init__(**more)
        self.asked, self._readable, self._denied = 0, readable, denied
        self.local: list[dict] = []

    async def raw(self, method, path, **more):
        if path.endswith("subjectaccessreviews"):
            self.asked += 1
            return 201, msgspec.json.encode({"status": {"allowed": False} | ({"denied": True} if self._denied else {})})
        return await super().raw(method, path, **more)

    async def list(self, asked):
        if not self._readable:
            raise Forbidden(403, "Forbidden", "no")
        return Listing(self.local if asked is ROLE_BINDINGS else [], "1")


async def proven(server: Authorizer, *, meanwhile: Sequence[dict] = (), **more) -> tuple[int, list[str]]:
    """How many checks were made of the server's refusals, and the notes. meanwhile: RoleBindings made as it ran."""
    parties = (red(), blue(), green())
    tally = Tally(parties, choose([one.name for one in parties], 1))
    question = Question(nowhere=NOWHERE, seed=1, now=datetime.now(UTC), static=True, **more)
    prover = Prover(server, question, tally)
    scene = Scene(parties, tuple(CATALOGUE), {}, ())
    await prover.introduce(scene)
    attempts = [one for one in prover.attempts(scene) if one.claim == "foreign"]
    for one in attempts:
        await prover.prove(one)
    assert sum(cell.counts.get("DENIED by RBAC", 0) for cell in tally.cells.values()) == len(attempts)
    server.local += meanwhile
    await prover.again(scene)
    return len(attempts), [*prover.notes, *prover.spared()]


async def test_what_rbac_refused_to_one_is_not_asked_for_another_with_the_same_bindings():
    server = Authorizer()
    checks, notes = await proven(server)
    assert server.asked == checks // 2
    assert any(note.startswith(f"{checks - server.asked:,} of the refusals were not asked for again") for note in notes)


@pytest.mark.parametrize(
    ("server", "outside"),
    [(Authorizer(readable=False), Beside()), (Authorizer(incomplete=True), None)],
)
async def test_without_a_look_at_rbac_or_beside_an_unknown_authorizer_everybody_is_asked_for(server, outside):
    checks, _ = await proven(server, outside=outside)
    assert server.asked == checks


async def test_what_an_authorizer_denies_outright_is_asked_for_each_for_it_is_not_rbacs():
    server = Authorizer(denied=True)
    checks, _ = await proven(server)
    assert server.asked == checks


async def test_who_got_a_binding_while_the_proof_ran_is_asked_for_again():
    made = {
        "metadata": {"name": "b", "namespace": "green-dev", "uid": "1"},
        "subjects": [{"kind": "User", "name": "bob"}],
    }
    calm, server = Authorizer(), Authorizer()
    await proven(calm)
    _, notes = await proven(server, meanwhile=[made])
    assert server.asked > calm.asked
    assert any(note.startswith("bindings were made for 1 identities while this ran") for note in notes)
    elsewhere = Authorizer()
    await proven(elsewhere, meanwhile=[made | {"subjects": [{"kind": "User", "name": "zoe"}]}])
    assert elsewhere.asked == calm.asked


async def test_the_authorizer_of_eks_tells_nobody_apart_in_a_review():
    server = Authorizer(incomplete=True)
    checks, _ = await proven(server, outside=Beside())
    assert server.asked == checks // 2
