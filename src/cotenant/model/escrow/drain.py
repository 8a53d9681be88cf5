"""Draining: announce in the ledger, lower spec.hard, status.hard after it, then give the rest back to the pool.

Anybody may finish a drain that somebody else announced; it is safe to drop one at any moment. A space whose namespace
is gone is drained to 0 and leaves the ledger: only then does its share return.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.escrow.messages import (
    Answer,
    Conflict,
    Finished,
    GetLedger,
    GetNamespace,
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
from cotenant.model.escrow.values import Entry, Ledger, Quota


class Drain(Struct, frozen=True):
    """Leave a space no more than `to` and return the rest, unless it uses more. A drain under way is finished first.

    With `retire` also one that has nothing goes through it: what takes the entry of a space whose namespace is gone off
    the ledger. `within` is the tenant's limit as the caller knows it: the ledger's limit comes down to it as far as it can.
    `guarded` says that a policy binds every charge to the stored spec.hard. Without it the rest returns only after
    status.hard is seen to be lower and nothing was charged meanwhile.
    """

    space: str
    to: int
    within: int
    guarded: bool = True
    retire: bool = False


class Draining(Struct, frozen=True):
    """Waits for the answer to `request`.

    `ledger` is the announcement as it was read or written; what ends the drain is bound to its version. `lowered`:
    spec.hard is. `settled`: status.hard is too.
    """

    goal: Drain
    request: Request
    ledger: Ledger | None = None
    quota: Quota | None = None
    lowered: bool = False
    settled: bool = True
    outcome: Outcome = Outcome.DONE


Step = Draining | Settling | Finished


def drain(goal: Drain, ledger: Ledger | None = None) -> Step:
    """The ledger may come from a cache."""
    return Draining(goal, GetLedger()) if ledger is None else announce(goal, ledger)


def advance(task: Draining, answer: Answer) -> Step:
    """The next request after this answer, or the end."""
    goal = task.goal
    match task.request, answer:
        case GetLedger(), Read(Ledger() as found):
            return announce(goal, found)
        case PutLedger(ledger), Written(version) if task.ledger is None:
            return replace(task, request=GetQuota(goal.space), ledger=ledger.at(version))
        case PutLedger(), Written():
            return Finished(task.outcome) if task.settled else settle(Settle(goal.space))
        case ((GetLedger() | PutLedger()), NotFound()):
            return Finished(Outcome.NO_LEDGER)
        case GetQuota(), Read(Quota() as found):
            return verify(task, found) if task.lowered else lower(task, found)
        case PutQuota(space, hard), Written(version) if task.quota is not None:
            quota = replace(task.quota, hard=hard, version=version)
            after = replace(task, quota=None, lowered=True)
            return finish(after) if quota.settled else replace(after, request=PutEnforced(space, hard, version))
        case PutEnforced(), Written():
            return finish(task)
        case PutEnforced(), Conflict() if goal.guarded:
            return finish(replace(task, settled=False))
        case PutEnforced(), Conflict():
            return replace(task, request=GetQuota(goal.space))
        case _, Conflict():
            return drain(goal)
        case ((GetQuota() | PutQuota() | PutEnforced()), NotFound()):
            return replace(task, request=GetNamespace(goal.space), quota=None)
        case GetNamespace(), NotFound():
            return finish(task, gone=True)
        case GetNamespace(), Read():
            return cancel(task, Outcome.NO_QUOTA)
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")


def announce(goal: Drain, ledger: Ledger) -> Draining | Finished:
    """Writes the lower amount down, or takes up what is written down already."""
    if ledger.rebuilding:
        return Finished(Outcome.NO_LEDGER)
    entry = ledger.entry(goal.space)
    if entry is None:
        return Finished(Outcome.UNKNOWN)
    if entry.drain is not None:
        return Draining(replace(goal, to=entry.drain), GetQuota(goal.space), ledger)
    if entry.allocation <= goal.to and not goal.retire:
        return Finished(Outcome.DONE)
    return Draining(goal, PutLedger(ledger.having(replace(entry, drain=goal.to))))


def lower(task: Draining, quota: Quota) -> Draining:
    """Lowers spec.hard, and writes even where it is low enough: a raise in flight must conflict."""
    if quota.used > task.goal.to:
        return cancel(task, Outcome.BUSY)
    hard = min(quota.hard, task.goal.to)
    return replace(task, request=PutQuota(quota.space, hard, quota.version, bump=True), quota=quota)


def verify(task: Draining, quota: Quota) -> Step:
    """Without the policy: what is in force, and what was charged before it was."""
    to = task.goal.to
    if quota.hard > to:
        return drain(task.goal)
    if quota.used > to:
        return cancel(task, Outcome.BUSY)
    if quota.enforced is not None and quota.enforced > to:
        return replace(task, request=PutEnforced(quota.space, quota.hard, quota.version))
    return finish(task)


def finish(task: Draining, *, gone: bool = False) -> Draining:
    """Returns the rest to the pool; all of it, and the entry, where the namespace is gone."""
    ledger, space = announced(task), task.goal.space
    entry = ledger.entry(space)
    left = 0 if entry is None else min(entry.allocation, task.goal.to)
    shared = ledger.without(space) if gone else ledger.having(Entry(space, left))
    return replace(task, request=PutLedger(shared.lowered(task.goal.within)))


def cancel(task: Draining, outcome: Outcome) -> Draining:
    """Takes the announcement back."""
    ledger = announced(task)
    entry = ledger.entry(task.goal.space)
    left = 0 if entry is None else entry.allocation
    return replace(task, request=PutLedger(ledger.having(Entry(task.goal.space, left))), outcome=outcome)


def announced(task: Draining) -> Ledger:
    """The ledger with the announcement: every step after that carries it."""
    assert task.ledger is not None
    return task.ledger
