"""What is there in one namespace, with its sum: kept as things come and go, for a space may hold thousands of them."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime
from fractions import Fraction

from cotenant.model.refund.tracks import Track
from cotenant.model.usage.amounts import added


class Present:
    """Tracks by kind and uid. What is on its way out counts as the clock says, everything else the same at any time."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Track]] = {}
        self.going: dict[tuple[str, str], Track] = {}
        self.steady: dict[str, Fraction] = {}
        """The sum of the charges of what is not on its way out."""

    def __bool__(self) -> bool:
        return bool(self.kinds)

    def get(self, kind: str, uid: str) -> Track | None:
        """One object; None for one that is not known."""
        return self.kinds.get(kind, {}).get(uid)

    def uids(self, kind: str) -> AbstractSet[str]:
        """Every object of a kind."""
        return self.kinds.get(kind, {}).keys()

    def put(self, kind: str, uid: str, track: Track) -> None:
        """A new object, or what has become of one."""
        before = self.get(kind, uid)
        self.kinds.setdefault(kind, {})[uid] = track
        if track.manifest is None and before is not None and before.manifest is None and before.charge == track.charge:
            return
        self._off(kind, uid, before)
        if track.manifest is not None:
            self.going[kind, uid] = track
        else:
            for key, amount in track.charge.items():
                self.steady[key] = self.steady.get(key, Fraction(0)) + amount

    def take(self, kind: str, uid: str) -> Track | None:
        """An object that is gone; None for one that was not known."""
        tracks = self.kinds.get(kind, {})
        track = tracks.pop(uid, None)
        if not tracks:
            self.kinds.pop(kind, None)
        self._off(kind, uid, track)
        return track

    def counts(self, now: datetime) -> dict[str, Fraction]:
        """What the quota controller would count of all of it; a key may be there with 0."""
        return added(self.steady, *[track.counts(now) for track in self.going.values()])

    def _off(self, kind: str, uid: str, track: Track | None) -> None:
        if track is None:
            return
        if track.manifest is not None:
            del self.going[kind, uid]
            return
        for key, amount in track.charge.items():
            self.steady[key] -= amount
