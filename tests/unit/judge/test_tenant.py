from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.keys import ADOPT, CONFIRM_DELETE, DECLARED
from cotenant.api.meta import Condition
from cotenant.api.space import Space
from cotenant.api.tenant import TenantStatus
from cotenant.judge.tenant import TenantFacts, judge_tenant
from cotenant.model.finding import Done, Finding, Outcome, Ref
from cotenant.model.plan import Plan
from cotenant.model.platform import Platform
from cotenant.model.snapshot import TenantSnapshot
from unit.specimens import GONE, MOMENT, home, marks, namespace, space, tenant, tenant_snapshot

READY = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": MOMENT}
WAITS = {
    "type": "Ready",
    "status": "False",
    "reason": "NameTooLong",
    "message": "too long",
    "lastTransitionTime": MOMENT,
}
MEMBERS = [{"role": "owner", "user": "ann"}]
IAM = [{"role": "owner", "iamRole": "arn:aws:iam::123456789012:role/x"}]
REF = Ref("v1", "Namespace", "", "home-red")


def judged(found: TenantSnapshot, plan: Plan | None = None, *done: Done) -> TenantStatus:
    return judge_tenant(TenantFacts(found, plan or Plan(), Outcome(done)), MOMENT)


def whole(spec: dict[str, Any] | None = None, **more: Any) -> TenantSnapshot:
    one = tenant(about=more.pop("about", None), **({"members": MEMBERS} | (spec or {})))
    return tenant_snapshot(one, **({"home": home()} | more))


def condition(status: TenantStatus, name: str) -> Condition:
    [found] = [one for one in status.conditions if one.type == name]
    return found


def a_space(name: str, ready: bool = True, declared: bool = True) -> Space:
    labels = {DECLARED: "true"} if declared else {}
    return space(name, about={"labels": labels}, status={"conditions": [READY if ready else WAITS]})


GOING = {"deletionTimestamp": GONE}
ANSWERS: list[tuple[str, str, str, TenantStatus]] = [
    # condition, status, reason, all of it
    ("Ready", "True", "Ready", judged(whole())),
    ("Ready", "False", "Terminating", judged(whole(about=GOING))),
    ("Ready", "False", "Terminating", judged(whole({"deletionPolicy": "Delete"}, about=GOING | {"annotations": {CONFIRM_DELETE: "red"}}))),
    ("Ready", "False", "DeletionNotConfirmed", judged(whole({"deletionPolicy": "Delete"}, about=GOING))),
    ("Ready", "False", "ProfileNotFound", judged(whole({"profile": "gold"}, view=None))),
    ("Ready", "False", "HomeNamespaceTaken", judged(whole(home=namespace("home-red")))),
    ("Ready", "False", "ApplyFailed", judged(whole(), Plan(waiting="x"), Done(REF, "denied", "RBAC: no"))),
    ("Ready", "False", "RoleNotAllowed", judged(whole({"members": [{"role": "admin", "user": "eve"}]}))),
    ("Ready", "False", "RoleNotFound", judged(whole(roles=frozenset({"cotenant:viewer"})))),
    ("Ready", "False", "SpacesOverLimit", judged(whole({"spaces": {"limit": 1}}, spaces=(a_space("a"), a_space("b"))))),
    ("Ready", "False", "HomeNotReady", judged(whole(), Plan(waiting="the limit on spaces is not in force yet"))),
    ("Ready", "False", "SpacesNotReady", judged(whole({"spaces": {"declared": ["a"]}}))),
    ("Ready", "False", "SpacesNotReady", judged(whole({"spaces": {"declared": ["a"]}}, spaces=(a_space("a", ready=False),)))),
    ("AccessSynced", "True", "Synced", judged(whole())),
    ("AccessSynced", "True", "NoMembers", judged(whole({"members": []}))),
    ("AccessSynced", "True", "MemberExpired", judged(whole({"members": [*MEMBERS, {"role": "owner", "user": "old", "expires": GONE}]}))),
    ("AccessSynced", "False", "ProfileNotFound", judged(whole({"profile": "gold"}, view=None))),
    ("AccessSynced", "False", "ApplyFailed", judged(whole(), None, Done(REF, "failed"))),
    ("AccessSynced", "False", "RoleNotAllowed", judged(whole({"members": [{"role": "admin", "user": "eve"}]}))),
    ("AccessSynced", "False", "RoleNotFound", judged(whole(roles=frozenset()))),
    ("AccessSynced", "False", "HomeNotReady", judged(whole(), Plan(waiting="w"))),
    ("IAMSynced", "True", "NoIAMMembers", judged(whole())),
    ("IAMSynced", "Unknown", "IAMNotManaged", judged(whole({"members": [{"role": "owner", "iamRole": "arn:aws:iam::123456789012:role/x"}]}))),
    ("IAMSynced", "True", "Synced", judged(whole({"members": IAM}, iam=()))),
    ("IAMSynced", "False", "EntryConflict", judged(whole({"members": IAM}, iam=(Finding("IAMPending", "w", "Unknown"), Finding("EntryConflict", "x"))))),
    ("IAMSynced", "True", "NoIAMMembers", judged(whole(iam=(Finding("IAMPending", "w", "Unknown"),)))),
    ("IAMSynced", "False", "EntryHeld", judged(whole(iam=(Finding("EntryHeld", "x"),)))),
    ("IAMSynced", "Unknown", "IAMPending", judged(whole({"members": IAM}, iam=(Finding("IAMPending", "w", "Unknown"),)))),
    ("NetworkIsolated", "Unknown", "EnforcementNotProven", judged(whole())),
    ("NetworkIsolated", "False", "NotIsolated", judged(whole({"network": {"isolation": "none"}}))),
    ("PolicyEnforced", "True", "Synced", judged(whole())),
    ("PolicyEnforced", "True", "Synced", judged(whole({"nodes": {"pool": "gold", "dedicated": True}}))),
    ("PolicyEnforced", "True", "PoolByHand", judged(whole({"nodes": {"pool": "gold"}}, mutates=False))),
    ("PolicyEnforced", "True", "Synced", judged(whole(mutates=False))),
    ("PolicyEnforced", "False", "NotEnforced", judged(whole({"nodes": {"dedicated": True}}))),
    ("PolicyEnforced", "False", "NotRefused", judged(whole({"enforcement": "warn"}))),
    ("PolicyEnforced", "False", "GlassBroken", judged(whole(glass="7 policies only audit until then: outage"))),
    ("PolicyEnforced", "False", "QuotaNotStrict", judged(whole(fenced=False, unfenced=("10.0.0.7:443",)))),
    ("PolicyEnforced", "False", "PolicyMissing", judged(whole(lapse="policy cotenant-pods is missing"))),
    ("PolicyEnforced", "Unknown", "ProfileNotFound", judged(whole({"profile": "gold"}, view=None))),
    ("QuotaSynced", "True", "NoQuota", judged(whole())),
    ("Verified", "Unknown", "NotVerified", judged(whole())),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "status", "reason", "found"), ANSWERS, ids=[f"{one[0]}-{one[2]}-{n}" for n, one in enumerate(ANSWERS)]
)
def test_every_check_answers(name: str, status: str, reason: str, found: TenantStatus) -> None:
    one = condition(found, name)
    assert (one.status, one.reason) == (status, reason)


def test_a_tenant_that_is_ready_has_no_abnormal_condition() -> None:
    names = [one.type for one in judged(whole()).conditions]
    assert names == [
        "Ready",
        "AccessSynced",
        "IAMSynced",
        "NetworkIsolated",
        "PolicyEnforced",
        "QuotaSynced",
        "Verified",
        "StrictAccounting",
    ]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (judged(whole({"profile": "gold"}, view=None)), "Stalled"),
        (judged(whole(), Plan(waiting="w")), "Reconciling"),
        (judged(whole(about=GOING)), "Reconciling"),
        (judged(whole({"deletionPolicy": "Delete"}, about=GOING)), "Stalled"),
    ],
)
def test_a_tenant_that_is_not_says_who_has_to_act(found: TenantStatus, expected: str) -> None:
    assert condition(found, expected).reason == condition(found, "Ready").reason


def test_spaces_are_counted() -> None:
    found = judged(whole(spaces=(a_space("a"), a_space("b", ready=False), a_space("c", declared=False))))
    assert found.spaces is not None
    assert (found.spaces.ready, found.spaces.total) == (2, 3)


def test_a_space_that_is_not_declared_keeps_no_tenant_from_being_ready() -> None:
    found = judged(
        whole({"spaces": {"declared": ["a"]}}, spaces=(a_space("a"), a_space("b", ready=False, declared=False)))
    )
    assert condition(found, "Ready").status == "True"


def test_a_declared_space_that_is_not_ready_brings_its_own_message() -> None:
    found = judged(whole({"spaces": {"declared": ["a", "b"]}}, spaces=(a_space("a", ready=False),)))
    assert condition(found, "Ready").message == "2 of 2 declared spaces are not ready, first a: too long"


def test_the_limit_comes_before_the_refusal_that_it_causes() -> None:
    found = whole({"spaces": {"declared": ["a", "b"], "limit": 1}})
    status = judged(found, None, Done(Ref("v1", "Space", "home-red", "b"), "denied", "quota: exceeded"))
    assert condition(status, "Ready").reason == "SpacesOverLimit"


def test_the_home_is_told_only_where_it_is_ours() -> None:
    assert judged(whole()).home == "home-red"
    assert judged(whole(home=None)).home == ""
    assert judged(whole(home=namespace("home-red"))).home == ""
    assert judged(whole(home=namespace("home-red", annotations={ADOPT: "red/"}))).home == "home-red"


def test_several_members_are_the_first_and_how_many_more() -> None:
    who = [{"role": "admin", "user": "eve"}, {"role": "root", "group": "g"}, {"role": "root", "group": "h"}]
    message = condition(judged(whole({"members": who})), "Ready").message
    assert message.startswith("user eve and 2 more: role not allowed by the installation, which allows owner, editor")


def test_a_tenant_that_goes_says_what_is_left() -> None:
    status = judged(whole(about=GOING, spaces=(a_space("a"),), bindings=3))
    assert condition(status, "Ready").message == "1 spaces, 3 role bindings are left"


def test_rules_that_are_not_enforced_are_named() -> None:
    message = condition(judged(whole({"nodes": {"dedicated": True}})), "PolicyEnforced").message
    assert message == "this version does not enforce: nodes.dedicated (without nodes.pool)"


def test_where_nothing_is_mutated_the_message_says_how_a_pod_names_its_pool() -> None:
    one = condition(judged(whole({"nodes": {"pool": "gold"}}, mutates=False)), "PolicyEnforced")
    assert "nodeSelector node-restriction.kubernetes.io/cotenant-pool: gold" in one.message
    assert "runtimeClassName cotenant-pool-gold" in one.message


def test_rules_that_refuse_nothing_are_named() -> None:
    spec = {"enforcement": "observe", "rules": {"COTENANT-POD-8": "warn", "COTENANT-POD-1": "enforce"}}
    message = condition(judged(whole(spec)), "PolicyEnforced").message
    assert message == "enforcement: observe, COTENANT-POD-8: warn; what would be refused: cotenant policies check red"


def test_a_policy_that_was_taken_away_is_worse_than_a_rule_that_is_not_built() -> None:
    one = condition(judged(whole({"enforcement": "warn"}, lapse="policy cotenant-pods was changed")), "PolicyEnforced")
    assert one.message == "policy cotenant-pods was changed: what it forbids is not refused; run cotenant install"


def test_conditions_keep_their_times_from_one_look_to_the_next() -> None:
    before = "2025-12-31T00:00:00Z"
    said = {
        "conditions": [
            READY | {"lastTransitionTime": before},
            WAITS | {"type": "QuotaSynced", "lastTransitionTime": before},
        ]
    }
    found = judged(tenant_snapshot(tenant(members=MEMBERS, status=said), home=home()))
    assert condition(found, "Ready").last_transition_time == before
    assert condition(found, "QuotaSynced").last_transition_time == MOMENT  # False until now
    assert condition(found, "Verified").last_transition_time == MOMENT  # was not there


def test_a_role_of_the_platform_is_looked_for_by_its_cluster_role() -> None:
    platform = Platform(roles=("owner", "developer"))
    who = {"members": [{"role": "developer", "user": "ann"}]}
    assert condition(judged(whole(who, platform=platform)), "Ready").reason == "Ready"
    missing = whole(who, platform=platform, roles=frozenset({"cotenant:owner", "developer"}))
    assert "ClusterRole cotenant:developer does not exist" in condition(judged(missing), "Ready").message


@pytest.mark.parametrize("label", ["blue", ""])
def test_a_home_of_somebody_else_is_never_named_as_theirs(label: str) -> None:
    taken = namespace("home-red", marks(label, None) if label else {})
    message = condition(judged(whole(home=taken)), "Ready").message
    assert "home-red" in message
    assert "blue" not in message
