"""Both stores of identities of one cluster, as far as the caller may look into them."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from cotenant.api.tenant import Tenant
from cotenant.aws.calls import Calls
from cotenant.aws.desk import EntryDesk
from cotenant.aws.eks import Eks, Iam
from cotenant.aws.faults import Fault
from cotenant.cli import Failure
from cotenant.cli.cluster.connect import Cluster
from cotenant.cli.settings_source import merged, stored
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import CONFIG_MAPS, SELF_SUBJECT_REVIEWS, TENANTS
from cotenant.model.access import access
from cotenant.model.arn import arn
from cotenant.model.iam import awsauth
from cotenant.model.iam.claims import Claim, Person, canonical, claims, guarded, people
from cotenant.model.platform import Platform

F = TypeVar("F", bound=Callable[..., Any])
CLUSTER_ARN = re.compile(r"arn:aws[-a-z]*:eks:([a-z0-9-]+):([0-9]{12}):cluster/([A-Za-z0-9_-]+)")
EXEC = re.compile(r"--(cluster-name|cluster-id|region)[=\s]+([A-Za-z0-9_-]+)")
OPTIONS = (
    click.option(
        "--eks-cluster", "cluster_name", metavar="NAME", help="Name of the EKS cluster; else by settings or context."
    ),
    click.option("--region", metavar="REGION", help="Its region; else by settings, context or AWS' own variables."),
    click.option("--profile", "aws_profile", metavar="NAME", help="Profile of AWS' configuration files."),
)
STORE = click.option(
    "--store",
    type=click.Choice(["entries", "aws-auth"]),
    help="Where to write; else access entries wherever the cluster reads them.",
)


def aws_flags(command: F) -> F:
    """Adds the flags that choose the EKS cluster. They arrive as cluster_name, region and aws_profile."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@dataclass
class Stores:
    """What a command knows of the two stores. Faults are told, and nothing is guessed in their place."""

    client: Client
    platform: Platform
    eks_name: str = ""
    region: str = ""
    calls: Calls | None = None
    desk: EntryDesk | None = None
    mode: str = ""
    """"" where EKS did not tell."""
    aws_auth: dict[str, Any] | None = None
    user: str = ""
    """Name of the caller in the cluster."""
    me: str = ""
    """Canonical ARN of the caller, by the cluster's word; "" where it does not say one."""
    session: str = ""
    adding: bool = True
    """Whether whoever is in neither store may be added."""
    unread: list[str] = field(default_factory=list)
    """What could not be looked at, in words."""

    @property
    def data(self) -> dict[str, str]:
        """The texts of aws-auth."""
        return (self.aws_auth or {}).get("data") or {}

    def close(self) -> None:
        """Ends the thread of AWS calls."""
        if self.calls:
            self.calls.close()


async def opened(
    cluster: Cluster,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    kubeconfig: str | None = None,
) -> Stores:
    """Looks at both stores. Raises ApiError for a cluster that does not answer."""
    client = cluster.client
    text = await stored(client, merged({}, os.environ).platform.namespace)
    settings = merged({}, os.environ, text)
    found = Stores(client, settings.platform)
    await identify(found)
    by_context = guess(client.transport.context, kubeconfig)
    found.eks_name = cluster_name or settings.eks_cluster or by_context[1]
    found.region = region or settings.aws_region or by_context[0]
    try:
        found.aws_auth = await client.get(CONFIG_MAPS, awsauth.NAME, awsauth.NAMESPACE)
    except NotFound:
        pass
    except Forbidden as error:
        found.unread.append(f"aws-auth: {error}")
    if found.eks_name:
        found.calls = Calls(found.region, profile=aws_profile or "")
        found.desk = EntryDesk(Eks(found.calls, found.eks_name), Iam(found.calls), time.monotonic, silent=True)
        try:
            found.mode = await found.desk.eks.mode()
        except Fault as error:
            found.unread.append(f"EKS: {error.message}")
    return found


async def identify(found: Stores) -> None:
    """Who the caller is: EKS tells the ARN of whoever signed in by IAM."""
    review = await found.client.create(
        SELF_SUBJECT_REVIEWS, {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": "SelfSubjectReview"}
    )
    info = review.get("status", {}).get("userInfo", {})
    extra = info.get("extra") or {}
    found.user = info.get("username", "")
    found.me, found.session = principal(extra), (extra.get("sessionName") or [""])[0]


def principal(extra: dict[str, list[str]]) -> str:
    """The canonical ARN in what the authenticator adds to a user; "" where there is none."""
    said = (extra.get("canonicalArn") or extra.get("arn") or [""])[0]
    shape = arn(said)
    return canonical(shape.role if shape and shape.is_session else said) if said else ""


def guess(context: str, kubeconfig: str | None) -> tuple[str, str]:
    """(region, name) of the EKS cluster of a context: by its cluster's name, or by what it signs in with."""
    if found := CLUSTER_ARN.fullmatch(context):
        return found[1], found[3]
    source = kubeconfig or os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    for part in source.split(os.pathsep):
        try:
            said = parsed(Path(part).read_text("utf-8"))
        except (OSError, ValueError):
            continue
        for one in said.get("contexts") or ():
            if one.get("name") == context:
                return of_context(said, one.get("context") or {})
    return "", ""


def parsed(text: str) -> dict[str, Any]:
    """A kubeconfig. ValueError if it is none."""
    import yaml

    try:
        found = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict):
        raise ValueError("no map")  # noqa: TRY004 - a file that is no kubeconfig, not a wrong call
    return found


def of_context(kubeconfig: dict[str, Any], context: dict[str, Any]) -> tuple[str, str]:
    """The same of one context of a kubeconfig."""
    if found := CLUSTER_ARN.fullmatch(str(context.get("cluster"))):
        return found[1], found[3]
    for one in kubeconfig.get("users") or ():
        if one.get("name") == context.get("user"):
            arguments = ((one.get("user") or {}).get("exec") or {}).get("args") or ()
            said = dict(EXEC.findall(" ".join(map(str, arguments))))
            return said.get("region", ""), said.get("cluster-name") or said.get("cluster-id") or ""
    return "", ""


async def claimed(client: Client, platform: Platform, tenants: Collection[str] = ()) -> list[Claim]:
    """The claims of all tenants, whoever is named: principals are shared. Raises Failure for one that is not there, ApiError."""
    now = datetime.now(UTC)
    listed = (await client.list(TENANTS, type=Tenant)).items
    names = {one.metadata.name for one in listed}
    if lost := sorted(one for one in tenants if one not in names):
        raise Failure(f"there is no tenant {lost[0]}; see: cotenant get tenants")
    found: list[Claim] = []
    users: list[Person] = []
    for one in listed:
        name = one.metadata.name
        users += people(name, one.spec.members or [])
        members = [] if one.metadata.deletion_timestamp else one.spec.members or []
        found += claims(name, access(members, platform, now, name))
    return guarded(found, users)


def moment() -> str:
    """RFC 3339, now."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
