"""Who can never start holds no quota, on the real API server: others make what they need beside it."""

from __future__ import annotations

import pytest

from plane.quota.test_pool import maker, pods
from vocabulary import (
    RESTRICTED,
    Team,
    deployment,
    eventually,
    expect_created,
    expect_ready,
    given_tenant,
    pod,
)

pytestmark = pytest.mark.cluster


def test_a_deployment_that_can_never_start_leaves_the_pods_to_others(cluster):
    team = given_tenant(
        cluster, "stuck", spaces=["a", "b"], quota={"hard": {"pods": 30}}, pods={"security": "restricted"}
    )
    expect_ready(team, "a", "b")
    stuck = deployment("stuck", team.namespace("a"), replicas=50)
    expect_created(team.owner.apply(stuck))
    eventually(lambda: "violates PodSecurity" in str(cluster.list("ReplicaSet", team.namespace("a"))), within=20)

    fill(team, "b", 28)

    # What it lacks comes once it is made to fit: as much as there is.
    for number in range(28):
        assert team.owner.kubectl("delete", "pod", f"p{number}", "--now", "-n", team.namespace("b"), "--wait=false").ok
    stuck["spec"]["template"]["spec"]["containers"][0]["securityContext"] = dict(RESTRICTED)
    assert team.owner.apply(stuck).ok
    eventually(lambda: pods(team, "a") == 30, within=60)


@pytest.mark.parametrize("kind", ["Job", "StatefulSet"])
def test_a_job_and_a_statefulset_that_can_never_start_leave_the_pods_to_others(cluster, kind):
    team = given_tenant(
        cluster, "barred", spaces=["a", "b"], quota={"hard": {"pods": 30}}, pods={"security": "restricted"}
    )
    expect_ready(team, "a", "b")
    expect_created(team.owner.apply(maker(kind, "stuck", team.namespace("a"), 50)))
    eventually(lambda: "violates PodSecurity" in str(cluster.list("Event", team.namespace("a"))), within=20)

    fill(team, "b", 28)


def test_a_statefulset_that_is_short_of_storage_holds_no_pods(cluster):
    team = given_tenant(cluster, "short", spaces=["a", "b"], quota={"hard": {"pods": 30, "requests.storage": "20Gi"}})
    expect_ready(team, "a", "b")
    many = maker("StatefulSet", "db", team.namespace("a"), 50)
    storage = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "tin",
        "resources": {"requests": {"storage": "30Gi"}},
    }
    many["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "data"}, "spec": storage}]
    expect_created(team.owner.apply(many))
    eventually(lambda: "exceeded quota" in str(cluster.list("Event", team.namespace("a"))), within=20)

    fill(team, "b", 28)
    assert not cluster.names("PersistentVolumeClaim", team.namespace("a"))


def fill(team: Team, space: str, amount: int) -> None:
    """Bare pods, one after the other, each tried until there is quota for it."""
    for number in range(amount):
        small = pod(f"p{number}", team.namespace(space), restricted=True)
        eventually(lambda one=small: team.owner.apply(one).ok, within=10, every=0.2)
