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
    culprits: str = ""
    """CEL: a list of the keys that break it, of which the API server names one in front of the message."""


def every_key(holds: str, message: str) -> Rule:
    """What must hold of each key `k` of a map."""
    return Rule(f"self.all(k, {holds})", message, culprits=f"self.filter(k, !({holds}))")
