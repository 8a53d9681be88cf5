"""Resizing: the ledger's limit follows the tenant's.

Lowering is safe at any time. Everything else reads the tenant live *after* the ledger, and writes down which revision
of the tenant it saw, also where the number is the same: whoever has read an older tenant then conflicts, and nobody
who reads the ledger later can have.
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
from cotenant.model.escrow.values import Ledger, Limit


class Resize(Struct, frozen=True):
    """Bring the ledger's limit to the tenant's, `limit` as the caller knows it; never below what is allocated."""

    limit: Limit


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
    if ledger.source != goal.limit.source or ledger.limit < goal.limit.amount:
        return Resizing(goal, GetLimit(), ledger)
    return store(goal, ledger, ledger.lowered(goal.limit.amount))


def advance(task: Resizing, answer: Answer) -> Resizing | Finished:
    """The next request after this answer, or the end."""
    match task.request, answer:
        case GetLedger(), Read(Ledger() as found):
            return resize(task.goal, found)
        case GetLimit(), Read(Limit(amount, source) as limit) if task.ledger is not None:
            wanted = replace(task.ledger, limit=max(amount, task.ledger.allocated), source=source)
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
    return Outcome.DONE if ledger.limit == goal.limit.amount else Outcome.CONVERGING
