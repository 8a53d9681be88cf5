from __future__ import annotations

import msgspec
import pytest

from cotenant.api.ledger import LedgerStatus, TenantLedger
from cotenant.model.escrow.units import limit_of
from cotenant.model.escrow.values import MOST, Entry, Ledger
from cotenant.model.pool import content, rounded, served, spelled
from cotenant.model.quantity import parse
from unit.specimens import metadata, quota


@pytest.mark.parametrize(
    ("key", "base", "people", "more"),
    [
        ("limits.memory", 5368709118, "4.9Gi", "5.0Gi"),
        ("limits.memory", 5 * 2**30, "5Gi", "5Gi"),
        ("limits.memory", 5 * 2**30 + 1, "5.0Gi", "5.1Gi"),
        ("requests.storage", 1536 * 2**20, "1536Mi", "1536Mi"),
        ("requests.storage", 8 * 10**9, "8G", "8G"),
        ("requests.storage", 17895697066, "16.6Gi", "16.7Gi"),
        ("limits.memory", 2**20 + 1, "1.0Mi", "1.1Mi"),
        ("limits.memory", 2**20 - 1, "1048575", "1048575"),
        ("limits.memory", 0, "0", "0"),
        ("pods", 5368709118, "5368709118", "5368709118"),
        ("requests.cpu", 1500, "1500m", "1500m"),
    ],
)
def test_an_amount_for_people_is_short_and_never_more_than_there_is(
    key: str, base: int, people: str, more: str
) -> None:
    assert (rounded(key, base), rounded(key, base, up=True)) == (people, more)
    assert limit_of(key, people) <= base
    assert limit_of(key, spelled(key, base)) == base
    # What is asked for is enough.
    assert parse(more) >= parse(spelled(key, base))


@pytest.mark.parametrize(
    ("allocation", "hard", "used", "given"),
    [(3, "3", "1", True), (0, "0", "0", True), (3, "0", "0", False), (3, "0", "3", True), (3, "0", "5", False)],
    ids=["given", "told that there is nothing", "on its way", "pressed below what it uses", "adopted with more"],
)
def test_a_space_is_served_once_it_was_given_something_or_told_that_there_is_nothing(
    allocation: int, hard: str, used: str, given: bool
) -> None:
    spec = {"resource": "pods", "limit": 9, "entries": [{"space": "red-dev", "allocation": allocation}]}
    ledger = msgspec.convert({"metadata": metadata("pods", namespace="home-red"), "spec": spec}, TenantLedger)
    assert served(ledger, quota("red-dev", {"pods": hard}, {"pods": used}), "pods") is given


def test_a_ledger_tells_of_each_space_what_it_uses_holds_and_has_left() -> None:
    entries = (Entry("red-a", 3 * 2**30), Entry("red-b", 2**30, drain=0), Entry("red-c", 0))
    used = {"red-b": 2**30 + 2**29, "red-a": 2**30, "red-late": 2**29}

    spec, status = content("limits.memory", Ledger(8 * 2**30, entries), used)

    assert [(one.space, one.allocation) for one in spec.entries] == [
        ("red-a", 3 * 2**30),
        ("red-b", 2**30),
        ("red-c", 0),
    ]
    # All that is used counts, also by a space that is not in the ledger yet.
    assert (status.limit, status.used, status.allocated, status.headroom) == ("8Gi", "3Gi", "4Gi", "4Gi")
    assert status.spaces.splitlines() == [
        "SPACE USED ALLOCATED HEADROOM",
        "red-a 1Gi 3Gi 2Gi",
        "red-b 1536Mi 1Gi 0",
        "red-c 0 0 0",
    ]
    assert status.summary == "red-b 1536Mi/1Gi, red-a 1Gi/3Gi, red-c 0/0"


def test_what_a_space_uses_changes_the_status_though_the_sum_is_the_same() -> None:
    ledger = Ledger(9, (Entry("red-a", 4), Entry("red-b", 4)))
    assert content("pods", ledger, {"red-a": 1, "red-b": 2})[1] != content("pods", ledger, {"red-a": 2, "red-b": 1})[1]


def test_the_line_of_a_full_ledger_names_who_uses_most_and_the_largest_ledger_fits_the_schema() -> None:
    names = [f"{number:03}".rjust(63, "s") for number in range(MOST)]
    most = 2**63 // 1000
    entries = tuple(Entry(name, most) for name in names)

    _, status = content("requests.cpu", Ledger(most * MOST, entries), dict.fromkeys(names, 1) | {names[-1]: 2})

    first, *others, last = status.summary.split(", ")
    assert first == f"{names[-1]} 2m/{most}m"
    assert [one.split()[0] for one in others] == names[:7]
    assert last == "492 more"
    # As the API server would: it refuses the whole write for one text that is too long.
    assert msgspec.convert(msgspec.to_builtins(status), LedgerStatus) == status
