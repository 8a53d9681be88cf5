from __future__ import annotations

from msgspec.structs import replace

from cotenant.model.iam import trust
from cotenant.model.iam.proposals import proposals
from cotenant.model.iam.workloads import Holder
from unit.model.iam.test_trust import PLACE
from unit.model.iam.test_workloads import ROLE, bond, situation

APP = trust.pods(PLACE, ["red-dev"], ["app"])


def said(found, *only: str) -> list[tuple[str, str]]:
    """Of tenant red, with its role red-s3."""
    holder = Holder("red", frozenset({"red-dev"}), (f"{ROLE}red-s3",))
    return [(one.text, one.command) for one in proposals(replace(found, holders=[holder]), only)]


def test_a_role_that_nobody_carries_comes_with_the_command_for_whom_its_trust_names():
    ((text, command),) = said(situation(red_s3=APP))
    assert text == "may be carried by ServiceAccount red-dev/app"
    assert command == (
        "aws eks create-pod-identity-association --cluster-name shop --namespace red-dev --service-account app "
        f"--role-arn {ROLE}red-s3"
    )


def test_by_irsa_it_is_the_annotation():
    ((_, command),) = said(situation(red_s3=trust.irsa(PLACE, ["red-dev"], ["app"])))
    assert command == f"kubectl annotate serviceaccount app -n red-dev eks.amazonaws.com/role-arn={ROLE}red-s3"


def test_what_is_carried_or_not_asked_for_is_not_proposed():
    assert said(situation(bond("red-dev", "red-s3", "Pod Identity", "a-1"), red_s3=APP)) == []
    assert said(situation(red_s3=APP), "blue") == []


def test_a_service_account_that_has_a_role_is_no_candidate():
    assert said(situation(bond("red-dev", "other", "Pod Identity", "a-1"), red_s3=APP)) == []


def test_where_the_trust_names_nobody_those_that_are_there_are_proposed_but_not_the_default_one():
    found = situation(red_s3=trust.pods(PLACE, ["red-dev"]))
    ((_, command),) = said(found)
    assert command == "kubectl create serviceaccount NAME -n red-dev"
    there = frozenset({("red-dev", "default"), ("red-dev", "web"), ("blue-dev", "x")})
    ((_, command),) = said(replace(found, accounts=there))
    assert "--service-account web " in command


def test_a_role_that_iam_does_not_have_or_that_lets_nobody_in_is_mended_first():
    ((text, command),) = said(situation(other=APP))
    assert "IAM does not have it" in text and command.startswith(
        "cotenant iam trust red > trust.json; aws iam create-role"
    )
    ((text, command),) = said(situation(red_s3=trust.pods(PLACE, ["blue-dev"])))
    assert "lets in no namespace of the tenant" in text and command == "cotenant iam trust red"


def test_without_iam_the_trust_is_not_looked_at():
    found = replace(situation(), accounts=frozenset({("red-dev", "web")}))
    ((_, command),) = said(found)
    assert command.startswith("aws eks create-pod-identity-association")
