"""What a space does not hold although its tenant has it, and how it gets it: by a min of its own."""

from __future__ import annotations

import json

import pytest

from installation import Answer
from vocabulary import (
    Team,
    condition,
    eventually,
    expect_condition,
    expect_denied,
    expect_ready,
    given_space,
    given_tenant,
)

pytestmark = pytest.mark.cluster
SIZE = 20 * 2**30


def keeps(team: Team, space: str, **least: str | int) -> None:
    """The Space says what it is to keep."""
    change = json.dumps({"spec": {"quota": {"min": {key.replace("_", "."): one for key, one in least.items()}}}})
    said = team.owner.kubectl("patch", "space", space, "-n", team.home, "--type=merge", "-p", change)
    assert said.ok, said


def counted(team: Team, space: str) -> str:
    """How many ConfigMaps Kubernetes counts there."""
    found: str = team.cluster.there("ResourceQuota", "cotenant", team.namespace(space))["status"]["used"]["configmaps"]
    return found


def held(team: Team, space: str) -> str:
    """How many services it may have now."""
    found: str = team.cluster.there("ResourceQuota", "cotenant", team.namespace(space))["spec"]["hard"]["services"]
    return found


def test_a_space_that_came_too_late_is_told_what_is_idle_and_gets_it_by_its_min(cluster):
    team = given_tenant(cluster, "late", spaces=["a", "b"], quota={"hard": {"services": 2}})
    expect_ready(team, "a", "b")
    eventually(lambda: held(team, "a") == held(team, "b") == "1")

    given_space(team, "c")
    idle = "; quota.min of this Space brings some of it here"
    expect_condition(lambda: team.space("c"), "NoShare", idle, of="QuotaSynced")

    keeps(team, "c", services=1)
    eventually(lambda: condition(team.space("c"), "QuotaSynced")[1] == "Synced")


def test_a_limit_of_configmaps_of_less_than_one_for_each_space_says_who_makes_them(cluster):
    # Made before a namespace has a quota, kube-root-ca.crt goes over a limit; made after it, it waits. Both are counted here.
    team = given_tenant(cluster, "full", spaces=["a", "b"], quota={"hard": {"configmaps": 2}})
    expect_ready(team, "a", "b")
    for space in ("a", "b"):
        eventually(lambda at=space: counted(team, at) == "1")

    team.change(quota={"hard": {"configmaps": 1}})
    message = expect_condition(team.tenant, "Converging", "configmaps: 2 used, limit 1;", of="QuotaSynced")
    assert message.endswith("; Kubernetes makes kube-root-ca.crt in every space, and counts it")

    team.change(quota={"hard": {"configmaps": 2}})
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[1] == "Synced")


def test_a_large_claim_is_refused_while_all_is_free_and_admitted_once_its_space_keeps_as_much(cluster):
    team = given_tenant(cluster, "large", spaces=["a", "b", "c"], quota={"hard": {"requests.storage": "100Gi"}})
    expect_ready(team, "a", "b", "c")
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "tin", "resources": {"requests": {"storage": SIZE}}}
    metadata = {"name": "data", "namespace": team.namespace("a")}

    def made() -> Answer:
        return team.owner.apply(
            {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}
        )

    eventually(lambda: "limited: requests.storage=" in made().err)
    expect_denied(made(), by="quota", saying="used: requests.storage=0")
    keeps(team, "a", requests_storage="20Gi")
    eventually(lambda: made().ok)
