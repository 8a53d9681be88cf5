"""What ledgers and ResourceQuotas say, each read once: a transfer looks at hundreds of them, and one has changed."""

from __future__ import annotations

from collections.abc import Collection

from cotenant.api.builtin import ResourceQuota
from cotenant.api.ledger import TenantLedger
from cotenant.model import pool
from cotenant.model.escrow.values import Ledger, Quota


class Readings:
    """Of one tenant: ledgers by key, quotas by namespace. Read anew where there is another object than the last time."""

    def __init__(self) -> None:
        self.ledgers: dict[str, tuple[TenantLedger, Ledger]] = {}
        self.quotas: dict[str, tuple[ResourceQuota, dict[str, Quota]]] = {}

    def ledger(self, there: TenantLedger, key: str) -> Ledger:
        """As the protocol sees it."""
        known, found = self.ledgers.get(key, (None, None))
        if known is not there or found is None:
            found = pool.ledger(there)
            self.ledgers[key] = there, found
        return found

    def quota(self, there: ResourceQuota, key: str) -> Quota:
        """One key of a ResourceQuota, as the protocol sees it."""
        known, found = self.quotas.get(there.metadata.namespace, (None, {}))
        if known is not there:
            found = {}
            self.quotas[there.metadata.namespace] = there, found
        if key not in found:
            found[key] = pool.quota(there, key)
        return found[key]

    def keep(self, keys: Collection[str], spaces: Collection[str]) -> None:
        """Forgets all others."""
        for known, kept in ((self.ledgers, keys), (self.quotas, spaces)):
            for name in known.keys() - set(kept):
                del known[name]
