"""What the protocol reads and writes: one resource of one tenant, in whole base units (see units.py).

Amounts are plain integers. A `version` is a resourceVersion: it is compared by the API server only, never here.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

MOST = 500
"""Entries of a ledger. The API server would need seconds to check the sum of more."""

BY_NAME = attrgetter("space")


class Entry(Struct, frozen=True, order=True):
    """What one space may grow to. `drain` is the announced lower amount while some is being taken back."""

    space: str
    allocation: int
    drain: int | None = None


class Ledger(Struct, frozen=True):
    """A TenantLedger: `limit` ≥ the sum of allocations; `entries` sorted by space, at most MOST.

    `rebuilding` marks a ledger that was lost and whose entries are not known yet: nothing is granted from it.
    `source` names the revision of the tenant that `limit` was read from; compared for equality only.
    `version` "" is a ledger that does not exist yet.
    """

    limit: int
    entries: tuple[Entry, ...] = ()
    version: str = ""
    rebuilding: bool = False
    source: str = ""

    @property
    def allocated(self) -> int:
        """What all spaces together may grow to."""
        return sum(entry.allocation for entry in self.entries)

    def entry(self, space: str) -> Entry | None:
        """The entry of a space."""
        at = bisect_left(self.entries, space, key=BY_NAME)
        return self.entries[at] if at < len(self.entries) and self.entries[at].space == space else None

    def having(self, entry: Entry) -> Ledger:
        """With this entry, in place of the one of the same space if there is one."""
        at = bisect_left(self.entries, entry.space, key=BY_NAME)
        after = at + 1 if at < len(self.entries) and self.entries[at].space == entry.space else at
        return replace(self, entries=(*self.entries[:at], entry, *self.entries[after:]))

    def without(self, space: str) -> Ledger:
        """Without the entry of this space."""
        return replace(self, entries=tuple(entry for entry in self.entries if entry.space != space))

    def at(self, version: str) -> Ledger:
        """As it is known to be stored now."""
        return replace(self, version=version)

    def room(self, within: int) -> int:
        """What can still be allocated; `within` is the tenant's limit as the caller knows it. Never negative."""
        return max(0, min(self.limit, within) - self.allocated)

    def lowered(self, within: int) -> Ledger:
        """With the limit as near to `within` as what is allocated permits. Never raises the limit."""
        return replace(self, limit=max(self.allocated, min(self.limit, within)))


class Limit(Struct, frozen=True):
    """What a tenant may have of the resource, and the revision of the tenant (and its profile) that says so."""

    amount: int
    source: str


class Quota(Struct, frozen=True):
    """One resource of the ResourceQuota of a space.

    `hard` is spec.hard, 0 where the key is missing; `enforced` is status.hard, None while the quota controller has not
    filled in the status; `used` is status.used, 0 where it is missing. `form` is the same for as long as nothing but the
    status changes; compared for equality only. `marked`: it has a label that whoever writes status.hard takes off.
    """

    space: str
    hard: int
    enforced: int | None
    used: int
    version: str
    form: str = ""
    marked: bool = False

    @property
    def first(self) -> bool:
        """Whether nothing was ever in force: there is no use, and what there may be is given but not counted against."""
        return self.used == 0 and self.enforced == 0 and self.hard > 0

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do for status.hard. An empty status is filled in by the quota controller alone:
        a status.hard without its status.used would refuse everything with "status unknown".
        """
        return self.enforced is None or (self.enforced == self.hard and not self.marked)
