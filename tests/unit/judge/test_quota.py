from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.api.builtin import ResourceQuota
from cotenant.api.ledger import TenantLedger
from cotenant.judge.quota import SYNCED, beside, without_defaults
from cotenant.model.escrow.units import limit_of
from cotenant.model.finding import Finding
from cotenant.model.platform import Platform
from cotenant.model.snapshot import TenantSnapshot
from unit.specimens import GONE, marks, metadata, namespace, quota, quota_of, seen, space, tenant, tenant_snapshot

PODS = {"quota": {"hard": {"pods": 5}}}
SOURCE = "uid-red.1"
NATIVE = Platform(strict_accounting=False)
THERE = namespace("red-dev", marks())


def found(spec: dict[str, Any], *quotas: ResourceQuota, **more: Any) -> TenantSnapshot:
    """A tenant with one space; its quota as the rules say unless given."""
    one = tenant(**spec)
    known: dict[str, Any] = {"spaces": (space(),), "namespaces": (THERE,), "source": SOURCE}
    known["ledgers"] = {
        key: ledger(key, amount) for key, amount in ((one.spec.quota and one.spec.quota.hard) or {}).items()
    }
    return tenant_snapshot(one, **(known | {"quotas": quotas or (quota_of(seen(one), space()),)} | more))


def judged(spec: dict[str, Any], *quotas: ResourceQuota, **more: Any) -> Finding:
    return SYNCED.judge(found(spec, *quotas, **more))


def ledger(key: str, limit: str | int, source: str = SOURCE, **more: Any) -> TenantLedger:
    """One that gave all there is to the space dev."""
    amount = limit_of(key, limit)
    spec = {"resource": key, "limit": amount, "source": source, "entries": [{"space": "red-dev", "allocation": amount}]}
    return msgspec.convert({"metadata": metadata(key, namespace="home-red"), "spec": spec | more}, TenantLedger)


def right(**more: str) -> dict[str, str]:
    return {"pods": "5", "services.loadbalancers": "0", "services.nodeports": "0"} | more


ONE = {"spaces": {"limit": 1}}
WIDE = {"quota": {"hard": {"pods": 20}}}
"""The tenant may have more than the space."""
CPU = {"quota": {"hard": {"limits.cpu": "4"}}, **ONE}
DEFAULTS = [{"type": "Container", "default": {"cpu": "1"}}]
FULL = ledger("pods", 5, entries=[{"space": f"red-{n}", "allocation": 0} for n in range(500)])
ANSWERS: list[tuple[str, str, Finding]] = [
    ("ProfileNotFound", "Unknown", judged({"profile": "gold"}, quota(), view=None)),
    ("NoQuota", "True", judged({})),
    (
        "AccountingNotAvailable",
        "False",
        judged({"quota": {"hard": {"pods": 5}, "accounting": "strict"}}, platform=NATIVE),
    ),
    ("Synced", "True", judged(PODS, platform=NATIVE)),
    ("QuotaPending", "False", judged(PODS, quota("red-other", right()))),
    ("QuotaPending", "False", judged(PODS, quota("red-dev", right(pods="0")))),
    ("QuotaPending", "False", judged(PODS, quota("red-dev", right(pods="0"), spec=right()))),
    ("QuotaPending", "False", judged(PODS, quota("red-dev", right(), spec=right(secrets="1")))),
    ("QuotaPending", "False", judged(PODS, quota("red-dev", right() | {"services.nodeports": "7"}))),
    ("QuotaPending", "False", judged(PODS, ledgers={})),
    ("QuotaPending", "False", judged(PODS, ledgers={"pods": ledger("pods", 5, entries=[])})),
    ("QuotaPending", "False", judged(PODS, ledgers={"pods": ledger("pods", 5, rebuilding=True)})),
    ("QuotaPending", "False", judged(PODS, ledgers={"pods": ledger("pods", 4)})),
    ("QuotaPending", "False", judged(PODS, ledgers={"pods": ledger("pods", 5, source="uid-red.0")})),
    ("Converging", "False", judged(PODS, ledgers={"pods": ledger("pods", 6)})),
    ("QuotaNotStrict", "False", judged(PODS, fenced=False)),
    (
        "FloorsExceedLimit",
        "False",
        judged({"quota": PODS["quota"] | {"space": {"min": {"pods": 3}}}}, spaces=(space(), space("b"))),
    ),
    ("LedgerFull", "False", judged(PODS, *(quota(f"red-{n}", right()) for n in range(501)), ledgers={"pods": FULL})),
    # The others are being deleted, and their quotas are gone before their namespaces.
    ("LedgerFull", "False", judged(PODS, quota("red-late", right()), ledgers={"pods": FULL})),
    (
        "FloorAboveCeiling",
        "False",
        judged(
            {"quota": PODS["quota"] | {"space": {"min": {"pods": 3}, "max": {"pods": 2}}}},
            quota("red-dev", right(pods="2")),
        ),
    ),
    (
        "FloorWithoutLimit",
        "False",
        judged({"quota": PODS["quota"] | {"space": {"min": {"services": 5}}}, "spaces": {"limit": 1}}),
    ),
    ("FloorWithoutLimit", "False", judged(PODS, spaces=(space(quota={"min": {"services": 5}}),))),
    ("FloorWithoutLimit", "False", judged({"quota": {"space": {"min": {"pods": 5}}}})),
    ("ForeignQuota", "False", judged(PODS, foreign=(quota("red-dev"),))),
    ("KeyNotCounted", "False", judged(PODS, quota("red-dev", right(), {"services.nodeports": "0"}))),
    ("QuotaExceeded", "False", judged(WIDE, quota("red-dev", right(), right(pods="6")))),
    # Limited when more was in use already: that is in no ledger.
    ("Converging", "False", judged(PODS, quota("red-dev", right(pods="0"), right(pods="6")))),
    ("QuotaWithoutDefaults", "False", judged(CPU)),
    ("Synced", "True", judged(PODS)),
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
    found = judged(WIDE | ONE, quota("red-dev", right(), right(pods="7")))
    assert found.message == "namespace red-dev uses pods 7, 5 allowed; nothing is evicted"


CEILINGS = [
    ({"quota": {"max": {"pods": 4}}}, {}, "quota.max of space dev"),
    ({}, {"pods": 4}, "quota.space.max of the tenant"),
    ({"quota": {"max": {"pods": 4}}}, {"pods": 6}, "quota.max of space dev"),
    ({"quota": {"max": {"pods": 6}}}, {"pods": 4}, "quota.space.max of the tenant"),
]


@pytest.mark.parametrize(("own", "each", "whose"), CEILINGS)
def test_a_ceiling_below_use_is_named_although_the_quota_is_not_lowered_below_it(
    own: dict[str, Any], each: dict[str, Any], whose: str
) -> None:
    spec = {"quota": {"hard": {"pods": 20}, "space": {"max": each}}, **ONE}

    def said(used: str) -> Finding:
        return judged(spec, quota("red-dev", right(pods=used), right(pods=used)), spaces=(space(**own),))

    found = said("8")
    assert (found.reason, found.status) == ("QuotaExceeded", "False")
    assert found.message == (
        f"namespace red-dev uses pods 8, {whose} is 4; nothing is evicted: delete 4 there, or raise {whose}"
    )
    assert said("4").reason == "Synced"


TWO = (namespace("red-a", marks("red", "a")), namespace("red-b", marks("red", "b")))


def shared(a: tuple[str, str], b: tuple[str, str], floor: int, limit: int = 10) -> Finding:
    """Two spaces; of each what it uses and what it holds."""
    spec = {"quota": {"hard": {"pods": limit}, "space": {"min": {"pods": floor}}}}
    quotas = [quota(f"red-{name}", right(pods=holds), right(pods=used)) for name, (used, holds) in (("a", a), ("b", b))]
    entries = [{"space": f"red-{name}", "allocation": int(holds)} for name, (_, holds) in (("a", a), ("b", b))]
    ledgers = {"pods": ledger("pods", limit, entries=entries)}
    return judged(spec, *quotas, spaces=(space("a"), space("b")), namespaces=TWO, ledgers=ledgers)


@pytest.mark.parametrize("holds", ["0", "1"])
def test_a_floor_that_others_use_is_named_with_who_uses_it(holds: str) -> None:
    used = str(10 - int(holds))
    found = shared((used, used), ("0", holds), 4)
    assert (found.reason, found.status) == ("FloorNotMet", "False")
    assert found.message == (
        f"namespace red-b holds pods {holds} of its min 4: namespace red-a uses {int(used) - 4} more than its own min, "
        "and the tenant has 10; delete something there, or raise quota.hard"
    )


def test_a_floor_that_can_be_given_is_not_named() -> None:
    assert shared(("6", "6"), ("0", "4"), 4).reason == "Synced"
    # On its way: nobody uses it.
    assert shared(("6", "9"), ("0", "1"), 4).reason == "Synced"
    # More than there is: that is said, and once.
    more = shared(("9", "9"), ("0", "1"), 6)
    assert (more.reason, "FloorNotMet" in more.message) == ("FloorsExceedLimit", False)


def test_what_lasts_is_named_beside_what_comes_first() -> None:
    unknown = {key: value for key, value in right(pods="6").items() if key != "services.nodeports"}
    both = judged(WIDE, quota("red-dev", right(), unknown))
    assert (both.reason, both.status) == ("QuotaExceeded", "False")
    assert both.message.startswith("namespace red-dev uses pods 6, 5 allowed; nothing is evicted; also KeyNotCounted: ")
    assert both.message.count("QuotaExceeded") == 0

    lowered = judged(PODS, quota("red-dev", right(), unknown), ledgers={"pods": ledger("pods", 6)})
    assert lowered.reason == "Converging"
    # Each space's limit is below what it uses then: that says nothing new.
    assert "; also QuotaExceeded: " not in lowered.message
    assert "; also KeyNotCounted: " in lowered.message


def test_what_is_in_order_or_not_known_names_nothing_else() -> None:
    odd = quota("red-dev", right(), {"pods": "9"})
    assert judged({"profile": "gold"}, odd, view=None).message == "the rules are not known"
    assert judged({}, odd).message == "spec.quota.hard is empty"
    assert judged(PODS, odd, ledgers={}).message == "the ledger of pods is being made"


def test_a_space_that_holds_less_than_the_tenant_may_is_in_order() -> None:
    part = ledger("pods", 5, entries=[{"space": "red-dev", "allocation": 2}])
    assert judged(PODS, quota("red-dev", right(pods="2")), ledgers={"pods": part}).reason == "Synced"


def test_a_space_that_was_left_nothing_is_in_order_too() -> None:
    part = ledger("pods", 5, entries=[{"space": "red-dev", "allocation": 0}])
    assert judged(PODS, quota("red-dev", right(pods="0")), ledgers={"pods": part}).reason == "Synced"


def test_what_converges_is_told_with_its_numbers() -> None:
    spec = {"quota": {"hard": {"requests.memory": "4Gi"}}}
    keys = {"requests.memory": "6Gi", "services.loadbalancers": "0", "services.nodeports": "0"}
    found = judged(spec, quota("red-dev", keys, keys), ledgers={"requests.memory": ledger("requests.memory", "6Gi")})
    assert found.message.startswith("requests.memory: 6Gi used, limit 4Gi; nothing is evicted")


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


@pytest.mark.parametrize(("count", "length"), [(1, 20), (1, 128), (2, 128), (60, 40)])
def test_keys_that_kubernetes_alone_counts_are_named_in_less_than_300_characters(count: int, length: int) -> None:
    keys = [f"count/{number:02}".ljust(length, "x") for number in range(count)]
    said = beside(found({"quota": {"hard": dict.fromkeys(keys, 1)}}))
    assert said and said.status == "True"
    assert len(said.message) < 300
    named = sum(key in said.message for key in keys)
    assert named
    assert said.message.endswith(keys[-1] if named == count else f", {count - named} more")


def test_who_limits_nothing_that_kubernetes_alone_counts_hears_nothing_of_it() -> None:
    assert beside(found({"quota": {"hard": {"pods": 5, "requests.cpu": "1", "count/jobs.batch": 3}}})) is None
