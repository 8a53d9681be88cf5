"""Pressing: spec.hard below what is used, while a tenant uses more than it may, or a space more than its ceiling.

With spec.hard at what is used, whatever goes leaves room that a ReplicaSet takes again before anybody looks: a limit that
was lowered would never be reached. The ledger is not asked. Lower is always safe: allocations are ceilings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from cotenant.model.escrow.messages import (
    Answer,
    Conflict,
    Finished,
    GetQuota,
    NotFound,
    Outcome,
    PutEnforced,
    PutQuota,
    Read,
    Request,
    Written,
)
from cotenant.model.escrow.settle import Settle, Settling, settle
from cotenant.model.escrow.values import Quota


class Press(Struct, frozen=True):
    """Bring spec.hard of a space down to `to`, whatever it uses, and status.hard after it."""

    space: str
    to: int


class Pressing(Struct, frozen=True):
    """Waits for the answer to `request`."""

    goal: Press
    request: Request


Step = Pressing | Settling | Finished


def press(goal: Press, quota: Quota | None = None) -> Step:
    """The snapshot may come from a cache."""
    if quota is None:
        return Pressing(goal, GetQuota(goal.space))
    if quota.hard <= goal.to:
        return settle(Settle(goal.space), quota)
    return Pressing(goal, PutQuota(goal.space, goal.to, quota.version))


def advance(task: Pressing, answer: Answer) -> Step:
    """The next request after this answer, or the end."""
    goal = task.goal
    match task.request, answer:
        case GetQuota(), Read(Quota() as found):
            return press(goal, found)
        case PutQuota(space, hard), Written(version):
            return Pressing(goal, PutEnforced(space, hard, version))
        case PutQuota(), Conflict():
            return press(goal)
        case PutEnforced(), Written():
            return Finished(Outcome.DONE)
        case PutEnforced(), Conflict():
            return settle(Settle(goal.space))
        case _, NotFound():
            return Finished(Outcome.NO_QUOTA)
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")


def plan_presses(quotas: Iterable[Quota], within: int, ceilings: Mapping[str, int]) -> list[Press]:
    """While all together use more than `within`: each space as low as if all that is too much went from it alone.

    Wherever it goes, nothing comes in its place before enough has gone; then growths give back what is left. A space that
    uses more than its ceiling: no higher than that.
    """
    known = list(quotas)
    excess = max(0, sum(one.used for one in known) - within)
    found = []
    for one in known:
        low = max(0, min(one.used - excess, ceilings.get(one.space, one.used)))
        if low < one.hard and (excess or low < one.used):
            found.append(Press(one.space, low))
    return found
