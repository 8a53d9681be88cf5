from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotenant.api.tenant import Member
from cotenant.model.access import RBAC, Access, access, everybody, seconds_left, subject
from cotenant.model.platform import Platform
from unit.specimens import NOW, PLATFORM

ARN = "arn:aws:iam::123456789012:role/Backend"


def member(role: str = "editor", **who: Any) -> Member:
    return msgspec.convert({"role": role, **(who or {"user": "bob"})}, Member)


def sorted_out(*members: Member, now: datetime = NOW) -> Access:
    return access(members, PLATFORM, now, "backend")


def names(found: Access) -> dict[str, list[str]]:
    return {role: [one["name"] for one in subjects] for role, subjects in found.roles.items()}


def test_a_subject_is_written_as_the_api_server_stores_it() -> None:
    assert subject(member(group="devs"), "red") == {"kind": "Group", "apiGroup": RBAC, "name": "devs"}
    assert subject(member(user="bob"), "red") == {"kind": "User", "apiGroup": RBAC, "name": "bob"}
    account = member(serviceAccount={"namespace": "ci", "name": "deployer"})
    assert subject(account, "red") == {"kind": "ServiceAccount", "namespace": "ci", "name": "deployer"}


def test_an_iam_principal_is_bound_by_the_group_of_its_tenant_and_role() -> None:
    role, user = member(iamRole=ARN), member(iamUser=ARN.replace("role", "user"))
    team = member("owner", permissionSet={"name": "Team", "account": "111122223333"})
    found = sorted_out(role, user, team, member(), member("king", iamRole=ARN))
    assert found.iam == [role, user, team]
    assert names(found) == {"editor": ["cotenant:backend:editor", "bob"], "owner": ["cotenant:backend:owner"]}
    assert {one["kind"] for one in found.roles["owner"]} == {"Group"}


def test_a_member_named_twice_is_bound_once() -> None:
    found = sorted_out(member(), member(), member(role="owner"))
    assert names(found) == {"editor": ["bob"], "owner": ["bob"]}
    assert [one["name"] for one in everybody(found)] == ["bob"]


def test_a_user_and_a_group_of_one_name_are_two() -> None:
    found = sorted_out(member(user="ops"), member(group="ops"))
    assert sorted(one["kind"] for one in found.roles["editor"]) == ["Group", "User"]


def test_a_role_that_the_installation_does_not_allow_is_refused_and_the_rest_granted() -> None:
    wrong = member(role="admin", user="eve")
    found = sorted_out(wrong, member())
    assert found.refused == [wrong]
    assert names(found) == {"editor": ["bob"]}
    assert everybody(found) == found.roles["editor"]


def test_a_role_of_the_platform_is_granted() -> None:
    found = access([member(role="developer")], Platform(roles=("owner", "developer")), NOW, "red")
    assert names(found) == {"developer": ["bob"]}


@pytest.mark.parametrize(
    ("expires", "expired"),
    [
        ("2026-01-01T12:00:00Z", True),  # the very second
        ("2026-01-01T11:59:59Z", True),
        ("2026-01-01T12:00:01Z", False),
        ("2026-01-01T13:00:00+01:00", True),
        ("2026-01-01T13:00:01+01:00", False),
        ("2026-01-01T12:00:00.5Z", False),
        ("2026-01-01T12:00:00", True),  # without a zone it is UTC
        ("tomorrow", True),  # a time that nobody can read is over
        ("2026-13-01T00:00:00Z", True),
        ("", True),
    ],
)
def test_a_member_expires_at_the_very_moment(expires: str, expired: bool) -> None:
    found = sorted_out(member(expires=expires, user="bob"))
    assert (found.expired != []) == expired
    assert (names(found) == {}) == expired


def test_the_next_expiry_is_that_of_the_first_who_still_has_rights() -> None:
    times = [NOW + timedelta(seconds=seconds) for seconds in (-5, 90, 30)]
    found = sorted_out(*(member(user=f"u{one.second}", expires=one.isoformat()) for one in times))
    assert found.next_expiry == 30
    assert sorted_out(member()).next_expiry is None
    assert sorted_out(member(user="u", expires=times[0].isoformat())).next_expiry is None


@given(
    st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))
)  # bounds have no zone
def test_rights_and_time_left_agree(end: datetime) -> None:
    one = member(user="u", expires=end.isoformat())
    left = seconds_left(one, NOW)
    assert left is not None
    assert (left > 0) == (end > NOW) == bool(sorted_out(one).roles)


members = st.lists(
    st.builds(
        member,
        role=st.sampled_from(["owner", "editor", "viewer", "admin"]),
        user=st.sampled_from(["a", "b", "c", "d"]),
    ),
    max_size=12,
)


@given(members, st.randoms())
def test_the_order_of_members_does_not_matter(who: list[Member], chance: Any) -> None:
    mixed = list(who)
    chance.shuffle(mixed)
    one, other = sorted_out(*who), sorted_out(*mixed)
    assert one.roles == other.roles
    assert list(one.roles) == list(other.roles)
    assert everybody(one) == everybody(other)
