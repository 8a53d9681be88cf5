"""What must hold in every state, and what one leader alone must be able to bring about from every state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.protocol import advance, begin
from cotenant.model.escrow.repair import plan_repairs
from cotenant.model.escrow.values import Limit
from unit.model.escrow.board import LEDGER, NAMES, answer_to, place_of

World = tuple[Any, ...]
"""Two quotas (None: its namespace is gone), the ledger (None: lost) and the tenant."""


def overshooting(world: World) -> str | None:
    """Whether the tenant has more than it may have."""
    *quotas, _, tenant = world
    there = [quota for quota in quotas if quota is not None]
    ceiling = tenant.limit if tenant.followed else tenant.most
    if sum(quota.hard for quota in there) > ceiling:
        return "the sum of spec.hard is above the limit"
    if sum(quota.used for quota in there) > ceiling:
        return "the sum of used is above the limit"
    return None


def broken(world: World) -> str | None:
    """The invariant that this world breaks."""
    *quotas, ledger, tenant = world
    ceiling = tenant.limit if tenant.followed else tenant.most
    if too_much := overshooting(world):
        return too_much
    if ledger is None or ledger.rebuilding:
        return None
    if not ledger.allocated <= ledger.limit <= ceiling:
        return "the ledger allocates more than the tenant may have"
    for quota in quotas:
        entry = ledger.entry(quota.space) if quota is not None else None
        if quota is not None and quota.hard > (entry.allocation if entry else 0):
            return "a space may use more than is allocated to it"
    return None


def stuck(world: World, ceilings: Mapping[str, int]) -> str | None:
    """What one leader alone, undisturbed, could not put in order: everybody else is dead, nothing happens.

    But that, once all is in order, one thing after another goes from a space that uses more than its ceiling.
    """
    for _ in range(6):
        intents = repairs(world, ceilings)
        if not intents:
            relieved = relief(world, ceilings)
            return leaking(world, ceilings) or (stuck(relieved, ceilings) if relieved else None)
        for intent in intents:
            world = run(world, intent)
    return f"there is no end of {intents}"


def repairs(world: World, ceilings: Mapping[str, int]) -> list[Any]:
    """As the controller plans them."""
    *quotas, ledger, tenant = world
    there = {quota.space: quota for quota in quotas if quota is not None}
    return plan_repairs(ledger, there, Limit(tenant.limit, tenant.source), set(NAMES) - set(there), ceilings)


def relief(world: World, ceilings: Mapping[str, int]) -> World | None:
    """With one unit less in use in the first space that uses more than its ceiling."""
    for place, quota in enumerate(world[:2]):
        if quota is not None and quota.used > ceilings.get(quota.space, quota.used):
            return (*world[:place], replace(quota, used=quota.used - 1), *world[place + 1 :])
    return None


def leaking(world: World, ceilings: Mapping[str, int]) -> str | None:
    """What is not in order now: the last room must be usable, too."""
    *quotas, ledger, tenant = world
    if any(entry.drain is not None for entry in ledger.entries):
        return "a drain is stuck"
    if any(quotas[NAMES.index(entry.space)] is None for entry in ledger.entries):
        return "a space that is gone keeps its share"
    if ledger.limit != max(tenant.limit, ledger.allocated):
        return "the ledger's limit does not follow the tenant's"
    there = [quota for quota in quotas if quota is not None]
    excess = sum(quota.used for quota in there) - tenant.limit
    for quota in there:
        above = quota.used > ceilings.get(quota.space, quota.used)
        follows = above or quota.hard == ledger.entry(quota.space).allocation or ledger.allocated > tenant.limit
        if quota.hard != quota.enforced or (excess <= 0 and not follows):
            return "a quota does not follow its allocation"
        if excess > 0 and quota.hard > max(0, quota.used - excess):
            return "something may come in the place of what goes, and there is too much"
        if above and quota.hard > ceilings[quota.space]:
            return "something may come in the place of what goes, and the space has too much"
    some = next(iter(there), None)
    if some is not None and ledger.allocated < tenant.limit:
        after = run(world, Grow(some.space, 99, tenant.limit))
        if after[LEDGER].allocated != tenant.limit or after[NAMES.index(some.space)].enforced < some.enforced + 1:
            return "room is left that nobody can have"
    return None


def run(world: World, intent: Any) -> World:
    """One task to its end, alone."""
    step = begin(intent)
    for _ in range(40):
        if isinstance(step, m.Finished):
            return world
        place = place_of(step.request)
        answer, after = answer_to(step.request, world[place] if place < 4 else None, world)
        if place < 4:
            world = (*world[:place], after, *world[place + 1 :])
        step = advance(step, answer)
    raise AssertionError(f"{intent} comes to no end")


def alone(world: World) -> World:
    """The tenant with nothing left to happen to it: what is to be put in order does not depend on that."""
    return (*world[:3], replace(world[3], losses=0, moves=0, changes=()))
