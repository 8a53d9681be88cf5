"""Where a cluster reads identities, and where we should write them. Modes go one way only, so nobody is moved unasked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from cotenant.model.iam.awsauth import AwsAuth
from cotenant.model.iam.claims import canonical

Store = Literal["entries", "aws-auth"]


class NoStore(Exception):
    """There is nowhere to write to, or nowhere that is read. The text says what to do."""


def store(mode: str, asked: str = "") -> Store:
    """The store to write to. asked: what somebody wants, "" for the one that fits. mode "" is unknown. Raises NoStore."""
    if asked == "aws-auth":
        if mode == "API":
            raise NoStore("the cluster reads no aws-auth (mode API): what is written there has no effect")
        return "aws-auth"
    if asked == "entries":
        if mode == "CONFIG_MAP":
            raise NoStore(f"the cluster reads no access entries (mode CONFIG_MAP); {proposal(mode)}")
        return "entries"
    if not mode:
        raise NoStore(
            "which identities the cluster reads is not known; name it by --eks-cluster and --region, "
            "or write aws-auth all the same: --store aws-auth"
        )
    return "aws-auth" if mode == "CONFIG_MAP" else "entries"


def proposal(mode: str) -> str:
    """The next mode, as a command that somebody else may give; "" where there is none."""
    if mode == "CONFIG_MAP":
        return (
            "to read both, which cannot be taken back: aws eks update-cluster-config --name CLUSTER "
            "--access-config authenticationMode=API_AND_CONFIG_MAP"
        )
    return ""


def shadowed(found: AwsAuth, entries: Iterable[str], mode: str) -> Mapping[str, str]:
    """Items of aws-auth that nobody is signed in by, since the principal has an access entry: ARN there -> ARN here."""
    if mode != "API_AND_CONFIG_MAP":
        return {}
    there = {canonical(one): one for one in entries}
    return {one.arn: there[one.canonical] for one in found.items if one.canonical in there}
