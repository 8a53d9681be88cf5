"""Two rooms read one table of access policies, and must not read it differently."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cotenant.local.eks import accesspolicies as eks
from cotenant.model.iam.accesspolicies import TABLE, allows, within
from cotenant.model.iam.entries import Association
from cotenant.model.rights import Ask

WORDS = {
    "group": ["", "apps", "batch", "rbac.authorization.k8s.io", "example.com"],
    "resource": ["pods", "secrets", "deployments", "roles", "namespaces", "nodes", "services", "widgets"],
    "subresource": ["", "log", "exec", "scale", "proxy"],
    "verb": ["get", "list", "create", "delete", "impersonate", "bind"],
    "namespace": ["", "red-dev", "blue-dev"],
    "name": ["", "red-dev", "web"],
}


def as_asked(ask: Ask) -> Ask:
    """As the API server asks: a namespace is in itself."""
    return ask._replace(namespace=ask.name) if (ask.group, ask.resource) == ("", "namespaces") else ask


ASKS = some.builds(Ask, **{key: some.sampled_from(words) for key, words in WORDS.items()}).map(as_asked)
SCOPES = some.sampled_from(
    [("cluster", ()), ("namespace", ("red-dev",)), ("namespace", ("red-*", "x")), ("namespace", ("*",))]
)


@given(some.sampled_from(sorted(TABLE)), SCOPES, ASKS)
def test_the_command_line_says_what_the_authorizer_of_the_local_eks_does(name, scope, ask):
    kind, namespaces = scope
    association = {"policyArn": eks.ARN + name, "accessScope": {"type": kind, "namespaces": list(namespaces)}}
    decided = eks.allows(association, {"resourceAttributes": ask.attributes()})
    assert allows(Association(eks.ARN + name, kind, namespaces), ask) is decided


def test_a_policy_that_is_not_known_is_not_said_to_give_nothing():
    assert allows(Association(f"{eks.ARN}AmazonEKSNewPolicy", "cluster"), Ask("get", "", "pods")) is None


@pytest.mark.parametrize(
    ("scope", "namespaces", "inside"),
    [("cluster", (), True), ("namespace", ("red",), False), ("namespace", ("red*",), True)],
)
def test_a_scope_holds_a_namespace_by_its_pattern(scope, namespaces, inside):
    assert within(Association("x", scope, namespaces), "red-dev") is inside
