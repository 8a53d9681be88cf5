"""Items of a LimitRange: what a container, pod or volume may ask for, and what one that says nothing gets."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from cotenant.api.rule import Rule
from cotenant.api.scalars import LimitAmounts, not_above, ruled

ORDER = (
    ("min", "defaultRequest"),
    ("defaultRequest", "default"),
    ("default", "max"),
    ("min", "default"),
    ("defaultRequest", "max"),
    ("min", "max"),
)
"""Of a LimitRange: the first never exceeds the second."""
ONE_EACH = Rule(
    "self.all(one, self.exists_one(other, other.type == one.type))",
    "every type stands here once; put all its limits into one item",
)


class LimitItem(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """One item of a LimitRange."""

    type: Literal["Container", "Pod", "PersistentVolumeClaim"]
    """What it limits."""
    default: LimitAmounts | None = None
    """Limits of a container that names none."""
    default_request: LimitAmounts | None = None
    """Requests of a container that names none."""
    min: LimitAmounts | None = None
    """The least that is allowed."""
    max: LimitAmounts | None = None
    """The most that is allowed."""
    max_limit_request_ratio: LimitAmounts | None = None
    """How many times its request a limit may be."""

    # What the API server asks of a LimitRange (ValidateLimitRange, kubernetes pkg/apis/core/validation): told when the
    # Tenant is written, not once it has a space.
    RULES: ClassVar = (
        *(not_above(low, high) for low, high in ORDER),
        Rule(
            "self.type != 'Pod' || (!has(self.default) && !has(self.defaultRequest))",
            "a Pod has no default; give it to type: Container",
            field=".type",
        ),
        Rule(
            "self.type != 'PersistentVolumeClaim' || (has(self.min) && 'storage' in self.min) || "
            "(has(self.max) && 'storage' in self.max)",
            "a PersistentVolumeClaim is limited by storage; write min or max: {storage: 10Gi}",
            field=".type",
        ),
    )


Limits = Annotated[Annotated[list[LimitItem], Meta(max_length=16)], ruled(ONE_EACH)]
