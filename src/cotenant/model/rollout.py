"""How many pods a rolling update needs beside those that run, and what happens where it gets fewer.

A Deployment as ResolveFenceposts does, kubernetes pkg/controller/deployment/util: surge is rounded up, unavailable down,
never both 0. A DaemonSet without its word surges by none; a StatefulSet never does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

DEFAULT = "25%"


class Rollout(Struct, frozen=True):
    """`surge`: pods more than `replicas` at a time; `unavailable`: pods fewer. `recreate`: all old ones go first.

    `by_hand`: a pod is replaced when somebody deletes it (OnDelete).
    """

    replicas: int
    surge: int
    unavailable: int
    recreate: bool = False
    by_hand: bool = False


def rollout(strategy: Mapping[str, Any], replicas: int, kind: str = "Deployment") -> Rollout:
    """Of `spec.strategy` of a Deployment, `spec.updateStrategy` of a StatefulSet or DaemonSet."""
    if kind != "Deployment":
        return updated(strategy, replicas)
    if strategy.get("type") == "Recreate":
        return Rollout(replicas, 0, replicas, recreate=True)
    given = strategy.get("rollingUpdate") or {}
    surge = part(given.get("maxSurge", DEFAULT), replicas, up=True)
    unavailable = part(given.get("maxUnavailable", DEFAULT), replicas, up=False)
    return Rollout(replicas, surge, unavailable if surge or unavailable else 1)


def updated(strategy: Mapping[str, Any], replicas: int) -> Rollout:
    """A StatefulSet's or DaemonSet's: both numbers are rounded up."""
    if strategy.get("type") == "OnDelete":
        return Rollout(replicas, 0, 1, by_hand=True)
    given = strategy.get("rollingUpdate") or {}
    surge = part(given.get("maxSurge", 0), replicas, up=True)
    unavailable = part(given.get("maxUnavailable", 1), replicas, up=True)
    return Rollout(replicas, surge, unavailable if surge or unavailable else 1)


def part(value: str | int, whole: int, *, up: bool) -> int:
    """A number, or a percentage of the replicas."""
    if isinstance(value, int):
        return value
    share = whole * int(value.removesuffix("%")) / 100
    return math.ceil(share) if up else math.floor(share)
