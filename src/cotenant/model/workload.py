"""What workloads are about to take: pods that they want and do not have yet, and how much each is charged for.

As `PodUsageFunc` charges, kubernetes pkg/quota/v1/evaluator/core/pods.go: containers and sidecars added up, or the
largest init container if that is more; overhead on top; resources of the whole pod instead where it names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from cotenant.api.limits import LimitItem
from cotenant.api.workload import Cause, ClaimTemplate, Container, PodSpec, Quantities, Workload
from cotenant.model.escrow.units import scale
from cotenant.model.limits import filled
from cotenant.model.quantity import parse
from cotenant.model.refusal import QUOTAS, cause
from cotenant.model.usage.objects import BY_CLASS

Amounts = dict[str, Fraction]
PODS = ("pods", "count/pods")
CLAIMS = ("persistentvolumeclaims", "count/persistentvolumeclaims")
ENDS = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget")
WHOLE = ("cpu", "memory", "ephemeral-storage")
"""Resources that a quota may name without `requests.`."""


class Coming(Struct, frozen=True):
    """Pods of one template that are about to be created; `refused`: that were tried and met a quota."""

    pods: int
    spec: PodSpec
    refused: bool = False
    claims: tuple[ClaimTemplate, ...] = ()
    """What each of them claims: those of a StatefulSet, as if none of its claims were there yet."""
    waits: bool = False
    """For its claims, which come first: it holds no pod that it could not make."""

    def charge(self, key: str, limits: Iterable[LimitItem] = ()) -> int:
        """What one of them is charged of a quota key, its claims included."""
        return claimed(self.claims, key) + (0 if self.waits else charge(self.spec, key, limits))


def coming(kind: str, one: Workload, owned: Iterable[Workload] = (), *, event: Cause = "") -> Coming:
    """What a workload is about to create. `owned`: the ReplicaSets of a Deployment, which create its pods.

    `event`: what the last Event says of its last try; Jobs, StatefulSets and DaemonSets tell it by no condition.

    Whom no quota helps gets none before its pods are tried again and meet one: it may never start, and others wait.
    """
    found = wanted(kind, one, owned)
    if kind == "Deployment":  # its ReplicaSets are asked; what it says itself may be of the one before
        return found
    word = said(one) or event
    pods = 0 if word == "other" else found.pods
    return replace(found, pods=pods, refused=word in QUOTAS, waits=word == "claims")


def wanted(kind: str, one: Workload, owned: Iterable[Workload]) -> Coming:
    """What it lacks, whether or not it can be created."""
    spec, status = one.spec, one.status
    template = spec.template.spec
    if kind == "Job":
        wanted = 1 if spec.parallelism is None else spec.parallelism
        if spec.completions is not None:
            wanted = min(wanted, spec.completions - (status.succeeded or 0))
        return Coming(0 if spec.suspend or ended(one) else max(0, wanted - (status.active or 0)), template)
    if kind == "DaemonSet":
        lacks = (status.desired_number_scheduled or 0) - (status.current_number_scheduled or 0)
        return Coming(max(0, lacks), template)
    replicas = 1 if spec.replicas is None else spec.replicas
    if kind == "Deployment":
        return Coming(max(0, replicas - sum(set_.spec.replicas or 0 for set_ in owned)), template)
    return Coming(max(0, replicas - (status.replicas or 0)), template, claims=tuple(spec.volume_claim_templates))


def ended(one: Workload) -> bool:
    """Whether a Job is over, or about to be: it creates no pod any more."""
    return any(found.type in ENDS and found.status == "True" for found in one.status.conditions or ())


def refused(one: Workload) -> bool:
    """Whether the last try to create a pod met a quota."""
    return said(one) in QUOTAS


def said(one: Workload) -> Cause:
    """What became of the last try to create a pod, by the workload's own word. It is taken back when one succeeds."""
    for found in one.status.conditions or ():
        if found.type == "ReplicaFailure" and found.status == "True":
            return cause(found.message)
    return ""


def charge(spec: PodSpec, key: str, limits: Iterable[LimitItem] = ()) -> int:
    """What one pod is charged of a quota key, in base units, rounded up; 0 for what pods are not charged for.

    `limits`: the LimitRange of its namespace, which fills in what containers leave out.
    """
    if key in PODS:
        return 1
    part, _, name = key.rpartition(".") if key in ("requests.cpu", "requests.memory") else key.partition(".")
    if key in WHOLE:
        part, name = "requests", key
    if part not in ("requests", "limits") or name == "storage":
        return 0
    items = [filled(item) for item in limits if item.type == "Container"]
    total = together(spec, part, name, items)
    return -int(-total * scale(key) // 1)


def claimed(claims: Iterable[ClaimTemplate], key: str) -> int:
    """What volume claims are charged of a quota key, as `pvcEvaluator` charges; 0 for what they are not charged for.

    A claim that names no class gets the cluster's default one only when it is made: its keys are not foreseen.
    """
    name, by_class, bare = key.rpartition(BY_CLASS)
    found = [one.spec for one in claims if not by_class or one.spec.storage_class_name == name]
    if bare in CLAIMS:
        return len(found)
    return (
        sum(-int(-read(one.resources.requests, "storage") // 1) for one in found) if bare == "requests.storage" else 0
    )


def together(spec: PodSpec, part: str, name: str, items: list[dict[str, object]]) -> Fraction:
    """Of one resource, for the whole pod."""

    def of(container: Container) -> Fraction:
        return amount(container, part, name, items)

    sidecars = Fraction(0)
    peak = Fraction(0)
    for one in spec.init_containers:
        if one.restart_policy == "Always":
            sidecars += of(one)
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + of(one))
    running = sidecars + sum((of(one) for one in spec.containers), Fraction(0))
    whole = spec.resources.requests if part == "requests" else spec.resources.limits
    needed = read(whole, name) if name in whole else max(running, peak)
    return needed + read(spec.overhead, name)


def amount(container: Container, part: str, name: str, items: list[dict[str, object]]) -> Fraction:
    """Of one container, with what the API server fills in: a request is the limit where only that is named."""
    have = container.resources
    own = (have.requests, have.limits) if part == "requests" else (have.limits,)
    fields = ("defaultRequest", "default") if part == "requests" else ("default",)
    for found in own:
        if name in found:
            return read(found, name)
    for field in fields:
        for item in items:
            given = item.get(field)
            if isinstance(given, dict) and name in given:
                return read(given, name)
    return Fraction(0)


def read(amounts: Mapping[str, object] | Quantities, name: str) -> Fraction:
    """A quantity that somebody wrote; nothing where it is none: the API server refuses such a pod."""
    value = amounts.get(name, 0)
    try:
        return max(Fraction(0), parse(value if isinstance(value, int) else str(value)))
    except ValueError:
        return Fraction(0)
