"""Rebuilding a ledger that is missing: of a new tenant, or one that was lost.

A closed ledger first, from which nobody grants; then every quota is read and written back, so that a raise which still
knows the lost ledger conflicts; then what they hold becomes what is allocated, and the ledger opens. Everything is
bound to the version of the closed ledger: two may rebuild, and it may be lost once more meanwhile.
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
    GetQuota,
    ListQuotas,
    NotFound,
    Outcome,
    PutLedger,
    PutQuota,
    Read,
    Request,
    Written,
)
from cotenant.model.escrow.values import MOST, Entry, Ledger, Limit, Quota

CLOSED = Ledger(limit=0, rebuilding=True)


class Rebuild(Struct, frozen=True):
    """Bring a ledger into being: allocation = spec.hard, or what is used if that is more; limit = max(the tenant's, their sum).

    More is used than spec.hard says where a space is pressed: what it uses is nobody else's.
    """


class Rebuilding(Struct, frozen=True):
    """Waits for the answer to `request`. `left` is still to be written back; `entries` is what was.

    `used` is that of the quota that is being written back.
    """

    request: Request
    ledger: Ledger | None = None
    left: tuple[str, ...] = ()
    used: int = 0
    entries: tuple[Entry, ...] = ()


def rebuild(ledger: Ledger | None = None) -> Rebuilding:
    """With none in the cache it is created: if it is there after all, that is a conflict. What is there is read live."""
    return Rebuilding(PutLedger(CLOSED) if ledger is None else GetLedger())


def advance(task: Rebuilding, answer: Answer) -> Rebuilding | Finished:
    """The next request after this answer, or the end."""
    match task.request, answer:
        case GetLedger(), Read(Ledger() as found):
            return Rebuilding(ListQuotas(), found) if found.rebuilding else Finished(Outcome.DONE)
        case GetLedger(), NotFound():
            return rebuild()
        case PutLedger(ledger), Written(version) if ledger.rebuilding:
            return Rebuilding(ListQuotas(), ledger.at(version))
        case PutLedger(), Written():
            return Finished(Outcome.DONE)
        case PutLedger(), (Conflict() | NotFound()):
            return Rebuilding(GetLedger())
        case ListQuotas(), Read(tuple() as quotas):
            return listed(task, quotas)
        case GetQuota(), Read(Quota() as found):
            return replace(task, request=fence(found), used=found.used)
        case PutQuota(space, hard), Written():
            return following(replace(task, used=0, entries=(*task.entries, Entry(space, max(hard, task.used)))))
        case PutQuota(space), Conflict():
            return replace(task, request=GetQuota(space), used=0)
        case ((GetQuota() | PutQuota()), NotFound()):
            return following(replace(task, used=0))
        case GetLimit(), Read(Limit(amount, source)) if task.ledger is not None:
            entries = tuple(sorted(task.entries))
            whole = max(amount, sum(entry.allocation for entry in entries))
            return Rebuilding(PutLedger(Ledger(whole, entries, task.ledger.version, source=source)))
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")


def listed(task: Rebuilding, quotas: tuple[Quota, ...]) -> Rebuilding | Finished:
    """The quotas to write back; also those that hold nothing, for a raise in flight may know more of them."""
    if len(quotas) > MOST:
        return Finished(Outcome.FULL)
    return following(replace(task, left=tuple(sorted(quota.space for quota in quotas))))


def following(task: Rebuilding) -> Rebuilding:
    """The next quota to write back; after the last one, the tenant's limit as it is now."""
    if not task.left:
        return replace(task, request=GetLimit())
    return replace(task, request=GetQuota(task.left[0]), left=task.left[1:])


def fence(quota: Quota) -> PutQuota:
    """A write that changes nothing but the version."""
    return PutQuota(quota.space, quota.hard, quota.version, bump=True)
