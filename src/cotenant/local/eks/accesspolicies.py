"""EKS access policies: rights beside RBAC, given by an authorizer that allows or has no opinion, and never denies."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

ARN = "arn:aws:eks::aws:cluster-access-policy/"
CLUSTER_ADMIN = f"{ARN}AmazonEKSClusterAdminPolicy"

# The same file that the command line reads, as data: this room imports nothing of the product's.
_FILE = Path(__file__).parents[2] / "model" / "iam" / "accesspolicies.toml"
_TABLE: Mapping[str, Any] = tomllib.loads(_FILE.read_text("utf-8"))
ALL: Mapping[str, str] = {f"{ARN}{name}": name for name in _TABLE}
"""ARN -> name of each policy that can be associated."""


def allows(association: Mapping[str, Any], spec: Mapping[str, Any]) -> bool:
    """Whether an association of a policy covers what a SubjectAccessReview's spec asks for."""
    name, scope = ALL[association["policyArn"]], association["accessScope"]
    asked = spec.get("resourceAttributes")
    if scope["type"] == "namespace":
        # For `namespaces` themselves the API server gives the object's name as the namespace.
        namespace = (asked or {}).get("namespace", "")
        if not namespace or not any(fnmatchcase(namespace, pattern) for pattern in scope["namespaces"]):
            return False
    if _TABLE[name].get("everything"):
        return True
    return asked is not None and any(_covers(rule, asked) for rule in _rules(name))


def _rules(name: str) -> Iterator[Mapping[str, Any]]:
    for included in _TABLE[name].get("include", ()):
        yield from _rules(included)
    yield from _TABLE[name].get("rules", ())


def _covers(rule: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    resource = asked.get("resource", "")
    if asked.get("subresource"):
        resource = f"{resource}/{asked['subresource']}"
    return all(
        "*" in rule[element] or wanted in rule[element]
        for element, wanted in (
            ("groups", asked.get("group", "")),
            ("resources", resource),
            ("verbs", asked.get("verb", "")),
        )
    )
