"""EKS access policies: rights beside RBAC, given by an authorizer that allows or has no opinion, and never denies."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from cotenant.model.iam.entries import Association
from cotenant.model.rights import Ask, covers

TABLE: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("accesspolicies.toml").read_text("utf-8"))
"""Name -> what it includes, and rules. AWS adds policies: one that is not here is not known, which is no "gives nothing"."""


def allows(association: Association, ask: Ask) -> bool | None:
    """Whether an access policy on an entry covers what is asked; None for a policy that is not known here."""
    if association.name not in TABLE:
        return None
    if not reaches(association, ask):
        return False
    if TABLE[association.name].get("everything"):
        return True
    return any(covers(rule, ask) for rule in rules(association.name))


def reaches(association: Association, ask: Ask) -> bool:
    """Whether the scope of an association holds what is asked about."""
    if association.scope != "namespace":
        return True
    # The API server gives the name of a namespace as the namespace that it is in.
    where = ask.namespace or (ask.name if (ask.group, ask.resource) == ("", "namespaces") else "")
    return within(association, where)


def within(association: Association, namespace: str) -> bool:
    """Whether the scope of an association holds a namespace."""
    if association.scope != "namespace":
        return True
    return bool(namespace) and any(fnmatchcase(namespace, pattern) for pattern in association.namespaces)


def rules(name: str) -> Iterator[Mapping[str, Any]]:
    """The rules of a policy, in the form of RBAC, with those that it includes."""
    for included in TABLE[name].get("include", ()):
        yield from rules(included)
    for one in TABLE[name].get("rules", ()):
        yield {"apiGroups": one["groups"], "resources": one["resources"], "verbs": one["verbs"]}
