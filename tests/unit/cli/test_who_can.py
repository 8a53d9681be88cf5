"""Everybody who may: behind a group its principals, beside RBAC the access policies, and what nobody here knows."""

from __future__ import annotations

from cotenant.cli.iam.resolution import Resolved
from cotenant.cli.who_can import answers, unknown
from cotenant.local.eks.accesspolicies import ARN
from cotenant.model.iam.entries import Association
from unit.model.iam.test_ways import BOUND, SECRETS

DEV = Resolved("arn:aws:iam::111122223333:role/Dev", "dev", ["reds"], "access entry", "cotenant")
OPS = Resolved("arn:aws:iam::111122223333:role/Ops", "ops", [], "access entry", "Terraform")
OPS.policies = [
    Association(f"{ARN}AmazonEKSAdminViewPolicy", "namespace", ("red-*",)),
    Association(f"{ARN}New", "cluster"),
]


def test_a_group_its_principal_and_a_policy_are_three_rows():
    rows = [
        (one.subject, one.namespaces, one.origin)
        for one in answers(SECRETS, ["red-dev", "blue-dev"], [BOUND], [DEV, OPS])
    ]
    assert rows == [
        ("Group reds", "red-dev", "tenant spec"),
        (DEV.principal, "red-dev", "tenant spec"),
        (OPS.principal, "red-dev", "Terraform"),
    ]


def test_a_policy_that_is_not_in_the_table_is_named_as_unread():
    assert unknown([DEV, OPS]) == [f"what access policy New gives {OPS.principal}: this version does not know it"]
