"""aws-auth, looked at from outside: whom it really maps, and what a change of it broke."""

from __future__ import annotations

import pytest

from cotenant.model.iam.claims import SETS, Claim
from cotenant.model.iam.inforce import by_aws_auth, damage, left_over, raised

ROLE = "arn:aws:iam::111122223333:role/"
NODES = f"- rolearn: {ROLE}nodes\n  username: system:node:{{{{EC2PrivateDNSName}}}}\n  groups: [system:nodes]\n"
ADMIN = f"- rolearn: {ROLE}boss\n  username: boss\n  groups: [system:masters]\n"
DEV = f"- rolearn: {ROLE}Dev\n  username: dev\n  groups: ['cotenant:red:editor']\n"
RED = Claim("red", f"{ROLE}teams/Dev", "cotenant:red:editor")


def reasons(data, *claims, sso=()):
    return [one.reason for one in by_aws_auth(claims or (RED,), data, sso).values()]


def test_a_member_whom_aws_auth_maps_with_its_group_is_in_force_whatever_path_its_role_has():
    assert reasons({"mapRoles": NODES + DEV}) == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "ModeWithoutEntries"),
        ({"mapRoles": NODES}, "ModeWithoutEntries"),
        ({"mapRoles": DEV.replace("red", "blue")}, "ModeWithoutEntries"),
        # A role with its path never matches anybody.
        ({"mapRoles": DEV.replace("role/Dev", "role/teams/Dev")}, "ModeWithoutEntries"),
        ({"mapRoles": DEV + "  - x"}, "AwsAuthDamaged"),
        ({"mapRoles": DEV, "mapUsers": "- ["}, None),
    ],
)
def test_what_aws_auth_does_not_make_true_is_told(data, reason):
    assert reasons(data) == ([reason] if reason else [])


def test_a_user_stands_in_the_section_of_users():
    ann = Claim("red", "arn:aws:iam::111122223333:user/ann", "cotenant:red:editor")
    item = "- userarn: arn:aws:iam::111122223333:user/ann\n  username: ann\n  groups: ['cotenant:red:editor']\n"
    assert reasons({"mapUsers": item, "mapRoles": "- ["}, ann) == []
    assert reasons({"mapUsers": "- ["}, ann) == ["AwsAuthDamaged"]


def test_a_permission_set_is_looked_up_by_its_role():
    role = f"{ROLE}aws-reserved/sso.amazonaws.com/AWSReservedSSO_Dev_0123456789abcdef"
    claim = Claim("red", f"{SETS}111122223333/Dev", "cotenant:red:editor")
    item = DEV.replace("role/Dev", "role/AWSReservedSSO_Dev_0123456789abcdef")
    assert reasons({"mapRoles": item}, claim, sso=[role]) == []
    assert reasons({"mapRoles": item}, claim, sso=[]) == ["PermissionSetNotFound"]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (NODES + DEV, NODES, []),
        (NODES, NODES + DEV, []),
        (NODES, NODES + ADMIN, [f"{ROLE.lower()}boss is in system:masters now"]),
        (NODES + ADMIN, ADMIN, [f"nodes join by {ROLE.lower()}nodes, which is lost"]),
        (NODES + ADMIN, NODES, [f"administrators sign in by {ROLE.lower()}boss, which is lost"]),
        (NODES, NODES.replace("[system:nodes]", "[]"), [f"nodes join by {ROLE.lower()}nodes, which is lost"]),
    ],
)
def test_a_change_that_takes_nodes_or_makes_administrators_is_told(before, now, said):
    change = ({"mapRoles": before}, {"mapRoles": now})
    assert damage(*change) + raised(*change) == said


def test_one_bad_line_is_told_once_and_not_for_each_that_it_locks_out():
    (said,) = damage({"mapRoles": NODES + ADMIN}, {"mapRoles": NODES + "  - x"})
    assert said.startswith("mapRoles, line ") and said.endswith("so nobody in mapRoles can sign in")
    assert len(damage(None, {"mapRoles": "- ["})) == 1
    assert damage(None, {"mapRoles": NODES + ADMIN}) == raised(None, {"mapRoles": NODES + ADMIN}) == []


def test_a_section_that_is_deleted_takes_its_nodes_along():
    assert damage({"mapRoles": NODES}, {}) == [f"nodes join by {ROLE.lower()}nodes, which is lost"]


def test_an_item_with_a_group_that_no_tenant_gives_is_told_to_that_tenant_with_the_command():
    both = DEV.replace("['cotenant:red:editor']", "['cotenant:red:editor', 'cotenant:blue:viewer']")
    assert list(left_over([RED], {"mapRoles": NODES + DEV}, [])) == []
    [(tenant, one)] = left_over([RED], {"mapRoles": both}, [])
    assert (tenant, one.reason, "red" in one.message) == ("blue", "GroupWithoutMember", False)
    assert one.message.endswith("cotenant iam apply --store aws-auth --prune")
    assert sorted(tenant for tenant, _ in left_over([], {"mapRoles": both}, [])) == ["blue", "red"]
