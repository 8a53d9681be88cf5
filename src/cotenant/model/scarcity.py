"""Whether a tenant has little left for each of its spaces: a bare pod may then find none at hand in its own.

While there is plenty each space keeps a few pods' quota at hand, and more while it is at work, so that nobody has to
wait for a transfer. What is kept shrinks with what is left.
"""

from __future__ import annotations

from collections.abc import Mapping

from cotenant.api.limits import LimitItem
from cotenant.model.effective import Effective
from cotenant.model.escrow.units import limit_of
from cotenant.model.grain import grain
from cotenant.model.limits import filled
from cotenant.model.workload import PODS, WHOLE

FEW = 20
"""Pods for each space, below which a tenant is scarce: a second of somebody's kubectl in a loop."""
QUARTERS = 4
"""An idle space keeps a quarter of an equal share at hand: the largest container must fit into that."""
ENOUGH = 1.5
"""So many times as much must be left until it is not scarce any more."""


def scarce(
    rules: Effective, limits: Mapping[str, int], used: Mapping[str, int], spaces: int, *, was: bool = False
) -> bool:
    """By what each pooled key that pods are charged for leaves; `limits` and `used` in base units, by key.

    `was`: what was said before, so that it does not change to and fro. A single space holds everything anyway.
    """
    factor = ENOUGH if was else 1.0
    return spaces > 1 and any(
        (limit - used.get(key, 0)) / spaces < factor * little(rules, key, limit)
        for key, limit in limits.items()
        if of_pods(key)
    )


def little(rules: Effective, key: str, limit: int) -> int:
    """What an equal share of what is left must not be below."""
    return max(FEW * grain(rules, key, limit), QUARTERS * largest(rules.limits, key))


def largest(limits: list[LimitItem], key: str) -> int:
    """The largest container that a LimitRange lets in; 0 where it does not say."""
    name = key.removeprefix("limits.").removeprefix("requests.")
    bounds = [filled(item).get("max") for item in limits if item.type in ("Container", "Pod")]
    amounts = [found[name] for found in bounds if isinstance(found, dict) and name in found]
    return min((limit_of(key, one) for one in amounts), default=0)


def of_pods(key: str) -> bool:
    """Whether pods are charged for a key."""
    part, _, name = key.partition(".")
    return key in PODS or key in WHOLE or (part in ("requests", "limits") and name != "storage")
