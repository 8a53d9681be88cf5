"""TenantLedger: how the limit of a tenant for one resource is shared out to its spaces."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from cotenant.api.meta import ObjectMeta
from cotenant.api.rule import Rule

Units = Annotated[int, Meta(ge=0)]
"""Whole base units: thousandths of a cpu, bytes, or a count."""
AmountText = Annotated[str, Meta(max_length=32)]


class LedgerEntry(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What one space may grow to."""

    space: Annotated[str, Meta(min_length=1, max_length=63)]
    """The space, by the name of its namespace."""
    allocation: Units
    """The most that spec.hard of its ResourceQuota may be."""
    drain: Units | None = None
    """The lower amount that is announced, while some is being taken back."""


class LedgerSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """The limit of one resource and who has how much of it, in base units: milli for cpu, bytes or a count else."""

    resource: Annotated[str, Meta(min_length=1, max_length=128)]
    """The key, as in spec.quota.hard of the tenant."""
    limit: Units
    """What the allocations of all spaces together may be. The tenant's limit, or more while that converges."""
    entries: Annotated[list[LedgerEntry], Meta(max_length=500)] = []
    """One entry a space, sorted by its namespace."""
    rebuilding: bool = False
    """The ledger was lost, or is new, and its entries are not known yet: nothing is granted from it."""
    source: Annotated[str, Meta(max_length=200)] = ""
    """The revision of the tenant, and of its profile, that the limit was read from."""

    RULES: ClassVar = (
        Rule(
            "!has(self.entries) || self.entries.map(e, e.allocation).sum() <= self.limit",
            "what is allocated to all spaces together is more than the limit",
            field=".entries",
        ),
    )


class LedgerStatus(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """The ledger in words."""

    limit: AmountText = ""
    """The limit as a quantity."""
    used: AmountText = ""
    """What the spaces used together when this was written; at most a few seconds old."""
    allocated: AmountText = ""
    """What the spaces hold together."""
    headroom: AmountText = ""
    """What no space holds yet."""
    spaces: Annotated[str, Meta(max_length=84_000)] = ""
    """A table: of each space in the ledger what it uses, what it holds, and what it holds and does not use."""
    summary: Annotated[str, Meta(max_length=1000)] = ""
    """Used/allocated of the eight spaces that use most, and how many more there are."""


class TenantLedger(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """How the limit of a tenant for one resource is shared out to its spaces. Written by cotenant alone; members read it."""

    metadata: ObjectMeta
    spec: LedgerSpec
    """Who has how much."""
    status: LedgerStatus | None = None
    """The same for people."""
