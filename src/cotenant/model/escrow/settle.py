"""Settling: status.hard follows spec.hard, by our own hand.

Waiting for the quota controller costs an admission batch that fails as a whole, and under strict accounting seconds:
its write that carries a new hard and a lower used is refused as one.
"""

from __future__ import annotations

from msgspec import Struct

from cotenant.model.escrow.messages import (
    Answer,
    Conflict,
    Finished,
    GetQuota,
    NotFound,
    Outcome,
    PutEnforced,
    Read,
    Request,
    Written,
)
from cotenant.model.escrow.values import Quota


class Settle(Struct, frozen=True):
    """Bring status.hard of a space to its spec.hard: what a crash between the two writes, or a conflict, left."""

    space: str


class Settling(Struct, frozen=True):
    """Waits for the answer to `request`."""

    goal: Settle
    request: Request


def settle(goal: Settle, quota: Quota | None = None) -> Settling | Finished:
    """The snapshot may come from a cache."""
    if quota is None:
        return Settling(goal, GetQuota(goal.space))
    if quota.settled:
        return Finished(Outcome.DONE)
    return Settling(goal, PutEnforced(goal.space, quota.hard, quota.version))


def advance(task: Settling, answer: Answer) -> Settling | Finished:
    """The next request after this answer, or the end."""
    match task.request, answer:
        case GetQuota(), Read(Quota() as found):
            return settle(task.goal, found)
        case PutEnforced(), Written():
            return Finished(Outcome.DONE)
        case PutEnforced(), Conflict():
            return settle(task.goal)
        case _, NotFound():
            return Finished(Outcome.NO_QUOTA)
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")
