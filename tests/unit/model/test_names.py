from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.api.keys import home_of
from cotenant.model.names import namespace_name, reserved

labels = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    "name",
    ["default", "kube-system", "kube-", "home", "home-red", "cotenant", "cotenant-system", "cotenantx", "aws-x", "amazon-y", "eks-z"],
)  # fmt: skip
def test_names_of_the_platform_are_reserved(name: str) -> None:
    assert reserved(name)


@pytest.mark.parametrize("name", ["defaults", "kube", "homes", "my-kube-system", "aws", "eks", "team-home"])
def test_names_that_only_look_like_them_are_free(name: str) -> None:
    assert not reserved(name)


def test_an_installation_reserves_more() -> None:
    assert reserved("monitoring", ("monitoring",))
    assert not reserved("monitoring-x", ("monitoring",))
    assert reserved("infra-dns", ("infra-*",))
    assert not reserved("infra", ("infra-*",))


@given(labels)
def test_no_space_can_get_the_name_of_a_home(tenant: str) -> None:
    assert reserved(home_of(tenant))


@given(labels, labels)
def test_a_pattern_is_filled_in(tenant: str, space: str) -> None:
    assert namespace_name("{tenant}-{space}", tenant, space) == f"{tenant}-{space}"
    assert namespace_name("x-{space}", tenant, space) == f"x-{space}"


def test_two_tenants_may_clash_over_a_name() -> None:
    assert namespace_name("{tenant}-{space}", "a", "b-c") == namespace_name("{tenant}-{space}", "a-b", "c")
