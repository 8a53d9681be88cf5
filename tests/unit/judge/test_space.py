from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.space import SpaceStatus
from cotenant.judge.space import SpaceFacts, judge_space
from cotenant.model.finding import Done, Finding, Outcome, Ref
from cotenant.model.plan import Plan
from cotenant.model.snapshot import SpaceSnapshot
from unit.specimens import GONE, MOMENT, marks, namespace, quota, quota_of, seen, space, space_snapshot, tenant

REF = Ref("v1", "Namespace", "", "red-dev")
THERE = namespace("red-dev", marks())


def judged(found: SpaceSnapshot, plan: Plan | None = None, *done: Done, farewell: Finding | None = None) -> SpaceStatus:
    return judge_space(SpaceFacts(found, plan or Plan(), Outcome(done), farewell), MOMENT)


def whole(**more: Any) -> SpaceSnapshot:
    return space_snapshot(
        more.pop("one", None), more.pop("of", None), **({"namespace": THERE, "quota": quota_of(seen(), space())} | more)
    )


ANSWERS: list[tuple[str, str, str, SpaceStatus]] = [
    # reason, phase, what goes with it, status
    ("Ready", "Ready", "", judged(whole())),
    ("TenantNotFound", "Failed", "Stalled", judged(space_snapshot(view=None, tenant_exists=False))),
    ("ProfileNotFound", "Failed", "Stalled", judged(space_snapshot(view=None))),
    ("NameReserved", "Failed", "Stalled", judged(space_snapshot(space(namespace="kube-system")))),
    ("NamespaceTaken", "Failed", "Stalled", judged(space_snapshot(occupant=namespace("red-dev")))),
    ("NamespaceNotOffered", "Failed", "Stalled", judged(space_snapshot(space(namespace="legacy")))),
    ("NamespaceTerminating", "Pending", "Reconciling", judged(whole(namespace=namespace("red-dev", marks(), deletionTimestamp=GONE)))),
    ("ApplyFailed", "Pending", "Reconciling", judged(whole(), Plan(waiting="x"), Done(REF, "denied", "RBAC: no"))),
    ("Creating", "Pending", "Reconciling", judged(whole(), Plan(waiting="the ResourceQuota is not in force yet"))),
    ("WaitsForRelease", "Terminating", "Stalled", judged(whole(), farewell=Finding("WaitsForRelease", "m"))),
    ("DeletingNamespace", "Terminating", "Reconciling", judged(whole(), farewell=Finding("DeletingNamespace", "m"))),
    ("DeletionNotConfirmed", "Terminating", "Stalled", judged(whole(), farewell=Finding("DeletionNotConfirmed", "m"))),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "phase", "beside", "status"), ANSWERS, ids=[one[0] for one in ANSWERS])
def test_every_answer_has_its_reason_phase_and_companion(
    reason: str, phase: str, beside: str, status: SpaceStatus
) -> None:
    ready, quota, *others = status.conditions
    assert quota.type == "QuotaSynced"
    assert (ready.type, ready.reason, status.phase) == ("Ready", reason, phase)
    assert ready.status == ("True" if reason == "Ready" else "False")
    assert [one.type for one in others] == ([beside] if beside else [])
    assert all(one.observed_generation == status.observed_generation == 1 for one in status.conditions)


@pytest.mark.parametrize(
    ("reason", "answer", "found"),
    [
        ("Synced", "True", whole()),
        ("QuotaPending", "False", whole(quota=None)),
        ("QuotaPending", "False", whole(quota=quota("red-dev", spec={"pods": "5"}))),
        ("TenantNotFound", "Unknown", space_snapshot(view=None, tenant_exists=False)),
        ("ProfileNotFound", "Unknown", space_snapshot(view=None)),
    ],
)
def test_a_space_says_whether_its_quota_is_in_force(reason: str, answer: str, found: SpaceSnapshot) -> None:
    one = judged(found).conditions[1]
    assert (one.type, one.reason, one.status) == ("QuotaSynced", reason, answer)


def test_a_space_that_has_no_share_yet_says_so_and_one_that_is_open_does_not() -> None:
    without = whole(served=False)
    assert judged(without, Plan(waiting="its share")).conditions[1].reason == "QuotaPending"
    assert judged(without).conditions[1].reason == "Synced"


def test_a_space_whose_own_quota_refuses_plain_pods_says_so() -> None:
    own = space(quota={"max": {"limits.memory": "1Gi", "pods": 5}})
    bare, filled = tenant(), tenant(limits=[{"type": "Container", "default": {"memory": "64Mi"}}])
    found = judged(whole(one=own, of=bare)).conditions[1]
    assert (found.status, found.reason) == ("False", "QuotaWithoutDefaults")
    assert "pods that do not say limits.memory are refused" in found.message
    assert judged(whole(one=own, of=filled)).conditions[1].reason == "Synced"
    theirs = tenant(quota={"hard": {"requests.cpu": "4"}})
    assert "requests.cpu" in judged(whole(of=theirs)).conditions[1].message


def test_a_failed_object_is_named_with_the_layer_that_refused() -> None:
    found = judged(whole(), None, Done(REF, "denied", "RBAC: no"), Done(REF, "failed", "later"))
    assert found.conditions[0].message == "Namespace red-dev: denied: RBAC: no"


def test_a_long_refusal_is_cut() -> None:
    assert len(judged(whole(), None, Done(REF, "denied", "x" * 40_000)).conditions[0].message) == 1000


def test_the_namespace_is_the_one_that_carries_the_labels_else_the_one_just_made() -> None:
    assert judged(whole()).namespace == "red-dev"
    assert judged(space_snapshot(), None, Done(REF, "created")).namespace == "red-dev"
    assert judged(space_snapshot(), None, Done(REF, "denied")).namespace == ""
    other = Ref("v1", "LimitRange", "red-dev", "cotenant")
    assert judged(space_snapshot(), None, Done(other, "created")).namespace == ""


def test_the_generation_judged_is_written_down() -> None:
    assert judged(whole(one=space(about={"generation": 7}))).observed_generation == 7


def test_a_space_that_goes_says_so_whatever_else_is_wrong() -> None:
    found = judged(space_snapshot(view=None, tenant_exists=False), farewell=Finding("WaitsForRelease", "m"))
    assert found.conditions[0].reason == "WaitsForRelease"


def test_a_space_that_uses_more_than_its_ceiling_says_so() -> None:
    hard = {"pods": "8", "services.loadbalancers": "0", "services.nodeports": "0"}
    of, one = tenant(quota={"hard": {"pods": 20}}), space(quota={"max": {"pods": 4}})
    found = judged(whole(one=one, of=of, quota=quota("red-dev", hard, hard))).conditions[1]
    assert (found.reason, found.status) == ("QuotaExceeded", "False")
    assert "uses pods 8, quota.max of space dev is 4" in found.message


def test_a_space_whose_own_floor_is_part_of_no_limit_says_so() -> None:
    hard = {"pods": "5", "services.loadbalancers": "0", "services.nodeports": "0"}
    of, one = tenant(quota={"hard": {"pods": 5}}), space(quota={"min": {"services": 5}})
    found = judged(whole(one=one, of=of, quota=quota("red-dev", hard, hard))).conditions[1]
    assert found.reason == "FloorWithoutLimit"
    assert found.message.startswith(
        "quota.min of space dev names services, which quota.hard of the tenant does not limit"
    )


def test_a_space_that_is_left_without_a_share_says_so_unless_it_goes() -> None:
    empty = quota("red-dev", {"pods": "0", "services.loadbalancers": "0", "services.nodeports": "0"})
    of = tenant(quota={"hard": {"pods": 5}})
    assert judged(whole(of=of, quota=empty)).conditions[1].reason == "NoShare"
    idle = {"pods": (("a", 2), ("b", 1), ("c", 1), ("d", 1)), "services": (("e", 9),)}
    said = judged(whole(of=of, quota=empty, idle=idle)).conditions[1].message
    assert said.startswith("the tenant has no pods left for this space; not in use elsewhere: a 2, b 1, c 1 and 1 more")
    assert "quota.min of this Space brings some of it here" in said and "services" not in said
    going = space(about={"deletionTimestamp": GONE})
    assert judged(whole(one=going, of=of, quota=empty)).conditions[1].reason == "Synced"
