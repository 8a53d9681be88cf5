"""TenantProfile: what a tenant leaves out. The tenant's own leaf wins."""

from __future__ import annotations

import secrets

import pytest

from vocabulary import eventually, expect_condition, expect_ready, given_tenant, in_force

pytestmark = pytest.mark.cluster


def given_profile(cluster, name: str, **spec) -> str:
    metadata = {"name": name}
    cluster.apply({"apiVersion": "cotenant.dev/v1alpha1", "kind": "TenantProfile", "metadata": metadata, "spec": spec})
    return name


def policy(cluster, team):
    return cluster.there("SpacePolicy", "policy", team.namespace("dev"))["spec"]


def test_a_tenant_of_a_missing_profile_waits_and_is_made_when_it_is_there(cluster):
    name = f"gold-{secrets.token_hex(2)}"
    team = given_tenant(cluster, "waiting", spaces=["dev"], profile=name, ready=False)

    expect_condition(team.tenant, "ProfileNotFound", f"TenantProfile {name} does not exist")
    assert cluster.get("Namespace", team.home) is None and cluster.get("Namespace", team.namespace("dev")) is None

    given_profile(cluster, name, quota={"hard": {"pods": 4}})
    expect_ready(team, "dev")
    eventually(lambda: in_force(cluster, team.namespace("dev"))["pods"] == "4")


def test_a_leaf_of_the_tenant_wins_over_the_profiles_and_that_over_the_built_in(cluster):
    name = given_profile(
        cluster,
        f"silver-{secrets.token_hex(2)}",
        network={"isolation": "space", "internet": False},
        pods={"security": "privileged", "registries": ["a.example.com/"]},
        services={"types": ["ClusterIP", "NodePort"]},
        quota={"hard": {"pods": 4, "secrets": 4}},
    )
    team = given_tenant(
        cluster,
        "layered",
        spaces=["dev"],
        profile=name,
        network={"internet": True},
        pods={"security": "baseline"},
        services={"types": []},
        quota={"hard": {"pods": 2}},
    )
    expect_ready(team, "dev")

    found = policy(cluster, team)
    assert found["network"] == {"isolation": "space", "internet": True}
    assert found["pods"]["security"] == "baseline" and found["pods"]["registries"] == ["a.example.com/"]
    assert found["services"] == {"types": []}  # [] means none allowed, not "inherit"
    assert found["enforcement"] == "enforce"

    eventually(lambda: in_force(cluster, team.namespace("dev"))["pods"] == "2")
    assert "secrets" not in in_force(cluster, team.namespace("dev"))  # a map is one leaf, replaced whole


def test_a_change_of_the_profile_reaches_its_tenants_and_no_other(cluster):
    name = given_profile(cluster, f"bronze-{secrets.token_hex(2)}", network={"isolation": "tenant"})
    team = given_tenant(cluster, "follower", spaces=["dev"], profile=name)
    other = given_tenant(cluster, "bystander", spaces=["dev"])
    expect_ready(team, "dev")
    expect_ready(other, "dev")
    version = cluster.there("SpacePolicy", "policy", other.namespace("dev"))["metadata"]["resourceVersion"]

    given_profile(cluster, name, network={"isolation": "space"})

    eventually(lambda: policy(cluster, team)["network"]["isolation"] == "space")
    eventually(lambda: cluster.get("NetworkPolicy", "cotenant-allow-space", team.namespace("dev")))
    eventually(lambda: cluster.get("NetworkPolicy", "cotenant-allow-tenant", team.namespace("dev")) is None)
    assert cluster.there("SpacePolicy", "policy", other.namespace("dev"))["metadata"]["resourceVersion"] == version


def test_a_profile_that_goes_away_changes_nothing_of_what_is_there(cluster):
    name = given_profile(cluster, f"iron-{secrets.token_hex(2)}", quota={"hard": {"pods": 3}})
    team = given_tenant(cluster, "orphaned", spaces=["dev"], profile=name)
    expect_ready(team, "dev")
    eventually(lambda: in_force(cluster, team.namespace("dev"))["pods"] == "3")

    cluster.delete("TenantProfile", name)

    expect_condition(team.tenant, "ProfileNotFound")
    assert team.owner.kubectl("get", "pods", "-n", team.namespace("dev")).ok
    assert cluster.there("ResourceQuota", "cotenant", team.namespace("dev"))["spec"]["hard"]["pods"] == "3"
    assert cluster.get("NetworkPolicy", "cotenant-default-deny", team.namespace("dev"))
