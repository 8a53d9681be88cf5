from __future__ import annotations

from typing import Any

import pytest

from cotenant.model.rights import Ask, allows, covers, grants, holds, outsiders

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}


def binding(kind: str = "RoleBinding", role: str = "Role", **more: Any) -> dict[str, Any]:
    metadata = {"name": "b"} | ({"namespace": "a"} if kind == "RoleBinding" else {}) | more
    subjects = [
        {"kind": "Group", "name": "devs"},
        {"kind": "ServiceAccount", "namespace": "ci", "name": "bot"},
    ]
    return {"kind": kind, "metadata": metadata, "roleRef": {"kind": role, "name": "r"}, "subjects": subjects}


ROLES = [
    {"kind": "Role", "metadata": {"name": "r", "namespace": "a"}, "rules": [PODS]},
    {"kind": "ClusterRole", "metadata": {"name": "r"}, "rules": [PODS | {"verbs": ["*"]}]},
]


@pytest.mark.parametrize(
    ("rule", "ask", "answer"),
    [
        (PODS, Ask("get", "", "pods"), True),
        (PODS, Ask("delete", "", "pods"), False),
        (PODS, Ask("get", "apps", "pods"), False),
        (PODS, Ask("get", "", "pods", "log"), False),
        (PODS | {"resources": ["*"]}, Ask("get", "", "pods", "log"), True),
        (PODS | {"resources": ["*/log"]}, Ask("get", "", "pods", "log"), True),
        (PODS | {"resourceNames": ["x"]}, Ask("get", "", "pods", "", "x"), True),
        (PODS | {"resourceNames": ["x"]}, Ask("get", "", "pods"), False),
        ({"nonResourceURLs": ["*"], "verbs": ["*"]}, Ask("get", "", "pods"), False),
    ],
)
def test_a_rule_is_read_as_the_authorizer_reads_it(rule: dict[str, Any], ask: Ask, answer: bool) -> None:
    assert covers(rule, ask) is answer


def test_a_role_binding_reaches_its_namespace_and_a_cluster_role_binding_all() -> None:
    here, everywhere = grants([binding(), binding("ClusterRoleBinding", "ClusterRole")], ROLES)
    assert allows(here, Ask("get", "", "pods", namespace="a"))
    assert not allows(here, Ask("get", "", "pods", namespace="b"))
    assert not allows(here, Ask("get", "", "pods"))
    assert allows(everywhere, Ask("delete", "", "pods"))


def test_subjects_are_compared_as_the_api_server_does() -> None:
    (found,) = grants([binding()], ROLES)
    assert holds(found, "ann", ["devs"])
    assert holds(found, "system:serviceaccount:ci:bot", [])
    assert not holds(found, "devs", ["system:authenticated"])


OURS = {"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": "red"}


@pytest.mark.parametrize(
    ("subject", "named"),
    [
        ({"kind": "ServiceAccount", "name": "bot"}, ""),
        ({"kind": "ServiceAccount", "name": "bot", "namespace": "a"}, ""),
        ({"kind": "Group", "name": "system:serviceaccounts:a"}, ""),
        ({"kind": "ServiceAccount", "name": "bot", "namespace": "b"}, "User system:serviceaccount:b:bot"),
        ({"kind": "Group", "name": "system:serviceaccounts"}, "Group system:serviceaccounts"),
        ({"kind": "Group", "name": "system:serviceaccounts:a-2"}, "Group system:serviceaccounts:a-2"),
        ({"kind": "User", "name": "system:serviceaccounts:a"}, "User system:serviceaccounts:a"),
        ({"kind": "User", "name": "system:serviceaccount:a:bot"}, "User system:serviceaccount:a:bot"),
        ({"kind": "User", "name": "bob"}, "User bob"),
    ],
)
def test_who_is_named_beside_the_accounts_of_a_space_is_an_outsider(subject: dict[str, str], named: str) -> None:
    bound = binding() | {"subjects": [{"kind": "ServiceAccount", "name": "bot"}, subject]}

    assert outsiders([bound], {"a"}) == ([("a", "b", named)] if named else [])
    assert outsiders([bound], {"b"}) == []
    assert outsiders([bound | {"metadata": {"name": "b", "namespace": "a", "labels": OURS}}], {"a"}) == []


def test_an_account_without_a_namespace_is_of_the_bindings_own() -> None:
    bound = binding() | {"subjects": [{"kind": "ServiceAccount", "name": "bot"}]}
    (found,) = grants([bound], ROLES)
    assert holds(found, "system:serviceaccount:a:bot", [])


def test_a_binding_to_a_role_that_is_not_there_gives_nothing() -> None:
    (found,) = grants([binding()], [])
    assert not allows(found, Ask("get", "", "pods", namespace="a"))


@pytest.mark.parametrize(
    ("labels", "origin"),
    [
        ({"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": "red"}, "tenant spec"),
        ({"app.kubernetes.io/managed-by": "cotenant"}, "cotenant"),
        ({"kubernetes.io/bootstrapping": "rbac-defaults"}, "Kubernetes"),
        ({}, "not managed"),
    ],
)
def test_labels_tell_who_made_a_binding(labels: dict[str, str], origin: str) -> None:
    (found,) = grants([binding(labels=labels)], ROLES)
    assert found.origin == origin
