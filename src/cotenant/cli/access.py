"""`cotenant access`: everything that somebody may do, and by what."""

from __future__ import annotations

from typing import Any

import click
from msgspec import to_builtins

from cotenant.cli import ANSWERED, PARTLY, SOMETHING
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.resolution import EVERYBODY, Resolved, named, resolve
from cotenant.cli.iam.stores import Stores, aws_flags, opened
from cotenant.cli.view.output import document, output_flag, say, table, write
from cotenant.kube.client import Client
from cotenant.kube.resource import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from cotenant.model.iam.ways import due
from cotenant.model.rights import Grant, grants, holds

KINDS = ("user", "group", "serviceaccount")


@click.command()
@click.argument("subject", required=False)
@click.option("--iam", "principal", metavar="ARN", help="An IAM role, user or session instead.")
@output_flag("json", "yaml")
@aws_flags
@cluster_flags
def access(
    *,
    subject: str | None,
    principal: str | None,
    output: str | None,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> int:
    """Every binding that gives SUBJECT a right: user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME.

    With --iam also how the principal enters the cluster, and EKS access policies: rights that RBAC, `kubectl auth can-i`
    and impersonation do not show. Exit 0; 1: the principal cannot sign in; 3: a store could not be read.
    """
    if bool(subject) == bool(principal):
        raise click.UsageError("name a SUBJECT, or an IAM principal by --iam ARN")
    known = Resolved("", *identity(subject)) if subject else None
    meant = named(principal) if principal else ""

    async def work(cluster: Cluster) -> tuple[Stores, Resolved, list[Grant]]:
        stores = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
        try:
            who = known or await resolve(stores, meant)
            found = await bindings(cluster.client) if who.username or who.groups else []
        finally:
            stores.close()
        groups = [*who.groups, EVERYBODY]
        mine = [due(one, who.username, groups, who.astray) for one in found if holds(one, who.username, groups)]
        return stores, who, mine

    stores, who, found = ask(work, **flags)
    unread = stores.unread if principal else []
    if output:
        rows = [
            {"binding": one.binding, "namespace": one.namespace, "role": one.role, "origin": one.origin}
            for one in found
        ]
        write(document("Access", identity=to_builtins(who), bindings=rows, unread=unread), output)
    else:
        shown(who, found)
    for one in unread:
        say(f"not read: {one}")
    if principal and not who.username:
        return SOMETHING
    return PARTLY if unread else ANSWERED


def identity(subject: str) -> tuple[str, list[str]]:
    """(user, groups) of a subject as it is typed."""
    kind, _, name = subject.partition(":")
    if kind not in KINDS or not name:
        raise click.UsageError(f"{subject}: write user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME")
    if kind == "group":
        return "", [name]
    if kind == "user":
        return name, []
    space, _, account = name.partition("/")
    if not account:
        raise click.UsageError(f"{subject}: write serviceaccount:NAMESPACE/NAME")
    return f"system:serviceaccount:{space}:{account}", ["system:serviceaccounts", f"system:serviceaccounts:{space}"]


async def bindings(client: Client) -> list[Grant]:
    """Every binding of the cluster. Raises Forbidden for who may not list them."""
    bound = [one for kind in (CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS) for one in (await client.list(kind)).items]
    roles = [one for kind in (CLUSTER_ROLES, ROLES) for one in (await client.list(kind)).items]
    return list(grants(bound, roles))


def shown(who: Resolved, found: list[Grant]) -> None:
    """For a person."""
    if who.principal:
        if not who.username:
            click.echo(f"{who.principal} cannot sign in: it has no access entry, and aws-auth does not map it")
            return
        click.echo(
            f"{who.principal} --{who.via}--> user {who.username}, groups {', '.join(who.groups) or '-'} (made by {who.origin})"
        )
        for one in who.policies:
            click.echo(f"access policy {one}: outside RBAC, kubectl auth can-i does not show it")
    rows = [(one.namespace or "(whole cluster)", one.role, one.binding, one.origin) for one in found]
    click.echo(table(("NAMESPACE", "ROLE", "VIA", "ORIGIN"), sorted(rows)))
