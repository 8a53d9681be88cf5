"""The parts of Kubernetes' own metadata that cotenant reads. Unknown fields are skipped while decoding."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

ConditionStatus = Literal["True", "False", "Unknown"]


class OwnerReference(Struct, rename="camel", frozen=True, gc=False):
    """metav1.OwnerReference, as far as we look at it."""

    kind: str = ""
    name: str = ""
    uid: str = ""


class ObjectMeta(Struct, rename="camel", omit_defaults=True, gc=False):
    """metav1.ObjectMeta without managedFields, which nobody here needs and which is half of an object's size."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    finalizers: list[str] = field(default_factory=list)
    owner_references: list[OwnerReference] = field(default_factory=list)
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None

    @property
    def key(self) -> str:
        """`namespace/name`, or `name` for what has no namespace."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Condition(Struct, rename="camel", frozen=True, kw_only=True):
    """metav1.Condition."""

    type: Annotated[str, Meta(max_length=316)]
    """Name of the condition, in CamelCase."""
    status: ConditionStatus
    """Whether it holds: True, False or Unknown."""
    reason: Annotated[str, Meta(max_length=1024)]
    """One word of a closed list; docs/reference/conditions.md says what to do about each."""
    message: Annotated[str, Meta(max_length=32768)] = ""
    """One sentence with the next step."""
    last_transition_time: Annotated[str, Meta(max_length=64, extra_json_schema={"format": "date-time"})] = ""
    """When status last changed, RFC 3339."""
    observed_generation: int = 0
    """The generation of the object that this was judged on."""


Conditions = Annotated[
    list[Condition],
    Meta(max_length=16, extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}),
]
