"""What the API server gives everybody who is authenticated, and so says nothing about a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Rule = Mapping[str, Any]

GIVEN = (
    ("authorization.k8s.io", {"selfsubjectaccessreviews", "selfsubjectrulesreviews"}, {"create"}),
    ("authentication.k8s.io", {"selfsubjectreviews"}, {"create"}),
    # system:cluster-trust-bundle-discovery, to all ServiceAccounts: public certificates.
    ("certificates.k8s.io", {"clustertrustbundles"}, {"get", "list", "watch"}),
)
"""Resource rules of system:basic-user (group, resources, verbs). A wildcard is in none of them."""
PATHS = (
    *("/api", "/apis", "/openapi", "/version", "/healthz", "/livez", "/readyz"),
    # system:service-account-issuer-discovery, to all ServiceAccounts: public keys.
    *("/.well-known/openid-configuration", "/openid/v1/jwks"),
)
"""Of system:discovery and system:public-info-viewer, each with everything below it; to be read only."""


def beyond(rules: Iterable[Rule]) -> list[Rule]:
    """The resource rules that give more than everybody has."""
    return [rule for rule in rules if not _given(rule)]


def beyond_paths(rules: Iterable[Rule]) -> list[Rule]:
    """The non-resource rules that give more than everybody has, each with just the paths that do."""
    found: list[Rule] = []
    for rule in rules:
        reads = {"get", "head"}.issuperset(rule.get("verbs") or ())
        if paths := [one for one in rule.get("nonResourceURLs") or () if not (reads and _public(one))]:
            found.append({**rule, "nonResourceURLs": paths})
    return found


def _given(rule: Rule) -> bool:
    return any(
        {group}.issuperset(rule.get("apiGroups") or ("",))
        and resources.issuperset(rule.get("resources") or ())
        and verbs.issuperset(rule.get("verbs") or ())
        for group, resources, verbs in GIVEN
    )


def _public(path: str) -> bool:
    return any(path == one or path.startswith(f"{one}/") for one in PATHS)


def spoken(rule: Rule) -> str:
    """A rule in words."""
    verbs = ", ".join(rule.get("verbs") or ())
    if paths := rule.get("nonResourceURLs"):
        return f"RBAC gives {verbs} on {', '.join(paths)}"
    groups = tuple(rule.get("apiGroups") or ())
    suffix = f".{groups[0]}" if len(groups) == 1 and groups[0] not in ("", "*") else ""
    named = f" named {', '.join(rule['resourceNames'])}" if rule.get("resourceNames") else ""
    return f"RBAC gives {verbs} on {', '.join(one + suffix for one in rule.get('resources') or ())}{named}"
