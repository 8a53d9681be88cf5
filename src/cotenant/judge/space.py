"""Is a space ready, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from cotenant.api.space import SpaceStatus
from cotenant.judge.ceiling import exceeded
from cotenant.judge.chain import Chain, conditions, progress
from cotenant.judge.floors import own, unlimited
from cotenant.judge.quota import without_defaults
from cotenant.model.allowance import hard
from cotenant.model.finding import Finding, Outcome
from cotenant.model.placement import place
from cotenant.model.plan import Plan
from cotenant.model.pool import bare, rounded
from cotenant.model.snapshot import SpaceSnapshot

NAMED = 3
"""Spaces named in a message."""


class SpaceFacts(Struct, frozen=True):
    """What was there, what was wanted, what came of it; and, for a Space that goes, what happens to its namespace."""

    found: SpaceSnapshot
    plan: Plan
    outcome: Outcome
    farewell: Finding | None = None


def leaving(facts: SpaceFacts) -> Finding | None:
    """A Space that goes says what it waits for."""
    return facts.farewell


def tenant_exists(facts: SpaceFacts) -> Finding | None:
    """Outside a tenant's home a Space means nothing."""
    if not facts.found.tenant_exists:
        where = facts.found.space.metadata.namespace
        return Finding(
            "TenantNotFound", f"namespace {where} is the home of no tenant that exists; make the Space in home-<tenant>"
        )
    return None


def profile_exists(facts: SpaceFacts) -> Finding | None:
    """Without its profile a tenant has no rules that we could defend."""
    return None if facts.found.view else Finding("ProfileNotFound", "the tenant's profile does not exist")


def placed(facts: SpaceFacts) -> Finding | None:
    """The space has a namespace, or may get one."""
    found = facts.found
    return place(found.space, found.view, found.namespace, found.occupant).problem if found.view else None


def namespace_stays(facts: SpaceFacts) -> Finding | None:
    """The namespace is not on its way out."""
    namespace = facts.found.namespace
    if namespace and namespace.metadata.deletion_timestamp:
        return Finding("NamespaceTerminating", f"namespace {namespace.metadata.name} is being deleted")
    return None


def applied(facts: SpaceFacts) -> Finding | None:
    """Everything wanted is there."""
    for one in facts.outcome.trouble:
        return Finding("ApplyFailed", f"{one.ref}: {one.verb}: {one.detail}"[:1000])
    return None


def complete(facts: SpaceFacts) -> Finding | None:
    """Nothing waits any more."""
    return Finding("Creating", facts.plan.waiting) if facts.plan.waiting else None


def rules_known(facts: SpaceFacts) -> Finding | None:
    """Without its tenant, or that one's profile, there is no quota to judge."""
    unknown = tenant_exists(facts) or profile_exists(facts)
    return Finding(unknown.reason, unknown.message, "Unknown") if unknown else None


def quota_written(facts: SpaceFacts) -> Finding | None:
    """The API server counts, and a space that was not opened yet has its share."""
    found = facts.found
    if found.quota is None or not found.quota.status.used:
        return Finding("QuotaPending", "the space's quota is not in force yet")
    # A share that is being moved later is not told: it would be two writes for each transfer.
    if facts.plan.waiting and not found.served:
        return Finding("QuotaPending", "the space has not got its share of the tenant's quota yet")
    return None


def has_a_share(facts: SpaceFacts) -> Finding | None:
    """A space opens without a share only where the others use, or are owed, all there is; then it says so. One that goes wants none."""
    found = facts.found
    if found.view is None or found.quota is None or found.space.metadata.deletion_timestamp:
        return None
    for key in bare(found.view, found.space, found.quota):
        told = "; ".join([f"the tenant has no {key} left for this space", *elsewhere(found.idle.get(key, ()), key)])
        return Finding("NoShare", f"{told}; see: cotenant top {found.view.name}")
    return None


def elsewhere(idle: Sequence[tuple[str, int]], key: str) -> Iterator[str]:
    """Where something is that nobody uses, and what brings it here."""
    if idle:
        named = ", ".join(f"{name} {rounded(key, amount)}" for name, amount in idle[:NAMED])
        more = f" and {len(idle) - NAMED} more spaces" if len(idle) > NAMED else ""
        yield f"not in use elsewhere: {named}{more}"
        yield "quota.min of this Space brings some of it here, a lower quota.min or quota.max of theirs too"


def within(facts: SpaceFacts) -> Finding | None:
    """It uses no more than its ceilings."""
    found = facts.found
    return exceeded(found.view, found.space, found.quota) if found.view and found.quota else None


def floors_limited(facts: SpaceFacts) -> Finding | None:
    """What it wants to keep is part of a limit; that of the tenant's own floors the Tenant says."""
    found = facts.found
    return unlimited(found.view, own([found.space])) if found.view else None


def pods_can_live(facts: SpaceFacts) -> Finding | None:
    """Under a compute quota, the tenant's or the space's own, a container without requests needs defaults."""
    found = facts.found
    missing = without_defaults(found.view.rules, hard(found.view, found.space)) if found.view else []
    if missing:
        keys = ", ".join(missing)
        return Finding(
            "QuotaWithoutDefaults", f"pods that do not say {keys} are refused: the tenant's limits have no default"
        )
    return None


READY: Chain[SpaceFacts] = Chain(
    "Ready",
    leaving,
    tenant_exists,
    profile_exists,
    placed,  # its name is allowed, free or offered
    namespace_stays,
    applied,
    complete,  # the quota is in force, hence rights were given
    good=Finding("Ready", "", "True"),
)
QUOTA: Chain[SpaceFacts] = Chain(
    "QuotaSynced",
    rules_known,
    quota_written,
    has_a_share,
    within,
    floors_limited,
    pods_can_live,
    good=Finding("Synced", "", "True"),
)
PHASES = {"Ready": "Ready", "Creating": "Pending", "NamespaceTerminating": "Pending", "ApplyFailed": "Pending"}
LEAVING = {"WaitsForRelease", "DeletingNamespace", "DeletionNotConfirmed"}


def judge_space(facts: SpaceFacts, now: str) -> SpaceStatus:
    """The status of a space. `now` is RFC 3339."""
    ready = READY.judge(facts)
    space, namespace = facts.found.space, facts.found.namespace
    name = namespace.metadata.name if namespace else born(facts)
    generation = space.metadata.generation
    judged = [("Ready", ready), ("QuotaSynced", QUOTA.judge(facts)), *progress(ready)]
    return SpaceStatus(
        observed_generation=generation,
        namespace=name,
        phase="Terminating" if ready.reason in LEAVING else PHASES.get(ready.reason, "Failed"),
        conditions=conditions(judged, space.status.conditions, generation, now),
    )


def born(facts: SpaceFacts) -> str:
    """The namespace that this very reconcile made or adopted."""
    names = (one.ref.name for one in facts.outcome.done if one.ref.kind == "Namespace" and not one.bad)
    return next(names, "")
