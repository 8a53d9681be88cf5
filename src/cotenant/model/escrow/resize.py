"""Resizing: the ledger's limit follows the tenant's.

Lowering is safe at any time, also by somebody who does not know the newest limit. Raising is not: so the tenant is
read live *after* the ledger. Whoever lowered the ledger's limit before that read has made the tenant's limit seen;
whoever lowers it later makes the write conflict.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.escrow.messages import (
    Answer,
    Conflict,
    Finished,
    GetLedger,
    GetLimit,
    NotFound,
    Outcome,
    PutLedger,
    Read,
    Request,
    Written,
)
from cotenant.model.escrow.values import Ledger


class Resize(Struct, frozen=True):
    """Bring the ledger's limit to `to`, the tenant's limit as the caller knows it; never below what is allocated."""

    to: int


class Resizing(Struct, frozen=True):
    """Waits for the answer to `request`."""

    goal: Resize
    request: Request
    ledger: Ledger | None = None


def resize(goal: Resize, ledger: Ledger | None = None) -> Resizing | Finished:
    """The ledger may come from a cache."""
    if ledger is None:
        return Resizing(goal, GetLedger())
    if ledger.rebuilding:
        return Finished(Outcome.NO_LEDGER)
    if goal.to > ledger.limit:
        return Resizing(goal, GetLimit(), ledger)
    return store(goal, ledger, ledger.lowered(goal.to))


def advance(task: Resizing, answer: Answer) -> Resizing | Finished:
    """The next request after this answer, or the end."""
    match task.request, answer:
        case GetLedger(), Read(Ledger() as found):
            return resize(task.goal, found)
        case GetLimit(), Read(int() as limit) if task.ledger is not None:
            wanted = replace(task.ledger, limit=max(limit, task.ledger.allocated))
            return store(Resize(limit), task.ledger, wanted)
        case PutLedger(ledger), Written():
            return Finished(reached(task.goal, ledger))
        case PutLedger(), Conflict():
            return resize(task.goal)
        case _, NotFound():
            return Finished(Outcome.NO_LEDGER)
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")


def store(goal: Resize, there: Ledger, wanted: Ledger) -> Resizing | Finished:
    """Writes only what differs."""
    return Finished(reached(goal, there)) if there == wanted else Resizing(goal, PutLedger(wanted))


def reached(goal: Resize, ledger: Ledger) -> Outcome:
    """Whether the limit is the tenant's already."""
    return Outcome.DONE if ledger.limit == goal.to else Outcome.CONVERGING
