"""What refunds are reckoned from: one revision of a ResourceQuota, and charges whose object is gone.

A revision is a resourceVersion as a number. Pods and quotas are compared with each other: they lie in one etcd.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct

Pairs = tuple[tuple[str, Fraction], ...]
"""Amounts by quota key, sorted: comparable, unlike a dict."""
Marks = tuple[tuple[str, int], ...]
"""Revisions by kind, sorted."""


def pairs(amounts: Mapping[str, Fraction]) -> Pairs:
    """Sorted by key."""
    return tuple(sorted(amounts.items()))


def marks(revisions: Mapping[str, int]) -> Marks:
    """Sorted by kind."""
    return tuple(sorted(revisions.items()))


class Stored(Struct, frozen=True):
    """One revision of a quota.

    `hard` is spec.hard. `refunded`: up to this revision of its kind, every vanished object has been decided upon, by a
    refund or by the list of a recount. It is written along with `used`, so that a second operator, or the same after a
    crash, never gives anything back twice.
    """

    revision: int
    used: Pairs
    hard: Pairs = ()
    refunded: Marks = ()


class Release(Struct, frozen=True):
    """A charge that has ended: its object vanished, became terminal or shrank.

    It ended after revision `since - 1` and not after `until`; both are the revision of the event where that was seen.
    An overdue pod is off the quota controller's books before it is gone: `since` is when it was last seen in time.
    """

    kind: str
    amounts: Pairs
    since: int
    until: int


class Refund(Struct, frozen=True):
    """One write: `used` and the marks with it, where `revision` is still the stored one."""

    revision: int
    used: Pairs
    refunded: Marks


def text(one: Marks) -> str:
    """As it is written into an annotation: `pods=123,services=45`."""
    return ",".join(f"{kind}={revision}" for kind, revision in one)


def parsed(annotation: str) -> Marks:
    """What an annotation says; nothing where somebody has spoilt it, which the next recount mends."""
    return tuple(sorted(entries(annotation.split(","))))


def entries(parts: Iterable[str]) -> Iterable[tuple[str, int]]:
    """Those that can be read."""
    for part in parts:
        kind, _, revision = part.partition("=")
        if kind and revision.isdecimal():
            yield kind, int(revision)
