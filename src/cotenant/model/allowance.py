"""What a namespace may use: arithmetic of ceilings."""

from __future__ import annotations

from cotenant.api.keys import GROUP
from cotenant.api.space import Space
from cotenant.model.quantity import smaller
from cotenant.model.snapshot import TenantView

SPACES = f"count/spaces.{GROUP}"
SERVICE_TYPES = {"LoadBalancer": "services.loadbalancers", "NodePort": "services.nodeports"}
"""Service types that native quota counts: a type that is not allowed is a quota of 0, no policy needed."""
Hard = dict[str, str]


def hard(view: TenantView, space: Space) -> Hard:
    """What one space may use: the tenant's quota, under the ceilings of the tenant's spaces and of this one."""
    found: dict[str, str | int] = dict(view.rules.hard)
    for bounds in (view.rules.space_max, (space.spec.quota.max if space.spec.quota else None) or {}):
        for key, ceiling in bounds.items():
            found[key] = smaller(found[key], ceiling) if key in found else ceiling
    allowed = view.rules.services.types or []
    found |= {key: "0" for kind, key in SERVICE_TYPES.items() if kind not in allowed}
    return {key: str(value) for key, value in sorted(found.items())}


def home_hard(view: TenantView) -> Hard:
    """What the home may hold: so many Spaces, and no workload."""
    return {SPACES: str(view.rules.limit), "pods": "0"}
