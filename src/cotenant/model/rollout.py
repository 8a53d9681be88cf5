"""How many pods a rolling update of a Deployment needs beside those that run, and what happens where it gets fewer.

As ResolveFenceposts does, kubernetes pkg/controller/deployment/util: surge is rounded up, unavailable down, never both 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

DEFAULT = "25%"


class Rollout(Struct, frozen=True):
    """`surge`: pods more than `replicas` at a time; `unavailable`: pods fewer. `recreate`: all old ones go first."""

    replicas: int
    surge: int
    unavailable: int
    recreate: bool = False


def rollout(strategy: Mapping[str, Any], replicas: int) -> Rollout:
    """Of `spec.strategy` of a Deployment."""
    if strategy.get("type") == "Recreate":
        return Rollout(replicas, 0, replicas, recreate=True)
    given = strategy.get("rollingUpdate") or {}
    surge = part(given.get("maxSurge", DEFAULT), replicas, up=True)
    unavailable = part(given.get("maxUnavailable", DEFAULT), replicas, up=False)
    return Rollout(replicas, surge, unavailable if surge or unavailable else 1)


def part(value: str | int, whole: int, *, up: bool) -> int:
    """A number, or a percentage of the replicas."""
    if isinstance(value, int):
        return value
    share = whole * int(value.removesuffix("%")) / 100
    return math.ceil(share) if up else math.floor(share)
