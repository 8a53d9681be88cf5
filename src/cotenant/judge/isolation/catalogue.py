"""What can be asked for at all: the namespaced resources that the cluster's own discovery lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from cotenant.kube.resource import Resource

GROUPS = (
    "",
    "apps",
    "batch",
    "networking.k8s.io",
    "rbac.authorization.k8s.io",
    "policy",
    "autoscaling",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "cotenant.dev",
)
"""API groups whose namespaced resources are tried."""
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


class Served(Struct, frozen=True):
    """A resource or subresource with the verbs that it knows, in the order of VERBS."""

    resource: Resource
    subresource: str
    verbs: tuple[str, ...]

    @property
    def name(self) -> str:
        """`pods/log`, as RBAC rules and refusals write it."""
        return f"{self.resource.plural}/{self.subresource}" if self.subresource else self.resource.plural


def served(group: str, version: str, resources: Iterable[Mapping[str, Any]]) -> list[Served]:
    """The namespaced entries of one APIResourceList."""
    found = []
    for one in resources:
        if not one["namespaced"]:
            continue
        plural, _, subresource = one["name"].partition("/")
        # A subresource's own kind (Scale, Eviction) names what it takes; that and its group differ from its parent's.
        kind = Resource(group, version, plural, one["kind"], namespaced=True)
        verbs = tuple(verb for verb in VERBS if verb in one["verbs"])
        if verbs:
            found.append(Served(kind, subresource, verbs))
    return found


def grants(rule: Mapping[str, Any], verb: str, what: Served) -> bool:
    """Whether a PolicyRule gives a verb on every object of a resource. Rules on single names do not count."""
    return (
        not rule.get("resourceNames")
        and _covers(rule.get("verbs") or (), verb)
        and _covers(rule.get("apiGroups") or (), what.resource.group)
        and (
            _covers(rule.get("resources") or (), what.name)
            or (bool(what.subresource) and f"*/{what.subresource}" in (rule.get("resources") or ()))
        )
    )


def _covers(listed: Iterable[str], wanted: str) -> bool:
    return any(one in ("*", wanted) for one in listed)
