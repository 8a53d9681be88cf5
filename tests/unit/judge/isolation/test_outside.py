"""An access policy that reaches another tenant breaks the proof, although every request was refused."""

from __future__ import annotations

import msgspec
import pytest

from cotenant.api.tenant import Tenant
from cotenant.cli.iam.resolution import Resolved
from cotenant.cli.verify import borrowing as by_username
from cotenant.judge.isolation import table
from cotenant.judge.isolation.outside import Beside, Borrowed, Outside, borrowing, users
from cotenant.local.eks.accesspolicies import ARN
from cotenant.model.iam.entries import Association
from cotenant.model.iam.strays import Stray
from cotenant.model.iam.workloads import Fault
from unit.judge.isolation.samples import attempt, refusal
from unit.judge.isolation.test_report import add, cell, report, tally, works
from unit.specimens import NOW, PLATFORM

ROLE = "arn:aws:iam::111122223333:role/Dev"


def held(*namespaces, policy="AmazonEKSViewPolicy"):
    scope = "namespace" if namespaces else "cluster"
    return Outside("red", ROLE, ("cotenant:red:editor",), Association(f"{ARN}{policy}", scope, namespaces))


def proof(*found, faults=()):
    to = tally()
    works(to)
    add(to, attempt(), refusal(attempt()))
    notes = to.beside(Beside(found, faults))
    return report(to), notes


@pytest.mark.parametrize(
    "one", [held(), held("blue-dev"), held("bl*"), held("home-blue"), held(policy="AmazonEKSNewPolicy")]
)
def test_what_reaches_another_tenant_breaks_that_pair(one):
    found, _ = proof(one)
    assert (found.verdict, found.exit_code) == ("BROKEN", 1)
    assert cell(found, "red", "blue").state == "BROKEN"
    assert cell(found, "blue", "red").state == "PROVEN"
    shown = table.text(found)
    assert f"red → blue: {ROLE}, what {one.association.name} gives in " in shown
    assert "aws eks disassociate-access-policy" in shown


def test_what_holds_at_home_is_a_note_and_what_may_match_later_another():
    found, notes = proof(held("red-dev"), held("red-*"), held("kube-system"))
    assert found.verdict == "PROVEN"
    assert [one.rpartition(": ")[2] for one in notes] == [
        "kube-system is no tenant's namespace",
        "namespaces made later may match red-*",
        "a right outside RBAC",
        "a right outside RBAC",
    ]


def test_a_policy_of_a_controller_gives_a_person_nothing():
    found, notes = proof(held(policy="AmazonEKSAutoNodePolicy"))
    assert (found.verdict, notes) == ("PROVEN", [])


def test_a_role_of_pods_that_reaches_beyond_breaks_its_tenant_and_one_that_gives_nothing_is_a_note():
    wide = Fault("red", ROLE, "its trust lets in by IRSA every namespace of the cluster", "cotenant iam trust red")
    empty = Fault("blue", ROLE, "ServiceAccount blue-dev/app gets no credentials", "x", breach=False)
    found, notes = proof(faults=(wide, empty))
    assert found.verdict == "BROKEN"
    assert (cell(found, "red", "red").state, cell(found, "blue", "blue").state) == ("BROKEN", "PROVEN")
    assert f"BROKEN  red in its own spaces: Pods, role {ROLE}" in table.text(found)
    assert notes == [f"blue: ServiceAccount blue-dev/app gets no credentials: {ROLE}"]


def test_somebody_with_a_group_of_a_tenant_that_does_not_list_him_breaks_it():
    to = tally()
    works(to)
    add(to, attempt(), refusal(attempt()))
    to.beside(Beside(strays=(("red", Stray(ROLE, ("cotenant:red:owner",), "aws-auth", ours=True)),)))
    found = report(to)
    assert (cell(found, "red", "red").state, cell(found, "blue", "blue").state) == ("BROKEN", "PROVEN")
    assert f"{ROLE}, sign in with groups of the tenant" in table.text(found)
    assert "cotenant iam apply --store aws-auth" in table.text(found)


def tenant(name, *members):
    return msgspec.convert({"metadata": {"name": name}, "spec": {"members": list(members)}}, Tenant)


LENT = {"role": "viewer", "iamRole": ROLE, "username": "blue:{{SessionName}}"}
TENANTS = [tenant("red", LENT), tenant("blue", {"role": "owner", "user": "blue:ann"})]


def test_a_tenant_that_asks_for_another_ones_user_by_a_username_is_not_proven_apart_from_it():
    [one] = borrowing(TENANTS, PLATFORM, NOW)
    assert one == Borrowed("red", ROLE, "blue:{{SessionName}}", "blue:ann", "blue")
    to = tally()
    works(to)
    add(to, attempt(), refusal(attempt()))
    to.asked([one])
    found = report(to)
    assert (found.verdict, cell(found, "red", "blue").state) == ("INCOMPLETE", "INCOMPLETE")
    assert "leave username out" in table.text(found)
    assert list(borrowing([tenant("red", LENT | {"username": "red:{{SessionName}}"}), TENANTS[1]], PLATFORM, NOW)) == []


def test_a_username_in_force_by_which_a_session_is_another_ones_user_breaks_that_pair():
    groups = ["cotenant:red:viewer"]
    who = Resolved(ROLE, "blue:{{SessionName}}", groups, "access entry", "cotenant")
    [one] = by_username(who, users(TENANTS))
    to = tally()
    works(to)
    add(to, attempt(), refusal(attempt()))
    to.beside(Beside(borrowed=(one,)))
    found = report(to)
    assert (cell(found, "red", "blue").state, cell(found, "blue", "red").state) == ("BROKEN", "PROVEN")
    assert "can be user blue:ann of blue" in found.json().decode()
    named = Resolved(
        ROLE, "arn:aws:sts::111122223333:assumed-role/Dev/{{SessionName}}", groups, "access entry", "cotenant"
    )
    assert list(by_username(named, [(named.username.replace("{{SessionName}}", "ann"), "cotenant:blue:owner")])) == []
