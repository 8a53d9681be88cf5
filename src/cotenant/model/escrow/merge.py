"""Several writes of one ledger as one: what different tasks want to store over the same version of it.

As if they had been stored one after the other with nobody in between. What does not fit in that way is left out; its
task is told of a conflict, reads again and decides anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from cotenant.model.escrow.values import MOST, Entry, Ledger


def merge(base: Ledger, wanted: Sequence[Ledger], within: int) -> tuple[Ledger, list[int]]:
    """The ledger to store over `base`, and which of `wanted` (all made from `base`) it contains, by position.

    Together they grow no further than the ledger's limit and `within`, the tenant's limit as the caller knows it.
    """
    merged, taken, spaces = wanted[0], [0], changes(base, wanted[0])
    for at, one in enumerate(wanted[1:], 1):
        more = changes(base, one)
        if alone(base, merged) or alone(base, one) or more.keys() & spaces.keys():
            continue
        both = joined(merged, more, min(merged.limit, one.limit))
        grows = both.allocated > merged.allocated
        if both.allocated > both.limit or (grows and both.allocated > within) or len(both.entries) > MOST:
            continue
        merged, spaces = both, spaces | more
        taken.append(at)
    return merged, taken


def changes(base: Ledger, wanted: Ledger) -> dict[str, Entry | None]:
    """What differs, by space; None for an entry that goes."""
    before = {entry.space: entry for entry in base.entries}
    after = {entry.space: entry for entry in wanted.entries}
    return {space: after.get(space) for space in before.keys() | after.keys() if before.get(space) != after.get(space)}


def alone(base: Ledger, wanted: Ledger) -> bool:
    """Whether it follows another revision of the tenant, or ends a rebuild: nothing goes along with that."""
    return wanted.source != base.source or wanted.rebuilding != base.rebuilding or wanted.limit > base.limit


def joined(ledger: Ledger, more: dict[str, Entry | None], limit: int) -> Ledger:
    """With these changes too. Each that lowers the limit leaves room for what it knows to be allocated; so do all."""
    entries = {entry.space: entry for entry in ledger.entries} | more
    kept = tuple(sorted(entry for entry in entries.values() if entry is not None))
    return replace(ledger, entries=kept, limit=limit)
