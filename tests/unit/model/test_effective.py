from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.api.profile import ProfileSpec
from cotenant.api.tenant import TenantSpec
from cotenant.model.effective import Effective, effective


def rules(spec: dict[str, Any], profile: dict[str, Any] | None = None) -> Effective:
    below = msgspec.convert(profile, ProfileSpec) if profile is not None else None
    return effective(msgspec.convert(spec, TenantSpec), below)


def test_the_built_in_values_are_those_that_the_api_promises() -> None:
    found = rules({})
    assert (found.isolation, found.internet, found.security) == ("tenant", True, "restricted")
    assert (found.naming, found.limit, found.create, found.declared) == ("{tenant}-{space}", 10, ["owner"], [])
    assert (found.services.types, found.pods.allow_exec, found.accounting) == (["ClusterIP"], True, "strict")
    assert (found.enforcement, found.deletion_policy, found.cordoned) == ("enforce", "Orphan", False)
    assert (found.hard, found.space_min, found.space_max, found.limits) == ({}, {}, {}, [])
    assert (found.callers, found.callees) == ([], [])
    assert found.ingress.hosts == found.service_accounts.iam_roles == []  # none
    unrestricted = (found.pods.registries, found.pods.runtime_classes, found.ingress.classes, found.storage.classes)
    assert unrestricted == (None, None, None, None)
    assert (found.nodes.pool, found.pods.priority_classes) == (None, None)


LEAVES: list[tuple[str, str, Any, Any, Any]] = [
    # attribute of Effective, path, tenant's leaf, profile's leaf, built in
    ("limit", "spaces.limit", 3, 7, 10),
    ("limit", "spaces.limit", 0, 7, 10),
    ("naming", "spaces.naming", "t-{space}", "p-{space}", "{tenant}-{space}"),
    ("create", "spaces.create", [], ["editor"], ["owner"]),
    ("hard", "quota.hard", {"pods": 1}, {"pods": 2, "cpu": "1"}, {}),
    ("hard", "quota.hard", {}, {"pods": 2}, {}),
    ("space_max", "quota.space.max", {"pods": 1}, {"cpu": "1"}, {}),
    ("space_min", "quota.space.min", {"pods": 1}, {"cpu": "1"}, {}),
    ("accounting", "quota.accounting", "native", "strict", "strict"),
    ("accounting", "quota.accounting", "strict", "native", "strict"),
    ("isolation", "network.isolation", "none", "space", "tenant"),
    ("internet", "network.internet", False, True, True),
    ("internet", "network.internet", True, False, True),
    ("security", "pods.security", "privileged", "baseline", "restricted"),
    ("enforcement", "enforcement", "warn", "observe", "enforce"),
    ("cordoned", "cordoned", False, True, False),
    ("deletion_policy", "deletionPolicy", "Orphan", "Delete", "Orphan"),
]


def at(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


@pytest.mark.parametrize(("attribute", "path", "mine", "below", "built_in"), LEAVES)
def test_a_leaf_is_the_tenants_else_the_profiles_else_built_in(
    attribute: str, path: str, mine: Any, below: Any, built_in: Any
) -> None:
    assert getattr(rules(at(path, mine), at(path, below)), attribute) == mine
    assert getattr(rules({}, at(path, below)), attribute) == below
    assert getattr(rules({}, {}), attribute) == built_in
    assert getattr(rules({}), attribute) == built_in


def test_an_installation_that_counts_natively_counts_strictly_only_for_whoever_asks() -> None:
    def accounting(spec: dict[str, Any]) -> str:
        return effective(msgspec.convert(spec, TenantSpec), strict=False).accounting

    assert accounting({}) == accounting({"quota": {"hard": {"pods": 1}}}) == "native"
    assert accounting({"quota": {"accounting": "strict"}}) == "strict"  # and is refused openly, see judge.quota


def test_an_empty_list_means_none_and_absence_means_inherit() -> None:
    below = {"pods": {"registries": ["a/"]}, "services": {"types": ["NodePort"]}, "ingress": {"classes": ["alb"]}}
    assert rules({}, below).pods.registries == ["a/"]
    none = rules({"pods": {"registries": []}, "services": {"types": []}, "ingress": {"classes": []}}, below)
    assert (none.pods.registries, none.services.types, none.ingress.classes) == ([], [], [])


def test_neighbours_of_a_leaf_are_inherited() -> None:
    found = rules({"pods": {"security": "baseline"}}, {"pods": {"security": "privileged", "registries": ["a/"]}})
    assert (found.security, found.pods.registries, found.pods.allow_exec) == ("baseline", ["a/"], True)


def test_spaces_of_the_profile_leave_the_declared_ones_alone() -> None:
    found = rules({"spaces": {"declared": ["dev"]}}, {"spaces": {"limit": 2}})
    assert (found.declared, found.limit) == (["dev"], 2)
    assert rules({}, {"spaces": {"limit": 2}}).declared == []


LISTS = st.none() | st.lists(st.sampled_from(["alb", "nginx"]), max_size=2)


@given(LISTS, LISTS)
def test_whatever_is_said_wins_over_whatever_is_below(mine: list[str] | None, below: list[str] | None) -> None:
    def spec(classes: list[str] | None) -> dict[str, Any]:
        return {} if classes is None else {"ingress": {"classes": classes}}

    expected = mine if mine is not None else below
    assert rules(spec(mine), spec(below)).ingress.classes == expected
