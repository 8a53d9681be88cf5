"""Signatures, IAM policies and trust policies decide as AWS' do."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, strategies

from cotenant.local.eks import policy, signature
from cotenant.local.eks.errors import AwsError
from cotenant.local.eks.message import Request
from unit.local.eks.conftest import FOREIGN
from unit.local.eks.iam import ACCOUNT, CLUSTER, allow, fresh, given_entry, given_role, given_user, session_of, trust


def refused(call, saying, **given):
    with pytest.raises(ClientError, match=saying):
        call(**given)


def test_a_wrong_secret_is_told_by_every_service(aws):
    key = {**aws.administrator(), "SecretAccessKey": "guess"}
    refused(aws.client("eks", key).list_clusters, "InvalidSignatureException.*does not match the signature")
    refused(aws.client("sts", key).get_caller_identity, "SignatureDoesNotMatch")
    refused(aws.client("iam", key).list_users, "SignatureDoesNotMatch")
    assert all(call.caller == "" for call in aws.calls)


def test_an_unknown_key_no_key_and_an_old_request_are_refused(aws, clock):
    stranger = {"AccessKeyId": "AKIA" + "Z" * 16, "SecretAccessKey": "x"}
    refused(aws.client("eks", stranger).list_clusters, "UnrecognizedClientException.*security token.*invalid")
    refused(aws.client("sts", stranger).get_caller_identity, "InvalidClientTokenId")
    clock.ahead = timedelta(minutes=6)
    refused(aws.client("sts").get_caller_identity, "Signature expired")
    answer = aws.front(Request("GET", "/clusters"))
    assert (answer.status, answer.headers["x-amzn-ErrorType"]) == (403, "MissingAuthenticationTokenException")


def test_a_session_that_is_over_is_expired(aws, clock):
    key = session_of(aws, given_role(aws))
    clock.ahead = timedelta(minutes=61)
    refused(aws.client("eks", key).list_clusters, "ExpiredTokenException")


@pytest.mark.parametrize("part", ["method", "path", "query", "body", "header"])
def test_whatever_is_changed_on_the_way_breaks_the_signature(aws, part):
    seen = []
    client = aws.client("eks")
    client.meta.events.register("before-send.eks", lambda request, **_: seen.append(request))
    client.create_access_entry(clusterName=CLUSTER, principalArn=given_role(aws))
    (sent,) = seen
    path = sent.url.removeprefix(aws.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value for name, value in sent.headers.items()
    }
    good = Request(sent.method, path, "", headers | {"host": aws.url.removeprefix("http://")}, sent.body)
    bent = {
        "method": Request("PUT", good.path, "", good.headers, good.body),
        "path": Request("POST", good.path.replace("cotenant-dev", "cotenant-prod"), "", good.headers, good.body),
        "query": Request("POST", good.path, "x=1", good.headers, good.body),
        "body": Request("POST", good.path, "", good.headers, good.body.replace(b"role", b"rule")),
        "header": Request("POST", good.path, "", {**good.headers, "host": "eks.us-east-1.amazonaws.com"}, good.body),
    }[part]
    secret = aws.administrator()["SecretAccessKey"]
    signed = signature.read(good)
    signature.verify(good, signed, secret, signed.moment)
    with pytest.raises(AwsError, match="SignatureDoesNotMatch"):
        signature.verify(bent, signed, secret, signed.moment)


def test_nobody_may_do_anything_that_no_policy_allows_and_is_told_the_action(aws):
    arn, key = given_user(aws)
    refused(
        aws.client("eks", key).describe_cluster,
        f"AccessDeniedException.*User: {arn} is not authorized to perform: eks:DescribeCluster on resource: "
        f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/{CLUSTER}",
        name=CLUSTER,
    )
    refused(aws.client("iam", key).list_users, "AccessDenied.*iam:ListUsers")
    assert aws.client("sts", key).get_caller_identity()["Arn"] == arn


def test_a_group_a_managed_policy_and_a_deny_all_count(aws):
    arn, key = given_user(aws)
    name, iam = arn.rpartition("/")[2], aws.client("iam")
    group = fresh("group")
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=name)
    document = json.dumps(allow("eks:Describe*", "eks:List*", resource=f"arn:aws:eks:*:*:cluster/{CLUSTER}"))
    managed = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=document)["Policy"]["Arn"]
    iam.attach_group_policy(GroupName=group, PolicyArn=managed)
    eks = aws.client("eks", key)
    assert eks.describe_cluster(name=CLUSTER)["cluster"]["status"] == "ACTIVE"
    deny = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Action": "eks:DescribeCluster", "Resource": "*"}],
    }
    iam.put_user_policy(UserName=name, PolicyName="no", PolicyDocument=json.dumps(deny))
    refused(eks.describe_cluster, "with an explicit deny in an identity-based policy", name=CLUSTER)


def test_a_boundary_takes_away_what_a_policy_gives(aws):
    iam, role = aws.client("iam"), given_role(aws)
    name = role.rpartition("/")[2]
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(allow("*")))
    key = session_of(aws, role)
    assert aws.client("eks", key).list_clusters()["clusters"] == [CLUSTER]
    managed = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=json.dumps(allow("sts:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=managed)
    refused(aws.client("eks", key).list_clusters, "AccessDenied")


def test_the_conditions_of_a_least_privilege_policy_hold(aws):
    """What a tool that owns its entries by tag, and its groups by prefix, would run under."""
    narrow = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow", "Action": "eks:CreateAccessEntry", "Resource": "*",
                "Condition": {
                    "ForAllValues:StringLike": {"eks:kubernetesGroups": "cotenant:*"},
                    "StringEquals": {"eks:accessEntryType": "STANDARD", "aws:RequestTag/managed-by": "cotenant"},
                },
            },
            {
                "Effect": "Allow", "Action": ["eks:UpdateAccessEntry", "eks:DeleteAccessEntry", "eks:AssociateAccessPolicy"],
                "Resource": f"arn:aws:eks:us-east-1:{ACCOUNT}:access-entry/{CLUSTER}/*",
                "Condition": {"StringEquals": {"aws:ResourceTag/managed-by": "cotenant"}},
            },
            {
                "Effect": "Deny", "Action": "eks:AssociateAccessPolicy", "Resource": "*",
                "Condition": {"StringLike": {"eks:policyArn": "*ClusterAdminPolicy"}},
            },
        ],
    }  # fmt: skip
    _, key = given_user(aws, narrow)
    eks, role = aws.client("eks", key), given_role(aws)
    on = {"clusterName": CLUSTER, "principalArn": role}
    ours = {"tags": {"managed-by": "cotenant"}}
    refused(eks.create_access_entry, "AccessDenied", **on, kubernetesGroups=["cotenant:a"])
    refused(eks.create_access_entry, "AccessDenied", **on, kubernetesGroups=["cotenant:a", "admins"], **ours)
    refused(eks.create_access_entry, "AccessDenied", **on, type="EC2_LINUX", **ours)
    eks.create_access_entry(**on, kubernetesGroups=["cotenant:a"], **ours)
    eks.update_access_entry(**on, kubernetesGroups=["cotenant:b"])
    policies = "arn:aws:eks::aws:cluster-access-policy"
    scope = {"type": "cluster"}
    eks.associate_access_policy(**on, policyArn=f"{policies}/AmazonEKSViewPolicy", accessScope=scope)
    refused(
        eks.associate_access_policy, "explicit deny", **on,
        policyArn=f"{policies}/AmazonEKSClusterAdminPolicy", accessScope=scope,
    )  # fmt: skip
    foreign = given_role(aws)
    given_entry(aws, foreign)
    refused(eks.delete_access_entry, "AccessDenied", clusterName=CLUSTER, principalArn=foreign)
    eks.delete_access_entry(**on)


def test_the_account_in_a_trust_policy_lets_in_whom_a_policy_sends(aws):
    role = given_role(aws)
    (_, without), (_, with_it) = given_user(aws), given_user(aws, allow("sts:AssumeRole", resource=role))
    given = {"RoleArn": role, "RoleSessionName": "ann"}
    refused(
        aws.client("sts", without).assume_role,
        f"AccessDenied.*is not authorized to perform: sts:AssumeRole on resource: {role}",
        **given,
    )
    assert aws.client("sts", with_it).assume_role(**given)["AssumedRoleUser"]["Arn"].endswith("/ann")


def test_a_user_named_in_a_trust_policy_needs_no_policy_and_everybody_else_stays_out(aws):
    arn, key = given_user(aws)
    role = given_role(aws, by=(arn,))
    assert session_of(aws, role, key=key)["SessionToken"]
    with pytest.raises(ClientError, match="AccessDenied"):
        session_of(aws, role)  # the administrator has every right, and is not trusted


def test_another_account_needs_both_trust_and_a_policy(aws):
    role = given_role(aws, by=(f"arn:aws:iam::{FOREIGN}:root",))
    assert session_of(aws, role, key=aws.administrator(FOREIGN))["AccessKeyId"].startswith("ASIA")
    with pytest.raises(ClientError, match="AccessDenied"):
        session_of(aws, role)


def test_a_trust_policy_may_bind_the_name_of_the_session_to_the_user(aws):
    condition = {"StringEquals": {"sts:RoleSessionName": "${aws:username}"}}
    role = given_role(aws, **condition)
    arn, key = given_user(aws, allow("sts:AssumeRole", resource=role))
    name = arn.rpartition("/")[2]
    assert session_of(aws, role, name, key)
    with pytest.raises(ClientError, match="AccessDenied"):
        session_of(aws, role, "somebody-else", key)


@pytest.mark.parametrize(
    "given",
    [
        {"RoleSessionName": "a b"},
        {"RoleSessionName": "a:b"},
        {"RoleSessionName": "ann", "DurationSeconds": 900000},
        {"RoleSessionName": "ann", "Policy": json.dumps(trust("*"))},
    ],
)
def test_a_session_that_cannot_be_is_refused(aws, given):
    refused(aws.client("sts").assume_role, "ValidationError", RoleArn=given_role(aws), **given)


def test_a_role_that_is_not_there_is_refused_like_one_that_may_not_be_assumed(aws):
    with pytest.raises(ClientError, match=r"AccessDenied.*sts:AssumeRole"):
        session_of(aws, f"arn:aws:iam::{ACCOUNT}:role/nobody")
    arn, _ = given_user(aws)
    with pytest.raises(ClientError, match="AccessDenied"):
        session_of(aws, arn)


CONTEXT = {"aws:username": "ann", "eks:kubernetesgroups": ["a", "b"], "empty": []}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:username": "ann"}}, True),
        ({"StringEquals": {"AWS:UserName": ["bob", "ann"]}}, True),
        ({"StringEquals": {"aws:username": "Ann"}}, False),
        ({"StringEqualsIgnoreCase": {"aws:username": "Ann"}}, True),
        ({"StringNotEquals": {"aws:username": "ann"}}, False),
        ({"StringNotEquals": {"missing": "x"}}, True),
        ({"StringLike": {"aws:username": "a*"}}, True),
        ({"StringLike": {"aws:username": "[a]*"}}, False),
        ({"StringLike": {"missing": "*"}}, False),
        ({"StringLikeIfExists": {"missing": "x"}}, True),
        ({"ForAllValues:StringEquals": {"eks:kubernetesGroups": ["a", "b", "c"]}}, True),
        ({"ForAllValues:StringEquals": {"eks:kubernetesGroups": ["a"]}}, False),
        ({"ForAllValues:StringEquals": {"missing": ["a"]}}, True),
        ({"ForAllValues:StringEquals": {"empty": ["a"]}}, True),
        ({"ForAnyValue:StringEquals": {"eks:kubernetesGroups": ["b"]}}, True),
        ({"ForAnyValue:StringEquals": {"eks:kubernetesGroups": ["c"]}}, False),
        ({"ForAnyValue:StringEquals": {"missing": ["c"]}}, False),
        ({"Null": {"missing": "true"}}, True),
        ({"Null": {"aws:username": "true"}}, False),
        ({"StringEquals": {"aws:username": "ann"}, "StringLike": {"aws:username": "b*"}}, False),
    ],
)
def test_a_condition_holds_or_does_not(condition, holds):
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    decision = policy.evaluate([{"Statement": [statement]}], "eks:X", "r", CONTEXT)
    assert decision == (policy.ALLOWED if holds else policy.SILENT)


def test_a_condition_that_is_not_understood_never_allows_and_always_denies():
    unknown = {"NumericLessThan": {"aws:username": "1"}}
    for effect, decision in (("Allow", policy.SILENT), ("Deny", policy.DENIED)):
        statement = {"Effect": effect, "Action": "*", "Resource": "*", "Condition": unknown}
        assert policy.evaluate([{"Statement": [statement]}], "eks:X", "r", CONTEXT) == decision


EFFECTS = strategies.lists(
    strategies.tuples(strategies.booleans(), strategies.sampled_from(["a:X", "a:Y", "a:*", "*"]))
)


@given(EFFECTS)
def test_one_deny_outweighs_any_number_of_allows(statements):
    document = {
        "Statement": [{"Effect": "Allow" if yes else "Deny", "Action": on, "Resource": "*"} for yes, on in statements]
    }
    hits = [yes for yes, on in statements if on in ("a:X", "a:*", "*")]
    expected = policy.SILENT if not hits else policy.ALLOWED if all(hits) else policy.DENIED
    assert policy.evaluate([document], "a:X", "r", {}) == expected
