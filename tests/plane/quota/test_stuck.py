"""Who can never start holds no quota, on the real API server: others make what they need beside it."""

from __future__ import annotations

import pytest

from plane.quota.test_pool import pods
from vocabulary import (
    RESTRICTED,
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

    for number in range(28):
        small = pod(f"p{number}", team.namespace("b"), restricted=True)
        eventually(lambda one=small: team.owner.apply(one).ok, within=10, every=0.2)

    # What it lacks comes once it is made to fit: as much as there is.
    for number in range(28):
        assert team.owner.kubectl("delete", "pod", f"p{number}", "--now", "-n", team.namespace("b"), "--wait=false").ok
    stuck["spec"]["template"]["spec"]["containers"][0]["securityContext"] = dict(RESTRICTED)
    assert team.owner.apply(stuck).ok
    eventually(lambda: pods(team, "a") == 30, within=60)
