"""Every way by which somebody may do something: bindings of RBAC, and EKS access policies beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from msgspec import Struct

from cotenant.model.iam.accesspolicies import allows, within
from cotenant.model.iam.entries import Association
from cotenant.model.rights import Ask, Grant, holds
from cotenant.model.rights import allows as granted


class Way(Struct, frozen=True):
    """One thing that allows it, or that may and is not known here."""

    kind: Literal["RBAC", "access policy", "unknown policy"]
    by: str
    origin: str


def ways(
    asked: Ask, user: str, groups: Iterable[str], policies: Sequence[Association], grants: Iterable[Grant], origin: str = ""
) -> Iterator[Way]:  # fmt: skip
    """All of them; none is a refusal. origin: who made the access entry that carries the policies."""
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
            yield Way("RBAC", f"{grant.binding} -> {grant.role}{where}", grant.origin)
