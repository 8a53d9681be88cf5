from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from cotenant.api.builtin import ResourceQuota
from cotenant.api.limits import LimitItem
from cotenant.api.workload import ClaimTemplate, PodSpec
from cotenant.judge.pod import Explanation, explain
from cotenant.model.accounts import Accounts
from cotenant.model.case import Case, Refusal
from cotenant.model.rollout import rollout
from unit.judge.books import NOW, books, quota
from unit.specimens import metadata

ROOMY = books({"a": (4, 10, 10), "b": (0, 5, 5)})
TIGHT = books({"a": (4, 4, 4), "b": (16, 16, 16)})
DEFAULTS = msgspec.convert([{"type": "Container", "default": {"cpu": "1"}}], list[LimitItem])


def case(accounts: Accounts = ROOMY, *, wants: int = 4, has: int = 4, kind: str = "Deployment", **more: Any) -> Case:
    """The Deployment web in space a, one container without resources."""
    spec = msgspec.convert({"containers": [{}]}, PodSpec)
    own = accounts.quotas["red-a"]
    known: dict[str, Any] = {"spec": spec, "quota": own} | more
    return Case(kind=kind, name="web", namespace="red-a", wants=wants, has=has, accounts=accounts, **known)


def asked(**more: Any) -> Explanation:
    return explain(case(**more))


def rolling(accounts: Accounts, **given: Any) -> str:
    return explain(case(accounts, rollout=rollout({"rollingUpdate": given}, 4))).rolling


def test_a_deployment_that_has_all_its_pods_is_in_order() -> None:
    found = asked()
    assert (found.verdict, found.summary, found.blocked) == ("complete", "Deployment web wants 4 pods, has 4", False)
    assert not found.reasons and not found.advice


def test_what_is_short_is_told_with_whom_to_ask_for_how_much() -> None:
    found = asked(accounts=TIGHT, wants=6)
    assert found.verdict == "short" and found.blocked
    assert found.reasons == ("pods: the tenant uses 20 of 20: b 16, a 4",)
    assert found.advice == (
        "delete what is not needed: cotenant top red",
        "ask an administrator for spec.quota.hard pods: 22 or more",
    )


def test_a_ceiling_in_a_tenant_that_is_full_is_not_all_there_is_to_raise() -> None:
    full = books({"a": (8, 8, 8), "b": (12, 12, 12)}, own={"a": {"max": {"pods": 8}}})
    found = asked(accounts=full, wants=3, has=1)
    assert found.rooms[0].verdict == "ceiling"
    assert found.reasons == ("pods: this space may have 8 at most and uses 8; the tenant uses 20 of 20: b 12, a 8",)
    assert found.advice == (
        "raise spec.quota.max of the space to pods 10: kubectl edit cosp a -n home-red",
        "delete what is not needed: cotenant top red",
        "ask an administrator for spec.quota.hard pods: 22 or more",
    )
    roomy = books({"a": (8, 8, 8)}, own={"a": {"max": {"pods": 8}}})
    assert len(asked(accounts=roomy, wants=3, has=1).advice) == 1


def test_who_uses_nothing_is_not_told_to_delete() -> None:
    found = asked(accounts=books({"a": (0, 5, 5)}, limit=5), wants=6, has=0)
    assert found.reasons == ("pods: the tenant uses 0 of 5",)
    assert found.advice == ("ask an administrator for spec.quota.hard pods: 6 or more",)
    # Nor where all that is used, deleted, would be too little.
    more = asked(accounts=books({"a": (2, 5, 5)}, limit=5), wants=6, has=0)
    assert more.advice == ("ask an administrator for spec.quota.hard pods: 8 or more",)


@pytest.mark.parametrize(
    ("by", "kind"), [("rs/web-7d4", "ReplicaSet"), ("rc/web", "ReplicationController"), ("ds/web", "DaemonSet")]
)
def test_what_fits_now_is_tried_again_at_once_with_a_command(by: str, kind: str) -> None:
    refusal = Refusal('pods "web-1" is forbidden: exceeded quota: cotenant, …', by=by)
    found = asked(wants=6, refusal=refusal)
    assert found.verdict == "fits"
    assert f"the {kind} tries again by itself" in found.advice[0]
    assert f"kubectl annotate {by} -n red-a --overwrite tried=" in found.advice[0]


def test_what_has_to_be_moved_first_is_not_said_to_fit_now() -> None:
    full = {"a": (10, 10, 10), "b": (0, 5, 5)}
    found = asked(accounts=books(full), wants=1, has=0, kind="StatefulSet")
    assert (found.verdict, found.rooms[0].verdict) == ("fits", "moves")
    assert found.advice[0] == "cotenant moves what is missing here, within a second: the workload tries again by itself"
    here = asked(accounts=books({"a": (9, 10, 10)}), wants=1, has=0, kind="StatefulSet")
    assert here.advice[0] == "it fits now: the workload tries again by itself"


def test_without_an_operator_nothing_is_said_to_move() -> None:
    full = {"a": (10, 10, 10), "b": (0, 5, 5)}
    dead = asked(accounts=books(full, renewed=NOW - timedelta(seconds=300)), wants=1, has=0)
    assert (dead.verdict, dead.blocked, dead.rooms[0].verdict) == ("short", True, "waits")
    assert dead.reasons == ("pods: the tenant has it elsewhere, and no operator has moved anything for 300 s",)
    assert dead.advice == ("nothing is moved until an operator is back; an administrator runs: cotenant doctor",)
    # What the space has already is admitted without one.
    assert asked(accounts=books({"a": (9, 10, 10)}, renewed=NOW - timedelta(seconds=300)), has=3).verdict == "fits"
    assert asked(accounts=books(full, renewed=NOW), wants=1, has=0).verdict == "fits"


def test_a_pod_made_by_hand_is_not_told_to_wait_for_quota() -> None:
    full = books({"a": (10, 10, 10), "b": (0, 5, 5)})
    found = asked(accounts=full, wants=1, has=0, kind="Pod", exists=False)
    assert (found.verdict, found.rooms[0].verdict) == ("fits", "moves")
    assert found.advice[0].startswith("no quota is brought to a pod made by hand without the assist")
    assert "the workload tries again by itself" in asked(accounts=full, wants=1, has=0, kind="StatefulSet").advice[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            'pods "x" is forbidden: violates PodSecurity "restricted:latest": …',
            "Pod Security refuses it, not the quota",
        ),
        (
            'pods "x" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
            "the LimitRange of the namespace",
        ),
        ('admission webhook "a.b" denied the request: no', "a webhook refuses it"),
        (
            "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'p' denied request: no",
            "an admission policy",
        ),
    ],
)
def test_another_layer_that_refused_is_named(text: str, words: str) -> None:
    found = asked(wants=6, refusal=Refusal(text))
    assert found.verdict == "refused" and found.reasons[0].startswith(words)
    # Once the pods are there it does not matter any more.
    assert asked(refusal=Refusal(text)).verdict == "complete"


def test_a_container_that_says_nothing_under_a_compute_quota_is_refused_whatever_is_left() -> None:
    accounts = books({"a": (0, 4000, 4000)}, key="limits.cpu", limit=4000)
    found = asked(accounts=accounts, has=0)
    assert found.verdict == "unspecified" and "limits.cpu" in found.reasons[-1]
    assert asked(accounts=accounts, has=0, limits=tuple(DEFAULTS)).verdict != "unspecified"
    whole = msgspec.convert({"containers": [{}], "resources": {"limits": {"cpu": "1"}}}, PodSpec)
    assert asked(accounts=accounts, has=0, spec=whole).verdict != "unspecified"


def test_a_quota_of_somebody_else_is_named_with_the_command_that_removes_it() -> None:
    wire = {
        "metadata": metadata("theirs", namespace="red-a"),
        "spec": {"hard": {"pods": "4"}},
        "status": {"used": {"pods": "4"}},
    }
    foreign = msgspec.convert(wire, ResourceQuota)
    found = asked(wants=6, foreign=(foreign,))
    (reason,) = found.reasons
    assert reason.startswith(
        "pods: ResourceQuota theirs, which is not cotenant's, admits 4, 4 used; an administrator: "
    )
    assert reason.endswith("kubectl delete resourcequota theirs -n red-a")
    assert found.blocked


def test_a_pod_that_exists_was_admitted() -> None:
    found = explain(case(kind="Pod", wants=1, has=1, phase="Pending"))
    assert (found.verdict, found.blocked) == ("admitted", False)
    assert "kubectl describe pod web -n red-a" in found.advice[0]
    assert [(one.key, one.asked) for one in found.rooms] == [("pods", 1)]


def test_pods_that_are_missing_and_an_update_that_stands_still_ask_for_more_once() -> None:
    plan = rollout({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, 6)
    found = asked(accounts=TIGHT, wants=6, rollout=plan)
    assert found.stuck
    assert [one for one in found.advice if "spec.quota.hard" in one] == [
        "ask an administrator for spec.quota.hard pods: 23 or more"
    ]
    assert found.advice[0] == "delete what is not needed: cotenant top red"
    assert len(found.advice) == 3

    calm = asked(accounts=TIGHT, wants=6, rollout=rollout({"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 1}}, 6))
    assert "ask an administrator for spec.quota.hard pods: 22 or more" in calm.advice


def test_a_rolling_update_is_held_against_what_can_be_had() -> None:
    assert rolling(ROOMY) == "a rolling update needs 1 pod more for a while (maxSurge): it fits"
    slow = rolling(TIGHT)
    assert "is short of pods; it goes on all the same, ending 1 pod at a time first" in slow
    assert "it stands still, for maxUnavailable is 0" in rolling(TIGHT, maxUnavailable=0)
    one_left = books({"a": (4, 5, 5), "b": (15, 15, 15)})
    assert "it goes on with fewer at a time" in rolling(one_left, maxUnavailable=0, maxSurge=3)
    assert "it needs nothing more" in rolling(TIGHT, maxSurge=0)
    assert "strategy Recreate" in explain(case(TIGHT, rollout=rollout({"type": "Recreate"}, 4))).rolling


def test_surge_pods_that_are_there_already_are_not_asked_for_twice() -> None:
    found = explain(case(TIGHT, wants=5, has=5, rollout=rollout({}, 4)))
    assert [one.asked for one in found.surge] == [0]


def test_a_manifest_is_judged_as_if_nothing_of_it_were_there() -> None:
    found = asked(exists=False, has=0, wants=3)
    assert (found.verdict, found.summary) == ("fits", "Deployment web would want 3 pods")


def test_a_namespace_without_a_quota_limits_nothing() -> None:
    assert asked(quota=None, wants=9).rooms == ()


def test_keys_that_are_not_shared_are_looked_at_too() -> None:
    own = quota("a", "count/pods", 4, 4)
    assert [one.verdict for one in asked(wants=5, quota=own).rooms] == ["ceiling"]


def test_an_update_that_would_stand_still_is_in_the_way_and_helped_by_a_command() -> None:
    found = explain(case(TIGHT, rollout=rollout({"rollingUpdate": {"maxUnavailable": 0}}, 4)))
    assert (found.verdict, found.stuck, found.blocked) == ("complete", True, True)
    assert "ask an administrator for spec.quota.hard pods: 21 or more" in found.advice
    change = '{"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1}}}}'
    assert found.advice[-1].endswith(f"kubectl patch deployment web -n red-a -p '{change}'")
    assert not explain(case(TIGHT, rollout=rollout({}, 4))).blocked


def test_what_the_tenant_has_left_is_told_with_where_it_is() -> None:
    accounts = books({"a": (4, 5, 5), "b": (8, 10, 10), "c": (0, 3, 3)}, own={"c": {"min": {"pods": "3"}}})
    (one,) = asked(accounts=accounts, wants=20).rooms
    assert (one.verdict, one.left, one.allocated) == ("limit", 8, 5)
    assert one.where == "8 of 20 left: here 1, pool 2, c 3, b 2"
    (full,) = asked(accounts=TIGHT, wants=6).rooms
    assert full.where == ""


def test_claims_of_a_statefulset_are_asked_for_unless_they_are_there() -> None:
    claims = msgspec.convert([{"spec": {"resources": {"requests": {"storage": "5"}}}}], list[ClaimTemplate])
    accounts = books({"a": (4, 10, 10)}, key="requests.storage")
    known: dict[str, Any] = {"accounts": accounts, "kind": "StatefulSet", "claims": tuple(claims), "wants": 6}
    assert [(one.key, one.asked) for one in asked(**known).rooms] == [("requests.storage", 10)]
    assert [(one.key, one.asked) for one in asked(**known, kept=1).rooms] == [("requests.storage", 5)]


def test_a_cronjob_and_a_daemonset_are_asked_about_in_their_own_words() -> None:
    assert asked(kind="CronJob", wants=2, has=0).summary == "CronJob web wants 2 pods with its next run, has 0"
    assert "1 pod on each node" in asked(kind="DaemonSet", wants=1, has=0, exists=False).summary
    by_hand = rollout({"type": "OnDelete"}, 4, "StatefulSet")
    assert "(OnDelete)" in explain(case(TIGHT, kind="StatefulSet", rollout=by_hand)).rolling
