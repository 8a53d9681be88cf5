"""Are floors kept: what a space is promised and others use, and what is promised of a key that nothing limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial

from cotenant.api.builtin import ResourceQuota
from cotenant.api.space import Space
from cotenant.model.escrow.policy import Share
from cotenant.model.finding import Finding
from cotenant.model.pool import Reckoned, limits, quota, share, spelled
from cotenant.model.snapshot import TenantView

Floors = Mapping[str, str | int]


def unmet(view: TenantView, quotas: Iterable[ResourceQuota], spaces: Mapping[str, Space]) -> Finding | None:
    """The first space that holds less than its floor, where others use so much that not everybody can be given his.

    `spaces`: by namespace. By these numbers alone: what is merely on its way is not told.
    """
    there = list(quotas)
    for key, limit in limits(view).items():
        of = Reckoned[Share](partial(share, view, key=key))
        floors = {space: of(one).floor for space, one in spaces.items()}
        if not 0 < sum(floors.values()) <= limit:
            continue
        seen = [quota(one, key) for one in there]
        if sum(max(one.used, floors.get(one.space, 0)) for one in seen) <= limit:
            continue
        short = next((one for one in seen if one.hard < floors.get(one.space, 0)), None)
        above = {one.space: one.used - floors.get(one.space, 0) for one in seen}
        most = max(above, key=above.__getitem__)
        if short:
            return Finding(
                "FloorNotMet",
                f"namespace {short.space} holds {key} {spelled(key, short.hard)} of its min "
                f"{spelled(key, floors[short.space])}: namespace {most} uses {spelled(key, above[most])} more than its own "
                f"min, and the tenant has {spelled(key, limit)}; delete something there, or raise quota.hard",
            )
    return None


def unlimited(view: TenantView, named: Mapping[str, Floors]) -> Finding | None:
    """The first floor of a key that the tenant does not limit: it keeps nothing back for anybody. `named`: by what says them."""
    for whose, floors in named.items():
        for key in sorted(floors.keys() - view.rules.hard.keys()):
            return Finding(
                "FloorWithoutLimit",
                f"{whose} names {key}, which quota.hard of the tenant does not limit: nothing of it is kept for "
                f"anybody; add {key} to quota.hard, or take it out",
            )
    return None


def own(spaces: Iterable[Space]) -> dict[str, Floors]:
    """The floors that Spaces say themselves."""
    return {
        f"quota.min of space {one.metadata.name}": one.spec.quota.min or {}
        for one in spaces
        if one.spec.quota is not None
    }
