"""The screen that explains a right, or what is missing of one."""

from __future__ import annotations

import click
import pytest

from cotenant.cli.iam.resolution import Resolved
from cotenant.cli.question import Asked, question
from cotenant.cli.why_access import UNSEEN, lines
from cotenant.model.iam.ways import Way
from unit.model.iam.test_ways import BOUND, SECRETS

ROLE = "arn:aws:iam::111122223333:role/Dev"
DEV = Resolved(ROLE, "dev:{{SessionName}}", ["cotenant:blue:editor"], "access entry", "Terraform")
POLICY = Way("access policy", "EKS access policy AmazonEKSAdminViewPolicy on the whole cluster", "Terraform")


def screen(who=DEV, *found, tenant="red", unread=()):
    return list(lines(Asked(SECRETS, who, (*who.groups,), found, (BOUND,), unread), tenant))


def test_a_right_by_an_access_policy_is_said_to_be_beyond_the_membership():
    assert screen(DEV, POLICY) == [
        "ALLOWED, and not as a member of tenant red: get secrets in red-dev",
        f"  {ROLE} --access entry--> user dev:{{{{SessionName}}}}, groups cotenant:blue:editor (made by Terraform)",
        f"  EKS access policy AmazonEKSAdminViewPolicy on the whole cluster (entry made by Terraform){UNSEEN}",
        "  RBAC: no binding gives it",
    ]


def test_a_members_right_is_plainly_allowed():
    member = Resolved("", "ann", ["cotenant:red:editor"])
    said = screen(
        member, Way("RBAC", "RoleBinding cotenant-editor -> ClusterRole cotenant:editor in red-dev", "tenant spec")
    )
    assert said[0] == "ALLOWED: get secrets in red-dev"
    assert said[1] == "  user ann, groups cotenant:red:editor"


def test_a_refusal_names_the_role_that_would_allow_it():
    said = screen()
    assert said[0] == "DENIED: get secrets in red-dev"
    assert said[-1] == "  to change that: members of tenant red with role editor may: kubectl edit cot red"


def test_who_cannot_sign_in_is_told_that_first():
    said = screen(Resolved(ROLE))
    assert said[1] == f"  {ROLE} cannot sign in: it has no access entry, and aws-auth does not map it"
    assert said[-1] == "  to change that: list it as a member of tenant red: kubectl edit cot red"


@pytest.mark.parametrize(
    ("found", "unread"),
    [((Way("unknown policy", "EKS access policy X on red-*", "x"),), ()), ((), ("EKS: throttled",))],
)
def test_a_no_that_may_be_a_yes_is_none(found, unread):
    assert screen(DEV, *found, unread=unread)[0] == "NOT KNOWN: get secrets in red-dev"


def flags(**more):
    names = ("principal", "subject", "cluster_name", "region", "aws_profile", "kubeconfig", "namespace")
    known = dict.fromkeys(names) | {"everywhere": False, "subresource": "", "verb": "get"}
    return known | {"resource": "deployments.apps/web"} | more


def test_a_question_is_taken_apart_and_leaves_what_opens_the_cluster():
    given = flags(namespace="red-dev")
    found = question(given).ask
    assert (found.group, found.resource, found.name) == ("apps", "deployments", "web")
    assert set(given) == {"kubeconfig", "namespace"}


@pytest.mark.parametrize("more", [{"principal": ROLE, "subject": "user:ann"}, {"everywhere": True, "namespace": "x"}])
def test_what_contradicts_itself_is_refused(more):
    with pytest.raises(click.UsageError, match="exclude each other"):
        question(flags(**more))
