"""How much of a resource one pod takes, as far as the tenant's rules tell: the smallest amount worth moving."""

from __future__ import annotations

from cotenant.model.effective import Effective
from cotenant.model.escrow.units import use_of
from cotenant.model.limits import filled

PARTS = 50
"""Without a default a fiftieth of the limit: few teams run pods that are larger, and few run hundreds that are smaller."""


def grain(rules: Effective, key: str, limit: int) -> int:
    """In base units, at least 1."""
    if counted(key):
        return 1
    # A container that has only a limit requests as much.
    fields = ("default",) if key.startswith("limits.") else ("defaultRequest", "default")
    name = key.removeprefix("limits.").removeprefix("requests.")
    items = [filled(item) for item in rules.limits if item.type == "Container"]
    for amounts in (item[field] for field in fields for item in items if field in item):
        if isinstance(amounts, dict) and name in amounts:
            return max(1, use_of(key, amounts[name]))
    return max(1, limit // PARTS)


def counted(key: str) -> bool:
    """Whether a key counts objects or devices: not cpu, and not bytes."""
    name = key.removeprefix("limits.").removeprefix("requests.")
    return name not in ("cpu", "memory") and "storage" not in key.rpartition("/")[2] and "hugepages" not in name
