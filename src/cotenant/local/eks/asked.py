"""What a request to EKS is about, in the words of IAM policies: its resource and its condition keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cotenant.local.eks.cluster import Cluster
from cotenant.local.eks.entries import STANDARD, Entry

Input = Mapping[str, Any]


def resource(cluster: Cluster, operation: str, given: Input, entry: Entry | None) -> str:
    """The ARN that a policy names for this operation. `entry`: that of the principal asked about, if there is one."""
    base = f"arn:aws:eks:{cluster.region}:{cluster.account}"
    if "resourceArn" in given:
        return str(given["resourceArn"])
    named = given.get("clusterName") or given.get("name")
    if named is None:
        return "*"
    if "associationId" in given:
        return f"{base}:podidentityassociation/{named}/{given['associationId']}"
    if "principalArn" in given and operation != "CreateAccessEntry":
        return entry.arn if entry else f"{base}:access-entry/{named}/{_unknown(given['principalArn'])}"
    return f"{base}:cluster/{named}"


def context(given: Input, entry: Entry | None) -> dict[str, Any]:
    """Condition keys. Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EKS"."""
    scope = given.get("accessScope", {})
    kind = given.get("type") or (entry.type if entry else STANDARD if "principalArn" in given else None)
    known = {
        "eks:clusterName": given.get("clusterName"),
        "eks:principalArn": given.get("principalArn"),
        "eks:kubernetesGroups": given.get("kubernetesGroups"),
        "eks:username": given.get("username"),
        "eks:accessEntryType": kind,
        "eks:policyArn": given.get("policyArn"),
        "eks:namespaces": scope.get("namespaces"),
        "eks:accessScope": scope.get("type"),
        "eks:authenticationMode": given.get("accessConfig", {}).get("authenticationMode"),
        "aws:TagKeys": sorted(given["tags"]) if given.get("tags") else None,
    }
    wanted = {f"aws:RequestTag/{key}": value for key, value in (given.get("tags") or {}).items()}
    there = {f"aws:ResourceTag/{key}": value for key, value in (entry.tags if entry else {}).items()}
    return {key: value for key, value in (known | wanted | there).items() if value is not None}


def _unknown(principal: str) -> str:
    """The end of the ARN that the entry of a principal would have."""
    account, _, name = principal.partition("::")[2].partition(":")
    return f"{name.partition('/')[0]}/{account}/{name.rpartition('/')[2]}/*"
