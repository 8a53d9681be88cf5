"""A tenant's quota in a line: `books({"a": (8, 10, 10)})` is space red-a with 8 used, hard 10, allocation 10."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from cotenant.api.builtin import ResourceQuota
from cotenant.api.ledger import TenantLedger
from cotenant.api.space import Space
from cotenant.model.accounts import Accounts
from unit.specimens import marks, metadata

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
Figures = tuple[int | None, int, int | None]


def books(
    spaces: Mapping[str, Figures],
    *,
    key: str = "pods",
    limit: int = 20,
    granted: int | None = None,
    own: Mapping[str, Any] | None = None,
    ledger: bool = True,
    told: int | None = None,
    rebuilding: bool = False,
    **more: Any,
) -> Accounts:
    """`own`: spec.quota of spaces. A space with used None cannot be seen; allocation None is not in the ledger."""
    entries = [
        {"space": f"red-{name}", "allocation": allocation}
        for name, (_, _, allocation) in sorted(spaces.items())
        if allocation is not None
    ]
    used = sum(one[0] or 0 for one in spaces.values()) if told is None else told
    spec = {"resource": key, "limit": granted or limit, "entries": entries, "rebuilding": rebuilding}
    wire = {"metadata": metadata(key, namespace="home-red"), "spec": spec, "status": {"used": str(used)}}
    return Accounts(
        tenant="red",
        now=NOW,
        hard={key: limit},
        ledgers={key: msgspec.convert(wire, TenantLedger)} if ledger else {},
        quotas={f"red-{name}": quota(name, key, *one[:2]) for name, one in spaces.items() if one[0] is not None},
        spaces={f"red-{name}": space(name, (own or {}).get(name)) for name in spaces},
        unseen=tuple(f"red-{name}" for name, one in spaces.items() if one[0] is None),
        **more,
    )


def quota(name: str, key: str, used: int | None, hard: int) -> ResourceQuota:
    """The ResourceQuota of a space, with one other key that is not shared."""
    amounts = {"hard": {key: str(hard), "services.nodeports": "0"}}
    counts = {"used": {key: str(used), "services.nodeports": "0"}}
    about = metadata("cotenant", namespace=f"red-{name}", labels=marks(space=name))
    return msgspec.convert({"metadata": about, "spec": amounts, "status": amounts | counts}, ResourceQuota)


def space(name: str, bounds: Any) -> Space:
    """A Space that has its namespace."""
    spec = {"quota": bounds} if bounds else {}
    wire = {"metadata": metadata(name, namespace="home-red"), "spec": spec, "status": {"namespace": f"red-{name}"}}
    return msgspec.convert(wire, Space)
