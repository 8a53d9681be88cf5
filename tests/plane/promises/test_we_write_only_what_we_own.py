"""Promise 4: what others have put into a namespace stays as it is, in one that was adopted and in one of ours."""

from __future__ import annotations

import pytest

from vocabulary import eventually, expect_condition, expect_ready, given_namespace, given_space, given_tenant

pytestmark = pytest.mark.cluster
RBAC = "rbac.authorization.k8s.io"
FOREIGN = [
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    },
    {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "77"}}},
    {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [{"type": "Pod", "max": {"cpu": "7"}}]}},
    {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "User", "name": "auditor", "apiGroup": RBAC}],
    },
    {"apiVersion": f"{RBAC}/v1", "kind": "Role", "rules": []},
]


def put(cluster, namespace):
    """Foreign objects, one of them named much like ours; their versions. Into a space nobody puts a second quota."""
    ours = "cotenant.dev/tenant" in cluster.there("Namespace", namespace)["metadata"].get("labels", {})
    for manifest in FOREIGN:
        for name in ("theirs", "cotenant-like"):
            if not (ours and manifest["kind"] == "ResourceQuota"):
                cluster.apply(manifest | {"metadata": {"name": name, "namespace": namespace}}, manager="somebody")
    return versions(cluster, namespace)


def versions(cluster, namespace):
    return {
        (one["kind"], name): (
            found["metadata"]["uid"],
            found.get("spec") or found.get("subjects") or found.get("rules"),
        )
        for one in FOREIGN
        for name in ("theirs", "cotenant-like")
        for found in [cluster.get(one["kind"], name, namespace)]
        if found
    }


def test_what_was_in_an_adopted_namespace_stays_untouched(cluster):
    team = given_tenant(cluster, "guest")
    namespace = given_namespace(cluster, "legacy", adopt=f"{team.name}/old")
    cluster.label(namespace, team_colour="blue")
    cluster.patch("Namespace", namespace, {"metadata": {"annotations": {"example.com/note": "keep"}}})
    before, mark = put(cluster, namespace), cluster.plane.audit_mark()

    given_space(team, "old", namespace=namespace)
    team.change(network={"isolation": "space"})
    eventually(lambda: cluster.get("NetworkPolicy", "cotenant-allow-space", namespace))
    expect_ready(team, "old")

    assert versions(cluster, namespace) == before
    assert not [
        one for one in cluster.writes(mark) if one.namespace == namespace and one.name in ("theirs", "cotenant-like")
    ]
    metadata = cluster.there("Namespace", namespace)["metadata"]
    assert metadata["labels"]["team-colour"] == "blue" and metadata["annotations"]["example.com/note"] == "keep"


def test_what_others_put_into_a_space_stays_untouched(cluster):
    team = given_tenant(cluster, "host", spaces=["dev"])
    namespace = team.namespace("dev")
    expect_ready(team, "dev")
    before = put(cluster, namespace)

    team.change(members=[{"role": "viewer", "user": "new"}], quota={"hard": {"pods": 3}}, network={"internet": False})

    eventually(lambda: cluster.get("NetworkPolicy", "cotenant-allow-internet", namespace) is None)
    eventually(lambda: cluster.there("ResourceQuota", "cotenant", namespace)["spec"]["hard"].get("pods") == "3")
    assert versions(cluster, namespace) == before


def test_the_end_of_a_tenant_leaves_what_others_made(cluster):
    team = given_tenant(cluster, "ending", spaces=["dev"])
    namespace = team.namespace("dev")
    expect_ready(team, "dev")
    before = put(cluster, namespace)

    cluster.delete("Tenant", team.name)

    eventually(lambda: cluster.get("Tenant", team.name) is None)
    assert versions(cluster, namespace) == before
    assert cluster.names("RoleBinding", namespace) == {"theirs", "cotenant-like"}


def test_a_home_that_somebody_else_made_is_not_touched(cluster):
    squatter = given_namespace(cluster, "", named="home-squatter")
    before = cluster.there("Namespace", squatter)["metadata"]
    mark = cluster.plane.audit_mark()

    taken = given_tenant(cluster, "", named="squatter", ready=False)

    expect_condition(taken.tenant, "HomeNamespaceTaken", "namespace home-squatter exists and is not ours")
    assert cluster.there("Namespace", squatter)["metadata"]["resourceVersion"] == before["resourceVersion"]
    assert not [one for one in cluster.writes(mark) if one.namespace == squatter]
