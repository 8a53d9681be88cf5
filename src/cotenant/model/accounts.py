"""Who holds what of a tenant's quota: rules, ledgers and ResourceQuotas as anybody may read them, put together.

Amounts are integers in base units, see escrow/units.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import SPACE, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.meta import Condition
from cotenant.api.space import Space
from cotenant.api.tenant import SpaceBounds
from cotenant.model.escrow.units import limit_of
from cotenant.model.escrow.values import MOST
from cotenant.model.pool import entry_of, quota

Amounts = Mapping[str, str | int]


class Holding(Struct, frozen=True, kw_only=True):
    """What one space has of one key. `used`, `hard`: None where there is no ResourceQuota, or none to be seen.

    `allocation`: None where the ledger does not know the space. `counted`: whether Kubernetes counts the key.
    """

    namespace: str
    space: str
    floor: int = 0
    ceiling: int
    allocation: int | None = None
    hard: int | None = None
    used: int | None = None
    counted: bool = True

    @property
    def headroom(self) -> int | None:
        """What the space can use at once."""
        return None if self.hard is None or self.used is None else max(0, self.hard - self.used)

    @property
    def movable(self) -> int:
        """What may be given to other spaces."""
        return max(0, (self.allocation or 0) - self.kept)

    @property
    def reserved(self) -> int:
        """What it does not use and keeps all the same: its floor."""
        return 0 if self.used is None else max(0, min(self.kept, self.allocation or 0) - self.used)

    @property
    def kept(self) -> int:
        """What is never taken away. Of a space that cannot be seen everything: nobody knows what it uses."""
        if self.used is None:
            return self.allocation or 0
        return max(self.used, min(self.allocation or 0, self.floor))


class Account(Struct, frozen=True, kw_only=True):
    """One key of a tenant. `granted`: the limit in the ledger, above `limit` while that converges; None without ledger."""

    key: str
    limit: int
    state: Literal["open", "rebuilding", "missing"]
    granted: int | None = None
    told: int | None = None
    """What the ledger says is used; at most a few seconds old while an operator runs."""
    entries: int = 0
    holdings: tuple[Holding, ...] = ()

    @property
    def used(self) -> int:
        """In all spaces that can be seen."""
        return sum(one.used or 0 for one in self.holdings)

    @property
    def hard(self) -> int:
        """What the ResourceQuotas that can be seen give together."""
        return sum(one.hard or 0 for one in self.holdings)

    @property
    def allocated(self) -> int | None:
        """What the spaces hold together."""
        return None if self.granted is None else sum(one.allocation or 0 for one in self.holdings)

    @property
    def headroom(self) -> int | None:
        """What no space holds."""
        allocated = self.allocated
        return None if allocated is None or self.granted is None else max(0, min(self.granted, self.limit) - allocated)

    @property
    def full(self) -> bool:
        """Whether the ledger has no room for another space."""
        return self.entries >= MOST

    @property
    def left_out(self) -> list[str]:
        """Namespaces that have a quota and no entry."""
        return [one.namespace for one in self.holdings if one.allocation is None and one.hard is not None]

    def holding(self, namespace: str) -> Holding | None:
        """Of one space."""
        return next((one for one in self.holdings if one.namespace == namespace), None)


class Accounts(Struct, frozen=True, kw_only=True):
    """All that decides, as somebody could read it. Quotas and spaces by namespace."""

    tenant: str
    now: datetime
    hard: Amounts
    bounds: SpaceBounds = SpaceBounds()
    ledgers: Mapping[str, TenantLedger] = {}
    """By key."""
    quotas: Mapping[str, ResourceQuota] = {}
    spaces: Mapping[str, Space] = {}
    unseen: tuple[str, ...] = ()
    """Namespaces whose quota this reader may not see."""
    conditions: tuple[Condition, ...] = ()
    renewed: datetime | None = None
    """When an operator last renewed its Lease; None for who may not know."""
    charged: datetime | None = None
    """When the use of a space last changed."""

    def account(self, key: str) -> Account:
        """One key, with every namespace that anything is known of. KeyError where the tenant has no limit of it."""
        limit, found = limit_of(key, self.hard[key]), self.ledgers.get(key)
        names = {*self.quotas, *self.spaces, *self.unseen} - {home_of(self.tenant)}
        names |= {one.space for one in found.spec.entries} if found else set()
        state: Literal["open", "rebuilding", "missing"]
        state = "missing" if found is None else "rebuilding" if found.spec.rebuilding else "open"
        return Account(
            key=key,
            limit=limit,
            state=state,
            granted=None if found is None or found.spec.rebuilding else found.spec.limit,
            told=limit_of(key, found.status.used) if found and found.status and found.status.used else None,
            entries=len(found.spec.entries) if found else 0,
            holdings=tuple(self.holding(key, name, limit) for name in sorted(names)),
        )

    def holding(self, key: str, namespace: str, limit: int) -> Holding:
        """Of one space."""
        there, space, found = self.quotas.get(namespace), self.spaces.get(namespace), self.ledgers.get(key)
        entry = entry_of(found, namespace) if found else None
        own = space.spec.quota if space and space.spec.quota else SpaceBounds()
        ceiling = min([limit, *amounts(key, self.bounds.max, own.max)])
        floor = (
            max([0, *amounts(key, self.bounds.min, own.min)]) if space and not space.metadata.deletion_timestamp else 0
        )
        seen = quota(there, key) if there else None
        marks = there.metadata.labels if there else {}
        return Holding(
            namespace=namespace,
            space=space.metadata.name if space else marks.get(SPACE, ""),
            floor=min(ceiling, floor),
            ceiling=ceiling,
            allocation=entry.allocation if entry else None,
            hard=seen.hard if seen else None,
            used=seen.used if seen else None,
            counted=seen is None or seen.enforced is not None,
        )

    def all(self) -> list[Account]:
        """Every key, sorted."""
        return [self.account(key) for key in sorted(self.hard)]


def amounts(key: str, *found: Amounts | None) -> Iterable[int]:
    """Of one key, wherever it is named."""
    return [limit_of(key, one[key]) for one in found if one and key in one]
