"""Ceilings and floors that cannot be kept are named where people look, on the real API server."""

from __future__ import annotations

import pytest

from plane.quota.test_pool import given, ledger, pods
from vocabulary import (
    Team,
    condition,
    deployment,
    eventually,
    expect_condition,
    expect_created,
    expect_ready,
    given_space,
    given_tenant,
    never,
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


def test_a_floor_that_others_use_is_named_until_it_is_given(cluster):
    team = given_tenant(cluster, "floor", spaces=["a"], quota={"hard": {"pods": 10}})
    expect_ready(team, "a")
    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=10)))
    eventually(lambda: pods(team, "a") == 10, within=20)

    given_space(team, "w", quota={"min": {"pods": 4}})

    saying = f"namespace {team.namespace('w')} holds pods 0 of its min 4: namespace {team.namespace('a')} uses 10 more"
    expect_condition(team.tenant, "FloorNotMet", saying, of="QuotaSynced", within=20)
    assert team.owner.kubectl("scale", "deployment", "web", "--replicas=6", "-n", team.namespace("a")).ok
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)


def test_a_floor_of_what_the_tenant_does_not_limit_is_named(cluster):
    team = given_tenant(cluster, "astray", quota={"hard": {"pods": 10}})
    given_space(team, "a", quota={"min": {"services": 5}})
    saying = "quota.min of space a names services, which quota.hard of the tenant does not limit"
    for seen in (team.tenant, lambda: team.space("a")):
        expect_condition(seen, "FloorWithoutLimit", saying, of="QuotaSynced")


def test_what_goes_from_a_space_above_its_ceiling_does_not_come_back(cluster):
    team = given_tenant(cluster, "pinch", spaces=["b"], quota={"hard": {"pods": 20}})
    given_space(team, "a")
    expect_ready(team, "a", "b")
    namespace = team.namespace("a")
    expect_created(team.owner.apply(deployment("web", namespace, replicas=6)))
    eventually(lambda: pods(team, "a") == 6, within=20)

    given_space(team, "a", quota={"max": {"pods": 3}})

    eventually(lambda: given(team)[namespace] == given(team, "status")[namespace] == 3, within=20)
    assert pods(team, "a") == 6
    for left in (5, 4, 3):
        victim = min(cluster.names("Pod", namespace))
        assert team.owner.kubectl("delete", "pod", victim, "-n", namespace, "--wait=false").ok
        eventually(lambda one=victim: one not in cluster.names("Pod", namespace), within=20)
        # Its ReplicaSet has seen that it goes, and was refused another one.
        eventually(lambda number=left: refused(team, "a", number), within=20)
        never(lambda number=left: pods(team, "a") > number, during=1)
    for seen in (team.tenant, lambda: team.space("a")):
        eventually(lambda of=seen: condition(of(), "QuotaSynced")[:2] == ("True", "Synced"), within=20)
    eventually(lambda: allocation(team, "a") == given(team)[namespace] == given(team, "status")[namespace] == 3)
    assert pods(team, "a") == 3

    given_space(team, "a", quota={"max": {"pods": 12}})
    eventually(lambda: given(team, "status")[namespace] >= 6, within=20)
    # A ReplicaSet that was refused several times waits for minutes, unless it is touched.
    assert cluster.admin.kubectl("annotate", "replicaset", "--all", "touched=now", "-n", namespace).ok
    eventually(lambda: pods(team, "a") == 6, within=20)


def refused(team: Team, space: str, left: int) -> bool:
    """Whether the only ReplicaSet of a space has so many pods, and its last try to make one was refused."""
    (there,) = team.cluster.list("ReplicaSet", team.namespace(space))
    failed = [one["status"] for one in there["status"].get("conditions", []) if one["type"] == "ReplicaFailure"]
    return there["status"]["replicas"] == left and failed == ["True"]


def allocation(team: Team, space: str) -> int:
    entries = ledger(team)["spec"]["entries"]
    return next(one["allocation"] for one in entries if one["space"] == team.namespace(space))
