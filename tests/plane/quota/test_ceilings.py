"""Ceilings and floors that cannot be kept are named where people look, on the real API server."""

from __future__ import annotations

import pytest

from plane.quota.test_pool import pods
from vocabulary import (
    condition,
    deployment,
    eventually,
    expect_condition,
    expect_created,
    expect_ready,
    given_space,
    given_tenant,
)

pytestmark = pytest.mark.cluster


def test_a_ceiling_lowered_below_use_is_named_until_it_is_kept(cluster):
    team = given_tenant(cluster, "ceiling", quota={"hard": {"pods": 20}})
    given_space(team, "a")
    expect_ready(team, "a")
    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=8)))
    eventually(lambda: pods(team, "a") == 8, within=20)

    given_space(team, "a", quota={"max": {"pods": 4}})

    saying = "uses pods 8, quota.max of space a is 4; nothing is evicted: delete 4 there"
    expect_condition(team.tenant, "QuotaExceeded", saying, of="QuotaSynced")
    expect_condition(lambda: team.space("a"), "QuotaExceeded", saying, of="QuotaSynced")
    assert pods(team, "a") == 8
    assert team.owner.kubectl("scale", "deployment", "web", "--replicas=4", "-n", team.namespace("a")).ok
    for seen in (team.tenant, lambda: team.space("a")):
        eventually(lambda of=seen: condition(of(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)
