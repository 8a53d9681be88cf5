"""What makes pods, reduced to how many it is about to make and how large they are."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from cotenant.api.meta import Condition, ObjectMeta

Quantities = dict[str, Any]
"""Amounts by resource: text or numbers, as somebody wrote them."""


class Resources(Struct, gc=False, frozen=True):
    """`resources` of a container or a pod."""

    requests: Quantities = field(default_factory=dict)
    limits: Quantities = field(default_factory=dict)


class Container(Struct, rename="camel", gc=False, frozen=True):
    """A container's resources; `restart_policy` Always makes an init container a sidecar."""

    resources: Resources = Resources()
    restart_policy: str = ""


class PodSpec(Struct, rename="camel", gc=False, frozen=True):
    """What of a pod is charged."""

    containers: list[Container] = field(default_factory=list)
    init_containers: list[Container] = field(default_factory=list)
    overhead: Quantities = field(default_factory=dict)
    resources: Resources = Resources()


class Template(Struct, gc=False, frozen=True):
    """A pod template."""

    spec: PodSpec = PodSpec()


class ClaimSpec(Struct, rename="camel", gc=False, frozen=True):
    """What of a PersistentVolumeClaim is charged."""

    resources: Resources = Resources()
    storage_class_name: str | None = None


class ClaimTemplate(Struct, gc=False, frozen=True):
    """A claim that a StatefulSet makes for each of its pods."""

    spec: ClaimSpec = ClaimSpec()


class WorkloadSpec(Struct, rename="camel", gc=False, frozen=True):
    """`spec` of what makes pods, of every kind the fields that it has."""

    replicas: int | None = None
    parallelism: int | None = None
    completions: int | None = None
    suspend: bool | None = None
    template: Template = Template()
    volume_claim_templates: list[ClaimTemplate] = field(default_factory=list)


class WorkloadStatus(Struct, rename="camel", gc=False, frozen=True):
    """`status` of one: the pods that exist; those of a Job by what became of them, those of a DaemonSet by their nodes."""

    replicas: int | None = None
    active: int | None = None
    succeeded: int | None = None
    desired_number_scheduled: int | None = None
    current_number_scheduled: int | None = None
    conditions: list[Condition] | None = None


class Workload(Struct, gc=False, frozen=True):
    """A Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet or Job."""

    metadata: ObjectMeta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()


class Regarding(Struct, gc=False, frozen=True):
    """What an Event is about."""

    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""


Cause = Literal["", "quota", "claims", "other"]
"""`quota`: there was too little for a pod. `claims`: too little for a volume claim, which comes before its pod.
`other`: whoever else refused it, so that no quota helps. "": nothing is known.
"""


class Denial(Struct, gc=False, frozen=True):
    """An Event that a pod or claim of a workload could not be created. `note`: what the API server said; `cause`: in a word."""

    metadata: ObjectMeta
    regarding: Regarding = Regarding()
    note: str = ""
    cause: Cause = ""
