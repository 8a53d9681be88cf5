from __future__ import annotations

from typing import Any

import pytest

from cotenant.model.finding import Done, Outcome, Ref
from cotenant.model.plan import Plan, Step, difference, labels, manifest, ref_of
from unit.specimens import GONE, child, children

WANTED = manifest(
    "v1", "LimitRange", "cotenant", "red-dev", labels=labels("red", "dev"), spec={"limits": [{"type": "Pod"}]}
)


def steps(observed: dict[Ref, Any]) -> list[Step]:
    return list(difference([(WANTED, "because")], observed))


def test_what_is_missing_is_created() -> None:
    assert steps({}) == [Step(WANTED, "create", "because")]


def test_what_is_there_as_wanted_is_kept() -> None:
    assert steps(children(WANTED)) == [Step(WANTED, "keep", "because")]


def test_what_drifted_is_updated() -> None:
    drifted = WANTED | {"spec": {"limits": []}}
    assert steps(children(drifted)) == [Step(WANTED, "update", "because")]


def test_what_is_being_deleted_is_left_until_it_is_gone() -> None:
    drifted = WANTED | {"spec": {"limits": []}}
    assert steps({ref_of(WANTED): child(drifted, deletionTimestamp=GONE)}) == [Step(WANTED, "keep", "because")]


def test_an_object_of_the_same_name_elsewhere_is_another_one() -> None:
    elsewhere = manifest("v1", "LimitRange", "cotenant", "blue-dev", spec=WANTED["spec"])
    assert steps(children(elsewhere))[0].action == "create"


def test_only_kinds_that_we_own_whole_can_be_compared() -> None:
    with pytest.raises(AssertionError):
        list(difference([(manifest("v1", "Namespace", "red-dev"), "")], {}))


def test_changes_are_the_steps_that_write() -> None:
    kept, made = Step(WANTED, "keep", ""), Step(WANTED, "create", "")
    assert Plan((kept, made)).changes == (made,)


def test_a_home_carries_no_space_label() -> None:
    assert labels("red") == {"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": "red"}
    assert labels("red", "dev") == labels("red") | {"cotenant.dev/space": "dev"}


def test_a_ref_reads_like_kubectl() -> None:
    assert str(ref_of(WANTED)) == "LimitRange red-dev/cotenant"
    assert str(ref_of(manifest("v1", "Namespace", "red-dev"))) == "Namespace red-dev"


def test_trouble_is_what_is_not_as_desired() -> None:
    ref = ref_of(WANTED)
    bad = tuple(Done(ref, verb) for verb in ("conflict", "denied", "failed"))
    good = tuple(Done(ref, verb) for verb in ("created", "applied", "replaced", "deleted", "unchanged"))
    assert Outcome(good + bad).trouble == bad
