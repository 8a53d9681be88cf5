"""The ConfigMap aws-auth, read as the authenticator reads it.

Source: aws-iam-authenticator v0.7.18, pkg/mapper/configmap. Its three keys hold YAML as text. One YAML error drops a
whole key; items without an ARN are dropped one by one; of two for one ARN the last holds, their groups are not merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct

from cotenant.api.keys import IAM_GROUPS
from cotenant.model.arn import arn
from cotenant.model.iam.text import Node, Unreadable, tree

NAMESPACE, NAME = "kube-system", "aws-auth"
ROLES, USERS, ACCOUNTS = SECTIONS = ("mapRoles", "mapUsers", "mapAccounts")
ARN_KEYS = {ROLES: "rolearn", USERS: "userarn"}
NODE_GROUPS = {"system:nodes", "system:bootstrappers", "system:node-proxier", "eks:kube-proxy-windows"}
MASTERS = "system:masters"
EMPTY = ("", '""', "''", "``")
"""Texts that the authenticator takes for no items."""


class Fault(NamedTuple):
    """Why a section cannot be read. `line` counts from 1 within its text."""

    section: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.section}, line {self.line}: {self.message}"


class Identity(NamedTuple):
    """What a principal is in the cluster."""

    username: str
    groups: tuple[str, ...]

    @property
    def is_node(self) -> bool:
        """Whether nodes join by it."""
        return self.username.startswith("system:node:") or bool(NODE_GROUPS & set(self.groups))

    @property
    def is_admin(self) -> bool:
        """Whether it has all rights by Kubernetes' own group."""
        return MASTERS in self.groups

    @property
    def protected(self) -> bool:
        """Whether losing it may lock nodes or administrators out."""
        return self.is_node or self.is_admin


class Item(Struct, frozen=True):
    """One item of mapRoles or mapUsers that maps somebody."""

    section: str
    at: int
    """Its place in the list, from 0."""
    arn: str
    """As it stands there."""
    identity: Identity
    node: Node

    @property
    def key(self) -> str:
        """What the authenticator looks it up by."""
        return self.arn.lower()

    @property
    def canonical(self) -> str:
        """The principal that is meant: a path, with which no role is ever found, left out."""
        found = arn(self.arn)
        return found.canonical if found else self.key

    @property
    def ours(self) -> bool:
        """Whether cotenant wrote it: it gives groups, and only such as nobody else may use."""
        groups = self.identity.groups
        return bool(groups) and all(one.startswith(IAM_GROUPS) for one in groups) and not self.identity.protected


class Section(Struct, frozen=True):
    """One key of the ConfigMap."""

    name: str
    text: str
    root: Node | None
    """The list; None where there is nothing."""
    items: tuple[Item, ...]
    dropped: tuple[str, ...] = ()
    """What the authenticator ignores, in words."""


class AwsAuth(Struct, frozen=True):
    """The whole ConfigMap."""

    sections: Mapping[str, Section]
    faults: tuple[Fault, ...]
    accounts: tuple[str, ...] = ()

    @property
    def items(self) -> list[Item]:
        """Every item of roles and users."""
        return [one for section in self.sections.values() for one in section.items]

    def identities(self) -> dict[str, Identity]:
        """Who is who, by the key of its ARN; of several items the last."""
        return {one.key: one.identity for one in self.items}

    def twice(self) -> set[str]:
        """Keys that more than one item has."""
        seen, again = set[str](), set[str]()
        for one in self.items:
            (again if one.key in seen else seen).add(one.key)
        return again


def read(data: Mapping[str, str]) -> AwsAuth:
    """The sections of `data`; those that cannot be read are left out and named in `faults`."""
    sections: dict[str, Section] = {}
    faults: list[Fault] = []
    accounts: tuple[str, ...] = ()
    for name in SECTIONS:
        text = data.get(name, "")
        try:
            root = None if text in EMPTY else tree(text)
        except Unreadable as error:
            faults.append(Fault(name, error.line, error.message))
            continue
        if root is not None and root.kind != "list":
            if root.null:
                root = None
            else:
                faults.append(Fault(name, root.line, "is no list of items that begin with a dash"))
                continue
        if name == ACCOUNTS:
            accounts = tuple(one.value for one in (root.children if root else ()) if one.kind == "scalar")
            sections[name] = Section(name, text, root, ())
        else:
            sections[name] = section(name, text, root)
    return AwsAuth(sections, tuple(faults), accounts)


def section(name: str, text: str, root: Node | None) -> Section:
    """The items of a section."""
    items, dropped = [], []
    for at, node in enumerate(root.children if root else ()):
        fields = {key.value.lower(): value for key, value in node.pairs()}
        found = fields.get(ARN_KEYS[name])
        principal = found.value if found and found.kind == "scalar" and not found.null else ""
        if not principal or "sso" in fields:
            dropped.append(f"{name}[{at}]: {'has both an ARN and sso' if principal else 'names no ARN'}")
            continue
        user, groups = fields.get("username"), fields.get("groups")
        username = user.value if user and user.kind == "scalar" and not user.null else ""
        listed = groups.children if groups and groups.kind == "list" else ()
        names = tuple(one.value for one in listed if one.kind == "scalar" and not one.null)
        items.append(Item(name, at, principal, Identity(username, names), node))
    return Section(name, text, root, tuple(items), tuple(dropped))
