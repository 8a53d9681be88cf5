from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.model.allowance import hard, home_hard
from cotenant.model.quantity import parse
from unit.specimens import seen, space, tenant

SERVICES = {"services.loadbalancers": "0", "services.nodeports": "0"}


def allowed(quota: dict[str, Any], own: dict[str, Any] | None = None, **spec: Any) -> dict[str, str]:
    """spec.hard of a space; `own` is the Space's own max."""
    one = space(quota={"max": own}) if own is not None else space()
    return hard(seen(tenant(quota=quota, **spec)), one)


def test_a_space_may_use_what_its_tenant_may() -> None:
    assert allowed({"hard": {"pods": 20, "requests.cpu": "4"}}) == {"pods": "20", "requests.cpu": "4", **SERVICES}


def test_a_ceiling_of_spaces_lowers_and_adds_and_never_raises() -> None:
    quota = {
        "hard": {"pods": 20, "requests.cpu": "4"},
        "space": {"max": {"pods": 5, "requests.cpu": "8", "secrets": 3}},
    }
    assert allowed(quota) == {"pods": "5", "requests.cpu": "4", "secrets": "3", **SERVICES}


def test_a_space_may_only_tighten() -> None:
    assert allowed({"hard": {"pods": 20}}, {"pods": 5})["pods"] == "5"
    assert allowed({"hard": {"pods": 20}}, {"pods": 50})["pods"] == "20"
    assert allowed({"hard": {"pods": 20}, "space": {"max": {"pods": 7}}}, {"pods": 9})["pods"] == "7"
    assert allowed({}, {"secrets": 3})["secrets"] == "3"


@pytest.mark.parametrize(
    "key",
    [
        "count/rolebindings.rbac.authorization.k8s.io",  # would keep a cordon out
        "count/networkpolicies.networking.k8s.io",
        "count/limitranges",
        "count/resourcequotas",
        "count/spacepolicies.cotenant.dev",
        "resourcequotas",
        "a/b/c",  # the API server refuses the whole quota for it
        "hugepages-huge",
        "requests.hugepages-huge",
    ],
)
def test_a_member_cannot_stop_what_closes_a_space_by_a_quota_of_its_own(key: str) -> None:
    assert key not in allowed({"hard": {"pods": 20}}, {key: "0"})


@pytest.mark.parametrize("amount", ["9Pi", 562500000000000000, "9E"])
def test_a_member_cannot_write_a_ceiling_that_the_api_server_refuses_with_all_other_keys(amount: Any) -> None:
    assert allowed({"hard": {"pods": 20}}, {"secrets": amount})["secrets"] == "9223372036854775"
    assert allowed({"space": {"max": {"secrets": amount}}})["secrets"] == "9223372036854775"


def test_a_key_that_the_tenant_limits_may_be_tightened_whatever_it_is() -> None:
    gpus = "requests.nvidia.com/gpu"
    assert allowed({"hard": {gpus: "4"}}, {gpus: "1"})[gpus] == "1"


def test_counts_are_whole_lest_the_api_server_refuses_the_quota() -> None:
    assert allowed({"hard": {"pods": 20}}, {"pods": "9500m"})["pods"] == "9"
    assert allowed({"hard": {"requests.cpu": "1500m"}})["requests.cpu"] == "1500m"
    assert allowed({"hard": {"limits.memory": "1.5Gi"}})["limits.memory"] == "1.5Gi"


def test_service_types_that_are_not_allowed_are_a_quota_of_none() -> None:
    assert allowed({}) == SERVICES
    assert allowed({}, services={"types": ["ClusterIP", "LoadBalancer"]}) == {"services.nodeports": "0"}
    assert allowed({"hard": {"services.nodeports": 3}}, services={"types": ["NodePort"]})["services.nodeports"] == "3"
    assert allowed({"hard": {"services.nodeports": 3}})["services.nodeports"] == "0"


def test_a_home_holds_so_many_spaces_and_no_workload() -> None:
    assert home_hard(seen(tenant(spaces={"limit": 3}))) == {"count/spaces.cotenant.dev": "3", "pods": "0"}


amounts = st.dictionaries(
    st.sampled_from(["pods", "secrets", "requests.cpu"]), st.integers(0, 50) | st.sampled_from(["500m", "1k", "1e1"])
)


@given(amounts, amounts, amounts)
def test_nobody_gets_more_than_any_of_those_who_limit_say(
    tenants: dict[str, Any], spaces: dict[str, Any], own: dict[str, Any]
) -> None:
    found = allowed({"hard": tenants, "space": {"max": spaces}}, own)
    for limits in (tenants, spaces, own):
        assert all(parse(found[key]) <= parse(limit) for key, limit in limits.items())
