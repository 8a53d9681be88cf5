"""IAM policies for what a tenant's roles may do at most, and for one role that serves many tenants by session tags."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cotenant.model.iam.trust import Place

KEPT = ("iam:*", "organizations:*", "account:*", "sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:TagSession")
"""What no role of a tenant does by itself: else it could take on, or make, another one."""
ENTRANCES = (
    "eks:*AccessEntry", "eks:*AccessPolicy", "eks:*PodIdentityAssociation", "eks:UpdateClusterConfig", "eks:DeleteCluster",
    "eks:AssociateIdentityProviderConfig",
)  # fmt: skip
"""Ways into a cluster, or into somebody else's role."""


def path_of(place: Place, tenant: str) -> str:
    """The path of a tenant's roles, where nobody chooses another: `/cotenant/CLUSTER/TENANT/`."""
    return f"/cotenant/{place.arn.rpartition('/')[2]}/{tenant}/"


def boundary(place: Place, path: str) -> dict[str, Any]:
    """A permission boundary for the roles below a path: everything but identities, and of roles only its own."""
    partition = place.arn.split(":")[1]
    own = f"arn:{partition}:iam::{place.account}:role{path}*"
    return policy(
        {"Sid": "WhatPoliciesGive", "Effect": "Allow", "NotAction": list(KEPT), "Resource": "*"},
        {"Sid": "OwnRolesOnly", "Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": own},
        {"Sid": "NoWayIntoClusters", "Effect": "Deny", "Action": list(ENTRANCES), "Resource": "*"},
    )


def tagged(place: Place, namespaces: Sequence[str], bucket: str) -> dict[str, Any]:
    """A policy for one role of all tenants: each namespace reaches only what begins with its name in a bucket.

    By Pod Identity only, whose tags nobody can choose. The cluster is compared too: namespaces of two may be called alike.
    """
    partition = place.arn.split(":")[1]
    mine = "${aws:PrincipalTag/kubernetes-namespace}"
    tags: dict[str, Any] = {"aws:PrincipalTag/eks-cluster-arn": place.arn}
    tags["aws:PrincipalTag/kubernetes-namespace"] = sorted(namespaces)
    s3 = f"arn:{partition}:s3:::{bucket}"
    actions = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    return policy(
        {"Sid": "OwnObjects", "Effect": "Allow", "Action": actions, "Resource": f"{s3}/{mine}/*", "Condition": {"StringEquals": tags}},
        {
            "Sid": "OwnListing", "Effect": "Allow", "Action": "s3:ListBucket", "Resource": s3,
            "Condition": {"StringEquals": tags, "StringLike": {"s3:prefix": [f"{mine}/*"]}},
        },
    )  # fmt: skip


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    """A document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
