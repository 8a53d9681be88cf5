"""A CEL rule of a CustomResourceDefinition, as data."""

from __future__ import annotations

from msgspec import Struct


class Rule(Struct, frozen=True):
    """`x-kubernetes-validations`: what must hold of `self`, and the sentence for whoever breaks it."""

    expression: str
    """CEL over `self` (and `oldSelf`, which makes it a transition rule)."""
    message: str
    """Names the field and the fix; one line."""
    field: str = ""
    """The field that the error points at, as in `.naming`; empty for the place that carries the rule."""
