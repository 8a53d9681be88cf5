"""The safe recount: `used` becomes what exists, though nobody can stop creates that are under way.

Read the quota; wait until whatever was admitted before is stored or has failed; list; write, bound to the revision
that was read. Whatever is admitted, refunded or lowered meanwhile changes that revision. In a space that is never quiet
spec.hard comes down to `used` first, so that nothing can be admitted during the wait. That write leaves a mark, by which
whoever raises limits keeps off; the mark goes with the last write, and the escrow gives back what the space holds: a
recount does not know what that is by then.
"""

from __future__ import annotations

from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.refund.values import Marks, Pairs, Refund, Stored, marks, pairs
from cotenant.model.usage.objects import claimable, kind_of

WAIT = 2.0
"""Seconds that a create takes at most from its charge to its storage; the API server cuts off requests at 60."""


class Recount(Struct, frozen=True):
    """Make `used` what exists. With `freeze` nothing new is admitted until it is done."""

    freeze: bool = False
    wait: float = WAIT


class GetQuota(Struct, frozen=True):
    """A live read. Answers: Read, NotFound."""


class Wait(Struct, frozen=True):
    """Do nothing for so many seconds. Answer: Waited."""

    seconds: float


class ListObjects(Struct, frozen=True):
    """A consistent list of every kind that is counted, reckoned. Answer: Listed."""

    kinds: tuple[str, ...]


class Freeze(Struct, frozen=True):
    """The mark and spec.hard, then status.hard, where `revision` is still the stored one.

    Answers: Written, Conflict, NotFound.
    """

    hard: Pairs
    revision: int


Request = GetQuota | Wait | ListObjects | Freeze | Refund


class Read(Struct, frozen=True):
    """What is stored."""

    stored: Stored


class Waited(Struct, frozen=True):
    """The time is over."""


class Listed(Struct, frozen=True):
    """What exists, by key, and at which revision each kind was listed."""

    exists: Pairs
    revisions: Marks


class Written(Struct, frozen=True):
    """Stored, as this revision."""

    revision: int


class Conflict(Struct, frozen=True):
    """Not stored: it has another revision."""


class NotFound(Struct, frozen=True):
    """There is no such quota."""


Answer = Read | Waited | Listed | Written | Conflict | NotFound


class Finished(Struct, frozen=True):
    """`done`: what exists is what is charged. Otherwise something moved meanwhile: try again, or freeze."""

    done: bool


class Recounting(Struct, frozen=True):
    """Waits for the answer to `request`. One that is dropped leaves nothing behind but perhaps its mark."""

    goal: Recount
    request: Request
    stored: Stored | None = None


Step = Recounting | Finished


def begin(goal: Recount, stored: Stored | None = None) -> Recounting:
    """The first step. A known revision spares the wait, if for as long nothing has been charged that it includes."""
    if stored is not None:
        return Recounting(replace(goal, wait=0.0), listing(stored), stored)
    return Recounting(goal, GetQuota())


def advance(task: Recounting, answer: Answer) -> Step:
    """The step after this answer. Raises TypeError for an answer that the request cannot have."""
    goal, stored = task.goal, task.stored
    match task.request, answer:
        case _, NotFound():
            return Finished(done=False)
        case GetQuota(), Read(found):
            return freeze(task, found) if goal.freeze else waiting(task, found)
        case Freeze(hard), Written(revision) if stored is not None:
            return waiting(task, replace(stored, revision=revision, hard=hard))
        case Freeze(), Conflict():
            return replace(task, request=GetQuota())
        case Wait(), Waited() if stored is not None:
            return replace(task, request=listing(stored))
        case ListObjects(), Listed(exists, revisions) if stored is not None:
            return replace(task, request=result(stored, dict(exists), dict(revisions)))
        case Refund(), Written():
            return Finished(done=True)
        case Refund(), Conflict():
            return replace(task, request=GetQuota()) if goal.freeze else Finished(done=False)
    raise TypeError(f"{type(answer).__name__} answers no {type(task.request).__name__}")


def freeze(task: Recounting, stored: Stored) -> Recounting:
    """Lowers spec.hard to what is used, where there is room."""
    used = dict(stored.used)
    low = tuple((key, min(amount, used.get(key, amount))) for key, amount in stored.hard)
    if low == stored.hard:
        return waiting(task, stored)
    return replace(task, request=Freeze(low, stored.revision), stored=stored)


def waiting(task: Recounting, stored: Stored) -> Recounting:
    """Lets what was admitted before come to its end."""
    return replace(task, request=Wait(task.goal.wait), stored=stored)


def listing(stored: Stored) -> ListObjects:
    """Every kind that a key is about, as far as it is reckoned here."""
    kinds = {kind_of(key) for key, _ in stored.used}
    return ListObjects(tuple(sorted(kind for kind in kinds if kind is not None)))


def result(stored: Stored, exists: dict[str, Fraction], revisions: dict[str, int]) -> Refund:
    """`used` as it is to be. What ended before the list is decided; what is not reckoned here stays as it is, and so
    does what is above our count where claims that we do not read may be charged too: the quota controller lowers that.
    """
    after = dict(stored.used)
    for key, amount in stored.used:
        if kind_of(key) in revisions:
            found = exists.get(key, Fraction(0))
            after[key] = max(found, amount) if claimable(key) else found
    decided = dict(stored.refunded)
    decided |= {kind: max(at, decided.get(kind, 0)) for kind, at in revisions.items()}
    return Refund(stored.revision, pairs(after), marks(decided))
