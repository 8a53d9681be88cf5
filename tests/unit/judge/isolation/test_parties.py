from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from cotenant.api.builtin import Namespace
from cotenant.api.meta import ObjectMeta
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.judge.isolation.parties import Lax, accounted, party
from cotenant.model.platform import Platform

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def tenant(*members: dict) -> Tenant:
    return msgspec.convert({"metadata": {"name": "red"}, "spec": {"members": list(members)}}, Tenant)


def namespace(name: str, tenant: str = "red", space: str = "dev", phase: str = "Active", **labels) -> Namespace:
    marks = {"cotenant.dev/tenant": tenant, "cotenant.dev/space": space, **labels}
    marks = {key: value for key, value in marks.items() if value}
    return msgspec.convert({"metadata": {"name": name, "labels": marks}, "status": {"phase": phase}}, Namespace)


def test_each_kind_of_member_becomes_the_identity_that_the_api_server_sees():
    found = party(
        tenant(
            {"role": "owner", "group": "leads"},
            {"role": "viewer", "user": "bob"},
            {"role": "editor", "serviceAccount": {"namespace": "ci", "name": "robot"}},
        ),
        [],
        Platform(),
        NOW,
        cordoned=False,
        level="restricted",
    )
    assert {(one.user, one.groups, one.roles) for one in found.identities} == {
        ("cotenant-verify:leads", ("leads",), ("owner",)),
        ("bob", (), ("viewer",)),
        ("system:serviceaccount:ci:robot", ("system:serviceaccounts", "system:serviceaccounts:ci"), ("editor",)),
    }


def test_a_member_with_two_roles_is_one_identity():
    members = ({"role": "owner", "user": "bob"}, {"role": "viewer", "user": "bob"})
    found = party(tenant(*members), [], Platform(), NOW, cordoned=False, level="restricted")
    assert [one.roles for one in found.identities] == [("owner", "viewer")]


def test_while_a_tenant_is_cordoned_its_members_only_view():
    found = party(tenant({"role": "owner", "user": "bob"}), [], Platform(), NOW, cordoned=True, level="restricted")
    assert found.identities[0].roles == ("viewer",)
    developer = tenant({"role": "developer", "user": "ann"})
    found = party(developer, [], Platform(roles=("owner", "developer")), NOW, cordoned=True, level="restricted")
    assert [(one.user, one.roles) for one in found.identities] == [("ann", ())]


def test_a_namespace_that_no_space_stands_for_is_left_out_and_named():
    spaces = [Space(metadata=ObjectMeta(name="dev", namespace=home)) for home in ("home-red", "home-blue")]
    homes = [namespace("home-red", space=""), namespace("nobodys", tenant="", space="")]
    given = [*homes, namespace("red-dev"), namespace("red-old", space="old"), namespace("x", tenant="", space="dev")]
    kept, left = accounted(given, spaces)
    assert [one.metadata.name for one in kept] == ["home-red", "nobodys", "red-dev"]
    assert left == ["red-old", "x"]


def test_who_cannot_be_tried_is_listed_and_who_has_expired_is_not():
    found = party(
        tenant(
            {"role": "owner", "iamRole": "arn:aws:iam::123456789012:role/x"},
            {"role": "king", "user": "eve"},
            {"role": "viewer", "user": "old", "expires": "2026-01-01T00:00:00Z"},
        ),
        [],
        Platform(),
        NOW,
        cordoned=False,
        level="restricted",
    )
    assert found.identities == ()
    assert len(found.untried) == 2


def test_spaces_are_the_live_namespaces_with_both_labels():
    namespaces = [
        namespace("red-dev"),
        namespace("legacy"),
        namespace("home-red", space=""),
        namespace("blue-dev", tenant="blue"),
        namespace("gone", phase="Terminating"),
    ]
    found = party(tenant(), namespaces, Platform(), NOW, cordoned=False, level="restricted")
    assert found.spaces == {"legacy": "restricted", "red-dev": "restricted"}
    assert found.namespaces == ("legacy", "red-dev", "home-red")


def labelled(label: str, level: str):
    given = namespace("red-dev", **{"pod-security.kubernetes.io/enforce": label})
    return party(tenant(), [given], Platform(), NOW, cordoned=False, level=level)


def test_the_level_is_that_of_the_rules_and_never_that_of_the_label():
    found = labelled("privileged", "baseline")
    assert found.spaces == {"red-dev": "baseline"}
    assert found.lax == (Lax("red-dev", "privileged", "baseline"),)


@pytest.mark.parametrize(
    ("label", "level", "lax"),
    [
        ("", "baseline", True),
        ("baseline", "restricted", True),
        ("restrictd", "baseline", True),
        ("restricted", "baseline", False),
        ("baseline", "baseline", False),
        ("", "privileged", False),
        ("privileged", "privileged", False),
    ],
)
def test_a_label_that_lets_in_more_than_the_rules_is_lax(label, level, lax):
    assert bool(labelled(label, level).lax) == lax


def test_where_the_rules_are_not_known_the_label_stands_in_and_that_is_said():
    found = labelled("baseline", "")
    assert (found.spaces, found.lax) == ({"red-dev": "baseline"}, ())
    assert "profile is missing" in found.untried[0]
