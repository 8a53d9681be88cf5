"""ResourceQuota: one in each namespace, and what it allows.

Not rendered by server-side apply: the quota controller creates it and changes `spec.hard` only by PUT with the
resourceVersion it read, because a blind write would refill a quota that is being drained. Never two in a namespace:
a conflict on one admits what the other refused (kubernetes#141904).
"""

from __future__ import annotations

from cotenant.api.builtin import Manifest
from cotenant.api.keys import ACCOUNTING, COTENANT, STRICT
from cotenant.model.allowance import Hard
from cotenant.model.plan import labels, manifest
from cotenant.model.snapshot import TenantView


def quota(view: TenantView, namespace: str, allowed: Hard, space: str | None = None) -> Manifest:
    """The one ResourceQuota of a namespace."""
    marks = labels(view.name, space) | ({ACCOUNTING: STRICT} if view.strict else {})
    return manifest("v1", "ResourceQuota", COTENANT, namespace, labels=marks, spec={"hard": allowed})
