"""LimitRange of a space: defaults and bounds for containers that say nothing about resources.

LimitRanger fills defaults at CREATE only, and pays a live LIST (~100 ms) for the first pod of a namespace that has
none: a space without limits still gets an empty-handed LimitRange for that reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from cotenant.api.builtin import Manifest
from cotenant.api.keys import COTENANT
from cotenant.model.limits import filled
from cotenant.model.plan import labels, manifest
from cotenant.model.snapshot import TenantView

FLOOR: dict[str, object] = {"type": "Container"}


def limits(view: TenantView, name: str, space: str) -> Iterator[Manifest]:
    """The one LimitRange of a space."""
    items = [filled(item) for item in view.rules.limits] or [FLOOR]
    yield manifest("v1", "LimitRange", COTENANT, name, labels=labels(view.name, space), spec={"limits": items})
