"""The IAM policy of the operator: what it calls, on one cluster, and nothing that could raise itself or others.

Condition keys: service authorization reference of Amazon EKS. A list that is empty satisfies ForAllValues; creating an
entry without groups gives nobody anything.
"""

from __future__ import annotations

from typing import Any

from cotenant.api.keys import IAM_GROUPS
from cotenant.model.iam.entries import OWNED, OWNER, STANDARD


def policy(cluster: str, region: str, account: str, partition: str = "aws") -> dict[str, Any]:
    """The policy document for one cluster."""
    where = f"arn:{partition}:eks:{region}:{account}"
    pods = f"{where}:podidentityassociation/{cluster}/*"
    this, entries = f"{where}:cluster/{cluster}", f"{where}:access-entry/{cluster}/*"
    ours = {f"aws:ResourceTag/{OWNER}": OWNED[OWNER]}
    groups = {"eks:kubernetesGroups": f"{IAM_GROUPS}*"}
    statements = [
        allow("LookAtTheCluster", ["eks:DescribeCluster", "eks:ListAccessEntries"], this),
        allow("LookAtEntries", ["eks:DescribeAccessEntry", "eks:ListAssociatedAccessPolicies"], entries),
        allow(
            "MakeOurEntries",
            ["eks:CreateAccessEntry"],
            this,
            StringEquals={"eks:accessEntryType": STANDARD, f"aws:RequestTag/{OWNER}": OWNED[OWNER]},
            **{"ForAllValues:StringLike": groups},
        ),
        allow("TagOurEntries", ["eks:TagResource"], entries, StringEquals={f"aws:RequestTag/{OWNER}": OWNED[OWNER]}),
        allow(
            "ChangeOurEntries",
            ["eks:UpdateAccessEntry"],
            entries,
            StringEquals=ours,
            **{"ForAllValues:StringLike": groups},
        ),
        allow("RemoveOurEntries", ["eks:DeleteAccessEntry"], entries, StringEquals=ours),
        allow("LookAtRolesOfPods", ["eks:ListPodIdentityAssociations"], this),
        allow("LookAtEachRoleOfPods", ["eks:DescribePodIdentityAssociation"], pods),
        allow("KnowPrincipals", ["iam:ListRoles", "iam:ListUsers"], "*"),
        {
            "Sid": "NeverGiveRightsOutsideRbac",
            "Effect": "Deny",
            "Action": ["eks:AssociateAccessPolicy", "eks:UpdateClusterConfig"],
            "Resource": "*",
        },
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def allow(sid: str, actions: list[str], resource: str, **conditions: dict[str, str]) -> dict[str, Any]:
    """One statement."""
    found: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource}
    return found | ({"Condition": conditions} if conditions else {})
