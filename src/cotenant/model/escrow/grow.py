"""Growing: allocation first, then spec.hard up to it, then status.hard.

The order of the reads is what keeps two leaders apart: the quota *before* the ledger. Who read the ledger before a
drain was announced has also read the quota before the drainer's write of it, and conflicts; who read the quota after
that write sees the announcement or the lower allocation.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.escrow.messages import (
    Answer,
    Conflict,
    Finished,
    GetLedger,
    GetQuota,
    NotFound,
    Outcome,
    PutEnforced,
    PutLedger,
    PutQuota,
    Read,
    Request,
    Written,
)
from cotenant.model.escrow.settle import Settle, Settling, settle
from cotenant.model.escrow.values import MOST, Entry, Ledger, Quota


class Grow(Struct, frozen=True):
    """Bring the allocation of a space up to `to`, or as near as there is room, and spec.hard to the allocation.

    With `to` 0 it only brings spec.hard to what is allocated already: what a crash left undone, or a hand changed.
    `within` is the tenant's limit as the caller knows it. With `admit` a space without an entry gets one, unless there is
    no room for what is wanted, and status.hard of its first share is left to the quota controller.
    """

    space: str
    to: int
    within: int
    admit: bool = False


class Growing(Struct, frozen=True):
    """Waits for the answer to `request`. `quota` is the snapshot that was read before the ledger."""

    goal: Grow
    request: Request
    quota: Quota | None = None


Step = Growing | Settling | Finished


def grow(goal: Grow, ledger: Ledger | None = None, quota: Quota | None = None) -> Step:
    """Snapshots may come from a cache, however old. Without a write of the ledger it is read live nevertheless."""
    if quota is None:
        return Growing(goal, GetQuota(goal.space))
    if ledger is not None:
        step = allocate(goal, quota, ledger)
        if isinstance(step, Growing) and isinstance(step.request, PutLedger):
            return step
    return Growing(goal, GetLedger(), quota)


def advance(task: Growing, answer: Answer) -> Step:
    """The next request after this answer, or the end."""
    goal, quota = task.goal, task.quota
    match task.request, answer:
        case GetQuota(), Read(Quota() as found):
            return Growing(goal, GetLedger(), found)
        case GetLedger(), Read(Ledger() as found) if quota is not None:
            return allocate(goal, quota, found)
        case PutLedger(ledger), Written() if quota is not None:
            entry = ledger.entry(goal.space)
            return raise_to(goal, quota, entry.allocation if entry else 0)
        case PutLedger(), Conflict():
            return Growing(goal, GetLedger(), quota)
        case ((GetLedger() | PutLedger()), NotFound()):
            return Finished(Outcome.NO_LEDGER)
        case PutQuota(space, hard), Written(version):
            if quota is None or left_to_kubernetes(goal, quota):
                return Finished(reached(goal, hard))
            return Growing(goal, PutEnforced(space, hard, version))
        case PutQuota(), Conflict():
            return grow(goal)
        case PutEnforced(_, hard), Written():
            return Finished(reached(goal, hard))
        case PutEnforced(space), Conflict():
            return settle(Settle(space))
        case _, NotFound():
            return Finished(Outcome.NO_QUOTA)
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")


def allocate(goal: Grow, quota: Quota, ledger: Ledger) -> Growing | Finished:
    """Takes what is wanted from the pool, as far as it goes; without a need for that, straight to spec.hard."""
    if ledger.rebuilding:
        return Finished(Outcome.NO_LEDGER)
    entry = ledger.entry(goal.space)
    if entry is None and not goal.admit:
        return Finished(Outcome.UNKNOWN)
    if entry is None and len(ledger.entries) >= MOST:
        return Finished(Outcome.FULL)
    have = entry or Entry(goal.space, 0)
    if have.drain is not None:
        return Finished(Outcome.DRAINING)
    if ledger.allocated > goal.within and quota.hard < have.allocation:
        return Finished(Outcome.CONVERGING)
    amount = max(have.allocation, min(goal.to, have.allocation + ledger.room(goal.within)))
    if entry is None and amount == 0 < goal.to:
        return Finished(
            Outcome.PARTLY
        )  # an entry of 0 would say that nobody has anything to spare: that is to be planned
    if entry is None or amount > have.allocation:
        return Growing(goal, PutLedger(ledger.having(replace(have, allocation=amount))), quota)
    return raise_to(goal, quota, amount)


def raise_to(goal: Grow, quota: Quota, allocation: int) -> Growing | Finished:
    """Brings spec.hard to the allocation, bound to the snapshot that is older than the ledger."""
    if quota.hard != allocation:
        return Growing(goal, PutQuota(goal.space, allocation, quota.version), quota)
    if not quota.settled:
        return Growing(goal, PutEnforced(goal.space, allocation, quota.version))
    return Finished(reached(goal, allocation))


def left_to_kubernetes(goal: Grow, quota: Quota) -> bool:
    """Whether the quota controller brings status.hard: it alone fills in an empty status, and with a first share its
    write comes as soon as ours and can lower nothing. Settle does it should that write not come.
    """
    return quota.enforced is None or (goal.admit and quota.hard == quota.used == 0)


def reached(goal: Grow, allocation: int) -> Outcome:
    """Whether that is what was wanted."""
    return Outcome.DONE if allocation >= goal.to else Outcome.PARTLY
