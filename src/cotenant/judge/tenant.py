"""What a tenant's conditions say."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from cotenant.api.keys import CONFIRM_DELETE, DECLARED, POOL, POOL_RUNTIME
from cotenant.api.member import Member
from cotenant.api.meta import Condition
from cotenant.api.space import Space
from cotenant.api.tenant import SpacesCount, TenantStatus
from cotenant.judge import quota
from cotenant.judge.chain import Chain, conditions, progress
from cotenant.judge.enforcement import softened, unenforced
from cotenant.model.finding import Finding, Outcome
from cotenant.model.placement import home_is_ours
from cotenant.model.plan import Plan
from cotenant.model.snapshot import TenantSnapshot
from cotenant.model.strays import astray


class TenantFacts(Struct, frozen=True):
    """What was there, what was wanted, what came of it."""

    found: TenantSnapshot
    plan: Plan
    outcome: Outcome


GOOD = Finding("Synced", "", "True")


def going(facts: TenantFacts) -> Finding | None:
    """A tenant that goes says what it waits for."""
    meta = facts.found.tenant.metadata
    if not meta.deletion_timestamp:
        return None
    rules = facts.found.view and facts.found.view.rules
    if rules and rules.deletion_policy == "Delete" and meta.annotations.get(CONFIRM_DELETE) != meta.name:
        message = (
            f"namespaces are kept; to delete them: kubectl annotate tenant {meta.name} {CONFIRM_DELETE}={meta.name}"
        )
        return Finding("DeletionNotConfirmed", message)
    return Finding("Terminating", f"{len(facts.found.spaces)} spaces, {facts.found.bindings} role bindings are left")


def profile_exists(facts: TenantFacts) -> Finding | None:
    """A tenant of an unknown profile gets no rules that we could defend."""
    if facts.found.view:
        return None
    return Finding(
        "ProfileNotFound",
        f"TenantProfile {facts.found.tenant.spec.profile} does not exist; make it or correct spec.profile",
    )


def home_free(facts: TenantFacts) -> Finding | None:
    """A home namespace that somebody else made is never touched."""
    home = facts.found.home
    if home is None or home_is_ours(home, facts.found.tenant.metadata.name):
        return None
    return Finding(
        "HomeNamespaceTaken",
        f"namespace {home.metadata.name} exists and is not ours; rename the tenant or remove it",
    )


def applied(facts: TenantFacts) -> Finding | None:
    """Everything wanted in the home is there."""
    for one in facts.outcome.trouble:
        return Finding("ApplyFailed", f"{one.ref}: {one.verb}: {one.detail}"[:1000])
    return None


def access_applied(facts: TenantFacts) -> Finding | None:
    """Every RoleBinding in the home is as the members say. A Space that is refused is another matter."""
    for one in facts.outcome.trouble:
        if one.ref.kind != "Space":
            return Finding("ApplyFailed", f"{one.ref}: {one.verb}: {one.detail}"[:1000])
    return None


def roles_allowed(facts: TenantFacts) -> Finding | None:
    """Every role that the tenant names is one that the installation lets us bind."""
    view = facts.found.view
    if view is None:
        return None
    allowed = ", ".join(facts.found.platform.roles)
    if view.access.refused:
        who = named(view.access.refused)
        return Finding("RoleNotAllowed", f"{who}: role not allowed by the installation, which allows {allowed}")
    unknown = [role for role in view.rules.create if role not in facts.found.platform.roles]
    if unknown:
        return Finding("RoleNotAllowed", f"spaces.create names role {unknown[0]}; the installation allows {allowed}")
    return None


def roles_exist(facts: TenantFacts) -> Finding | None:
    """Every role that is granted exists; a binding to a missing one gives nothing."""
    granted = facts.found.view.access.roles if facts.found.view else {}
    missing = [role for role in granted if f"cotenant:{role}" not in facts.found.roles]
    if missing:
        return Finding(
            "RoleNotFound",
            f"ClusterRole cotenant:{missing[0]} does not exist; make it or give its members another role",
        )
    return None


def home_complete(facts: TenantFacts) -> Finding | None:
    """Members can use the home."""
    return Finding("HomeNotReady", facts.plan.waiting) if facts.plan.waiting else None


def within_limit(facts: TenantFacts) -> Finding | None:
    """There are no more Spaces than allowed, and those declared fit."""
    rules = facts.found.view.rules if facts.found.view else None
    if rules is None:
        return None
    have, declared = len(facts.found.spaces), len(rules.declared)
    if max(have, declared) > rules.limit:
        return Finding(
            "SpacesOverLimit", f"{have} spaces exist, {declared} are declared, and spaces.limit is {rules.limit}"
        )
    return None


def spaces_ready(facts: TenantFacts) -> Finding | None:
    """What the tenant declares is there and usable."""
    declared = {one.metadata.name: one for one in facts.found.spaces if DECLARED in one.metadata.labels}
    wanted = facts.found.view.rules.declared if facts.found.view else []
    waiting = [name for name in wanted if name not in declared or not is_ready(declared[name])]
    if not waiting:
        return None
    # One that fails is what somebody has to act on; the others come by themselves.
    failed = [name for name in waiting if name in declared and declared[name].status.phase == "Failed"]
    first = (failed or waiting)[0]
    message = f"{len(waiting)} of {len(wanted)} declared spaces are not ready, first {first}"
    space = declared.get(first)
    detail = next((one.message for one in space.status.conditions if one.type == "Ready"), "") if space else ""
    reason = "SpacesFailed" if failed else "SpacesNotReady"
    return Finding(reason, f"{message}: {detail}" if detail else message)


def members_last(facts: TenantFacts) -> Finding | None:
    """Who is on the list and has no rights any more; says so without being an error."""
    expired = facts.found.view.access.expired if facts.found.view else []
    return Finding("MemberExpired", f"{named(expired)}: expired, without rights", "True") if expired else None


def somebody(facts: TenantFacts) -> Finding | None:
    """A tenant without members is in order, and of no use."""
    if facts.found.tenant.spec.members:
        return None
    return Finding("NoMembers", "the tenant has no members", "True")


def none_astray(facts: TenantFacts) -> Finding | None:
    """Namespaces that carry the tenant's label and are none of its spaces: nobody has rights there any more."""
    left = [one.metadata.name for one in astray(facts.found)]
    if not left:
        return None
    release = f"kubectl label namespace {left[0]} cotenant.dev/tenant- cotenant.dev/space-"
    return Finding(
        "NamespaceAstray",
        f"namespace {left[0]} is labelled for this tenant and none of its spaces; release it: {release}",
        "True",
    )


def iam_wanted(facts: TenantFacts) -> Finding | None:
    """Members by IAM principal need an identity mapping; without any there is nothing to do, but for those who were."""
    left = any(one.reason != "IAMPending" for one in facts.found.iam or ())
    return None if facts.plan.wishes or iam_members(facts) or left else Finding("NoIAMMembers", "", "True")


def iam_managed(facts: TenantFacts) -> Finding | None:
    """The operator knows its cluster."""
    if facts.found.iam is not None:
        return None
    return Finding(
        "IAMNotManaged",
        f"{named(iam_members(facts))}: the operator maps no IAM principals here (setting eksCluster); map them: cotenant iam apply",
        "Unknown",
    )


def iam_mapped(facts: TenantFacts) -> Finding | None:
    """What became of each; what somebody must mend comes before what passes by itself."""
    found = sorted(facts.found.iam or (), key=lambda one: one.status == "Unknown")
    if not found:
        return None
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    return Finding(found[0].reason, f"{found[0].message}{more}"[:1000], found[0].status)


def iam_members(facts: TenantFacts) -> list[Member]:
    """Members named by an IAM principal who have a right."""
    known = facts.found.view or facts.found.stranded
    return known.access.iam if known else []


def enforcement_proven(facts: TenantFacts) -> Finding | None:
    """Objects alone prove nothing about packets."""
    if facts.found.view and facts.found.view.rules.isolation == "none":
        return Finding("NotIsolated", "spec.network.isolation is none")
    return Finding(
        "EnforcementNotProven",
        "NetworkPolicies are in place; whether the network enforces them is not shown",
        "Unknown",
    )


def policies_stand(facts: TenantFacts) -> Finding | None:
    """The rules are enforced by policies, which somebody may have taken away."""
    if not facts.found.lapse:
        return None
    return Finding("PolicyMissing", f"{facts.found.lapse}: what it forbids is not refused; run cotenant install")


def policies_act(facts: TenantFacts) -> Finding | None:
    """An API server without the admission plugin enforces nothing of the rules, and any request may meet that one."""
    return None if facts.found.fenced else quota.policies_act(facts.found)


def glass_whole(facts: TenantFacts) -> Finding | None:
    """Somebody may have lifted policies for a while; they come back by themselves."""
    return Finding("GlassBroken", facts.found.glass) if facts.found.glass else None


def rules_enforced(facts: TenantFacts) -> Finding | None:
    """Rules that this version writes down but does not enforce are named, lest somebody relies on them."""
    rules = facts.found.view.rules if facts.found.view else None
    if rules is None:
        return Finding("ProfileNotFound", "the rules are not known", "Unknown")
    named = unenforced(rules)
    return Finding("NotEnforced", f"this version does not enforce: {', '.join(named)}") if named else None


def pool_forced(facts: TenantFacts) -> Finding | None:
    """Where the API server writes no pool into pods, it is still enforced: who names none is refused."""
    rules = facts.found.view.rules if facts.found.view else None
    if rules is None or not rules.nodes.pool or facts.found.mutates:
        return None
    pool = rules.nodes.pool
    return Finding(
        "PoolByHand",
        f"nodes.pool is enforced, and this API server serves no MutatingAdmissionPolicy (Kubernetes 1.36 does): pods that do "
        f"not name the pool are refused. They name it by nodeSelector {POOL}: {pool}, or by runtimeClassName "
        f"{POOL_RUNTIME}{pool}, which `cotenant render --nodes` prints",
        "True",
    )


def rules_refuse(facts: TenantFacts) -> Finding | None:
    """A rule that is tried out first refuses nothing yet."""
    soft = softened(facts.found.view.rules) if facts.found.view else []
    if not soft:
        return None
    shown = ", ".join(soft[:5]) + (f" and {len(soft) - 5} more" if len(soft) > 5 else "")
    return Finding(
        "NotRefused", f"{shown}; what would be refused: cotenant policies check {facts.found.tenant.metadata.name}"
    )


READY: Chain[TenantFacts] = Chain(
    "Ready",
    going,
    profile_exists,
    home_free,
    within_limit,  # before what it causes: the Space too many that the API server refuses
    applied,
    roles_allowed,
    roles_exist,
    home_complete,  # the limit on spaces is in force, hence members may enter
    spaces_ready,
    good=Finding("Ready", "", "True"),
)
ACCESS: Chain[TenantFacts] = Chain(
    "AccessSynced",
    profile_exists,
    access_applied,
    roles_allowed,
    roles_exist,
    home_complete,
    none_astray,
    somebody,
    members_last,
    good=GOOD,
)
IAM: Chain[TenantFacts] = Chain("IAMSynced", iam_wanted, iam_managed, iam_mapped, good=GOOD)
NETWORK: Chain[TenantFacts] = Chain("NetworkIsolated", enforcement_proven, good=GOOD)
POLICY: Chain[TenantFacts] = Chain(
    "PolicyEnforced", policies_stand, glass_whole, policies_act, rules_enforced, rules_refuse, pool_forced, good=GOOD
)
VERIFIED = ("Verified", Finding("NotVerified", "this version records no verdict; ask: cotenant verify", "Unknown"))


def judge_tenant(facts: TenantFacts, now: str) -> TenantStatus:
    """The status of a tenant. `now` is RFC 3339."""
    tenant, spaces = facts.found.tenant, facts.found.spaces
    ready = READY.judge(facts)
    found = [(chain.condition, chain.judge(facts)) for chain in (READY, ACCESS, IAM, NETWORK, POLICY)]
    found += [("QuotaSynced", quota.SYNCED.judge(facts.found)), VERIFIED, *progress(ready)]
    if quota.asked(facts.found):
        found.append((quota.STRICT.condition, quota.STRICT.judge(facts.found)))
    return TenantStatus(
        observed_generation=tenant.metadata.generation,
        home=facts.found.home.metadata.name if facts.found.home and home_free(facts) is None else "",
        spaces=SpacesCount(
            ready=sum(map(is_ready, spaces)),
            total=len(spaces),
            limit=facts.found.view.rules.limit if facts.found.view else None,
        ),
        conditions=conditions(found, tenant.status.conditions, tenant.metadata.generation, now),
    )


def is_ready(space: Space) -> bool:
    """Whether a Space says that it is ready."""
    return any(one.type == "Ready" and one.status == "True" for one in space.status.conditions)


def condition_of(found: Iterable[Condition], name: str) -> Condition | None:
    """The condition of a type."""
    return next((one for one in found if one.type == name), None)


def named(members: list[Member]) -> str:
    """The first member in words, and how many more there are."""
    more = f" and {len(members) - 1} more" if len(members) > 1 else ""
    return members[0].subject + more
