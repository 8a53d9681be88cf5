from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from cotenant.api.builtin import Namespace
from cotenant.api.tenant import Tenant
from cotenant.judge.isolation import accounts
from cotenant.judge.isolation.parties import anybody, identity, party
from cotenant.model.platform import Platform
from unit.judge.isolation.samples import CATALOGUE, blue, red

ANY = anybody("red-dev")
GROUPS = ("system:serviceaccounts", "system:serviceaccounts:red-dev")


def account(namespace: str, name: str):
    return identity({"kind": "ServiceAccount", "namespace": namespace, "name": name}, ())


def a_tenant(*members: dict):
    marks = {"cotenant.dev/tenant": "red", "cotenant.dev/space": "dev"}
    space = {"metadata": {"name": "red-dev", "labels": marks}, "status": {"phase": "Active"}}
    one = msgspec.convert({"metadata": {"name": "red"}, "spec": {"members": list(members)}}, Tenant)
    found = [msgspec.convert(space, Namespace)]
    return party(one, found, Platform(), datetime(2026, 11, 21, tzinfo=UTC), cordoned=False, level="restricted")


def test_each_space_stands_for_any_service_account_in_it():
    assert a_tenant().accounts == (ANY,)
    assert (ANY.user, ANY.groups) == ("system:serviceaccount:red-dev:default", GROUPS)
    assert ANY.member == "any ServiceAccount of red-dev"


def test_a_service_account_that_is_a_member_is_tried_as_one():
    default = {"role": "viewer", "serviceAccount": {"namespace": "red-dev", "name": "default"}}
    assert a_tenant(default).accounts == ()


def test_existing_service_accounts_are_tried_by_name_up_to_a_bound_that_is_said():
    many = [f"robot-{number:02}" for number in range(accounts.AT_MOST + 5)]
    found, notes = accounts.existing(red(accounts=(ANY,)), {"red-dev": [*many, "default"], "ci": ["other"]})
    assert [who.member for who in found] == [f"serviceAccount red-dev/{name}" for name in many[: accounts.AT_MOST]]
    assert notes == ["red-dev has 25 ServiceAccounts: 20 of them tried by name"]


def test_a_service_account_is_held_against_every_tenant_that_it_is_no_member_of():
    robot = account("red-dev", "robot")
    assert not accounts.belongs(robot, blue())
    assert accounts.belongs(robot, blue(identities=(robot,)))
    assert not accounts.belongs(account("red-dev", "other"), blue(identities=(robot,)))
    group = identity({"kind": "Group", "name": "system:serviceaccounts:red-dev"}, ())
    assert accounts.belongs(robot, blue(identities=(group,)))


def test_the_rules_are_read_in_each_namespace_and_asked_for_where_they_cannot_be():
    read = list(accounts.granted(red(), blue(), ANY))
    assert [(one.action.namespace, one.means) for one in read] == [("blue-dev", "rules"), ("home-blue", "rules")]
    asked = list(accounts.asked(red(), blue(), ANY, CATALOGUE))
    assert {one.means for one in asked} == {"review"}
    assert "get secrets in home-blue" in {str(one.action) for one in asked}


def test_beyond_the_spaces_one_review_each_suffices_where_it_tells_everything():
    robot = account("red-dev", "robot")
    few = list(accounts.own(red(), robot, ["kube-system"], rules_suffice=True))
    assert [str(one.action) for one in few] == ["any right cluster-wide", "any right in kube-system"]
    assert len(list(accounts.own(red(), robot, ["kube-system"], rules_suffice=False))) > 50
    assert len(list(accounts.own(red(), ANY, ["kube-system"], rules_suffice=True))) > 50
