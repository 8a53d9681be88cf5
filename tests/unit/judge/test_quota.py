from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.builtin import ResourceQuota
from cotenant.judge.quota import SYNCED, without_defaults
from cotenant.model.finding import Finding
from cotenant.model.snapshot import TenantSnapshot
from unit.specimens import GONE, marks, namespace, quota, quota_of, seen, space, tenant, tenant_snapshot

PODS = {"quota": {"hard": {"pods": 5}}}
THERE = namespace("red-dev", marks())


def found(spec: dict[str, Any], *quotas: ResourceQuota, **more: Any) -> TenantSnapshot:
    """A tenant with one space; its quota as the rules say unless given."""
    one = tenant(**spec)
    known: dict[str, Any] = {"spaces": (space(),), "namespaces": (THERE,)}
    return tenant_snapshot(one, **(known | {"quotas": quotas or (quota_of(seen(one), space()),)} | more))


def judged(spec: dict[str, Any], *quotas: ResourceQuota, **more: Any) -> Finding:
    return SYNCED.judge(found(spec, *quotas, **more))


def right(**more: str) -> dict[str, str]:
    return {"pods": "5", "services.loadbalancers": "0", "services.nodeports": "0"} | more


ONE = {"spaces": {"limit": 1}}
CPU = {"quota": {"hard": {"limits.cpu": "4"}}, **ONE}
DEFAULTS = [{"type": "Container", "default": {"cpu": "1"}}]
ANSWERS: list[tuple[str, str, Finding]] = [
    ("ProfileNotFound", "Unknown", judged({"profile": "gold"}, quota(), view=None)),
    ("NoQuota", "True", judged({})),
    ("AccountingNotAvailable", "False", judged({"quota": {"hard": {"pods": 5}, "accounting": "strict"}})),
    ("QuotaPending", "False", judged(PODS, quota("red-other", right()))),
    ("QuotaPending", "False", judged(PODS, quota("red-dev", right(pods="4")))),
    ("QuotaPending", "False", judged(PODS, quota("red-dev", right(pods="4"), spec=right()))),
    ("QuotaExceeded", "False", judged(PODS, quota("red-dev", right(), right(pods="6")))),
    ("QuotaWithoutDefaults", "False", judged(CPU)),
    ("PerSpaceOnly", "Unknown", judged(PODS)),
    ("Synced", "True", judged(PODS | ONE)),
    ("Synced", "True", judged(CPU | {"limits": DEFAULTS})),
    ("Synced", "True", judged({"quota": {"space": {"max": {"pods": 5}}}})),
]


@pytest.mark.parametrize(
    ("reason", "status", "answer"), ANSWERS, ids=[f"{one[0]}-{n}" for n, one in enumerate(ANSWERS)]
)
def test_every_check_answers(reason: str, status: str, answer: Finding) -> None:
    assert (answer.reason, answer.status) == (reason, status)


def test_a_space_that_goes_or_is_not_known_keeps_no_quota_pending() -> None:
    going = space(about={"deletionTimestamp": GONE})
    assert judged(PODS | ONE, quota("red-x", {}), spaces=(going,)).reason == "Synced"
    assert judged(PODS | ONE, quota("red-x", {}), spaces=()).reason == "Synced"


def test_a_quota_at_its_limit_is_not_exceeded() -> None:
    assert judged(PODS | ONE, quota("red-dev", right(), right(pods="5"))).reason == "Synced"


def test_a_quota_that_is_exceeded_is_named_with_its_numbers() -> None:
    found = judged(PODS | ONE, quota("red-dev", right(), right(pods="7")))
    assert found.message == "namespace red-dev uses pods 7, 5 allowed; nothing is evicted"


def test_the_sum_over_spaces_is_honestly_not_limited() -> None:
    assert "the sum over all spaces is not limited yet" in judged(PODS).message
    assert judged(PODS | {"spaces": {"limit": 2}}).reason == "PerSpaceOnly"


def test_a_second_space_that_exists_although_one_is_allowed_is_summed_with_the_first_by_nobody() -> None:
    two = (space(), space("more"))
    assert judged(PODS | ONE, spaces=two).reason == "PerSpaceOnly"
    assert judged(PODS | ONE, spaces=two[:1]).reason == "Synced"


@pytest.mark.parametrize(
    ("key", "limits", "missing"),
    [
        ("limits.cpu", [], True),
        ("limits.cpu", [{"type": "Container", "default": {"cpu": "1"}}], False),
        ("limits.cpu", [{"type": "Container", "defaultRequest": {"cpu": "1"}}], True),
        ("limits.cpu", [{"type": "Container", "max": {"cpu": "1"}}], False),  # the API server makes it the default
        ("limits.cpu", [{"type": "Pod", "max": {"cpu": "1"}}], True),
        ("requests.cpu", [{"type": "Container", "default": {"cpu": "1"}}], False),
        ("requests.cpu", [{"type": "Container", "min": {"cpu": "1"}}], False),
        ("cpu", [{"type": "Container", "defaultRequest": {"cpu": "1"}}], False),
        ("memory", [{"type": "Container", "default": {"cpu": "1"}}], True),
        ("requests.memory", [], True),
        ("limits.memory", [], True),
        ("pods", [], False),
        ("count/configmaps", [], False),
        ("requests.storage", [], False),
    ],
)
def test_a_key_that_plain_pods_must_fill_needs_a_default(key: str, limits: list[Any], missing: bool) -> None:
    for quota_ in ({"hard": {key: "4"}}, {"space": {"max": {key: "4"}}}):
        rules = seen(tenant(quota=quota_, limits=limits)).rules
        assert without_defaults(rules, rules.hard | rules.space_max) == ([key] if missing else [])
