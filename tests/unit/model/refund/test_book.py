from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cotenant.model.refund.book import Book, ended, leaked, plan, settled, watched
from cotenant.model.refund.values import Refund, Release, Stored, marks, pairs, parsed, text


def quota(revision: int, used: int, refunded: int = 0, **more: int) -> Stored:
    amounts = {"pods": Fraction(used)} | {key: Fraction(amount) for key, amount in more.items()}
    return Stored(revision, pairs(amounts), refunded=marks({"pods": refunded} if refunded else {}))


def gone(revision: int, until: int = 0, **amounts: int) -> Release:
    charged = {key: Fraction(one) for key, one in (amounts or {"pods": 1}).items()}
    return Release("pods", pairs(charged), revision, until or revision)


def opened(used: int = 3) -> Book:
    return watched(Book(), quota(10, used))


def given_back(refund: Refund | None) -> int | None:
    return None if refund is None else int(dict(refund.used)["pods"])


def test_what_vanished_is_given_back_in_one_write_with_its_mark() -> None:
    book = ended(ended(opened(), gone(12)), gone(15))
    refund = plan(book)
    assert refund == Refund(10, pairs({"pods": Fraction(1)}), (("pods", 15),))
    assert plan(settled(book, refund, 16)) is None


def test_nothing_is_given_back_twice_however_late_the_answer() -> None:
    book = ended(opened(), gone(12))
    refund = plan(book)
    assert refund is not None
    heard = watched(book, quota(13, 2, refunded=12))
    assert plan(heard) is None
    assert plan(settled(heard, refund, 13)) is None


def test_what_the_other_operator_decided_is_left_alone() -> None:
    book = watched(opened(), quota(20, 2, refunded=15))
    assert plan(ended(book, gone(15))) is None
    assert given_back(plan(ended(book, gone(16)))) == 1


def test_a_charge_that_the_controller_may_have_taken_is_skipped() -> None:
    book = watched(ended(opened(), gone(12)), quota(14, 2))
    assert plan(book) is None
    assert given_back(plan(ended(book, gone(15)))) == 1


def test_the_controller_lowering_one_key_says_nothing_of_another() -> None:
    book = watched(Book(), quota(10, 3, secrets=3))
    book = ended(book, gone(12, pods=1, secrets=1))
    refund = plan(watched(book, quota(14, 2, secrets=3)))
    assert refund is not None
    assert dict(refund.used) == {"pods": 2, "secrets": 2}


def test_a_charge_is_no_reason_to_skip() -> None:
    assert given_back(plan(watched(ended(opened(), gone(12)), quota(14, 4)))) == 3


def test_after_a_gap_anything_may_have_been_lowered() -> None:
    book = ended(opened(), gone(12))
    assert plan(watched(book, quota(14, 3), gap=True)) is None


def test_what_vanished_in_a_gap_is_skipped_where_somebody_decided_in_it() -> None:
    book = watched(opened(), quota(20, 3, refunded=15))
    assert plan(ended(book, gone(13, until=18))) is None
    assert given_back(plan(ended(book, gone(16, until=18)))) == 2


def test_used_is_never_negative_and_what_is_not_counted_is_not_kept() -> None:
    assert given_back(plan(ended(ended(opened(1), gone(12)), gone(13)))) == 0
    assert ended(opened(), gone(12, secrets=1)).pending == ()
    assert ended(Book(), gone(12)).pending == ()
    assert plan(Book()) is None


def test_an_older_revision_changes_nothing() -> None:
    book = opened()
    assert watched(book, quota(9, 99)) is book


def test_a_leak_is_more_or_less_than_exists_and_is_due() -> None:
    one = {"pods": Fraction(1)}
    assert leaked(opened(2), one, ["pods"])
    assert leaked(opened(0), one, ["pods"])
    assert not leaked(ended(opened(2), gone(12)), one, ["pods"])
    assert not leaked(opened(2), one, ["secrets"])
    assert not leaked(Book(), one, ["pods"])


def test_where_claims_may_be_charged_too_more_is_no_leak_and_less_is_one() -> None:
    key = "requests.example.com/gpu"
    book = watched(Book(), Stored(10, pairs({"pods": Fraction(1), key: Fraction(3)})))
    assert not leaked(book, {"pods": Fraction(1), key: Fraction(2)}, ["pods"])
    assert leaked(book, {"pods": Fraction(1), key: Fraction(4)}, ["pods"])


@given(st.dictionaries(st.sampled_from(["pods", "services", "jobs.batch"]), st.integers(0, 2**63)))
def test_marks_are_read_as_they_were_written(found: dict[str, int]) -> None:
    assert parsed(text(marks(found))) == marks(found)


def test_marks_that_were_spoilt_are_no_marks() -> None:
    assert parsed("pods=1,,x,=3,services=-1,secrets=nine") == (("pods", 1),)


def test_a_book_knows_when_something_was_last_admitted() -> None:
    book = opened(3)
    assert book.charged == 10
    book = watched(book, quota(11, 2))
    assert book.charged == 10
    book = watched(book, quota(12, 3))
    assert book.charged == 12
    refund = plan(ended(book, gone(13)))
    assert refund is not None
    assert settled(book, refund, 14).charged == 12
    assert watched(book, quota(15, 3), gap=True).charged == 15
    assert watched(opened(3), quota(11, 3, secrets=1)).charged == 11
