"""The printed policies give what they say and no more, by IAM's own evaluation."""

from __future__ import annotations

import pytest

from cotenant.local.eks import policy
from cotenant.model.iam.templates import boundary, path_of, tagged
from unit.model.iam.test_trust import PLACE

ROLE = "arn:aws:iam::111122223333:role"


def allowed(document, action, resource="*", **context):
    return policy.evaluate([document], action, resource, context) == policy.ALLOWED


def test_under_the_boundary_a_role_works_and_takes_on_its_own_tenants_roles_only():
    found = boundary(PLACE, path_of(PLACE, "red"))
    assert allowed(found, "s3:GetObject", "arn:aws:s3:::red/x")
    assert allowed(found, "sts:AssumeRole", f"{ROLE}/cotenant/shop/red/s3")
    assert not allowed(found, "sts:AssumeRole", f"{ROLE}/cotenant/shop/blue/s3")
    assert not allowed(found, "sts:AssumeRole", f"{ROLE}/admin")


@pytest.mark.parametrize(
    "action",
    ["iam:CreateRole", "iam:PassRole", "eks:CreateAccessEntry", "eks:AssociateAccessPolicy", "eks:CreatePodIdentityAssociation"],
)  # fmt: skip
def test_under_the_boundary_nobody_makes_identities_or_ways_into_a_cluster(action):
    assert not allowed(boundary(PLACE, "/x/"), action)


def test_by_tags_a_namespace_reaches_its_own_folder_in_this_cluster_only():
    found = tagged(PLACE, ["red-dev"], "store")
    mine = {"aws:principaltag/kubernetes-namespace": "red-dev", "aws:principaltag/eks-cluster-arn": PLACE.arn}
    assert policy.evaluate([found], "s3:GetObject", "arn:aws:s3:::store/red-dev/a", mine) == policy.ALLOWED
    assert policy.evaluate([found], "s3:GetObject", "arn:aws:s3:::store/blue-dev/a", mine) == policy.SILENT
    for change in (
        {"aws:principaltag/kubernetes-namespace": "blue-dev"},
        {"aws:principaltag/eks-cluster-arn": "other"},
    ):
        for folder in ("red-dev", "blue-dev"):
            said = policy.evaluate([found], "s3:GetObject", f"arn:aws:s3:::store/{folder}/a", mine | change)
            assert said == policy.SILENT
