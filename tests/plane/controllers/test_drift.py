"""Whatever somebody changes in what cotenant owns is put back, also what was changed while no operator ran."""

from __future__ import annotations

import json

import pytest

from installation import KINDS
from vocabulary import Team, condition, eventually, expect_ready, given_namespace, given_tenant, never, subjects

pytestmark = pytest.mark.cluster
RBAC = "rbac.authorization.k8s.io"
MALLORY = {"kind": "User", "apiGroup": RBAC, "name": "mallory"}
OWNED = [
    ("RoleBinding", "cotenant-owner"),
    ("RoleBinding", "cotenant-viewer"),
    ("NetworkPolicy", "cotenant-default-deny"),
    ("NetworkPolicy", "cotenant-allow-tenant"),
    ("NetworkPolicy", "cotenant-allow-platform"),
    ("NetworkPolicy", "cotenant-allow-internet"),
    ("LimitRange", "cotenant"),
    ("ResourceQuota", "cotenant"),
]
KEPT = ("ResourceQuota",)
"""What a policy keeps from everybody but the operator is changed here as an operator that errs does it."""
EDITS = {
    "an-extra-subject": ("RoleBinding", "cotenant-owner", "subjects", lambda old: [*old, MALLORY]),
    "no-subjects": ("RoleBinding", "cotenant-owner", "subjects", lambda old: []),
    "an-extra-label-in-a-pod-selector": (
        "NetworkPolicy",
        "cotenant-default-deny",
        "spec",
        lambda old: old | {"podSelector": {"matchLabels": {"closed": "yes"}}},
    ),
    "an-extra-rule": (
        "NetworkPolicy",
        "cotenant-allow-tenant",
        "spec",
        lambda old: old | {"ingress": [*old["ingress"], {}]},
    ),
    "fewer-policy-types": (
        "NetworkPolicy",
        "cotenant-default-deny",
        "spec",
        lambda old: old | {"policyTypes": ["Ingress"]},
    ),
    "a-higher-maximum": (
        "LimitRange",
        "cotenant",
        "spec",
        lambda old: {"limits": [{"type": "Container", "max": {"cpu": "64"}}]},
    ),
    "a-limit-of-pods": (
        "LimitRange",
        "cotenant",
        "spec",
        lambda old: {"limits": [*old["limits"], {"type": "Pod", "max": {"cpu": "1m"}}]},
    ),
    "a-larger-quota": ("ResourceQuota", "cotenant", "spec", lambda old: {"hard": old["hard"] | {"pods": "999"}}),
    "a-further-key": ("ResourceQuota", "cotenant", "spec", lambda old: {"hard": old["hard"] | {"secrets": "0"}}),
    "a-missing-key": ("ResourceQuota", "cotenant", "spec", lambda old: {"hard": {"services": "1"}}),
}


@pytest.fixture(scope="module")
def team(installation) -> Team:
    if not installation.operator.running:
        installation.operator.start()
    made = given_tenant(
        installation,
        "drift",
        spaces=["dev"],
        members=[{"role": "viewer", "user": "vera"}],
        quota={"hard": {"pods": 9}},
        limits=[{"type": "Container", "default": {"cpu": "500m"}, "max": {"cpu": "1"}}],
    )
    expect_ready(made, "dev")
    eventually(lambda: condition(made.tenant(), "QuotaSynced")[1] == "Synced")
    return made


def content(cluster, kind: str, name: str, namespace: str):
    """What somebody could have changed, in one text; None if it is gone."""
    found = cluster.get(kind, name, namespace)
    if found is None:
        return None
    fields = {key: found.get(key) for key in ("spec", "subjects", "roleRef")}
    return json.dumps([fields, found["metadata"].get("labels")], sort_keys=True)


def everything(cluster, team):
    namespace = team.namespace("dev")
    found = {(kind, name): content(cluster, kind, name, namespace) for kind, name in OWNED}
    found["SpacePolicy", "policy"] = content(cluster, "SpacePolicy", "policy", namespace)
    for kind, name in (
        ("RoleBinding", "cotenant-read"),
        ("RoleBinding", "cotenant-create"),
        ("ResourceQuota", "cotenant"),
    ):
        found[kind, f"home/{name}"] = content(cluster, kind, name, team.home)
    return found


def replace(cluster, namespace: str, edit: str) -> None:
    """A PUT: unlike a patch it also takes out what was there."""
    kind, name, field, change = EDITS[edit]
    status, answer = cluster.replace(
        KINDS[kind].path(namespace, name),
        lambda it: it.update({field: change(it.get(field) or [])}),
        by_operator=kind in KEPT,
    )
    assert status == 200, answer


def destroy(cluster, kind: str, name: str, namespace: str) -> None:
    if kind in KEPT:
        assert cluster.as_operator("DELETE", KINDS[kind].path(namespace, name))[0] == 200
    else:
        cluster.delete(kind, name, namespace)


@pytest.mark.parametrize(("kind", "name"), OWNED)
def test_what_is_deleted_is_made_again(cluster, team, kind, name):
    namespace = team.namespace("dev")
    before = content(cluster, kind, name, namespace)
    uid = cluster.there(kind, name, namespace)["metadata"]["uid"]

    destroy(cluster, kind, name, namespace)

    eventually(lambda: content(cluster, kind, name, namespace) == before)
    assert cluster.there(kind, name, namespace)["metadata"]["uid"] != uid


@pytest.mark.parametrize("edit", list(EDITS))
def test_what_is_edited_is_put_back(cluster, team, edit):
    kind, name, *_ = EDITS[edit]
    namespace = team.namespace("dev")
    before = content(cluster, kind, name, namespace)

    replace(cluster, namespace, edit)

    eventually(lambda: content(cluster, kind, name, namespace) == before)


@pytest.mark.parametrize("name", ["cotenant-read", "cotenant-create"])
def test_what_is_deleted_in_the_home_is_made_again(cluster, team, name):
    before = content(cluster, "RoleBinding", name, team.home)
    cluster.delete("RoleBinding", name, team.home)
    eventually(lambda: content(cluster, "RoleBinding", name, team.home) == before)


def test_a_deleted_quota_of_the_home_comes_back_with_its_count(cluster, team):
    destroy(cluster, "ResourceQuota", "cotenant", team.home)

    def counted() -> bool:
        found = cluster.there("ResourceQuota", "cotenant", team.home)["status"]
        return found["hard"]["count/spaces.cotenant.dev"] == "5" and found["used"]["count/spaces.cotenant.dev"] == "1"

    eventually(counted)


@pytest.mark.parametrize(
    "taken",
    [
        ("cotenant.dev/tenant",),
        ("cotenant.dev/space",),
        ("cotenant.dev/tenant", "cotenant.dev/space"),
        ("pod-security.kubernetes.io/enforce",),
        ("pod-security.kubernetes.io/enforce-version",),
        ("app.kubernetes.io/managed-by",),
        (
            "cotenant.dev/tenant",
            "cotenant.dev/space",
            "pod-security.kubernetes.io/enforce",
            "app.kubernetes.io/managed-by",
        ),
    ],
)
def test_labels_stripped_from_a_space_are_put_back(cluster, team, taken):
    namespace = team.namespace("dev")
    before = cluster.there("Namespace", namespace)["metadata"]["labels"]

    cluster.patch("Namespace", namespace, {"metadata": {"labels": dict.fromkeys(taken)}})

    eventually(lambda: cluster.there("Namespace", namespace)["metadata"]["labels"] == before)


def test_a_loosened_pod_security_label_is_put_back(cluster, team):
    namespace = team.namespace("dev")
    cluster.patch(
        "Namespace", namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}}
    )
    labels = lambda: cluster.there("Namespace", namespace)["metadata"]["labels"]  # noqa: E731 - read twice
    eventually(lambda: labels()["pod-security.kubernetes.io/enforce"] == "baseline")


def test_labels_stripped_from_a_home_are_put_back(cluster, team):
    before = cluster.there("Namespace", team.home)["metadata"]["labels"]
    cluster.patch("Namespace", team.home, {"metadata": {"labels": {"cotenant.dev/tenant": None}}})
    eventually(lambda: cluster.there("Namespace", team.home)["metadata"]["labels"] == before)


def test_a_label_of_our_tenant_on_kube_system_or_a_strangers_namespace_makes_nothing_there(cluster, team):
    stranger = given_namespace(cluster, "stranger")
    before = cluster.names("RoleBinding", "kube-system")
    for namespace in ("kube-system", stranger):
        cluster.patch("Namespace", namespace, {"metadata": {"labels": {"cotenant.dev/tenant": team.name}}})
    try:
        never(lambda: cluster.names("RoleBinding", "kube-system") ^ before, during=1)
        assert cluster.names("RoleBinding", stranger) == set()
    finally:
        for namespace in ("kube-system", stranger):
            cluster.patch("Namespace", namespace, {"metadata": {"labels": {"cotenant.dev/tenant": None}}})
    expect_ready(team, "dev")


def test_what_happens_while_no_operator_runs_is_put_back_at_its_start(cluster, team):
    namespace, before = team.namespace("dev"), everything(cluster, team)
    labels = cluster.there("Namespace", namespace)["metadata"]["labels"]
    cluster.operator.kill()

    for edit in ("an-extra-subject", "an-extra-label-in-a-pod-selector", "a-larger-quota", "a-higher-maximum"):
        replace(cluster, namespace, edit)
    for kind, name in (("RoleBinding", "cotenant-viewer"), ("NetworkPolicy", "cotenant-allow-platform")):
        cluster.delete(kind, name, namespace)
    cluster.delete("RoleBinding", "cotenant-create", team.home)
    cluster.patch("Namespace", namespace, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}})
    assert everything(cluster, team) != before
    cluster.operator.start()

    eventually(lambda: everything(cluster, team) == before)
    eventually(lambda: cluster.there("Namespace", namespace)["metadata"]["labels"] == labels)
    expect_ready(team, "dev")


def test_a_mistyped_label_does_not_hand_a_space_to_another_tenant(cluster):
    victim = given_tenant(cluster, "keeper", spaces=["dev"])
    other = given_tenant(cluster, "other")
    expect_ready(victim, "dev")
    namespace = victim.namespace("dev")
    before = subjects(cluster, namespace)

    cluster.admin.kubectl("label", "namespace", namespace, f"cotenant.dev/tenant={other.name}", "--overwrite")

    eventually(lambda: labels_of(cluster, namespace)["cotenant.dev/tenant"] == victim.name, within=5)
    expect_ready(victim, "dev")
    assert cluster.get("Space", "dev", other.home) is None
    assert subjects(cluster, namespace) == before


def labels_of(cluster, namespace):
    return cluster.there("Namespace", namespace)["metadata"]["labels"]
