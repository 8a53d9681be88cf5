"""Adopting a namespace that has quotas, limits and network policies already: others' stay, those of our names are ours."""

from __future__ import annotations

import pytest

from vocabulary import (
    eventually,
    expect_created,
    expect_denied,
    expect_ready,
    expect_settled,
    given_namespace,
    given_tenant,
    in_force,
    pod,
    space_of,
)

pytestmark = pytest.mark.cluster
OPEN = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]}
THEIRS = (
    ("ResourceQuota", "v1", {"hard": {"pods": "7"}}),
    ("LimitRange", "v1", {"limits": [{"type": "Container", "default": {"cpu": "3"}}]}),
    ("NetworkPolicy", "networking.k8s.io/v1", OPEN),
)
OURS = {"ResourceQuota": "cotenant", "LimitRange": "cotenant", "NetworkPolicy": "cotenant-default-deny"}


def before(cluster, name: str, names: dict[str, str]) -> dict[str, dict]:
    """A namespace of somebody's with one object of each kind; what these were like."""
    for kind, version, spec in THEIRS:
        metadata = {"name": names[kind], "namespace": name, "labels": {"team": "legacy"}}
        cluster.apply({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}, manager="legacy")
    return {kind: cluster.there(kind, names[kind], name) for kind, _, _ in THEIRS}


def adopted(cluster, base: str, names: dict[str, str]):
    """The team, the namespace, and the objects as they were before it was adopted."""
    team = given_tenant(
        cluster,
        base,
        quota={"hard": {"pods": 3}},
        limits=[{"type": "Container", "default": {"cpu": "500m"}}],
    )
    name = given_namespace(cluster, "legacy", adopt=f"{team.name}/old")
    was = before(cluster, name, names)
    expect_created(team.owner.apply(space_of(team, "old", namespace=name)))
    expect_ready(team, "old")
    expect_settled(cluster)
    return team, name, was


def test_quotas_limits_and_policies_of_other_names_stay_as_they_are(cluster):
    names = dict.fromkeys(OURS, "theirs")
    _, name, was = adopted(cluster, "beside", names)

    for kind, _, _ in THEIRS:
        there = cluster.there(kind, "theirs", name)
        assert there["spec"] == was[kind]["spec"]
        assert there["metadata"]["labels"] == {"team": "legacy"}
        assert {one["manager"] for one in there["metadata"]["managedFields"]} <= {"legacy", "kube-controller-manager"}
        assert cluster.there(kind, OURS[kind], name)["metadata"]["labels"]["cotenant.dev/space"] == "old"


def test_those_of_our_names_become_ours_and_keep_the_labels_of_others(cluster):
    team, name, was = adopted(cluster, "same", OURS)

    found = {kind: cluster.there(kind, OURS[kind], name) for kind in OURS}
    eventually(lambda: in_force(cluster, name)["pods"] == "3")
    assert cluster.there("ResourceQuota", "cotenant", name)["spec"]["hard"]["pods"] == "3"
    assert found["LimitRange"]["spec"]["limits"][0]["default"] == {"cpu": "500m"}
    assert found["NetworkPolicy"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for kind, one in found.items():
        assert one["metadata"]["uid"] == was[kind]["metadata"]["uid"]
        labels = one["metadata"]["labels"]
        assert labels["team"] == "legacy"
        assert labels["app.kubernetes.io/managed-by"] == "cotenant"
        assert labels["cotenant.dev/tenant"] == team.name

    for number in range(3):
        expect_created(lambda n=number: team.owner.apply(pod(f"p{n}", name)))
    expect_denied(team.owner.apply(pod("p3", name)), by="quota", saying="exceeded quota: cotenant")
