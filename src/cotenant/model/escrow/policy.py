"""Who gets what: one resource of one tenant, from what is used and asked for to growths and drains.

The pool stays central: a space holds what it uses, what it is about to use and a little slack. Slack is refilled below
half of it and taken back after a time without a change, or earlier where others need it.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.fairness import Claim, fill
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.values import Entry, Ledger, Quota

HOLD = 30.0
"""Seconds without a change after which a space counts as idle."""


class Demand(Struct, frozen=True):
    """What a space wants beyond what it uses, in base units."""

    refused: int = 0
    """Of workloads that the API server refused already."""
    ahead: int = 0
    """Of pods that its workloads are about to create, those refused not counted again."""
    slack: int = 0
    """Kept at hand while the space is not idle: the largest pod of late, or what a second of load takes."""
    grain: int = 1
    """The smallest amount that helps: one pod's."""
    idle: float = 0.0
    """Seconds since its use or its demand changed."""
    reserve: int = 0
    """Kept at hand also while it is idle, as far as it goes: what nobody asks for aloud finds at least that."""


class Share(Struct, frozen=True):
    """What a space may count on and may not exceed, and its weight when there is not enough for all."""

    floor: int = 0
    ceiling: int | None = None
    weight: int = 1


class Claimant(Struct, frozen=True):
    """A space, all that matters about it in one place.

    `floor` and `ceiling` as the share says, but the floor ends at the ceiling and the ceiling is never below what is used.
    `kept`: what nobody takes away. `margin`: kept at hand beyond what is needed. `wishes`: what it would have at the end of
    each of the TIERS, under its ceiling.
    """

    space: str
    allocation: int
    used: int
    demand: Demand
    active: bool
    weight: int
    floor: int
    ceiling: int | None
    kept: int
    needed: int
    margin: int
    wishes: tuple[int, ...]

    def capped(self, amount: int) -> int:
        """Under the ceiling."""
        return amount if self.ceiling is None else min(amount, self.ceiling)


TIERS = (False, True, True, True, False)
"""What is served before what: guarantees, the refused, those to come, a pod more where there is work, then slack and
reserves; and whether in pieces of a pod."""


def claimant(entry: Entry, quota: Quota, demand: Demand, share: Share, *, active: bool) -> Claimant:
    """A space with everything that follows: a plan asks for it several times, of hundreds of spaces."""
    used = quota.used
    # A ceiling below what is used takes nothing away, and gives nothing either.
    ceiling = None if share.ceiling is None else max(min(used, entry.allocation), share.ceiling)
    floor = share.floor if ceiling is None else min(share.floor, ceiling)
    needed = used + demand.refused + demand.ahead
    margin = max(demand.slack, demand.reserve) if active else demand.reserve
    spare = needed + min(demand.grain, demand.slack) * active
    wishes: tuple[int, ...] = (floor, used + demand.refused, needed, spare, needed + margin)
    if ceiling is not None:
        wishes = tuple([min(wish, ceiling) for wish in wishes])
    kept = max(used, min(entry.allocation, floor))
    return Claimant(
        entry.space,
        entry.allocation,
        used,
        demand,
        active,
        max(1, share.weight),
        floor,
        ceiling,
        kept,
        needed,
        margin,
        wishes,
    )


def plan_transfers(
    ledger: Ledger,
    quotas: Mapping[str, Quota],
    demands: Mapping[str, Demand],
    shares: Mapping[str, Share],
    within: int,
    *,
    hold: float = HOLD,
) -> list[Grow | Drain]:
    """In the order in which to begin: growths that fit now, drains, growths that wait for those.

    `within` is the tenant's limit. A space without a quota in sight or with a drain under way is left as it is.
    """
    nothing, anything = Demand(), Share()
    claimants = []
    for entry in ledger.entries:
        quota = quotas.get(entry.space)
        if quota is not None and entry.drain is None:
            demand, share = demands.get(entry.space, nothing), shares.get(entry.space, anything)
            claimants.append(claimant(entry, quota, demand, share, active=demand.idle < hold))
    frozen = ledger.allocated - sum(one.allocation for one in claimants)
    capacity = max(0, min(ledger.limit, within) - frozen)
    aims = aim(claimants, entitled(claimants, capacity), capacity)
    return ordered(claimants, aims, ledger.room(within), within)


def entitled(claimants: list[Claimant], capacity: int) -> dict[str, int]:
    """What each would have if everything were shared out anew. Never less than what is kept."""
    full = {one.space: max(one.kept, *one.wishes) for one in claimants}
    if sum(full.values()) <= capacity:
        return full
    return shared(claimants, capacity)


def shared(claimants: list[Claimant], capacity: int) -> dict[str, int]:
    """Tier by tier, as far as it goes."""
    found = {one.space: one.kept for one in claimants}
    left = capacity - sum(found.values())
    for tier, whole in enumerate(TIERS):
        if left <= 0:
            break
        hungry = [claim(one, have, tier, whole) for one in claimants if one.wishes[tier] > (have := found[one.space])]
        given = fill(left, hungry)
        left -= sum(given[one.space] - one.have for one in hungry)
        found |= given
    return found


def claim(one: Claimant, have: int, tier: int, whole: bool) -> Claim:
    """What one space wants of this tier."""
    return Claim(one.space, have, one.wishes[tier], one.weight, max(1, one.demand.grain) if whole else 1)


def aim(claimants: list[Claimant], entitlements: Mapping[str, int], capacity: int) -> dict[str, int]:
    """What each should have next: as it is, unless there is a reason to move something."""
    found = {one.space: preferred(one, entitlements[one.space]) for one in claimants}
    over = sum(found.values()) - capacity
    if over <= 0:
        return found
    # Who has been quiet longest gives first, then who can give most.
    victims = sorted(claimants, key=lambda one: (-one.demand.idle, entitlements[one.space] - one.allocation, one.space))
    for one in victims:
        cut = max(0, min(over, found[one.space] - entitlements[one.space]))
        found[one.space] -= cut
        over -= cut
    # Where more is kept than there is, nothing can grow: what was used before it was limited is in no allocation.
    return {one.space: min(found[one.space], one.allocation) for one in claimants} if over > 0 else found


def preferred(one: Claimant, entitlement: int) -> int:
    """Grown below the low-water mark, drained when idle or above the ceiling, else as it is."""
    low = min(entitlement, max(one.floor, one.capped(one.needed + (one.margin + 1) // 2)))
    if one.allocation < low or (not one.active and one.allocation > entitlement):
        return entitlement
    return max(min(one.allocation, entitlement), one.capped(one.allocation))


def ordered(claimants: list[Claimant], aims: Mapping[str, int], room: int, within: int) -> list[Grow | Drain]:
    """Refused workloads first, then those to come."""
    now: list[Grow | Drain] = []
    later: list[Grow | Drain] = []
    drains: list[Grow | Drain] = []
    moving = [one for one in claimants if aims[one.space] != one.allocation]
    for one in sorted(moving, key=lambda one: (not one.demand.refused, not one.demand.ahead, one.space)):
        more = aims[one.space] - one.allocation
        if more < 0:
            drains.append(Drain(one.space, aims[one.space], within))
        elif more <= room:
            now.append(Grow(one.space, aims[one.space], within))
            room -= more
        else:
            later.append(Grow(one.space, aims[one.space], within))
    return [*now, *drains, *later]
