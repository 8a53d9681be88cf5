"""Whether the names that strict accounting reads the times of writes by are those of this cluster.

Under another name of the API server the policy would let everything pass, under another name of the quota controller
nothing at all. Both are read from a quota that was charged once and counted once.
"""

from __future__ import annotations

from typing import Any

CHARGES = "kube-apiserver"
"""Field manager of the API server's own charges."""
COUNTS = "kube-controller-manager"
"""Field manager of the quota controller."""


def strangers(managed_fields: list[dict[str, Any]]) -> str | None:
    """Why strict accounting cannot be had, in words; None where it can."""
    found = {one.get("manager", "") for one in managed_fields if one.get("subresource") == "status" and one.get("time")}
    missing = [name for name in (CHARGES, COUNTS) if name not in found]
    if not missing:
        return None
    there = ", ".join(sorted(found)) or "nobody"
    return (
        f"the status of a quota is written by {there} and not by {' and '.join(missing)}: strict accounting cannot tell "
        "when something was charged; use accounting: native on this cluster"
    )
