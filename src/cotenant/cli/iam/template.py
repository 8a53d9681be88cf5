"""`cotenant iam trust`, `iam boundary` and `iam tags`: IAM documents for a tenant's roles, to be given to IAM by a person."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from cotenant.cli import ANSWERED, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.stores import aws_flags, opened
from cotenant.cli.iam.workloads import situated
from cotenant.cli.view.output import say
from cotenant.model.iam import trust as written
from cotenant.model.iam.templates import boundary as bounded
from cotenant.model.iam.templates import path_of, tagged
from cotenant.model.iam.trust import Place
from cotenant.model.iam.workloads import Holder

Make = Callable[[Place, Holder], dict[str, Any]]


def printed(
    tenant: str, make: Make, *, cluster_name: str | None, region: str | None, aws_profile: str | None, **flags: Any
) -> int:
    """Prints what is made of the cluster and the tenant."""

    async def work(cluster: Cluster) -> dict[str, Any]:
        stores = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
        try:
            return make(*await situated(stores, tenant))
        finally:
            stores.close()

    click.echo(json.dumps(ask(work, **flags), indent=2))
    return ANSWERED


@click.command()
@click.argument("tenant")
@click.option(
    "--for",
    "whom",
    type=click.Choice(["pods", "irsa", "people"]),
    default="pods",
    show_default=True,
    help="pods: EKS Pod Identity; irsa: the cluster's OIDC provider; people: members who assume the role.",
)
@click.option(
    "--service-account", "accounts", multiple=True, metavar="NAME", help="These only; else all of its spaces."
)
@aws_flags
@cluster_flags
def trust(*, tenant: str, whom: str, accounts: tuple[str, ...], **flags: Any) -> int:
    """Print the trust policy of a role that TENANT's Pods, or its people, take on.

    It names the namespaces of the tenant's spaces and never a pattern of them: print it anew for a new space. People are
    let in as themselves: the session's name is the IAM user's, so {{SessionName}} can be trusted. Exit 0; 2: it cannot
    be made.
    """

    def make(place: Place, holder: Holder) -> dict[str, Any]:
        if whom == "people":
            return written.people(place.account, place.arn.split(":")[1])
        if not holder.namespaces:
            raise Failure(f"tenant {tenant} has no spaces")
        if whom == "irsa" and not place.issuer:
            raise Failure("EKS tells no OIDC issuer of this cluster")
        made = (written.irsa if whom == "irsa" else written.pods)(place, sorted(holder.namespaces), accounts)
        if len(json.dumps(made, separators=(",", ":"))) > written.LONGEST:
            say(f"warning: longer than {written.LONGEST} characters, which IAM takes only where that quota was raised")
        return made

    return printed(tenant, make, **flags)


@click.command()
@click.argument("tenant")
@click.option("--path", metavar="/PATH/", help="Path of the tenant's roles. Else /cotenant/CLUSTER/TENANT/.")
@aws_flags
@cluster_flags
def boundary(*, tenant: str, path: str | None, **flags: Any) -> int:
    """Print a permission boundary for the IAM roles of TENANT.

    Whatever their policies say, they make and take on no identity but the tenant's own, and open no way into a cluster.
    Exit 0; 2: it cannot be made.
    """
    if path and not (path.startswith("/") and path.endswith("/") and len(path) > 1 and "*" not in path):
        raise click.UsageError(f"--path {path}: begin and end it with /, without *")
    return printed(tenant, lambda place, _: bounded(place, path or path_of(place, tenant)), **flags)


@click.command()
@click.argument("tenant")
@click.option("--bucket", metavar="NAME", required=True, help="S3 bucket in which each namespace has a folder.")
@aws_flags
@cluster_flags
def tags(*, tenant: str, bucket: str, **flags: Any) -> int:
    """Print a policy that gives the Pods of each namespace of TENANT a folder of its own, by the tags of Pod Identity.

    One role serves them all: EKS puts namespace and cluster into the session, and nobody can choose them.
    Exit 0; 2: it cannot be made.
    """

    def make(place: Place, holder: Holder) -> dict[str, Any]:
        if not holder.namespaces:
            raise Failure(f"tenant {tenant} has no spaces")
        return tagged(place, sorted(holder.namespaces), bucket)

    return printed(tenant, make, **flags)
