from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.tenant import SpaceBounds
from cotenant.judge.room import fixed_room, room
from cotenant.model.accounts import Accounts
from unit.judge.books import books

MIN = {"b": {"min": {"pods": 8}}}
CASES: list[tuple[str, Accounts, int, str, str]] = [
    ("what the space has", books({"a": (8, 10, 10), "b": (0, 5, 5)}), 2, "fits", ""),
    ("what the pool has", books({"a": (8, 10, 10), "b": (0, 5, 5)}), 7, "moves", ""),
    ("what others do not use", books({"a": (8, 10, 10), "b": (0, 10, 10)}), 12, "moves", ""),
    (
        "what others keep",
        books({"a": (8, 10, 10), "b": (1, 10, 10)}, own=MIN),
        5,
        "floors",
        "kept for other spaces by their min: b 7",
    ),
    ("its own ceiling", books({"a": (8, 8, 8)}, own={"a": {"max": {"pods": 9}}}), 2, "ceiling", "9 at most and uses 8"),
    (
        "the ceiling of all spaces",
        books({"a": (8, 8, 8)}, bounds=SpaceBounds(max={"pods": 9})),
        2,
        "ceiling",
        "9 at most and uses 8",
    ),
    (
        "the tenant's limit",
        books({"a": (8, 8, 8), "b": (9, 9, 9), "c": (1, 1, 1), "d": (1, 1, 1)}),
        3,
        "limit",
        "uses 19 of 20: b 9, a 8, c 1 and 1 more",
    ),
    ("a limit that was lowered", books({"a": (8, 8, 8), "b": (9, 9, 9)}, granted=20, limit=17), 1, "limit", "17 of 17"),
    ("no ledger", books({"a": (8, 8, 8)}, ledger=False), 1, "waits", "its ledger is being made anew"),
    ("an unfinished ledger", books({"a": (8, 8, 8)}, rebuilding=True), 1, "waits", "its ledger is being made anew"),
    ("no entry", books({"a": (0, 0, None)}), 1, "waits", "not in the ledger yet, which happens within a second"),
    ("spaces of others", books({"a": (8, 8, 8), "b": (None, 0, 12)}), 1, "unseen", "that you may not see"),
]


@pytest.mark.parametrize(
    ("accounts", "asked", "verdict", "words"), [one[1:] for one in CASES], ids=[one[0] for one in CASES]
)
def test_what_is_in_the_way_is_told(accounts: Accounts, asked: int, verdict: str, words: str) -> None:
    found = room(accounts.account("pods"), "red-a", asked, 1)
    assert found.verdict == verdict
    assert words in found.words
    assert found.blocked is (verdict not in ("fits", "moves"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"limit": 15}, "the whole tenant may have 15"),
        ({"own": {"a": {"max": {"pods": 15}}}}, "this space may have 15 at most"),
    ],
)
def test_a_pod_that_is_larger_than_everything_never_fits(more: dict[str, Any], words: str) -> None:
    found = room(books({"a": (0, 10, 10)}, **more).account("pods"), "red-a", 16, 16)
    assert found.verdict == "never" and words in found.words


def test_a_full_ledger_is_why_a_space_is_not_in_it() -> None:
    spaces: Any = {f"{n:03}": (0, 0, 0) for n in range(500)} | {"a": (0, 0, None)}
    found = room(books(spaces).account("pods"), "red-a", 1, 1)
    assert "which has no room for it" in found.words


def test_figures_add_up() -> None:
    account = books({"a": (8, 10, 10), "b": (1, 6, 6)}, own={"b": {"min": {"pods": 3}}}).account("pods")
    found = room(account, "red-a", 5, 1)
    assert (found.here, found.pool, found.idle, found.reserved, found.total, found.limit) == (2, 4, 3, 2, 9, 20)
    # Nothing is lost: what is used and what is not is the limit.
    assert found.total is not None and found.total + found.here + 4 + 3 + 2 == 20


def test_a_key_that_is_not_shared_is_the_business_of_its_space() -> None:
    assert fixed_room("pods", 1, 1, 2).verdict == "fits"
    found = fixed_room("services.nodeports", 1, 0, 0)
    assert found.verdict == "ceiling" and found.words == "this space may have 0 and uses 0"
