"""What a crash, a loss or a hand left to do, before anything is moved: from what is seen to intents, nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.press import plan_presses
from cotenant.model.escrow.protocol import Intent
from cotenant.model.escrow.rebuild import Rebuild
from cotenant.model.escrow.resize import Resize
from cotenant.model.escrow.settle import Settle
from cotenant.model.escrow.values import MOST, Entry, Ledger, Limit, Quota


def plan_repairs(
    ledger: Ledger | None,
    quotas: Mapping[str, Quota],
    limit: Limit,
    gone: Collection[str] = (),
    ceilings: Mapping[str, int] = MappingProxyType({}),
) -> list[Intent]:
    """In the order in which to do it, one for a space; nothing where all is in order.

    `quotas` by space, as far as they are known; `gone` names spaces whose namespace does not exist any more. `ceilings`:
    what a space may have at most, where that is said.
    """
    if ledger is None or ledger.rebuilding:
        return [Rebuild()]
    found: list[Intent] = []
    if ledger.source != limit.source or ledger.limit != max(limit.amount, ledger.allocated):
        found.append(Resize(limit))
    known = {entry.space for entry in ledger.entries}
    held = [one for space, one in quotas.items() if space in known]
    presses = plan_presses(held, limit.amount, ceilings)
    pressed = {one.space for one in presses}
    found += presses
    converging = max(ledger.allocated, sum(one.used for one in held)) > limit.amount
    for entry in ledger.entries:
        if entry.space in pressed:
            continue
        most = None if converging else ceilings.get(entry.space, entry.allocation)
        one = retire_or_mend(entry, quotas.get(entry.space), limit.amount, entry.space in gone, most)
        found += [one] if one is not None else []
    # Who finds no room in the ledger waits until another has left it.
    newcomers = sorted(quotas.keys() - known - set(gone))[: max(0, MOST - len(known))]
    return found + [Grow(space, 0, limit.amount, admit=True) for space in newcomers]


def retire_or_mend(entry: Entry, quota: Quota | None, within: int, gone: bool, most: int | None) -> Intent | None:
    """The first thing to do for one space. `most`: what spec.hard may be raised to; None while nothing is raised at all."""
    if gone:
        return Drain(entry.space, 0, within, retire=True)
    if entry.drain is not None:
        return Drain(entry.space, entry.drain, within)
    if quota is None:
        return None
    low = most is None or most < entry.allocation
    held = max(quota.hard, quota.used, most or 0)
    if low and held < entry.allocation:
        # What was allocated but never reached the quota goes back first: raising it now would take us further away.
        return Drain(entry.space, held, within)
    if quota.hard > entry.allocation or (quota.hard < entry.allocation and not low):
        return Grow(entry.space, 0, within)
    return None if quota.settled else Settle(entry.space)
