"""What is stored in an exploration, and what the API server answers. Versions are "now" or "old"."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow.values import Limit

NOW, OLD = "now", "old"
NAMES = ("a", "b")
LEDGER, TENANT, ALL = 2, 3, 4
"""Places in a state; quotas are 0 and 1, leaders begin at 4. ALL is a list of both quotas."""


class Tenant(Struct, frozen=True):
    """The tenant's limit, the largest it ever had, and what may still happen to it."""

    limit: int
    most: int
    changes: tuple[int, ...] = ()
    """What the limit is going to be."""
    losses: int = 0
    moves: int = 0
    """Deletions of a namespace that may still happen; each may be followed by a new one of that name."""
    source: str = ""
    by_number: bool = False
    """Whether a ledger of the same number counts as one that followed, whatever revision it came from."""
    followed: bool = True
    """Whether the ledger has come down to the tenant's limit since that was lowered."""


def place_of(request: Any) -> int:
    match request:
        case m.GetLedger() | m.PutLedger():
            return LEDGER
        case m.GetLimit():
            return TENANT
        case m.ListQuotas():
            return ALL
    return NAMES.index(request.space)


def stale(request: m.PutQuota) -> bool:
    """Whether what the write is bound to has changed: the form of a quota is "" until it does."""
    return (request.version if request.form is None else request.form) == OLD


def answer_to(request: Any, there: Any, objects: tuple[Any, ...]) -> tuple[Any, Any]:
    """What the API server answers, and what is stored afterwards."""
    match request:
        case m.ListQuotas():
            return m.Read(tuple(one for one in objects[:2] if one is not None)), None
        case m.GetLimit():
            return m.Read(Limit(there.limit, there.source)), there
        case m.PutLedger(ledger) if there is None:
            return (m.Written(NOW), ledger.at(NOW)) if ledger.version == "" else (m.NotFound(), None)
        case _ if there is None:
            return m.NotFound(), None
        case m.GetNamespace():
            return m.Read(None), there
        case m.GetQuota() | m.GetLedger():
            return m.Read(there), there
        case m.PutLedger(ledger):
            if ledger.version != NOW:
                return m.Conflict(), there
            assert ledger.allocated <= ledger.limit, "the API server refuses a ledger that allocates too much"
            return m.Written(NOW), ledger
        case m.PutQuota(hard=hard):
            return (m.Written(NOW), replace(there, hard=hard)) if not stale(request) else (m.Conflict(), there)
        case m.PutEnforced(hard=hard, version=version):
            return (m.Written(NOW), replace(there, enforced=hard)) if version == NOW else (m.Conflict(), there)
    raise AssertionError(request)
