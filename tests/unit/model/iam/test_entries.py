from __future__ import annotations

from typing import Any

import pytest

from cotenant.model.iam.claims import Wish
from cotenant.model.iam.entries import OWNED, PRINCIPAL_ID, Entry, EntryPlan, Principal, State, plan

ROLE = "arn:aws:iam::111122223333:role/teams/Dev"
KEY = "arn:aws:iam::111122223333:role/dev"
WISH = Wish(ROLE, "dev:{{SessionName}}", ("cotenant:red:owner",), ("red",))


def entry(**more: Any) -> Entry:
    return Entry(**({"principal": ROLE, "username": WISH.username, "groups": WISH.groups, "tags": OWNED} | more))


def planned(*wishes: Wish, known: Entry | None = None, me: str = "", only: Any = None, **more: Any) -> EntryPlan:
    listed = [known.principal] if known else []
    state = State(listed=listed, known={known.principal: known} if known else {}, **more)
    return plan(wishes, state, me, only=only)


def actions(found: EntryPlan) -> list[str]:
    return [one.action for one in found.steps]


def test_what_is_missing_is_made_with_our_tag_and_the_id_of_its_principal() -> None:
    found = planned(WISH, principals={KEY: Principal(ROLE, "AROA1")})
    assert [(one.action, one.tags) for one in found.steps] == [("create", OWNED | {PRINCIPAL_ID: "AROA1"})]


def test_the_path_that_iam_knows_is_taken() -> None:
    short = Wish("arn:aws:iam::111122223333:role/Dev", "", WISH.groups, ("red",))
    assert planned(short, principals={KEY: Principal(ROLE, "AROA1")}).steps[0].principal == ROLE


def test_what_is_as_wished_is_left_alone() -> None:
    found = planned(WISH, known=entry())
    assert (found.steps, found.trouble, found.unread) == ((), {}, ())


@pytest.mark.parametrize("more", [{"username": "x"}, {"groups": ()}, {"groups": ("cotenant:red:owner", "view")}])
def test_what_differs_is_updated_whole(more: dict[str, Any]) -> None:
    (step,) = planned(WISH, known=entry(**more)).steps
    assert (step.action, step.username, step.groups) == ("update", WISH.username, WISH.groups)


def test_an_entry_that_was_not_described_decides_nothing() -> None:
    found = plan([WISH], State(listed=[ROLE, f"{ROLE}2"], known={}))
    assert (found.unread, found.steps) == ((ROLE, f"{ROLE}2"), ())


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (entry(tags={}), None),
        (entry(tags={}, groups=()), "EntryConflict"),
        (entry(tags=OWNED, type="EC2_LINUX"), "EntryConflict"),
        (entry(tags={"managed-by": "cotenant"}, groups=("view",)), "EntryConflict"),
    ],
)
def test_entries_of_others_do_or_do_not_and_are_never_written(known: Entry, reason: str | None) -> None:
    found = planned(WISH, known=known)
    assert [one.reason for one in found.trouble.values()] == ([reason] if reason else [])
    assert found.steps == planned(known=known).steps == ()


def test_a_dead_entry_only_goes() -> None:
    dead = entry(tags=OWNED | {PRINCIPAL_ID: "AROA1"})
    assert actions(planned(WISH, known=dead, principals={KEY: Principal(ROLE, "AROA2")})) == ["delete"]
    assert actions(planned(WISH, known=dead, principals={KEY: Principal(ROLE, "AROA1")})) == []
    assert actions(planned(WISH, known=dead)) == []


def test_ours_that_nobody_wishes_goes_but_for_the_identity_in_use() -> None:
    assert actions(planned(known=entry())) == ["delete"]
    assert actions(planned(known=entry(), me=KEY)) == []
    assert actions(planned(known=entry(), only=frozenset({"another"}))) == []
    changed = planned(WISH, known=entry(username="x"), me=KEY)
    assert [one.reason for one in changed.trouble.values()] == ["EntryHeld"]


def test_what_was_just_written_is_waited_for() -> None:
    assert planned(WISH, awaited=frozenset({KEY})).trouble[KEY].status == "Unknown"
    assert planned(WISH, known=entry(), written=frozenset({KEY})).trouble[KEY].reason == "IAMPending"


@pytest.mark.parametrize(
    ("tags", "kind", "origin"),
    [
        (OWNED, "STANDARD", "cotenant"),
        ({"Owner": "Terraform"}, "STANDARD", "Terraform"),
        ({"alpha.eksctl.io/cluster-name": "x"}, "STANDARD", "eksctl or CloudFormation"),
        ({}, "EC2_LINUX", "EKS"),
        ({}, "STANDARD", "somebody else"),
    ],
)
def test_tags_tell_who_made_an_entry(tags: dict[str, str], kind: str, origin: str) -> None:
    assert entry(tags=tags, type=kind).origin == origin
