"""The variable in which a policy says until when it is lifted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from cotenant.model.platform import Platform
from cotenant.render.install import deny
from cotenant.render.install.admission import glass

POLICIES = [one for one in deny(Platform()) if glass.breakable(one)]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_what_keeps_tenants_apart_has_no_glass():
    names = {one["metadata"]["name"] for one in POLICIES}
    assert len(names) == 7
    assert not names & {"cotenant-leash", "cotenant-guard", "cotenant-grounds", "cotenant-rights", "cotenant-exec"}
    assert not [name for name in names if "quota" in name]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one["metadata"]["name"])
def test_a_policy_is_what_it_was_once_the_glass_is_whole_again(policy):
    assert glass.until(policy) is None
    broken = glass.broken(policy, NOON, {glass.REASON: "outage", glass.WHO: "ann"})

    assert glass.until(broken) == NOON
    assert broken["metadata"]["annotations"] == {glass.REASON: "outage", glass.WHO: "ann"}
    assert glass.whole(broken)["spec"] == policy["spec"]
    assert glass.whole(broken)["metadata"]["annotations"] == {}


def test_the_time_is_written_in_utc_and_to_the_second():
    elsewhere = datetime(2026, 1, 1, 14, 0, 0, 900, tzinfo=timezone(timedelta(hours=2)))
    assert glass.until(glass.broken(POLICIES[0], elsewhere, {})) == NOON


@pytest.mark.parametrize("expression", ["''", "'soon'", "'2026-01-01T12:00:00Z' + ''", "true"])
def test_what_is_no_time_is_no_broken_glass(expression):
    policy = {"spec": {"variables": [{"name": "glass", "expression": expression}]}}
    assert glass.until(policy) is None
    assert glass.until({}) is None
