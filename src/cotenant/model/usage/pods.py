"""What a pod is charged for. Source: Kubernetes 1.36 `pkg/quota/v1/evaluator/core/pods.go` and
`component-helpers/resource/helpers.go`: sidecars, init containers, overhead, pod-level resources, in-place resize.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from cotenant.api.builtin import Manifest
from cotenant.model.usage.amounts import Amounts, added, highest, read

ONE = Fraction(1)
POD_LEVEL = ("cpu", "memory")
HUGE_PAGES = "hugepages-"
REQUESTS = "requests."
TERMINAL = ("Succeeded", "Failed")
NAME_LIMIT = 63
"""Characters of a qualified name after its prefix."""

Effective = Callable[[Manifest, Manifest | None, bool], dict[str, Fraction]]
"""Container, its status, whether a resize was found impossible -> what counts for it."""


def usage(pod: Manifest, now: datetime) -> dict[str, Fraction]:
    """By quota key. Terminal pods, and pods past their grace at `now`, only count as objects."""
    charged = {"count/pods": ONE}
    if ended(pod, now):
        return charged
    wanted, bounded = requests(pod), limits(pod)
    charged["pods"] = ONE
    for name, amount in wanted.items():
        if name in ("cpu", "memory", "ephemeral-storage") or name.startswith(HUGE_PAGES):
            charged[name] = charged[REQUESTS + name] = amount
        elif extended(name):
            charged[REQUESTS + name] = amount
    for name in ("cpu", "memory", "ephemeral-storage"):
        if name in bounded:
            charged[f"limits.{name}"] = bounded[name]
    return charged


def ended(pod: Manifest, now: datetime) -> bool:
    """Whether quota has forgotten it: terminal, or overdue."""
    return pod.get("status", {}).get("phase") in TERMINAL or overdue(pod, now)


def overdue(pod: Manifest, now: datetime) -> bool:
    """Whether it is still there although it was to be gone: its node is lost, or it will not end."""
    metadata = pod["metadata"]
    if not metadata.get("deletionTimestamp") or metadata.get("deletionGracePeriodSeconds") is None:
        return False
    deadline = datetime.fromisoformat(metadata["deletionTimestamp"])
    # The timestamp has the grace in it already; the evaluator adds it a second time.
    return now > deadline + timedelta(seconds=metadata["deletionGracePeriodSeconds"])


def extended(name: str) -> bool:
    """Whether this is a resource of a device plugin: `nvidia.com/gpu`."""
    native = "/" not in name or "kubernetes.io/" in name
    return not native and not name.startswith(REQUESTS) and len(name.rpartition("/")[2]) <= NAME_LIMIT


def requests(pod: Manifest) -> dict[str, Fraction]:
    """What the scheduler reserves for it, by resource name."""
    total = aggregate(pod, effective_requests)
    total |= pod_level(pod, "requests")
    return added(total, read(pod["spec"].get("overhead")))


def limits(pod: Manifest) -> dict[str, Fraction]:
    """What it may use at most, by resource name; the overhead only where there is a limit at all."""
    total = aggregate(pod, effective_limits)
    total |= pod_level(pod, "limits")
    for name, amount in read(pod["spec"].get("overhead")).items():
        if total.get(name):
            total[name] += amount
    return total


def pod_level(pod: Manifest, part: str) -> dict[str, Fraction]:
    """`spec.resources` of the pod itself, of the resources that it may be about."""
    found = read((pod["spec"].get("resources") or {}).get(part))
    return {name: amount for name, amount in found.items() if name in POD_LEVEL or name.startswith(HUGE_PAGES)}


def aggregate(pod: Manifest, effective: Effective) -> dict[str, Fraction]:
    """Containers and sidecars together, or the most that it needs while an init container runs."""
    spec, status = pod["spec"], pod.get("status", {})
    states = {one["name"]: one for key in ("containerStatuses", "initContainerStatuses") for one in status.get(key, ())}
    infeasible = impossible(status)
    total = added(*[effective(one, states.get(one["name"]), infeasible) for one in spec.get("containers", ())])
    sidecars: dict[str, Fraction] = {}
    starting: dict[str, Fraction] = {}
    for one in spec.get("initContainers", ()):
        if one.get("restartPolicy") == "Always":
            amount = effective(one, states.get(one["name"]), infeasible)
            total, sidecars = added(total, amount), added(sidecars, amount)
        else:
            starting = highest(starting, added(effective(one, None, infeasible), sidecars))
    return highest(total, starting)


def impossible(status: Manifest) -> bool:
    """Whether the node said that a resize can never be."""
    pending = [one for one in status.get("conditions", ()) if one["type"] == "PodResizePending"]
    return bool(pending) and pending[0].get("reason") == "Infeasible"


def effective_requests(container: Manifest, state: Manifest | None, infeasible: bool) -> dict[str, Fraction]:
    """The highest of what is wanted, allocated and in force, once a node has reported."""
    wanted = part(container, "requests")
    if not has_resources(state):
        return wanted
    known: list[Amounts] = [part(state, "requests"), read((state or {}).get("allocatedResources"))]
    return highest(*known) if infeasible else highest(wanted, *known)


def effective_limits(container: Manifest, state: Manifest | None, infeasible: bool) -> dict[str, Fraction]:
    """The higher of what is wanted and in force, once a node has reported."""
    wanted = part(container, "limits")
    if not has_resources(state):
        return wanted
    return part(state, "limits") if infeasible else highest(wanted, part(state, "limits"))


def has_resources(state: Manifest | None) -> bool:
    """Whether the node has reported what is in force for a container."""
    return state is not None and state.get("resources") is not None


def part(holder: Any, name: str) -> dict[str, Fraction]:
    """`resources.requests` or `resources.limits` of a container or its status."""
    return read(((holder or {}).get("resources") or {}).get(name))
