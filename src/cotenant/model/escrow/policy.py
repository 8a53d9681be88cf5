"""Who gets what: one resource of one tenant, from what is used and asked for to growths and drains.

The pool stays central: a space holds what it uses, what it is about to use and a little slack. Slack is refilled below
half of it and taken back after a time without a change, or earlier where others need it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.fairness import Claim, fill
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.values import Ledger, Quota

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
    """A space, all that matters about it in one place."""

    space: str
    allocation: int
    used: int
    demand: Demand
    share: Share
    active: bool

    @property
    def ceiling(self) -> int | None:
        """As the share says, but never below what is used."""
        return None if self.share.ceiling is None else max(self.used, self.share.ceiling)

    @property
    def kept(self) -> int:
        """What nobody takes away: use, and the floor as far as it was given."""
        return max(self.used, min(self.allocation, self.floor))

    @property
    def floor(self) -> int:
        """A floor above the ceiling ends at the ceiling."""
        return self.capped(self.share.floor)

    @property
    def needed(self) -> int:
        """With what was refused and what is about to come."""
        return self.used + self.demand.refused + self.demand.ahead

    @property
    def margin(self) -> int:
        """Kept at hand beyond what is needed."""
        return max(self.demand.slack, self.demand.reserve) if self.active else self.demand.reserve

    @property
    def spare(self) -> int:
        """With the next pod of a space that is at work."""
        return self.needed + min(self.demand.grain, self.demand.slack) * self.active

    def capped(self, amount: int) -> int:
        """Under the ceiling."""
        return amount if self.ceiling is None else min(amount, self.ceiling)


TIERS: tuple[tuple[Callable[[Claimant], int], bool], ...] = (
    (lambda one: one.floor, False),
    (lambda one: one.used + one.demand.refused, True),
    (lambda one: one.needed, True),
    (lambda one: one.spare, True),
    (lambda one: one.needed + one.margin, False),
)
"""What is served before what, and whether in pieces of a pod: guarantees, the refused, those to come, a pod more where
there is work, then slack and reserves."""


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
    claimants = [
        Claimant(
            entry.space, entry.allocation, quota.used, demand, shares.get(entry.space, Share()), demand.idle < hold
        )
        for entry in ledger.entries
        if entry.drain is None and (quota := quotas.get(entry.space)) is not None
        for demand in (demands.get(entry.space, Demand()),)
    ]
    frozen = ledger.allocated - sum(one.allocation for one in claimants)
    capacity = max(0, min(ledger.limit, within) - frozen)
    aims = aim(claimants, entitled(claimants, capacity), capacity)
    return ordered(claimants, aims, ledger.room(within), within)


def entitled(claimants: list[Claimant], capacity: int) -> dict[str, int]:
    """What each would have if everything were shared out anew. Never less than what is kept."""
    found = {one.space: one.kept for one in claimants}
    for wish, whole in TIERS:
        left = capacity - sum(found.values())
        if left <= 0:
            break
        found = fill(left, [claim(one, found[one.space], wish(one), whole) for one in claimants])
    return found


def claim(one: Claimant, have: int, wish: int, whole: bool) -> Claim:
    """What one space wants of this tier."""
    want = max(have, one.capped(wish))
    return Claim(one.space, have, want, max(1, one.share.weight), max(1, one.demand.grain) if whole else 1)


def aim(claimants: list[Claimant], entitlements: Mapping[str, int], capacity: int) -> dict[str, int]:
    """What each should have next: as it is, unless there is a reason to move something."""
    found = {one.space: preferred(one, entitlements[one.space]) for one in claimants}
    over = sum(found.values()) - capacity
    # Who has been quiet longest gives first, then who can give most.
    victims = sorted(claimants, key=lambda one: (-one.demand.idle, entitlements[one.space] - one.allocation, one.space))
    for one in victims:
        cut = max(0, min(over, found[one.space] - entitlements[one.space]))
        found[one.space] -= cut
        over -= cut
    for one in claimants:
        # Only where more is in use than there is: nothing can grow.
        cut = max(0, min(over, found[one.space] - one.allocation))
        found[one.space] -= cut
        over -= cut
    return found


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
    for one in sorted(claimants, key=lambda one: (not one.demand.refused, not one.demand.ahead, one.space)):
        more = aims[one.space] - one.allocation
        if more < 0:
            drains.append(Drain(one.space, aims[one.space], within))
        elif 0 < more <= room:
            now.append(Grow(one.space, aims[one.space], within))
            room -= more
        elif more > 0:
            later.append(Grow(one.space, aims[one.space], within))
    return [*now, *drains, *later]
