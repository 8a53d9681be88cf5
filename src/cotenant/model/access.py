"""Who belongs to a tenant and gets which role, as subjects of RoleBindings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec import Struct

from cotenant.api.tenant import Member
from cotenant.model.platform import BUILT_IN_ROLES, Platform

RBAC = "rbac.authorization.k8s.io"
Subject = dict[str, str]


class Access(Struct, frozen=True):
    """Members sorted by what became of them."""

    roles: dict[str, list[Subject]]
    """Subjects by role, each once, in a stable order."""
    refused: list[Member]
    """Members whose role is none that the installation allows."""
    expired: list[Member]
    """Members whose time is over, or whose `expires` is no time."""
    iam: list[Member]
    """Members named by an IAM principal: no subject of Kubernetes yet."""
    next_expiry: float | None
    """Seconds until the next member expires."""


def subject(member: Member) -> Subject | None:
    """The RBAC subject of a member, every defaulted field written out. None for an IAM principal."""
    if member.group:
        return {"kind": "Group", "apiGroup": RBAC, "name": member.group}
    if member.user:
        return {"kind": "User", "apiGroup": RBAC, "name": member.user}
    if account := member.service_account:
        return {"kind": "ServiceAccount", "namespace": account.namespace, "name": account.name}
    return None


def seconds_left(member: Member, now: datetime) -> float | None:
    """Seconds until the member expires, at most 0 when it has; None if it never does. A time nobody can read is over."""
    if member.expires is None:
        return None
    try:
        end = datetime.fromisoformat(member.expires)
    except ValueError:
        return 0.0
    return ((end if end.tzinfo else end.replace(tzinfo=UTC)) - now).total_seconds()


def access(members: Iterable[Member], platform: Platform, now: datetime) -> Access:
    """Sorts members; what cannot be granted is reported, and the rest is granted all the same."""
    roles: dict[str, dict[tuple[str, ...], Subject]] = {}
    refused, expired, iam, lefts = [], [], [], []
    for member in members:
        left = seconds_left(member, now)
        if left is not None and left <= 0:
            expired.append(member)
            continue
        if left is not None:
            lefts.append(left)
        if member.role not in platform.roles:
            refused.append(member)
        elif (one := subject(member)) is None:
            iam.append(member)
        else:
            roles.setdefault(member.role, {})[tuple(one.values())] = one
    ordered = {role: [subjects[key] for key in sorted(subjects)] for role, subjects in sorted(roles.items())}
    return Access(ordered, refused, expired, iam, min(lefts, default=None))


def everybody(granted: Access) -> list[Subject]:
    """All subjects of all roles, each once."""
    return once(granted.roles.values())


def in_force(granted: Access, *, cordoned: bool) -> dict[str, list[Subject]]:
    """The subjects of each role in spaces; while the tenant is cordoned, what is left of it.

    Each built-in role contains viewer, so viewer takes rights and adds none. What a role of the platform's own contains
    we cannot know: viewer might be more than it, and keeping it might leave a right to change something.
    """
    if not cordoned:
        return granted.roles
    viewers = once(subjects for role, subjects in granted.roles.items() if role in BUILT_IN_ROLES)
    return {"viewer": viewers} if viewers else {}


def once(groups: Iterable[Iterable[Subject]]) -> list[Subject]:
    """All subjects, each once, in a stable order."""
    unique = {tuple(one.values()): one for subjects in groups for one in subjects}
    return [unique[key] for key in sorted(unique)]
