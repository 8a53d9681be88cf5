"""The book of one quota: what was seen of it, which charges have ended, and what to write now.

    book = watched(book, stored)          # every revision of the quota, in order
    book = ended(book, release)           # every charge that ended, in the order of its kind
    refund = plan(book)                   # one compare-and-swap, or None
    book = settled(book, refund, revision)

A charge is given back once. It is skipped where somebody else lowered `used` after the object was gone: the quota
controller counts what exists, so it may have taken this very charge off. What was skipped in vain is a leak, which
refuses too much and never too little; the safe recount repairs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.refund.values import Marks, Refund, Release, Stored, marks, pairs
from cotenant.model.usage.objects import claimable, kind_of

NOTHING = Fraction(0)


class Book(Struct, frozen=True):
    """`lowered`: by key, the latest revision at which somebody may have taken off what exists no more; `charged`: the
    latest at which something may have been admitted.
    """

    stored: Stored | None = None
    lowered: Marks = ()
    charged: int = 0
    pending: tuple[Release, ...] = ()


def watched(book: Book, found: Stored, *, gap: bool = False) -> Book:
    """Takes in a revision. `gap`: revisions before it may have been missed, so anything may have been lowered."""
    before = book.stored
    if before is not None and found.revision <= before.revision:
        return book
    lowered = dict(book.lowered)
    had = dict(before.used) if before else {}
    if before is None or gap:
        lowered |= dict.fromkeys(dict(found.used), found.revision)
    elif found.refunded == before.refunded:
        fell = [key for key, amount in found.used if amount < had.get(key, NOTHING)]
        lowered |= dict.fromkeys(fell, found.revision)
    more = before is None or gap or any(amount > had.get(key, NOTHING) for key, amount in found.used)
    charged = found.revision if more else book.charged
    return forgotten(replace(book, stored=found, lowered=marks(lowered), charged=charged))


def ended(book: Book, release: Release) -> Book:
    """Notes a charge that has ended, as far as this quota counts it."""
    keys = {key for key, _ in book.stored.used} if book.stored else set()
    amounts = tuple((key, amount) for key, amount in release.amounts if key in keys)
    return replace(book, pending=(*book.pending, replace(release, amounts=amounts))) if amounts else book


def plan(book: Book) -> Refund | None:
    """What to write now; None where nothing is to be given back."""
    stored = book.stored
    if stored is None:
        return None
    used = dict(stored.used)
    due = owed(book, stored)
    taken = {key: min(amount, used[key]) for key, amount in due.items() if used.get(key)}
    if not taken:
        return None
    decided = dict(stored.refunded)
    for one in book.pending:
        decided[one.kind] = max(one.until, decided.get(one.kind, 0))
    after = used | {key: used[key] - amount for key, amount in taken.items()}
    return Refund(stored.revision, pairs(after), marks(decided))


def owed(book: Book, stored: Stored) -> dict[str, Fraction]:
    """What is certainly still charged for objects that are gone."""
    decided, lowered = dict(stored.refunded), dict(book.lowered)
    due: dict[str, Fraction] = {}
    for one in book.pending:
        if decided.get(one.kind, 0) >= one.since:
            continue
        for key, amount in one.amounts:
            if lowered.get(key, 0) < one.since:
                due[key] = due.get(key, NOTHING) + amount
    return due


def settled(book: Book, refund: Refund, revision: int) -> Book:
    """After a refund was stored as this revision: what it was about is off the book."""
    assert book.stored is not None
    if book.stored.revision != refund.revision:
        # The watch was faster than the answer, and has taken it in.
        return forgotten(book)
    stored = replace(book.stored, revision=revision, used=refund.used, refunded=refund.refunded)
    return forgotten(replace(book, stored=stored))


def forgotten(book: Book) -> Book:
    """Without what is decided, and without what can never be given back."""
    if book.stored is None:
        return book
    decided, lowered = dict(book.stored.refunded), dict(book.lowered)
    left = tuple(
        one
        for one in book.pending
        if decided.get(one.kind, 0) < one.since and any(lowered.get(key, 0) < one.since for key, _ in one.amounts)
    )
    return replace(book, pending=left)


def leaked(book: Book, exists: Mapping[str, Fraction], kinds: Collection[str]) -> bool:
    """Whether more is charged than exists and is about to be given back; or less, which is worse. Of these kinds.

    More is no leak where claims may be charged for the same key: those are not read.
    """
    if book.stored is None:
        return False
    due = owed(book, book.stored)
    known = [(key, amount) for key, amount in book.stored.used if kind_of(key) in kinds]
    over = {key: amount - exists.get(key, NOTHING) - due.get(key, NOTHING) for key, amount in known}
    return any(left < 0 or (left > 0 and not claimable(key)) for key, left in over.items())
