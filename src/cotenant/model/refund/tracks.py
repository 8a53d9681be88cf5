"""What is remembered of a counted object: its charge, and since when it is on its way out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from msgspec import Struct

from cotenant.api.builtin import Manifest
from cotenant.model.refund.values import Release, pairs
from cotenant.model.usage.amounts import Amounts, excess
from cotenant.model.usage.objects import usage
from cotenant.model.usage.pods import overdue

SKEW = timedelta(seconds=5)
"""How far the quota controller's clock may be ahead of ours."""
STILL = datetime(1, 1, 1, tzinfo=UTC)
"""A moment at which nothing is overdue."""
COUNT = "count/pods"


class Track(Struct, frozen=True):
    """`charge` as if the object were not overdue; `manifest` is kept of what is on its way out, to know whether it is;
    `off`: the revision since which it may be off the controller's books for that, 0 where it is not on its way out.

    A kubelet that is done takes the rest of the grace away, and the pod is overdue for the moment until it is gone.
    """

    charge: Amounts
    off: int = 0
    manifest: Manifest | None = None

    def counts(self, now: datetime) -> Amounts:
        """What the quota controller would count for it now."""
        if self.manifest is not None and overdue(self.manifest, now):
            return {COUNT: Fraction(1)}
        return self.charge


def seen(
    kind: str, before: Track | None, found: Manifest, since: int, revision: int, now: datetime
) -> tuple[Track, Release | None]:
    """An object that is there, new or changed after revision `since - 1`: what to remember, and what it is charged less.

    The API server charges what grows, by itself and beforehand, and gives nothing back for what shrinks.
    """
    charge = usage(kind, found, STILL)
    going = kind == "pods" and bool(found["metadata"].get("deletionTimestamp"))
    off = before.off if before and late(before, now) else since
    track = Track(charge, off, found) if going else Track(charge)
    return track, release(kind, before, excess(before.charge, charge), since, revision, now) if before else None


def gone(kind: str, before: Track, since: int, until: int, now: datetime) -> Release | None:
    """An object that vanished after revision `since - 1` and not after `until`."""
    return release(kind, before, before.charge, since, until, now)


def release(kind: str, before: Track, amounts: Amounts, since: int, until: int, now: datetime) -> Release | None:
    """The charge that ended, if any. That of an overdue pod may have been off the books for a while."""
    if not any(amounts.values()):
        return None
    return Release(kind, pairs(amounts), min(since, before.off) if late(before, now) else since, until)


def late(track: Track, now: datetime) -> bool:
    """Whether the quota controller may have seen that it is overdue."""
    return track.manifest is not None and overdue(track.manifest, now + SKEW)
