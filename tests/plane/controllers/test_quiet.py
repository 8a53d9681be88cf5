"""Nothing changes, so nothing is written: told by the API server's audit log, not by ourselves."""

from __future__ import annotations

import time

import pytest

from cotenant.local.audit import WRITES, Mark
from installation import KINDS, OPERATOR, in_words
from vocabulary import Team, eventually, expect_ready, expect_settled, given_space, given_tenant

pytestmark = pytest.mark.cluster


def written(team: Team, mark: Mark) -> list[str]:
    """What the operator wrote of a tenant. Namespaces that other tests left may still be on their way out."""
    return in_words([one for one in team.cluster.writes(mark) if team.name in f"{one.namespace} {one.name}"])


def test_nothing_is_written_while_nothing_changes_nor_after_a_restart(cluster):
    team = given_tenant(
        cluster,
        "quiet",
        spaces=["dev", "build"],
        quota={"hard": {"limits.cpu": "1500m", "limits.memory": "1024Mi", "pods": 4}, "space": {"max": {"pods": 2}}},
        limits=[{"type": "Container", "default": {"cpu": "0.5", "memory": "1024Ki"}, "max": {"cpu": 1}}],
        network={"isolation": "space", "from": [{"cidr": "10.9.0.0/16", "ports": [{"port": 443}]}]},
        members=[{"role": "viewer", "user": "vera"}, {"role": "viewer", "user": "vera"}],
        displayName="Quiet",
    )
    given_space(team, "own", quota={"max": {"pods": 1}})
    expect_ready(team, "dev", "build", "own")
    expect_settled(cluster)

    mark = cluster.plane.audit_mark()
    time.sleep(2)
    assert written(team, mark) == []

    for end in (cluster.operator.stop, cluster.operator.kill):
        end()
        mark = cluster.plane.audit_mark()
        cluster.operator.start()
        time.sleep(2)
        assert written(team, mark) == []


def test_an_annotation_of_somebody_else_costs_no_write(cluster):
    team = given_tenant(cluster, "noted", spaces=["dev"])
    expect_ready(team, "dev")
    expect_settled(cluster)
    mark = cluster.plane.audit_mark()

    cluster.patch("Namespace", team.namespace("dev"), {"metadata": {"annotations": {"example.com/a": "b"}}})
    cluster.patch("Tenant", team.name, {"metadata": {"annotations": {"example.com/a": "b"}}})
    cluster.patch(
        "RoleBinding", "cotenant-owner", {"metadata": {"annotations": {"example.com/a": "b"}}}, team.namespace("dev")
    )

    time.sleep(1.5)
    assert written(team, mark) == []


def test_one_tenant_changed_costs_writes_in_its_own_places_only(cluster):
    team, other = (given_tenant(cluster, name, spaces=["dev"]) for name in ("alone", "other"))
    for one in (team, other):
        expect_ready(one, "dev")
    expect_settled(cluster)
    mark = cluster.plane.audit_mark()

    team.change(network={"internet": False})
    eventually(lambda: cluster.get("NetworkPolicy", "cotenant-allow-internet", team.namespace("dev")) is None)
    time.sleep(1)

    assert written(other, mark) == []
    mine = [one for one in cluster.writes(mark) if team.name in f"{one.namespace} {one.name}"]
    assert mine and {one.namespace or one.name for one in mine} <= {team.name, team.home, team.namespace("dev")}
    assert len(mine) < 12, in_words(mine)


def test_the_limits_of_a_quota_are_written_by_put_alone(cluster):
    mark = cluster.plane.audit_mark()
    team = given_tenant(cluster, "put", spaces=["dev"], quota={"hard": {"pods": 3}})
    expect_ready(team, "dev")
    team.change(quota={"hard": {"pods": 2}})
    eventually(lambda: cluster.there("ResourceQuota", "cotenant", team.namespace("dev"))["spec"]["hard"]["pods"] == "2")

    asked = [
        one
        for one in cluster.plane.audit_since(mark, user=OPERATOR)
        if one.resource == "resourcequotas" and one.verb in WRITES and team.name in one.namespace
    ]
    assert {one.verb for one in asked} == {"create", "update"}, in_words(asked)
    managers = cluster.there("ResourceQuota", "cotenant", team.namespace("dev"))["metadata"]["managedFields"]
    owners = {
        one["manager"]: one["operation"] for one in managers if "f:hard" in str(one["fieldsV1"].get("f:spec", ""))
    }
    assert owners == {"cotenant-quota": "Update"}


def test_a_quota_write_that_lost_a_race_is_not_made_blindly(cluster):
    # PUT carries the resourceVersion that was read: a stale one is refused, whoever sends it.
    team = given_tenant(cluster, "race", spaces=["dev"], quota={"hard": {"pods": 3}})
    expect_ready(team, "dev")
    stale = cluster.there("ResourceQuota", "cotenant", team.namespace("dev"))
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": team.namespace("dev")}}
    )
    cluster.patch("ResourceQuota", "cotenant", {"metadata": {"annotations": {"a": "b"}}}, team.namespace("dev"))
    path = KINDS["ResourceQuota"].path(team.namespace("dev"), "cotenant")
    assert cluster.plane.wire().json("PUT", path, stale)[0] == 409
