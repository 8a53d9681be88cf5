from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cotenant.model.quantity import LARGEST, SUFFIXES, canonical, parse, same, smaller

VALUES = {
    "0": 0, "1": 1, "+1": 1, "-1": -1, "1.": 1, ".5": Fraction(1, 2), "500m": Fraction(1, 2), "0.5": Fraction(1, 2), "1k": 1000, "1Ki": 1024,
    "1E": 10**18, "1e3": 1000, "1E3": 1000, "1e+3": 1000, "1e-3": Fraction(1, 1000), "1Ei": 2**60, "1.5Gi": 3 * 2**29,
    "100n": Fraction(1, 10**7), "1u": Fraction(1, 10**6), "007": 7,
}  # fmt: skip
NONE = [
    "",
    " ",
    "1 ",
    " 1",
    "1Kb",
    "1KI",
    "1ki",
    "1K",
    "1g",
    "e3",
    "1e",
    "1e3m",
    "1e3.5",
    "--1",
    "0x1",
    "1,5",
    "1_0",
    ".",
    "+",
    "m",
    "1mi",
    "\u0661",  # a digit, not an ASCII one
]


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_a_quantity_is_read_as_the_api_server_reads_it(text: str, value: Fraction) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("text", NONE)
def test_what_the_api_server_calls_no_quantity_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is no quantity; write for example"):
        parse(text)


def test_a_number_counts_as_its_text() -> None:
    assert parse(20) == parse("20")


@pytest.mark.parametrize(
    ("text", "stored"),
    [("0.1n", "1n"), ("1.0000000001", "1000000001n"), ("-0.1n", "-1n"), ("1e-20", "1n"), ("0e-20", "0"), ("0.1Ki", "102400m")],
)  # fmt: skip
def test_what_is_finer_than_a_billionth_is_rounded_away_from_zero(text: str, stored: str) -> None:
    assert parse(text) == parse(stored)


@pytest.mark.parametrize(("text", "stored"), [("1e30", LARGEST), ("16Ei", LARGEST), ("-1e30", -LARGEST)])
def test_what_is_larger_than_the_largest_is_the_largest(text: str, stored: int) -> None:
    assert parse(text) == stored


@pytest.mark.parametrize("text", ["1e999999999", "1e99999999999999999999999", "1e-999999999", "9e-9999999999999999"])
def test_a_member_cannot_keep_the_operator_busy_with_an_exponent(text: str) -> None:
    before = time.perf_counter()
    assert parse(text) in (LARGEST, Fraction(1, 10**9))
    assert time.perf_counter() - before < 0.1


numbers = st.integers(0, 10**12)
suffixes = st.sampled_from(sorted(SUFFIXES))


@given(numbers, suffixes)
@example(1000, "m")
def test_equal_values_have_one_canonical_text(number: int, suffix: str) -> None:
    value = parse(f"{number}{suffix}")
    others = [f"{number}.0{suffix}", f"+{number}{suffix}", f"0{number}{suffix}"]
    assert {canonical(one) for one in others} == {canonical(f"{number}{suffix}")}
    assert Fraction(canonical(f"{number}{suffix}")) == value


@given(numbers, suffixes, numbers, suffixes)
def test_texts_are_equal_exactly_when_values_are(one: int, first: str, other: int, second: str) -> None:
    left, right = f"{one}{first}", f"{other}{second}"
    assert (canonical(left) == canonical(right)) == (parse(left) == parse(right))
    assert same({"cpu": left}, {"cpu": right}) == (parse(left) == parse(right))
    assert parse(smaller(left, right)) == min(parse(left), parse(right))


def test_lists_with_other_keys_are_not_the_same() -> None:
    assert same({"cpu": "1000m"}, {"cpu": "1.0"})
    assert not same({"cpu": "1"}, {"cpu": "1", "pods": "1"})
    assert not same({"cpu": "1", "pods": "1"}, {"cpu": "1"})
    assert same({}, {})


def test_the_smaller_one_stays_as_it_was_written() -> None:
    assert smaller("1000m", 1) == "1000m"
    assert smaller(2, "1500m") == "1500m"
