from __future__ import annotations

import pytest

from cotenant.api.meta import Condition
from cotenant.judge.chain import MOVING, Chain, conditions, progress
from cotenant.judge.reasons import REASONS
from cotenant.model.finding import Finding
from unit.specimens import MOMENT

GOOD = Finding("Ready", "", "True")
BEFORE = "2025-12-31T00:00:00Z"


def chain(*answers: Finding | None) -> Chain[None]:
    return Chain("Ready", *((lambda _, one=one: one) for one in answers), good=GOOD)


def test_the_first_link_that_answers_is_the_condition() -> None:
    first, second = Finding("ApplyFailed", "a"), Finding("Creating", "b")
    assert chain(None, first, second).judge(None) == first
    assert chain(None, second, first).judge(None) == second


def test_without_an_answer_all_is_well() -> None:
    assert chain(None, None).judge(None) == GOOD
    assert chain().judge(None) == GOOD


def test_a_link_after_the_answer_is_not_asked() -> None:
    def broken(_: None) -> Finding | None:
        raise AssertionError

    assert Chain("Ready", lambda _: GOOD, broken, good=GOOD).judge(None) == GOOD


def test_a_reason_outside_the_closed_list_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError, match="Whatever"):
        chain(Finding("Whatever", "")).judge(None)


def condition(status: str, reason: str = "Ready") -> Condition:
    return Condition(type="Ready", status=status, reason=reason, last_transition_time=BEFORE, observed_generation=1)  # type: ignore[arg-type]  # a status


@pytest.mark.parametrize(
    ("before", "now", "when"),
    [
        ([], "True", MOMENT),
        ([condition("True")], "True", BEFORE),
        ([condition("True")], "False", MOMENT),
        ([condition("False")], "True", MOMENT),
        ([condition("False")], "Unknown", MOMENT),
    ],
)
def test_the_transition_time_is_that_of_the_last_change_of_status(before: list[Condition], now: str, when: str) -> None:
    [found] = conditions([("Ready", Finding("Creating", "m", now))], before, 2, MOMENT)  # type: ignore[arg-type]  # a status
    assert found.last_transition_time == when
    assert (found.observed_generation, found.reason, found.message) == (2, "Creating", "m")


def test_another_reason_alone_is_no_transition() -> None:
    [found] = conditions([("Ready", Finding("Creating", ""))], [condition("False", "ApplyFailed")], 1, MOMENT)
    assert (found.reason, found.last_transition_time) == ("Creating", BEFORE)


def test_conditions_of_others_are_kept_as_they_are_as_far_as_there_is_room() -> None:
    theirs = [Condition(type=f"Theirs{number}", status="True", reason="Set") for number in range(16)]
    found = conditions([("Ready", GOOD)], theirs, 2, MOMENT)
    assert found[1:] == theirs[:15]


def test_conditions_that_no_longer_hold_are_left_out() -> None:
    stalled = Condition(type="Stalled", status="True", reason="NameTooLong")
    assert [one.type for one in conditions([("Ready", GOOD)], [stalled], 1, MOMENT)] == ["Ready"]


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_what_is_not_ready_says_whether_it_goes_on_by_itself(reason: str) -> None:
    [(name, found)] = progress(Finding(reason, "m"))
    assert name == ("Reconciling" if reason in MOVING else "Stalled")
    assert (found.status, found.reason, found.message) == ("True", reason, "m")


def test_what_is_ready_is_neither_reconciling_nor_stalled() -> None:
    assert progress(GOOD) == []


def test_only_known_reasons_pass_by_themselves() -> None:
    assert set(REASONS) >= MOVING
