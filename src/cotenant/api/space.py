"""Space: one namespace of a tenant, made or adopted, as an object that members may see and make."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct

from cotenant.api.meta import Conditions, ObjectMeta
from cotenant.api.rule import Rule
from cotenant.api.scalars import DNS_LABEL, NAME, ruled
from cotenant.api.tenant import SpaceQuota

SAME = Rule("self == oldSelf", "spec.namespace cannot be changed; delete the Space and make another")


class SpaceShare(SpaceQuota, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What a space may count on of the tenant's quota, what it may not exceed, and how it fares where there is too little."""

    weight: Annotated[int, Meta(ge=1, le=100)] | None = None
    """Where the tenant has not enough for all, a space of weight 2 gets twice what one of weight 1 gets. Built in: 1."""


class SpaceSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What this space differs in from the tenant's other spaces."""

    namespace: Annotated[Annotated[str, Meta(max_length=63, pattern=DNS_LABEL)], ruled(NAME, SAME)] | None = None
    """Adopt this namespace instead of making one. It must carry the annotation cotenant.dev/adopt: <tenant>/<space>. Immutable."""
    quota: SpaceShare | None = None
    """Floor and ceiling of this space, only tighter than the tenant's; and its weight."""
    deletion_policy: Literal["Orphan", "Delete"] | None = None
    """What deleting the Space does to its namespace. Delete also wants the annotation cotenant.dev/confirm-delete: <name>. Built in: Orphan."""


class SpaceStatus(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What cotenant made of the space."""

    observed_generation: int = 0
    """The generation that this status answers."""
    namespace: Annotated[str, Meta(max_length=63)] = ""
    """The namespace that this space is."""
    phase: Annotated[str, Meta(max_length=32)] = ""
    """Pending, Ready, Failed or Terminating: the conditions in one word."""
    conditions: Conditions = []
    """Ready and QuotaSynced; docs/reference/conditions.md lists every reason."""


class Space(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """A namespace of a tenant. Lives in the tenant's home namespace, where members may list, watch and make them."""

    metadata: ObjectMeta
    spec: SpaceSpec = SpaceSpec()
    """What is particular about this space."""
    status: SpaceStatus = SpaceStatus()
    """What cotenant made of it."""

    RULES: ClassVar = (
        Rule("size(self.metadata.name) <= 50", "the name of a space has at most 50 characters", field=".metadata.name"),
        Rule(
            f"self.metadata.name.matches('{DNS_LABEL}')",
            "the name of a space is made of a-z, 0-9 and -, without a dot",
            field=".metadata.name",
        ),
        Rule(
            # Whether it is there at all; a rule on the field itself does not see the field come and go.
            "(has(self.spec) && has(self.spec.namespace)) == (has(oldSelf.spec) && has(oldSelf.spec.namespace))",
            "spec.namespace cannot be changed; delete the Space and make another",
            field=".spec.namespace",
        ),
    )
