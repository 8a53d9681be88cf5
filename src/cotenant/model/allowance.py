"""What a namespace may use: arithmetic of ceilings."""

from __future__ import annotations

import math

from cotenant.api.keys import GROUP
from cotenant.api.space import Space
from cotenant.model.escrow.units import most
from cotenant.model.quantity import parse, smaller
from cotenant.model.snapshot import TenantView

SPACES = f"count/spaces.{GROUP}"
SERVICE_TYPES = {"LoadBalancer": "services.loadbalancers", "NodePort": "services.nodeports"}
"""Service types that native quota counts: a type that is not allowed is a quota of 0, no policy needed."""
Hard = dict[str, str]


def hard(view: TenantView, space: Space) -> Hard:
    """What one space may use: the tenant's quota, under the ceilings of the tenant's spaces and of this one."""
    found: dict[str, str | int] = dict(view.rules.hard)
    for key, (ceiling, _) in ceilings(view, space).items():
        found[key] = smaller(found[key], ceiling) if key in found else ceiling
    allowed = view.rules.services.types or []
    found |= {key: "0" for kind, key in SERVICE_TYPES.items() if kind not in allowed}
    return {key: str(whole(key, value)) for key, value in sorted(found.items())}


def ceilings(view: TenantView, space: Space) -> dict[str, tuple[str | int, str]]:
    """The lowest ceiling of each key that has one, and the field that says it."""
    found = {key: (amount, "quota.space.max of the tenant") for key, amount in view.rules.space_max.items()}
    for key, amount in ((space.spec.quota.max if space.spec.quota else None) or {}).items():
        known = key in found or key in view.rules.hard or addable(key)
        if known and (key not in found or parse(amount) < parse(found[key][0])):
            found[key] = amount, f"quota.max of space {space.metadata.name}"
    return found


def addable(key: str) -> bool:
    """Whether a Space, which members write, may limit what its tenant does not.

    Not what we make ourselves: with `count/rolebindings…: 0` a member would keep rights that others want to take. And
    no key that the API server might refuse: the quota would then stay as it is, whatever its tenant is given.
    """
    return "/" not in key and "hugepages-" not in key and key != "resourcequotas"


def whole(key: str, value: str | int) -> str | int:
    """Everything but cpu is counted in whole units: the API server refuses a quota of 1.5 pods, so that is 1.

    And one of more than it can count: members write ceilings, and none of the other keys would be brought up to date.
    """
    amount = parse(value)
    if key.endswith("cpu"):
        return value
    return most(key) if amount > most(key) else value if amount.denominator == 1 else math.floor(amount)


def home_hard(view: TenantView) -> Hard:
    """What the home may hold: so many Spaces, and no workload."""
    return {SPACES: str(view.rules.limit), "pods": "0"}
