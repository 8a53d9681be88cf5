"""Edits are splices: everything outside of them stays byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.cli.manifests.mending import read
from cotenant.judge.lint.edit import Edit, add, applied, drop, shown, swap
from cotenant.model.document import Span

WORD = st.text(st.sampled_from("abcXYZ09"), min_size=1, max_size=6)


def document(text):
    (found,) = read("t", text).documents
    return found


@given(st.lists(WORD, min_size=2, max_size=6, unique=True), st.data(), st.booleans(), st.sampled_from(["", "'", '"']))
def test_an_item_less_or_more_is_the_same_list_without_or_with_it(words, data, brackets, sign):
    at = data.draw(st.integers(0, len(words) - 1))
    cells = [f"{sign}x{one}{sign}" for one in words]
    head, tail = "a: 1  # first\n", "z: 9 # last\n"
    listed = (
        f"k: [{', '.join(cells)}]  # mine\n" if brackets else "k:\n" + "".join(f"- {one}  # mine\n" for one in cells)
    )
    one = document(head + listed + tail)
    whole = [f"x{each}" for each in words]
    for edits, expected in (
        (drop(one, ("k", at), len(words)), whole[:at] + whole[at + 1 :]),
        (add(one, ("k",), len(words), "new"), [*whole, "new"]),
        (swap(one, ("k", at), "new"), [*whole[:at], "new", *whole[at + 1 :]]),
    ):
        text = applied(one.text, edits)
        assert document(text).value == {"a": 1, "k": expected, "z": 9}
        assert text.startswith(head) and text.endswith(tail)
        assert text.count("# mine") == (1 if brackets else max(len(expected) - (len(expected) > len(words)), 1))


def test_of_two_edits_at_one_place_the_first_holds():
    edits = [Edit(Span(1, 0, 1, 3), "x"), Edit(Span(1, 2, 1, 4), "y")]
    assert applied(["abcdef"], edits) == "xdef\n"


def test_the_only_item_of_a_list_stays():
    assert drop(document("k: [a]\n"), ("k", 0), 1) == ()


@pytest.mark.parametrize("text", ["k: &a [x]\nl: *a\n", "k: >\n  x\n  y\n"])
def test_what_has_no_place_of_its_own_is_not_edited(text):
    assert swap(document(text), ("k",), "new") == ()


def test_what_is_shown_are_the_lines_as_they_become():
    one = document("a:\n    b: old  # note\n")
    assert shown(one.text, swap(one, ("a", "b"), "new")) == "b: new  # note"
    assert shown([], ()) == ""
