from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.api.keys import TENANT
from cotenant.model.fingerprint import decoder, fingerprint
from unit.specimens import marks

POLICY: dict[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "cotenant-x", "namespace": "red-dev", "labels": marks()},
    "spec": {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {TENANT: "red"}}}]}],
    },
}
LIMITS: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "LimitRange",
    "metadata": {"name": "cotenant", "labels": marks()},
    "spec": {"limits": [{"type": "Container", "default": {"cpu": "0.5", "memory": "1024Mi"}}]},
}
RULES: dict[str, Any] = {
    "apiVersion": "cotenant.dev/v1alpha1",
    "kind": "SpacePolicy",
    "metadata": {"name": "policy", "labels": marks()},
    "spec": {"tenant": "red", "pods": {"registries": ["a/"]}, "cordoned": False},
}
BINDING: dict[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "cotenant-owner", "labels": marks()},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cotenant:owner"},
    "subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "devs"}],
}
ALL = [POLICY, LIMITS, RULES, BINDING]


def of(manifest: dict[str, Any]) -> str:
    return fingerprint(manifest["kind"], manifest)


def changed(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with the value at a path such as `spec.limits.0.type`; None takes it out."""
    found = copy.deepcopy(manifest)
    *way, last = [int(part) if part.isdigit() else part for part in path.split("/")]
    place: Any = found
    for part in way:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return found


@pytest.mark.parametrize("manifest", ALL, ids=lambda one: one["kind"])
def test_what_the_api_server_adds_by_itself_changes_nothing(manifest: dict[str, Any]) -> None:
    stored = copy.deepcopy(manifest)
    stored["metadata"] |= {
        "uid": "u",
        "resourceVersion": "7",
        "generation": 1,
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "managedFields": [{"manager": "cotenant"}],
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }
    stored["metadata"]["labels"] = stored["metadata"]["labels"] | {"argocd.argoproj.io/instance": "x"}
    assert of(stored) == of(manifest)


@pytest.mark.parametrize("manifest", ALL, ids=lambda one: one["kind"])
def test_a_decoded_object_has_the_fingerprint_of_its_manifest(manifest: dict[str, Any]) -> None:
    child = decoder(manifest["kind"])(json.dumps(manifest).encode())
    assert child.fingerprint == of(manifest)
    assert child.metadata.name == manifest["metadata"]["name"]
    assert child.metadata.labels == manifest["metadata"]["labels"]


DRIFT: list[tuple[dict[str, Any], str, Any]] = [
    (POLICY, "spec/podSelector", {"matchLabels": {"app": "none"}}),  # selects less, so the rest is open
    (POLICY, "spec/policyTypes", ["Ingress"]),
    (POLICY, "spec/ingress", None),
    (POLICY, "spec/ingress/0", {}),  # from everybody
    (POLICY, "spec/ingress/0/from/0/namespaceSelector", {}),
    (POLICY, "spec/ingress/0/from/0/namespaceSelector/matchLabels", {TENANT: "red", "x": "y"}),
    (POLICY, "spec/ingress/0/ports", [{"port": 80, "protocol": "TCP"}]),
    (POLICY, "spec/egress", [{}]),
    (POLICY, f"metadata/labels/{TENANT}".replace("cotenant.dev/", "cotenant.dev~"), "blue"),
    (LIMITS, "spec/limits/0/default/cpu", "501m"),
    (LIMITS, "spec/limits/0/max", {"cpu": "4"}),
    (LIMITS, "spec/limits/0/type", "Pod"),
    (LIMITS, "spec/limits", []),
    (RULES, "spec/pods/registries", []),
    (RULES, "spec/pods/registries", None),
    (RULES, "spec/cordoned", True),
    (RULES, "spec/cordoned", None),
    (RULES, "status", {"limit": 5}),
    (BINDING, "subjects/0/name", "others"),
    (BINDING, "subjects", []),
    (BINDING, "roleRef/name", "cluster-admin"),
]


@pytest.mark.parametrize(("manifest", "path", "value"), DRIFT)
def test_any_drift_shows(manifest: dict[str, Any], path: str, value: Any) -> None:
    if "~" in path:
        drifted = copy.deepcopy(manifest)
        drifted["metadata"]["labels"][TENANT] = value
    else:
        drifted = changed(manifest, path, value)
    assert of(drifted) != of(manifest)


def test_a_label_of_our_group_that_we_did_not_write_shows() -> None:
    assert of(changed(POLICY, "metadata/labels", marks() | {"cotenant.dev/other": "x"})) != of(POLICY)


def test_a_quantity_in_another_form_is_the_same() -> None:
    stored = changed(LIMITS, "spec/limits/0/default", {"memory": "1Gi", "cpu": "500m"})
    assert of(stored) == of(LIMITS)


def test_an_empty_list_is_absence_in_kubernetes_and_none_in_our_own_rules() -> None:
    assert of(changed(POLICY, "spec/egress", [])) == of(POLICY)
    empty, absent = changed(RULES, "spec/pods/registries", []), changed(RULES, "spec/pods/registries", None)
    assert of(empty) != of(absent)


def test_an_empty_selector_is_not_absence() -> None:
    everywhere = changed(POLICY, "spec/ingress/0/from/0", {"namespaceSelector": {}, "podSelector": {"x": {}}})
    here = changed(POLICY, "spec/ingress/0/from/0", {"podSelector": {"x": {}}})
    assert of(everywhere) != of(here)


@given(st.sampled_from(ALL), st.randoms())
def test_the_order_of_keys_does_not_matter(manifest: dict[str, Any], chance: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            chance.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(one) for one in value] if isinstance(value, list) else value

    assert of(shuffled(manifest)) == of(manifest)
