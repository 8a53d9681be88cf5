"""Does a space use more than its ceiling: one that was lowered below use evicts nothing, so somebody has to be told."""

from __future__ import annotations

from cotenant.api.builtin import ResourceQuota
from cotenant.api.space import Space
from cotenant.model.allowance import ceilings
from cotenant.model.escrow.units import limit_of, use_of
from cotenant.model.finding import Finding
from cotenant.model.pool import spelled
from cotenant.model.snapshot import TenantView


def exceeded(view: TenantView, space: Space, there: ResourceQuota) -> Finding | None:
    """The first key of which a space uses more than it may. Its quota cannot tell whose limit it has: spec.hard may be lower for other reasons."""
    for key, (ceiling, whose) in sorted(ceilings(view, space).items()):
        used, most = use_of(key, there.status.used.get(key, "0")), limit_of(key, ceiling)
        if used > most:
            return Finding(
                "QuotaExceeded",
                f"namespace {there.metadata.namespace} uses {key} {spelled(key, used)}, {whose} is {spelled(key, most)}; "
                f"nothing is evicted: delete {spelled(key, used - most)} there, or raise {whose}",
            )
    return None
