"""A tenant's quota as one pool for all its spaces: which keys it has, where each ledger is, what a space may count on."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import blake2b
from heapq import nsmallest
from operator import attrgetter
from typing import Generic, TypeVar

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import ACCOUNTING, FROZEN, STRICT
from cotenant.api.ledger import LedgerEntry, LedgerSpec, LedgerStatus, TenantLedger
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.model import allowance
from cotenant.model.checked import stray
from cotenant.model.escrow.policy import Share
from cotenant.model.escrow.units import limit_of, text_of, use_of
from cotenant.model.escrow.values import Entry, Ledger, Quota
from cotenant.model.snapshot import TenantView

FILLER = {"replicationcontrollers": "1000000000"}
"""What a quota that limits nothing says: with an empty one the API server would never count, and admit no pod."""
T = TypeVar("T")
BINARY = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20))
DECIMAL = (("T", 10**12), ("G", 10**9), ("M", 10**6))
PLAIN = 2**20
"""So many bytes are read as they stand."""
HEAD = "SPACE USED ALLOCATED HEADROOM\n"
"""First line of the table in a ledger."""
SHOWN = 8
"""Spaces in the one line of a ledger."""


def slug(key: str) -> str:
    """Name of the TenantLedger of a quota key: the key where that is a name, else much like it and unique."""
    plain = key.removeprefix("count/")
    if "/" not in plain and plain == plain.lower():
        return key.replace("/", "-")
    return f"{key.lower().replace('/', '-').replace('_', '-')}-{blake2b(key.encode(), digest_size=3).hexdigest()}"


def limits(view: TenantView) -> dict[str, int]:
    """The tenant's limit of each pooled key, in base units."""
    return {key: limit_of(key, amount) for key, amount in sorted(view.rules.hard.items())}


def revision(tenant: Tenant, profile: TenantProfile | None) -> str:
    """Which tenant, and profile, a limit was read from."""
    seen = [tenant.metadata, *([profile.metadata] if profile and tenant.spec.profile else [])]
    return "/".join(f"{one.uid}.{one.generation}" for one in seen)


def fixed(view: TenantView, space: Space) -> allowance.Hard:
    """What the quota of a space says of keys that are not pooled: ceilings, and what is not allowed at all."""
    found = {key: value for key, value in allowance.hard(view, space).items() if key not in view.rules.hard}
    return found if found or view.rules.hard else dict(FILLER)


def wanted(view: TenantView, space: Space, there: ResourceQuota | None) -> allowance.Hard:
    """spec.hard of a space beside what is moved: pooled keys as they are, and 0 at birth.

    Born with more, a quota could not be told from one that still knows a ledger that was lost.
    """
    have = there.spec.hard if there else {}
    pooled = {key: have.get(key, "0") for key in view.rules.hard}
    return dict(sorted((fixed(view, space) | pooled).items()))


def share(view: TenantView, space: Space | None, key: str) -> Share:
    """What a space may count on and not exceed of a pooled key. A namespace whose Space is deleted or gone counts on nothing."""
    if space is None:
        return Share()
    ceiling = limit_of(key, allowance.hard(view, space)[key])
    weight = (space.spec.quota.weight if space.spec.quota else None) or 1
    least = 0 if space.metadata.deletion_timestamp else floor(view, space, key)
    return Share(floor=min(ceiling, least), ceiling=ceiling, weight=weight)


class Reckoned(Generic[T]):
    """What follows for a space from its tenant and spec.quota alone. Many say nothing of their own and stay: for those it is once."""

    def __init__(self, of: Callable[[Space], T]) -> None:
        self.of, self.usual = of, list[T]()

    def __call__(self, space: Space) -> T:
        if space.spec.quota is not None or space.metadata.deletion_timestamp:
            return self.of(space)
        if not self.usual:
            self.usual.append(self.of(space))
        return self.usual[0]


def floor(view: TenantView, space: Space, key: str) -> int:
    """What a space is to keep of a pooled key, as it is written; it may be more than the space may have."""
    own = (space.spec.quota.min if space.spec.quota else None) or {}
    floors = [limit_of(key, found[key]) for found in (view.rules.space_min, own) if key in found]
    return max(floors, default=0)


def quota(there: ResourceQuota, key: str) -> Quota:
    """One key of a ResourceQuota. The space is the namespace: two may carry the same label."""
    hard, status = there.spec.hard, there.status
    counted = key in status.used and key in status.hard
    return Quota(
        space=there.metadata.namespace,
        hard=limit_of(key, hard.get(key, "0")),
        enforced=limit_of(key, status.hard[key]) if counted else None,
        used=use_of(key, status.used.get(key, "0")),
        version=there.metadata.resource_version,
        form=form(there),
        marked=stray(there.metadata.labels, hard, status.hard),
    )


def bare(view: TenantView, space: Space, there: ResourceQuota) -> list[str]:
    """Keys of which a space may have something, has nothing, and is known to the API server to have nothing."""

    def nothing(key: str) -> bool:
        seen = quota(there, key)
        return seen.enforced == seen.hard == seen.used == 0 and bool(share(view, space, key).ceiling)

    return [key for key in sorted(view.rules.hard) if nothing(key)]


def form(there: ResourceQuota) -> str:
    """What a raise is bound to: which object it is, and all that is written of it but what is counted."""
    metadata = there.metadata
    parts = (metadata.uid, *(sorted(one.items()) for one in (metadata.labels, metadata.annotations, there.spec.hard)))
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def strict(there: ResourceQuota) -> bool:
    """Whether it is counted strictly."""
    return there.metadata.labels.get(ACCOUNTING) == STRICT


def frozen(there: ResourceQuota) -> bool:
    """Whether a recount holds spec.hard down: nobody raises it meanwhile."""
    return strict(there) and FROZEN in there.metadata.annotations


def ledger(there: TenantLedger) -> Ledger:
    """As the protocol sees it."""
    entries = tuple(Entry(one.space, one.allocation, one.drain) for one in there.spec.entries)
    spec = there.spec
    return Ledger(spec.limit, entries, there.metadata.resource_version, spec.rebuilding, spec.source)


def content(key: str, wanted: Ledger, used: Mapping[str, int]) -> tuple[LedgerSpec, LedgerStatus]:
    """The content of the object. `used` is what each space uses, by its namespace, as far as is known."""
    entries = [LedgerEntry(space=one.space, allocation=one.allocation, drain=one.drain) for one in wanted.entries]
    spec = LedgerSpec(
        resource=key, limit=wanted.limit, entries=entries, rebuilding=wanted.rebuilding, source=wanted.source
    )
    return spec, figures(key, wanted, used)


def figures(key: str, wanted: Ledger, used: Mapping[str, int]) -> LedgerStatus:
    """Its status alone."""
    found = (wanted.limit, sum(used.values()), wanted.allocated, wanted.limit - wanted.allocated)
    limit, use, allocated, headroom = (spelled(key, figure) for figure in found)
    rows = [holding(key, one.space, used.get(one.space, 0), one.allocation) for one in wanted.entries]
    spaces = "".join([HEAD, *rows]) if rows else ""
    text = summary(key, wanted, used)
    return LedgerStatus(limit=limit, used=use, allocated=allocated, headroom=headroom, spaces=spaces, summary=text)


@lru_cache(maxsize=8192)
def holding(key: str, space: str, used: int, allocation: int) -> str:
    """A row of the table; a look finds most as they were.

    With an object for each space the API server works twice as hard on a ledger, and every transfer writes one.
    """
    use, allocated, headroom = (spelled(key, one) for one in (used, allocation, max(0, allocation - used)))
    return f"{space} {use} {allocated} {headroom}\n"


def summary(key: str, wanted: Ledger, used: Mapping[str, int]) -> str:
    """The spaces in one line, for a column of kubectl."""
    first = nsmallest(SHOWN, wanted.entries, key=lambda one: (-used.get(one.space, 0), one.space))
    texts = [
        f"{one.space} {rounded(key, used.get(one.space, 0), up=True)}/{rounded(key, one.allocation)}" for one in first
    ]
    left = len(wanted.entries) - len(first)
    return ", ".join([*texts, *([f"{left} more"] if left else [])])


def spelled(key: str, base: int) -> str:
    """An amount exactly: bytes in the largest unit of two's that is."""
    if in_bytes(key):
        return next((f"{base // size}{unit}" for unit, size in BINARY if base and base % size == 0), str(base))
    return text_of(key, base)


def rounded(key: str, base: int, *, up: bool = False) -> str:
    """An amount for people: bytes that no unit has exactly to a tenth of one, rounded down, or up where it is asked for."""
    exact = spelled(key, base)
    if not in_bytes(key) or base < PLAIN or exact != str(base):
        return exact
    if told := next((f"{base // size}{unit}" for unit, size in DECIMAL if base % size == 0), ""):
        return told
    unit, size = next(one for one in BINARY if base >= one[1])
    whole, tenth = divmod(-(-base * 10 // size) if up else base * 10 // size, 10)
    return f"{whole}.{tenth}{unit}"


def in_bytes(key: str) -> bool:
    """Whether a key counts bytes."""
    return "memory" in key or "storage" in key or "hugepages" in key


def served(found: TenantLedger | None, there: ResourceQuota, key: str) -> bool:
    """Whether a space has been given its first share of a key, or was told that there is none.

    A key that Kubernetes does not count is not waited for: it knows no such resource, or has not discovered it yet.
    """
    if frozen(there) or (there.status.used and key not in there.status.used):
        return True
    entry = None if found is None or found.spec.rebuilding else entry_of(found, there.metadata.namespace)
    if entry is None:
        return False
    if key not in there.status.used or key not in there.status.hard:
        return False
    nothing = entry.allocation == 0 and entry.drain is None
    seen = quota(there, key)
    # While its tenant uses more than it may, spec.hard is pressed below what it was given and uses.
    pressed = seen.hard < seen.used <= entry.allocation
    return nothing or pressed or all(limit_of(key, one.hard.get(key, "0")) > 0 for one in (there.spec, there.status))


def entry_of(found: TenantLedger, space: str) -> LedgerEntry | None:
    """The entry of a space; they are sorted."""
    entries = found.spec.entries
    at = bisect_left(entries, space, key=attrgetter("space"))
    return entries[at] if at < len(entries) and entries[at].space == space else None
