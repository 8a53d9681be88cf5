"""Every way by which somebody may do something: bindings of RBAC, and EKS access policies beside them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from cotenant.model.iam.accesspolicies import allows, within
from cotenant.model.iam.entries import Association
from cotenant.model.iam.strays import NOBODY
from cotenant.model.rights import Ask, Grant, holds
from cotenant.model.rights import allows as granted


class Way(Struct, frozen=True):
    """One thing that allows it, or that may and is not known here."""

    kind: Literal["RBAC", "access policy", "unknown policy"]
    by: str
    origin: str


def ways(
    asked: Ask, user: str, groups: Iterable[str], policies: Sequence[Association], grants: Iterable[Grant], origin: str = "",
    astray: Collection[str] = (),
) -> Iterator[Way]:  # fmt: skip
    """All of them; none is a refusal.

    origin: who made the access entry that carries the policies; astray: those of the groups that no tenant gives.
    """
    mine = list(groups)
    for one in policies:
        said = allows(one, asked)
        if said:
            yield Way("access policy", f"EKS access policy {one}", origin)
        elif said is None and within(one, asked.namespace):
            yield Way("unknown policy", f"EKS access policy {one}", origin)
    for grant in grants:
        if holds(grant, user, mine) and granted(grant, asked):
            where = f" in {grant.namespace}" if grant.namespace else " in the whole cluster"
            yield Way("RBAC", f"{grant.binding} -> {grant.role}{where}", due(grant, user, mine, astray).origin)


def due(grant: Grant, user: str, groups: Iterable[str], astray: Collection[str]) -> Grant:
    """A grant that somebody holds; its origin is nobody where it is held by a group that no tenant gives, and only so."""
    return grant if holds(grant, user, [one for one in groups if one not in astray]) else grant._replace(origin=NOBODY)
