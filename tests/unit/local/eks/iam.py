"""IAM principals for tests, each under a name of its own."""

from __future__ import annotations

import json
from itertools import count

_numbers = count(1)

ACCOUNT = "111122223333"
CLUSTER = "cotenant-dev"


def fresh(prefix):
    return f"{prefix}{next(_numbers)}"


def trust(*principals, **condition):
    allow = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**allow, **({"Condition": condition} if condition else {})}]}


def allow(*actions, resource="*", **condition):
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {"Version": "2012-10-17", "Statement": [{**statement, **({"Condition": condition} if condition else {})}]}


def given_role(aws, name="", *, path="/", by=(f"arn:aws:iam::{ACCOUNT}:root",), key=None, **condition):
    """A role whom `by` may assume; its ARN."""
    document = json.dumps(trust(*by, **condition))
    role = name or fresh("role")
    made = aws.client("iam", key).create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=document)
    return made["Role"]["Arn"]


def given_user(aws, *policies):
    """A user with inline policies: (ARN, access key)."""
    iam, name = aws.client("iam"), fresh("user")
    arn = iam.create_user(UserName=name)["User"]["Arn"]
    for number, policy in enumerate(policies):
        iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=json.dumps(policy))
    return arn, iam.create_access_key(UserName=name)["AccessKey"]


def session_of(aws, role, name="ann", key=None):
    """Credentials of a role's session."""
    return aws.client("sts", key).assume_role(RoleArn=role, RoleSessionName=name)["Credentials"]


def given_entry(aws, principal, **fields):
    made = aws.client("eks").create_access_entry(clusterName=CLUSTER, principalArn=principal, **fields)
    return made["accessEntry"]
