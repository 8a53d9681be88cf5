"""RBAC read backwards: who may do something, and what somebody may do. Aggregated roles come with their rules filled in."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from cotenant.api.keys import COTENANT, MANAGED_BY

TENANTS = "tenant spec"
"""Origin of a binding that the operator made for members."""
BOOTSTRAP = "kubernetes.io/bootstrapping"
Manifest = Mapping[str, Any]


class Ask(NamedTuple):
    """`get pods/log -n a`, taken apart. namespace "" is the whole cluster."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    name: str = ""
    namespace: str = ""

    def attributes(self) -> dict[str, str]:
        """As a SubjectAccessReview has it."""
        found = self._asdict()
        return {key: value for key, value in found.items() if value or key in ("verb", "group", "resource")}


class Grant(NamedTuple):
    """A binding and the role that it gives."""

    subjects: tuple[tuple[str, str], ...]
    """(kind, name); of a ServiceAccount `system:serviceaccount:ns:name`."""
    binding: str
    """`RoleBinding a/b`."""
    namespace: str
    """"" for the whole cluster."""
    role: str
    rules: tuple[Manifest, ...]
    origin: str


def grants(bindings: Iterable[Manifest], roles: Iterable[Manifest]) -> Iterator[Grant]:
    """Every binding with the rules of its role; a role that is not there gives nothing."""
    rules = {
        (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]): one.get("rules") or ()
        for one in roles
    }
    for one in bindings:
        metadata, ref = one["metadata"], one["roleRef"]
        namespace = metadata.get("namespace", "")
        key = (ref["kind"], namespace if ref["kind"] == "Role" else "", ref["name"])
        yield Grant(
            tuple(subject(each, namespace) for each in one.get("subjects") or ()),
            f"{one['kind']} {metadata['name']}",
            namespace,
            f"{ref['kind']} {ref['name']}",
            tuple(rules.get(key, ())),
            origin(metadata),
        )


def subject(one: Manifest, namespace: str) -> tuple[str, str]:
    """A subject of a binding as the API server compares it: a ServiceAccount that names no namespace is of the binding's."""
    if one["kind"] == "ServiceAccount":
        return "User", f"system:serviceaccount:{one.get('namespace') or namespace}:{one['name']}"
    return one["kind"], one["name"]


def origin(metadata: Manifest) -> str:
    """Who made a binding, as far as its labels tell."""
    labels = metadata.get("labels") or {}
    if labels.get(MANAGED_BY) == COTENANT:
        return TENANTS if "cotenant.dev/tenant" in labels else "cotenant"
    if BOOTSTRAP in labels:
        return "Kubernetes"
    return "not managed"


def outsiders(bindings: Iterable[Manifest], places: Container[str]) -> list[tuple[str, str, str]]:
    """RoleBindings in these namespaces that name others than ServiceAccounts there: (namespace, binding, `User bob`).

    Those of ours name members, and follow them. Nobody takes back what these give to who was a member once.
    """
    found = []
    for one in bindings:
        metadata = one["metadata"]
        here = metadata["namespace"]
        if here not in places or origin(metadata) == TENANTS:
            continue
        own = (f"system:serviceaccount:{here}:", f"system:serviceaccounts:{here}")
        others = [
            f"{kind} {name}"
            for each in one.get("subjects") or ()
            for kind, name in [subject(each, here)]
            if not (name.startswith(own[0]) if each["kind"] == "ServiceAccount" else (kind, name) == ("Group", own[1]))
        ]
        found += [(here, metadata["name"], other) for other in others[:1]]
    return sorted(found)


def holds(grant: Grant, user: str, groups: Iterable[str]) -> bool:
    """Whether somebody is a subject of a grant."""
    mine = {("Group", one) for one in groups} | {("User", user)}
    return any(one in mine for one in grant.subjects)


def allows(grant: Grant, ask: Ask) -> bool:
    """Whether a grant covers what is asked."""
    if grant.namespace and grant.namespace != ask.namespace:
        return False
    return any(covers(rule, ask) for rule in grant.rules)


def covers(rule: Manifest, ask: Ask) -> bool:
    """One rule, as the authorizer reads it."""
    whole = f"{ask.resource}/{ask.subresource}" if ask.subresource else ask.resource
    resources = rule.get("resources") or ()
    names = rule.get("resourceNames") or ()
    return (
        has(rule.get("verbs") or (), ask.verb)
        and has(rule.get("apiGroups") or (), ask.group)
        and (has(resources, whole) or (bool(ask.subresource) and f"*/{ask.subresource}" in resources))
        and (not names or (bool(ask.name) and ask.name in names))
    )


def has(listed: Iterable[str], wanted: str) -> bool:
    """Whether a list of a rule has a word, or all of them."""
    return any(one in ("*", wanted) for one in listed)
