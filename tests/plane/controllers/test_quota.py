"""ResourceQuota and LimitRange of a space, and what the tenant's status says of them."""

from __future__ import annotations

import pytest

from vocabulary import (
    condition,
    eventually,
    expect_condition,
    expect_created,
    expect_denied,
    expect_ready,
    given_space,
    given_tenant,
    in_force,
    pod,
)

pytestmark = pytest.mark.cluster


def hard(cluster, namespace):
    return cluster.there("ResourceQuota", "cotenant", namespace)["spec"]["hard"]


def test_a_quota_lowered_below_its_use_evicts_nothing_and_admits_nothing_more(cluster):
    team = given_tenant(cluster, "shrunk", spaces=["dev"], quota={"hard": {"pods": 3}})
    space = team.namespace("dev")
    for name in ("a", "b", "c"):
        expect_created(lambda it=name: team.owner.apply(pod(it, space)))

    team.change(quota={"hard": {"pods": 1}})

    expect_condition(team.tenant, "Converging", "pods: 3 used, limit 1; nothing is evicted", of="QuotaSynced")
    eventually(lambda: in_force(cluster, space)["pods"] == "1")
    assert cluster.names("Pod", space) == {"a", "b", "c"}
    expect_denied(
        team.owner.apply(pod("d", space)),
        by="quota",
        saying='pods "d" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=3, limited: pods=1',
    )
    assert team.owner.kubectl("delete", "pod", "a", "b", "--now", "-n", space).ok
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[1] != "Converging", within=15)
    eventually(lambda: in_force(cluster, space)["pods"] == "1")
    expect_denied(lambda: team.owner.apply(pod("d", space)), by="quota", saying="used: pods=1, limited: pods=1")


@pytest.mark.parametrize("key", ["limits.cpu", "limits.memory", "requests.cpu", "requests.memory"])
def test_a_key_that_plain_pods_cannot_fill_is_told(cluster, key):
    team = given_tenant(cluster, "bare", spaces=["dev"], quota={"hard": {key: "4"}})

    expect_condition(team.tenant, "QuotaWithoutDefaults", key, of="QuotaSynced")

    name, _, resource = key.partition(".")
    field = "default" if name == "limits" else "defaultRequest"
    team.change(limits=[{"type": "Container", field: {resource: "1"}}])
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[1] != "QuotaWithoutDefaults")
    eventually(lambda: team.owner.apply(pod("plain", team.namespace("dev"))).ok)


def test_the_sum_over_spaces_is_limited(cluster):
    team = given_tenant(cluster, "sum", spaces=["dev", "test"], quota={"hard": {"pods": 2}})
    expect_ready(team, "dev", "test")
    eventually(lambda: condition(team.tenant(), "QuotaSynced")[:2] == ("True", "Synced"))
    spaces = [team.namespace(name) for name in ("dev", "test")]
    assert sum(int(hard(cluster, space)["pods"]) for space in spaces) <= 2
    made = [team.owner.apply(pod(f"p{n}", spaces[n % 2])).ok for n in range(6)]
    assert sum(made) <= 2
    assert len(cluster.names("Pod", spaces[0]) | cluster.names("Pod", spaces[1])) == sum(made)


def test_a_space_gets_the_smallest_of_all_ceilings(cluster):
    team = given_tenant(
        cluster,
        "floors",
        spaces=["dev"],
        quota={"hard": {"pods": 90, "secrets": 90}, "space": {"max": {"pods": 5, "configmaps": 7}}},
    )
    expect_ready(team, "dev")
    tight = given_space(team, "tight", quota={"max": {"pods": 2, "secrets": 3, "services": 4}})

    off = {"services.loadbalancers": "0", "services.nodeports": "0"}
    wide = {"pods": "5", "configmaps": "7", **off}
    eventually(lambda: wide.items() <= hard(cluster, team.namespace("dev")).items())
    eventually(lambda: hard(cluster, tight) == {"pods": "2", "secrets": "3", "configmaps": "7", "services": "4", **off})


def test_a_members_own_wider_ceiling_widens_nothing(cluster):
    team = given_tenant(cluster, "wide", quota={"hard": {"pods": 2}})
    space = given_space(team, "dev")
    change = '{"spec":{"quota":{"max":{"pods":1000}}}}'
    assert team.owner.kubectl("patch", "cosp", "dev", "--type=merge", "-p", change, "-n", team.home).ok
    expect_ready(team, "dev")
    eventually(lambda: hard(cluster, space)["pods"] == "2")


def test_service_types_that_are_not_allowed_are_refused_and_a_quota_of_none_too(cluster):
    team = given_tenant(cluster, "typed", spaces=["dev"])
    space = team.namespace("dev")
    expect_ready(team, "dev")
    for kind in ("loadbalancer", "nodeport"):
        answer = team.owner.kubectl("create", "service", kind, "s", "--tcp=80", "-n", space)
        expect_denied(answer, by="policy", saying="COTENANT-SERVICE-1")
        assert hard(cluster, space)[f"services.{kind}s"] == "0"
    expect_created(team.owner.kubectl("create", "service", "clusterip", "s", "--tcp=80", "-n", space))

    team.change(services={"types": ["ClusterIP", "NodePort"]})

    eventually(lambda: "services.nodeports" not in hard(cluster, space))
    eventually(lambda: team.owner.kubectl("create", "service", "nodeport", "n", "--tcp=80", "-n", space).ok)


def test_there_is_one_quota_and_one_limit_range_in_every_space(cluster):
    team = given_tenant(cluster, "single", spaces=["dev"])
    expect_ready(team, "dev")
    for kind in ("ResourceQuota", "LimitRange"):
        assert cluster.names(kind, team.namespace("dev")) == {"cotenant"}
    assert cluster.names("ResourceQuota", team.home) == {"cotenant"}


@pytest.mark.parametrize(
    ("spec", "saying"),
    [
        ({"quota": {"hard": {"pods": "many"}}}, "quantit"),
        ({"quota": {"hard": {"limits.cpu": "4 cores"}}}, "quantit"),
        (
            {"members": [{"role": "owner"}]},
            "exactly one of group, user, serviceAccount, iamRole, iamUser, permissionSet",
        ),
        ({"members": [{"role": "owner", "user": "a", "group": "b"}]}, "exactly one of group, user"),
        ({"members": [{"role": "owner", "group": "system:masters"}]}, "system: users and groups cannot be members"),
        ({"members": [{"role": "owner", "user": "a", "expires": "soon"}]}, "expires"),
        ({"spaces": {"limit": 1, "declared": ["a", "b"]}}, "more spaces are declared than spaces.limit allows"),
        ({"spaces": {"naming": "{tenant}"}}, "{space}"),
        ({"network": {"isolation": "some"}}, 'Unsupported value: "some"'),
        ({"deletionPolicy": "Erase"}, 'Unsupported value: "Erase"'),
        ({"quote": {}}, 'unknown field "spec.quote"'),
    ],
)
def test_a_wrong_tenant_is_refused_with_field_and_fix(cluster, spec, saying):
    manifest = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "wrong"}, "spec": spec}
    answer = cluster.admin.apply(manifest)
    assert not answer.ok and saying in answer.err, answer
    assert cluster.get("Tenant", "wrong") is None and cluster.get("Namespace", "home-wrong") is None
