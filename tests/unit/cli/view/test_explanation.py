from __future__ import annotations

from cotenant.cli.view.explanation import amounts, plain
from cotenant.judge.pod import Explanation
from cotenant.judge.room import room
from unit.judge.books import books


def test_a_person_reads_round_amounts_and_a_program_exact_ones() -> None:
    account = books({"a": (5368709118, 5368709118, 5368709118)}, key="limits.memory", limit=10 * 2**30)
    one = room(account.account("limits.memory"), "red-a", 3 * 2**30, 3 * 2**30)
    found = Explanation(verdict="fits", summary="", rooms=(one,))
    assert amounts(found).splitlines()[1].split() == [
        "limits.memory",
        "3Gi",
        "0",
        "5.0Gi",
        "0",
        "0",
        "4.9Gi",
        "10Gi",
        "moves",
    ]
    (told,) = plain(found)["resources"]
    assert (told["asked"], told["pool"], told["used"], told["limit"]) == ("3Gi", "5368709122", "5368709118", "10Gi")
