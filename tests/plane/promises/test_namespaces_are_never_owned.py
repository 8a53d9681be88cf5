"""Promise 2: losing every custom resource loses no namespace and nothing in it; labels bring the spaces back."""

from __future__ import annotations

import pytest

from cotenant.api.schema import KINDS
from vocabulary import (
    eventually,
    expect_condition,
    expect_created,
    expect_ready,
    expect_settled,
    given_namespace,
    given_space,
    given_tenant,
    gone,
    is_ready,
    pod,
    space_of,
)

pytestmark = pytest.mark.cluster
KEPT = ("RoleBinding", "ResourceQuota", "NetworkPolicy", "LimitRange", "ConfigMap", "Pod")


def inventory(cluster, namespaces):
    """The uid of every namespace and of everything in it."""
    found = {name: cluster.there("Namespace", name)["metadata"]["uid"] for name in namespaces}
    for kind in KEPT:
        for name in namespaces:
            found |= {
                f"{kind} {name}/{one['metadata']['name']}": one["metadata"]["uid"] for one in cluster.list(kind, name)
            }
    return found


def lost(cluster, before):
    """What is not there any more, or is another object now."""
    now = inventory(cluster, [one for one in before if " " not in one])
    return {key for key, uid in before.items() if now.get(key) != uid}


def test_no_namespace_is_owned_by_anything(cluster):
    team = given_tenant(cluster, "free", spaces=["dev"])
    expect_ready(team, "dev")
    for name in (team.home, team.namespace("dev")):
        metadata = cluster.there("Namespace", name)["metadata"]
        assert "ownerReferences" not in metadata and "finalizers" not in metadata
    for one in cluster.list("Namespace"):
        assert not one["metadata"].get("finalizers") and not one["metadata"].get("ownerReferences"), one["metadata"]


def test_nothing_in_a_space_is_owned_by_a_custom_resource(cluster):
    team = given_tenant(cluster, "loose", spaces=["dev"])
    expect_ready(team, "dev")
    for kind in ("RoleBinding", "ResourceQuota", "NetworkPolicy", "LimitRange", "SpacePolicy"):
        for one in cluster.list(kind, team.namespace("dev")):
            assert "ownerReferences" not in one["metadata"], one["metadata"]


def test_all_definitions_deleted_and_made_again_lose_nothing(cluster):
    team = given_tenant(cluster, "phoenix", spaces=["dev"], members=[{"role": "viewer", "user": "vera"}])
    adopted = given_namespace(cluster, "legacy", adopt=f"{team.name}/old")
    given_space(team, "old", namespace=adopted)
    given_space(team, "self")
    spec = team.tenant()["spec"]
    spaces = [team.namespace("dev"), team.namespace("self"), adopted]
    for name in spaces:
        cluster.apply(pod("work", name))
        cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "data", "namespace": name}})
    before = inventory(cluster, [*spaces, team.home])
    old = {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.list("CustomResourceDefinition")}

    try:
        for name in old:
            cluster.delete("CustomResourceDefinition", name)
        for name in old:
            eventually(gone(cluster, "CustomResourceDefinition", name), within=30)

        assert {one for one in lost(cluster, before) if not one.startswith("SpacePolicy")} == set()
        assert team.owner.kubectl("get", "pods", "-n", spaces[0]).ok
    finally:
        cluster.install()
    new = {one["metadata"]["name"]: one["metadata"]["uid"] for one in cluster.list("CustomResourceDefinition")}
    assert len(new) == len(KINDS) and not set(new.values()) & set(old.values())
    assert lost(cluster, before) == set()

    cluster.apply(
        {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": team.name}, "spec": spec}
    )

    eventually(lambda: cluster.names("Space", team.home) == {"dev", "self", "old"}, within=20)
    expect_ready(team, "dev", "self", "old", within=20)
    assert {team.space(name)["status"]["namespace"] for name in ("dev", "self", "old")} == set(spaces)
    assert lost(cluster, before) == set()
    assert all(cluster.get("SpacePolicy", "policy", name) for name in spaces)
    eventually(lambda: team.owner.apply(space_of(team, "after")).ok)


def made_again(cluster, team, home: str):
    """Whether there is a home of another uid."""
    found = cluster.get("Namespace", team.home)
    return found is not None and found["metadata"]["uid"] != home


def test_a_deleted_home_deletes_no_space_and_is_made_again(cluster):
    team = given_tenant(cluster, "homeless", spaces=["dev"])
    given_space(team, "self")
    spaces = [team.namespace("dev"), team.namespace("self")]
    before = inventory(cluster, spaces)
    home = cluster.there("Namespace", team.home)["metadata"]["uid"]

    cluster.delete("Namespace", team.home)

    eventually(lambda: made_again(cluster, team, home), within=30)
    eventually(lambda: cluster.names("Space", team.home) == {"dev", "self"}, within=15)
    expect_ready(team, "dev", "self", within=15)
    assert lost(cluster, before) == set()
    eventually(lambda: team.owner.apply(space_of(team, "after")).ok)
    expect_ready(team, "after")
    expect_settled(cluster)


def test_a_space_deleted_on_purpose_is_not_rebuilt(cluster):
    team = given_tenant(cluster, "unwanted", spaces=["dev"])
    namespace = given_space(team, "self")
    home = cluster.there("Namespace", team.home)["metadata"]["uid"]

    assert team.owner.kubectl("delete", "cosp", "self", "-n", team.home, "--wait=false").ok
    expect_condition(lambda: team.space("self"), "WaitsForRelease", namespace)
    # Even when its finalizer is lost together with the whole home.
    cluster.delete("Namespace", team.home)
    eventually(lambda: made_again(cluster, team, home), within=30)
    expect_ready(team, "dev", within=15)

    assert cluster.names("Space", team.home) == {"dev"}
    assert "deletionTimestamp" not in cluster.there("Namespace", namespace)["metadata"]
    team.change(displayName="looked at once more")
    expect_ready(team)
    assert cluster.names("Space", team.home) == {"dev"}


def test_an_uninstall_of_the_definitions_touches_no_workload_of_a_deleted_tenant(cluster):
    team = given_tenant(cluster, "left", spaces=["dev"])
    namespace = team.namespace("dev")
    expect_created(lambda: team.owner.apply(pod("work", namespace)), "pod/work")
    cluster.delete("Tenant", team.name)
    eventually(gone(cluster, "Tenant", team.name))
    before = inventory(cluster, [namespace])

    cluster.apply(
        {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": team.name}, "spec": {}}
    )

    expect_ready(team, within=15)
    eventually(lambda: is_ready(team.space("dev")))
    assert lost(cluster, before) == set()
