from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.api.member import Member
from cotenant.model.access import access
from cotenant.model.iam.claims import Claim, Merged, claims, guarded, merged, people, who
from unit.specimens import NOW, PLATFORM

ACCOUNT = "arn:aws:iam::111122223333"
SSO = f"{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/eu-north-1/AWSReservedSSO"


def claimed(tenant: str, *members: Any) -> tuple[Claim, ...]:
    found = [msgspec.convert({"role": "owner"} | one, Member) for one in members]
    return claims(tenant, access(found, PLATFORM, NOW, tenant))


def together(*found: Claim, directory: Any = ()) -> Merged:
    return merged(found, directory)


def test_a_role_gets_the_group_of_its_tenant_and_the_name_that_eks_gives() -> None:
    found = together(*claimed("red", {"iamRole": f"{ACCOUNT}:role/teams/Dev"}))
    assert [(one.principal, one.username, one.groups, one.tenants) for one in found.wishes] == [
        (
            f"{ACCOUNT}:role/teams/Dev",
            "arn:aws:sts::111122223333:assumed-role/Dev/{{SessionName}}",
            ("cotenant:red:owner",),
            ("red",),
        )
    ]


def test_a_user_is_called_by_its_arn() -> None:
    assert together(*claimed("red", {"iamUser": f"{ACCOUNT}:user/x/bob"})).wishes[0].username == f"{ACCOUNT}:user/x/bob"


def test_one_principal_of_several_tenants_is_one_wish_with_all_groups_and_its_path() -> None:
    found = together(
        *claimed("red", {"iamRole": f"{ACCOUNT}:role/Dev"}, {"iamRole": f"{ACCOUNT}:role/Dev", "role": "viewer"}),
        *claimed("blue", {"iamRole": f"{ACCOUNT}:role/teams/dev", "username": "dev:{{SessionName}}"}),
    )
    assert len(found.wishes) == 1
    assert found.wishes[0].groups == ("cotenant:blue:owner", "cotenant:red:owner", "cotenant:red:viewer")
    assert found.wishes[0].tenants == ("blue", "red")
    assert found.wishes[0].principal == f"{ACCOUNT}:role/teams/dev"
    assert found.wishes[0].username == "dev:{{SessionName}}"
    assert not found.trouble


def test_two_user_names_for_one_principal_are_told_and_neither_is_taken() -> None:
    found = together(
        *claimed("red", {"iamRole": f"{ACCOUNT}:role/Dev", "username": "red:{{SessionName}}"}),
        *claimed("blue", {"iamRole": f"{ACCOUNT}:role/Dev", "username": "blue:{{SessionName}}"}),
    )
    assert "assumed-role/Dev/" in found.wishes[0].username
    assert {one.reason for one in found.trouble.values()} == {"UsernameConflict"}
    assert all("red" not in one.message and "blue" not in one.message for one in found.trouble.values())


ANN = {"role": "owner", "user": "blue:ann"}


def beside_blue(username: str, *blue: Any, role: str = "viewer") -> Merged:
    """What becomes of a role that red lists under a username, where blue has these members."""
    known = [msgspec.convert(one, Member) for one in blue]
    mine = claimed("red", {"role": role, "iamRole": f"{ACCOUNT}:role/Dev", "username": username})
    return together(*guarded(mine, people("blue", known)))


@pytest.mark.parametrize(
    "username", ["blue:{{SessionName}}", "blue:{{ SessionNameRaw }}", "blue:ann", "blue:a{{SessionName}}n"]
)
def test_a_username_by_which_a_session_can_be_another_tenants_user_gives_way_to_the_name_of_eks(username: str) -> None:
    found = beside_blue(username, {"role": "viewer", "user": "zoe"}, ANN)
    assert [one.username for one in found.wishes] == ["arn:aws:sts::111122223333:assumed-role/Dev/{{SessionName}}"]
    [said] = found.trouble.values()
    assert said.reason == "UsernameConflict"
    assert "ann" not in said.message.replace(username, "")


@pytest.mark.parametrize(
    "username", ["red:{{SessionName}}", "blue:ann.{{SessionName}}", "blue:an", "blue:annie", "blue"]
)
def test_a_username_that_can_be_nobodys_stays(username: str) -> None:
    found = beside_blue(username, ANN, {"role": "owner", "group": "blue:ann"})
    assert ([one.username for one in found.wishes], found.trouble) == ([username], {})


def test_a_session_holds_no_colon_so_a_name_with_one_is_not_its() -> None:
    assert not beside_blue("blue:{{SessionName}}", ANN | {"user": "blue:x:ann"}).trouble


def test_nor_may_a_viewer_become_the_owner_of_its_own_tenant_and_an_owner_gains_nothing_by_it() -> None:
    mine = [msgspec.convert({"role": "owner", "user": "red:ann"}, Member)]
    for role, told in (("viewer", 1), ("owner", 0)):
        asked = {"role": role, "iamRole": f"{ACCOUNT}:role/Dev", "username": "red:{{SessionName}}"}
        found = together(*guarded(claimed("red", asked), people("red", mine)))
        assert len(found.trouble) == told
        assert ("assumed-role" in found.wishes[0].username) == bool(told)


def test_a_user_who_has_expired_is_guarded_too_for_time_can_be_given_back() -> None:
    assert beside_blue("blue:ann", ANN | {"expires": "2020-01-01T00:00:00Z"}).trouble


def test_who_has_expired_or_has_a_role_that_is_refused_claims_nothing() -> None:
    gone = {"iamRole": f"{ACCOUNT}:role/Dev", "expires": "2020-01-01T00:00:00Z"}
    assert claimed("red", gone, {"iamRole": f"{ACCOUNT}:role/Dev", "role": "king"}) == ()


@pytest.mark.parametrize("bad", [f"{ACCOUNT}:role/D*", "arn:aws:iam::123456789:role/x", f"{ACCOUNT}:root"])
def test_a_principal_that_got_past_the_schema_is_refused_here(bad: str) -> None:
    found = together(*claimed("red", {"iamRole": bad}))
    assert not found.wishes
    assert [one.reason for one in found.trouble.values()] == ["PrincipalRefused"]


def test_a_permission_set_is_found_by_its_name_whatever_its_suffix() -> None:
    roles = [
        f"{SSO}_Team_A_0123456789abcdef",
        f"{SSO}_A_0123456789abcdef",
        f"{SSO}_Team_0123456789abcdef",
        f"{ACCOUNT}:role/AWSReservedSSO_Team_A_ffffffffffffffff",  # no path of Identity Center: anybody may make it
        f"{SSO}_Team_A_fedcba9876543210".replace("111122223333", "999999999999"),
    ]
    found = together(*claimed("red", {"permissionSet": {"name": "Team_A", "account": "111122223333"}}), directory=roles)
    assert [one.principal for one in found.wishes] == roles[:1]


def test_a_permission_set_that_nobody_was_given_is_told() -> None:
    team = claimed("red", {"permissionSet": {"name": "TeamA", "account": "111122223333"}})
    assert [one.reason for one in together(*team).trouble.values()] == ["PermissionSetNotFound"]
    waiting = together(*team, directory=None).trouble.values()
    assert [(one.reason, one.status) for one in waiting] == [("IAMPending", "Unknown")]


def test_a_template_is_filled_in_as_the_authenticator_does() -> None:
    assert who("sso-devteam:{{SessionName}}", "random-user@stakater.com") == "sso-devteam:random-user-stakater.com"
    assert who("x:{{SessionNameRaw}}:{{AccountID}}", "a@b", "1") == "x:a@b:1"
    assert who("x:{{Nobody}}", "a") == "x:{{Nobody}}"
