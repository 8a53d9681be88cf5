"""Members by IAM principal, as the API server takes and refuses them."""

from __future__ import annotations

import pytest

from cotenant.kube import errors, resource
from plane.api.test_manifests import ARN, GROUP, members

pytestmark = pytest.mark.cluster

RIGHT = {
    "a permission set": members({"role": "owner", "permissionSet": {"name": "Team_A", "account": "012345678901"}}),
    "a role with a path and a user name": members(
        {
            "role": "owner",
            "iamRole": "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_x_0123456789abcdef",
            "username": "sso-devteam:{{SessionName}}",
        }
    ),
    "a user name without template": members({"role": "owner", "iamRole": ARN, "username": "k8s-test-user"}),
    "the user name that EKS gives anyway": members(
        {
            "role": "owner",
            "iamRole": "arn:aws:iam::123456789012:role/teams/Dev",
            "username": "arn:aws:sts::123456789012:assumed-role/Dev/{{SessionName}}",
        }
    ),
}
# what is wrong -> manifest, the field in the answer, the fix in the answer
WRONG = {
    "an account of 9 digits": (
        members({"role": "owner", "iamRole": "arn:aws:iam::123456789:role/x"}),
        "spec.members[0].iamRole",
        "12 digits",
    ),
    "a session instead of a role": (
        members({"role": "owner", "iamRole": "arn:aws:sts::123456789012:assumed-role/x/me"}),
        "spec.members[0].iamRole",
        "no session name",
    ),
    "a role with a wildcard": (
        members({"role": "owner", "iamRole": f"{ARN}-*"}),
        "spec.members[0].iamRole",
        "a wildcard is taken for a letter",
    ),
    "a service-linked role": (
        members({"role": "owner", "iamRole": "arn:aws:iam::123456789012:role/aws-service-role/eks.amazonaws.com/x"}),
        "spec.members[0].iamRole",
        "service-linked",
    ),
    "a whole account": (members({"role": "owner", "iamUser": "arn:aws:iam::123456789012:root"}), "iamUser", "IAM user"),
    "an IAM group": (
        members({"role": "owner", "iamRole": "arn:aws:iam::123456789012:group/devs"}),
        "spec.members[0].iamRole",
        "ARN of an IAM role",
    ),
    "a user of an account with 11 digits": (
        members({"role": "owner", "iamUser": "arn:aws:iam::12345678901:user/dev"}),
        "spec.members[0].iamUser",
        "12 digits",
    ),
    "a permission set of an account that lost its zero": (
        members({"role": "owner", "permissionSet": {"name": "TeamA", "account": "12345678901"}}),
        "spec.members[0].permissionSet.account",
        "12 digits",
    ),
    "the role of a permission set instead of its name": (
        members({"role": "owner", "permissionSet": {"name": "AWSReservedSSO/x", "account": "123456789012"}}),
        "spec.members[0].permissionSet.name",
        "Identity Center",
    ),
    "a group that is ours": (
        members(GROUP | {"group": "cotenant:other:owner"}),
        "spec.members[0]",
        "cotenant: is for the groups",
    ),
    "a user name for a group": (members(GROUP | {"username": "x"}), "spec.members[0].username", "IAM principal"),
    "a user name that is reserved": (
        members({"role": "owner", "iamRole": ARN, "username": "system:node:x"}),
        "spec.members[0].username",
        "must not begin with system:",
    ),
    "the user name of another principal": (
        members({"role": "owner", "iamRole": ARN, "username": "arn:aws:iam::123456789012:user/boss"}),
        "spec.members[0].username",
        "which nobody else may be",
    ),
    "an IAM principal as a user": (
        members({"role": "owner", "user": "arn:aws:iam::123456789012:user/dev"}),
        "spec.members[0]",
        "name it as iamRole or iamUser",
    ),
    "a role that ends in a path": (
        members({"role": "owner", "iamRole": f"{ARN}/"}),
        "spec.members[0].iamRole",
        "no / at the end",
    ),
    "a user with letters that IAM has not": (
        members({"role": "owner", "iamUser": "arn:aws:iam::123456789012:user/a'b"}),
        "spec.members[0].iamUser",
        "ARN of an IAM user",
    ),
    "a session name without prefix": (
        members({"role": "owner", "iamRole": ARN, "username": "{{SessionName}}"}),
        "spec.members[0].username",
        "behind a colon",
    ),
    "a template that EKS does not know": (
        members({"role": "owner", "iamRole": ARN, "username": "x:{{AccessKeyID}}"}),
        "spec.members[0].username",
        "the only template",
    ),
}


@pytest.mark.parametrize("what", RIGHT)
async def test_a_right_member_is_taken(api, what):
    await api.create(resource.TENANTS, RIGHT[what], dry_run=True, strict=True)


@pytest.mark.parametrize("what", WRONG)
async def test_a_wrong_member_is_refused_with_the_field_and_the_fix(api, what):
    manifest, where, fix = WRONG[what]
    with pytest.raises(errors.ApiError) as refusal:
        await api.create(resource.TENANTS, manifest, dry_run=True, strict=True)
    assert refusal.value.status in (400, 422)
    assert where in refusal.value.message
    assert fix in refusal.value.message
