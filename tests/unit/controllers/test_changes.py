"""Which changes concern whom: from what an object was and what it is now alone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.api.builtin import ResourceQuota
from cotenant.api.workload import Workload
from cotenant.controllers.changes import at_ease, charged, wanting
from cotenant.runtime.store import Change
from unit.specimens import marks, quota

HARD = {"pods": "8", "requests.cpu": "4"}
USED = {"pods": "2", "requests.cpu": "1"}


def of_space(used: dict[str, str], hard: dict[str, str] = HARD, **more: Any) -> ResourceQuota:
    return quota("red-dev", hard, used, **{"labels": marks(), **more})


@pytest.mark.parametrize(
    ("what", "now"),
    {
        "limits": of_space(USED, HARD | {"pods": "9"}),
        "a label": of_space(USED, labels=marks() | {"more": "1"}),
        "an annotation": of_space(USED, annotations={"more": "1"}),
    }.items(),
)
def test_whoever_changes_more_than_what_is_used_does_not_charge(what: str, now: ResourceQuota) -> None:
    assert not charged(Change(of_space(USED), now)), what


def test_a_charge_changes_what_is_used_alone() -> None:
    assert charged(Change(of_space(USED), of_space(USED | {"pods": "3"})))


def test_a_quota_that_came_or_went_and_a_homes_are_no_charge() -> None:
    assert not charged(Change(None, of_space(USED)))
    assert not charged(Change(of_space(USED), None))
    home = quota("home-red", HARD, USED, labels=marks("red", None))
    assert not charged(Change(home, home))


@pytest.mark.parametrize(("pods", "enough"), [("3", True), ("6", True), ("7", False), ("8", False), ("1", False)])
def test_a_quarter_that_is_left_is_plenty_and_what_falls_may_be_what_others_wait_for(pods: str, enough: bool) -> None:
    assert at_ease(Change(of_space(USED), of_space(USED | {"pods": pods}))) is enough


def test_the_key_of_which_least_is_left_decides() -> None:
    assert not at_ease(Change(of_space(USED), of_space({"pods": "3", "requests.cpu": "3500m"})))


def test_what_is_full_already_and_is_not_charged_does_not_matter() -> None:
    full = USED | {"requests.cpu": "4"}
    assert at_ease(Change(of_space(full), of_space(full | {"pods": "3"})))


def test_a_limit_that_comes_into_force_and_a_first_count_are_looked_at_at_once() -> None:
    assert not at_ease(Change(of_space(USED, spec=HARD | {"pods": "8"}), of_space(USED, HARD | {"pods": "9"})))
    assert not at_ease(Change(of_space({}), of_space(USED)))


@pytest.mark.parametrize("count", ["replicas", "active", "desiredNumberScheduled", "currentNumberScheduled"])
def test_how_many_pods_a_workload_wants_or_has_wakes_its_tenant_once(count: str) -> None:
    new, counted, again = (
        msgspec.convert({"metadata": {"name": "w"}, "status": one}, Workload) for one in ({}, {count: 1}, {count: 1})
    )
    assert wanting(Change(new, counted))
    assert not wanting(Change(counted, again))


def test_what_a_workload_says_of_its_last_try_wakes_its_tenant() -> None:
    def failing(message: str) -> Workload:
        condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
        return msgspec.convert({"metadata": {"name": "w"}, "status": {"conditions": [condition]}}, Workload)

    met, barred = failing('pods "w-x" is forbidden: exceeded quota: cotenant'), failing("violates PodSecurity")
    assert wanting(Change(met, barred)) and wanting(Change(barred, met))
    assert not wanting(Change(barred, failing("violates PodSecurity, once more")))
