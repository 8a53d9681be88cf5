"""Is a tenant's quota what its spec says, and can plain pods live under it."""

from __future__ import annotations

from collections.abc import Iterable

from cotenant.api.keys import SPACE
from cotenant.judge.chain import Chain
from cotenant.model.allowance import hard
from cotenant.model.effective import Effective
from cotenant.model.finding import Finding
from cotenant.model.limits import filled
from cotenant.model.quantity import parse, same
from cotenant.model.snapshot import TenantSnapshot

COMPUTE = {
    "cpu": ("defaultRequest", "cpu"),
    "memory": ("defaultRequest", "memory"),
    "requests.cpu": ("defaultRequest", "cpu"),
    "requests.memory": ("defaultRequest", "memory"),
    "limits.cpu": ("default", "cpu"),
    "limits.memory": ("default", "memory"),
}
"""Quota keys that every container must fill, and the LimitRange default that fills each."""


def rules_known(found: TenantSnapshot) -> Finding | None:
    """Without its profile there is no quota to judge."""
    return None if found.view else Finding("ProfileNotFound", "the rules are not known", "Unknown")


def has_quota(found: TenantSnapshot) -> Finding | None:
    """A tenant without quota has nothing to sync."""
    if found.view and not (found.view.rules.hard or found.view.rules.space_max):
        return Finding("NoQuota", "spec.quota.hard is empty", "True")
    return None


def accounting_available(found: TenantSnapshot) -> Finding | None:
    """Strict accounting is refused openly, not silently replaced."""
    if found.view and found.view.rules.accounting == "strict":
        return Finding("AccountingNotAvailable", "spec.quota.accounting: strict is not available; counting is native")
    return None


def pods_can_live(found: TenantSnapshot) -> Finding | None:
    """Under a compute quota a container without requests is refused, unless a LimitRange fills them in."""
    rules = found.view.rules if found.view else None
    missing = without_defaults(rules, rules.hard | rules.space_max) if rules else []
    if missing:
        keys = ", ".join(missing)
        return Finding(
            "QuotaWithoutDefaults", f"pods that do not say {keys} are refused; add spec.limits with defaults"
        )
    return None


def written(found: TenantSnapshot) -> Finding | None:
    """Every space has its quota, and the API server knows it."""
    spaces = {one.metadata.name: one for one in found.spaces}
    quotas = {one.metadata.namespace: one for one in found.quotas}
    for namespace in found.namespaces:
        space, there = spaces.get(namespace.metadata.labels.get(SPACE, "")), quotas.get(namespace.metadata.name)
        if space is None or found.view is None or space.metadata.deletion_timestamp:
            continue
        wanted = hard(found.view, space)
        if there is None or not (same(there.spec.hard, wanted) and same(there.status.hard, wanted)):
            return Finding("QuotaPending", f"the quota of namespace {namespace.metadata.name} is being written")
    return None


def within(found: TenantSnapshot) -> Finding | None:
    """No space uses more than it may; happens only after a quota was lowered."""
    for one in found.quotas:
        for key, limit in one.spec.hard.items():
            used = one.status.used.get(key, "0")
            if parse(used) > parse(limit):
                return Finding(
                    "QuotaExceeded",
                    f"namespace {one.metadata.namespace} uses {key} {used}, {limit} allowed; nothing is evicted",
                )
    return None


def summed(found: TenantSnapshot) -> Finding | None:
    """The sum over all spaces is limited only where there is no second space, and can be none."""
    if found.view and found.view.rules.hard and max(found.view.rules.limit, len(found.spaces)) > 1:
        return Finding(
            "PerSpaceOnly", "quota.hard holds in each space; the sum over all spaces is not limited yet", "Unknown"
        )
    return None


SYNCED: Chain[TenantSnapshot] = Chain(
    "QuotaSynced",
    rules_known,
    has_quota,
    accounting_available,
    written,
    within,
    pods_can_live,
    summed,
    good=Finding("Synced", "", "True"),
)


def without_defaults(rules: Effective, keys: Iterable[str]) -> list[str]:
    """Those of the quota keys that plain pods do not fill and no LimitRange default fills for them."""
    items = [filled(item) for item in rules.limits if item.type == "Container"]

    def defaulted(field: str, key: str) -> bool:
        return any(key in part for item in items if isinstance(part := item.get(field), dict))

    return [key for key in keys if key in COMPUTE and not defaulted(*COMPUTE[key])]
