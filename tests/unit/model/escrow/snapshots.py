"""What leaders hold in their hands: how it ages, what of it still matters, and its mirror image."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow.drain import Draining
from cotenant.model.escrow.grow import Growing
from cotenant.model.escrow.resize import Resizing
from cotenant.model.escrow.values import Entry, Ledger, Limit, Quota
from unit.model.escrow.board import LEDGER, NAMES, NOW, OLD, Tenant, stale


def age(value: Any, place: int, whole: bool = True) -> Any:
    """With every version of that object old; not `whole`: only its status has changed."""
    if isinstance(value, tuple):
        return tuple(age(one, place, whole) for one in value)
    if not isinstance(value, Struct) or isinstance(value, Entry):
        return value
    if isinstance(value, Ledger):
        # "" is not a version: that a ledger is missing may become true again.
        return replace(value, version=OLD) if place == LEDGER and value.version else value
    if isinstance(value, Quota | m.PutQuota | m.PutEnforced):
        if NAMES.index(value.space) != place:
            return value
        form = {"form": OLD} if whole and getattr(value, "form", None) is not None else {}
        return replace(value, version=OLD, **form)
    return replace(value, **{name: age(getattr(value, name), place, whole) for name in value.__struct_fields__})


def holds_old(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(holds_old(one) for one in value)
    if not isinstance(value, Struct) or isinstance(value, Entry):
        return False
    if isinstance(value, m.PutQuota):
        return stale(value)
    if hasattr(value, "version"):
        return value.version == OLD
    return any(holds_old(getattr(value, name)) for name in value.__struct_fields__)


def blank(step: Any) -> Any:
    """Without the content of an old ledger that is only ever written back, and of an old quota."""
    if isinstance(step, Draining | Resizing) and step.ledger is not None and step.ledger.version == OLD:
        step = replace(step, ledger=Ledger(0, tuple(Entry(name, 0) for name in NAMES), OLD))
    quota = getattr(step, "quota", None)
    if quota is not None and (quota.form if isinstance(step, Growing) else quota.version) == OLD:
        step = replace(step, quota=Quota(quota.space, 0, 0, 0, OLD, OLD))
    return step


@cache
def possible(request: Any) -> list[Any]:
    """Every answer that a read may have."""
    amounts = range(3)
    match request:
        case m.GetQuota(space):
            return [m.NotFound(), *(m.Read(Quota(space, *one, NOW)) for one in product(amounts, repeat=3))]
        case m.GetLedger():
            entries = [Entry(NAMES[0], *one) for one in product(range(3), (None, 0, 1))]
            others = [None, *(Entry(NAMES[1], *one) for one in product(range(3), (None, 0, 1)))]
            pairs = [(one, other) for one in [None, *entries] for other in others]
            found = [tuple(one for one in pair if one) for pair in pairs]
            ledgers = [Ledger(limit, one, NOW) for limit in range(1, 3) for one in found]
            return [m.NotFound(), m.Read(Ledger(0, (), NOW, rebuilding=True)), *(m.Read(one) for one in ledgers)]
        case m.GetLimit():
            return [m.Read(Limit(*one)) for one in product(amounts, ("", "0", "1"))]
        case m.GetNamespace():
            return [m.NotFound(), m.Read(None)]
    return [m.Read(tuple(Quota(name, 0, 0, 0, NOW) for name in NAMES)), m.Read(())]


def mirror(value: Any) -> Any:
    """With the names of the spaces exchanged."""
    if isinstance(value, str):
        return {"a": "b", "b": "a"}.get(value, value)
    if isinstance(value, tuple):
        return tuple(mirror(one) for one in value)
    if isinstance(value, Ledger):
        return replace(value, entries=tuple(sorted(mirror(one) for one in value.entries)))
    if isinstance(value, Struct):
        return replace(value, **{name: mirror(getattr(value, name)) for name in value.__struct_fields__})
    return value


def brief(value: Any) -> str:
    match value:
        case Quota():
            return f"{value.space}: {value.hard}/{value.enforced} used {value.used}"
        case Ledger():
            drains = "".join(f" {one.space}→{one.drain}" for one in value.entries if one.drain is not None)
            return f"{'+'.join(str(one.allocation) for one in value.entries)} ≤ {value.limit}{drains}"
        case Tenant():
            return f"limit {value.limit}"
        case str() | None:
            return str(value)
    return f"{type(value).__name__}({getattr(value, 'goal', '')}) asks {value.request}"
