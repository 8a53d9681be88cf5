"""PodDisruptionBudgets that together, or by the number of their pods, let no pod go: what one object does not show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Manifest = Mapping[str, Any]
_OVER = ("Succeeded", "Failed")


def held(budgets: Iterable[Manifest], pods: Iterable[Manifest]) -> Iterator[tuple[str, str]]:
    """Names of budgets of one namespace, and why no eviction of their pods is ever granted."""
    budgets = list(budgets)
    for one in budgets:
        status = one.get("status", {})
        wanted, there = status.get("desiredHealthy", 0), status.get("expectedPods", 0)
        if 0 < there <= wanted:
            yield one["metadata"]["name"], f"it wants {wanted} of {there} pods to stay"
    together: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for pod in pods:
        if pod.get("status", {}).get("phase") not in _OVER:
            labels = pod["metadata"].get("labels", {})
            names = [one["metadata"]["name"] for one in budgets if selects(one["spec"].get("selector"), labels)]
            if len(names) > 1:
                together[tuple(sorted(names))].append(pod["metadata"]["name"])
    for found, of in sorted(together.items()):
        # The API server refuses the eviction of a pod that several budgets hold, whatever they say.
        yield ", ".join(found), f"{len(found)} budgets hold the same pods, such as {min(of)}"


def selects(selector: Manifest | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels; of policy/v1 an empty one selects all, and none selects nothing."""
    if selector is None:
        return False
    exact = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return exact and all(_holds(one, labels) for one in selector.get("matchExpressions", ()))


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", ())
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
