from __future__ import annotations

import pytest

from cotenant.cli.iam.rollback import difference
from cotenant.model.iam.history import MOST, Unkept, chosen, lockout, recorded, revisions, unreadable
from unit.model.iam.test_edit import ACCOUNT, ADMIN, NODES, OURS


def kept(stored: dict[str, str], data: dict[str, str]) -> dict[str, str]:
    return recorded(stored, data, time="2026-11-21T00:00:00Z", author="ann", why="test")


def test_the_last_ten_versions_are_kept_and_numbers_go_on() -> None:
    stored: dict[str, str] = {"note": "somebody else's"}
    for at in range(14):
        stored = kept(stored, {"mapRoles": f"# {at}"})
    past = revisions(stored)
    assert [one.number for one in past] == list(range(5, 15))
    assert len(past) == MOST
    assert past[-1].data == {"mapRoles": "# 13"}
    assert stored["note"] == "somebody else's"
    assert chosen(past, None).number == 14
    assert chosen(past, 7).data == {"mapRoles": "# 6"}


def test_big_versions_push_older_ones_out_and_one_that_is_too_big_is_not_written() -> None:
    stored = kept(kept(kept({}, {"a": "x" * 500_000}), {"a": "y" * 500_000}), {"a": "z" * 100})
    assert [one.number for one in revisions(stored)] == [2, 3]
    with pytest.raises(Unkept, match="too big"):
        kept({}, {"a": "x" * 950_000})


def test_a_version_that_somebody_changed_is_not_taken_for_what_was_there() -> None:
    stored = kept({}, {"mapRoles": NODES})
    key = next(iter(stored))
    with pytest.raises(Unkept, match="was changed"):
        revisions({key: stored[key].replace("system:nodes", "system:masters")})
    with pytest.raises(Unkept, match="revision-000001"):
        revisions({key: "{"})


def test_what_is_not_there_cannot_come_back() -> None:
    with pytest.raises(Unkept, match="no earlier version"):
        chosen([], None)
    with pytest.raises(Unkept, match="no revision 3"):
        chosen(revisions(kept({}, {})), 3)


def test_a_version_without_the_nodes_or_the_last_administrator_does_not_come_back() -> None:
    now = {"mapRoles": NODES + ADMIN}
    assert lockout(now, {"mapRoles": NODES + ADMIN + OURS}) == []
    assert "nodes join by" in lockout(now, {"mapRoles": ADMIN})[0]
    assert "administrators sign in by" in lockout(now, {"mapRoles": NODES})[0]
    assert (
        "nodes join by" in lockout(now, {"mapRoles": (NODES + ADMIN).replace("- system:nodes", "- system:nobody")})[0]
    )
    assert "is no YAML" in lockout({}, {"mapRoles": "["})[0]


def test_a_version_that_changes_the_identity_in_use_does_not_come_back() -> None:
    me = f"{ACCOUNT}:role/team"
    assert "you are signed in by" in lockout({"mapRoles": NODES + OURS}, {"mapRoles": NODES}, me)[0]
    assert lockout({"mapRoles": NODES + OURS}, {"mapRoles": NODES}, "") == []


def test_what_is_broken_now_may_be_repaired_by_what_was() -> None:
    assert lockout({"mapRoles": "["}, {"mapRoles": NODES}) == []


def test_what_stands_in_a_section_that_nobody_can_read_gets_lost_only_when_asked_for() -> None:
    broken = {"mapRoles": NODES + ADMIN + "  - x"}
    assert unreadable(broken, {"mapRoles": NODES}) == [f"{ACCOUNT}:role/Admin"]
    [said] = lockout(broken, {"mapRoles": NODES})
    assert said.startswith(f"{ACCOUNT}:role/Admin stands in a section that cannot be read now, and would be lost")
    assert "--drop-unreadable" in said
    assert lockout(broken, {"mapRoles": NODES}, dropping=True) == []
    assert lockout(broken, {"mapRoles": NODES + ADMIN}) == []
    assert lockout({"mapRoles": broken["mapRoles"].replace("'", "")}, {"mapRoles": NODES + ADMIN}) == []
    assert difference(broken, {"mapRoles": NODES})[-1] == f"- {ACCOUNT}:role/Admin  (unreadable)"
