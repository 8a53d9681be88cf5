"""Promise 3: with the operator's own token nothing can be done outside tenants' namespaces; no selector is wider."""

from __future__ import annotations

import pytest

from cotenant.render.install.rights import WATCHER
from installation import OPERATOR, Person
from vocabulary import eventually, expect_denied, expect_ready, given_namespace, given_tenant

pytestmark = pytest.mark.cluster
EXAMPLES = {
    "ConfigMap": {"apiVersion": "v1", "kind": "ConfigMap"},
    "ResourceQuota": {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": "1"}}},
    "LimitRange": {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [{"type": "Container"}]}},
    "Pod": {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"name": "c", "image": "registry.example/c:1"}]},
    },
    "NetworkPolicy": {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}},
    "RoleBinding": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cotenant:owner"},
        "subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}],
    },
}


@pytest.fixture
def thief(cluster) -> Person:
    """Somebody who got hold of the operator's token."""
    return Person(cluster, OPERATOR, (), cluster.plane.service_account("cotenant-system", "cotenant"))


def in_namespace(kind: str, namespace: str) -> dict:
    return EXAMPLES[kind] | {"metadata": {"name": "stolen", "namespace": namespace}}


@pytest.mark.parametrize("kind", list(EXAMPLES))
def test_the_token_writes_in_no_namespace_of_somebody_else(cluster, thief, kind):
    for namespace in (given_namespace(cluster, "foreign"), "kube-system", "default", "cotenant-system"):
        answer = thief.kubectl("create", "--validate=false", "-f", "-", stdin=in_namespace(kind, namespace))
        expect_denied(answer, saying="is forbidden: ")
        assert "COTENANT-LEASH-2" in answer.err or "cannot create resource" in answer.err, answer
        assert cluster.get(kind, "stolen", namespace) is None


def test_the_token_works_where_the_label_is(cluster, thief):
    # The control: the refusals above come from the leash, not from a broken token.
    team = given_tenant(cluster, "leashed", spaces=["dev"])
    answer = thief.kubectl("create", "-f", "-", stdin=in_namespace("LimitRange", team.namespace("dev")))
    assert answer.ok, answer


def test_the_token_deletes_no_namespace_of_somebody_else(cluster, thief):
    for namespace in (given_namespace(cluster, "foreign"), "kube-system", "default", "cotenant-system"):
        expect_denied(thief.kubectl("delete", "namespace", namespace, "--wait=false"), saying="is forbidden: ")
        assert "deletionTimestamp" not in cluster.there("Namespace", namespace)["metadata"]


def test_the_token_takes_no_namespace_by_labelling_it(cluster, thief):
    for namespace in (given_namespace(cluster, "foreign"), "kube-system", "default"):
        answer = thief.kubectl("label", "namespace", namespace, "cotenant.dev/tenant=mine")
        expect_denied(answer, by="policy", saying="COTENANT-LEASH-1")


def test_the_token_cannot_escalate_bind_or_impersonate(cluster, thief):
    team = given_tenant(cluster, "calm", spaces=["dev"])
    namespace = team.namespace("dev")
    for role in ("cluster-admin", "admin", "edit", "system:node"):
        answer = thief.kubectl(
            "create", "rolebinding", "up", f"--clusterrole={role}", "--user=mallory", "-n", namespace
        )
        expect_denied(answer, saying="is forbidden: ")
    for what in (
        "clusterrolebinding up --clusterrole=cotenant:owner --user=mallory",
        "clusterrole up --verb=get --resource=pods",
    ):
        expect_denied(thief.kubectl("create", *what.split()), by="RBAC", saying="is forbidden: ")
    expect_denied(
        thief.kubectl("create", "role", "up", "--verb=get", "--resource=pods", "-n", namespace),
        by="RBAC",
        saying="forbidden",
    )
    for whom in ("--as=kubernetes-admin", "--as=system:serviceaccount:kube-system:default"):
        expect_denied(thief.kubectl("get", "pods", whom, "-n", namespace), by="RBAC", saying="cannot impersonate")
    for verb, what in (
        ("escalate", "clusterroles"),
        ("escalate", "roles"),
        ("bind", "clusterroles"),
        ("bind", "roles"),
    ):
        assert not any(thief.may(verb, f"{what}.rbac.authorization.k8s.io").values())
    for what in ("users", "groups", "serviceaccounts"):
        assert not any(thief.may("impersonate", what).values())


ALL = "get list watch create update patch delete"


@pytest.mark.parametrize(
    ("what", "verbs"),
    [
        ("secrets", ALL),
        # Strict accounting counts them, so it may look.
        ("pods", "create update patch delete"),
        ("services", "create update patch delete"),
        ("persistentvolumeclaims", "create update patch delete"),
        ("pods/status", "create update patch delete"),
        ("pods/binding", "create update patch delete"),
        ("pods/log", ALL),
        ("pods/exec", ALL),
        ("nodes", ALL),
        ("serviceaccounts/token", ALL),
        ("configmaps", ALL),
    ],
)
def test_the_token_reads_nothing_of_a_tenants_content(cluster, thief, what, verbs):
    team = given_tenant(cluster, "private", spaces=["dev"])
    assert not any(thief.may(verbs, what, namespace=team.namespace("dev")).values())


def test_no_rule_of_the_operator_has_a_wildcard(cluster):
    for one in ("cotenant-operator", "cotenant:owner", "cotenant:editor", "cotenant:viewer", "cotenant:home-owner"):
        for rule in cluster.there("ClusterRole", one)["rules"]:
            assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]], rule


def test_nothing_of_ours_is_in_a_namespace_of_somebody_else(cluster):
    foreign = given_namespace(cluster, "bystander")
    team = given_tenant(cluster, "here", spaces=["dev"])
    expect_ready(team, "dev")
    for namespace in (foreign, "kube-system", "kube-public", "kube-node-lease", "default"):
        for kind in ("RoleBinding", "ResourceQuota", "LimitRange", "NetworkPolicy", "SpacePolicy"):
            found = cluster.list(kind, namespace, labels="app.kubernetes.io/managed-by=cotenant")
            # Installing it lets the operator read one ConfigMap there.
            names = {one["metadata"]["name"] for one in found} - {WATCHER}
            assert not names, namespace


def test_the_policies_bind_nobody_but_the_operator_our_own_kinds_and_what_carries_our_label(cluster):
    policies = {one["metadata"]["name"]: one["spec"] for one in cluster.list("ValidatingAdmissionPolicy")}
    others = policies.keys() - {"cotenant-leash", "cotenant-guard"}
    assert {"cotenant-pods", "cotenant-rights", "cotenant-quota-law"} <= others
    conditions = [one["expression"] for one in policies["cotenant-leash"]["matchConditions"]]
    assert conditions == [f"request.userInfo.username == '{OPERATOR}'"]
    groups = {
        group for rule in policies["cotenant-guard"]["matchConstraints"]["resourceRules"] for group in rule["apiGroups"]
    }
    assert groups == {"cotenant.dev"}
    # What is about a tenant's objects looks at namespaces and objects of tenants alone.
    for name in others:
        chosen = policies[name]["matchConstraints"]
        selected = {**chosen.get("namespaceSelector", {}), **chosen.get("objectSelector", {})}
        assert {"key": "cotenant.dev/tenant", "operator": "Exists"} in selected["matchExpressions"]


def test_the_operator_itself_wrote_nothing_outside(cluster):
    mark = cluster.plane.audit_mark()
    team = given_tenant(cluster, "audited", spaces=["dev", "build"])
    expect_ready(team, "dev", "build")
    eventually(lambda: team.tenant()["status"]["spaces"]["ready"] == 2)

    places = {one.namespace or one.name for one in cluster.writes(mark) if team.name in f"{one.namespace} {one.name}"}
    assert places == {team.name, team.home, team.namespace("dev"), team.namespace("build")}
