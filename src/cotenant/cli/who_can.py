"""`cotenant who-can`: everybody who may do something, by which binding or access policy, and which IAM principals that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click
from msgspec import Struct, to_builtins

from cotenant.api.keys import HOME_PREFIX, SPACE, TENANT
from cotenant.cli import ANSWERED, PARTLY, Failure
from cotenant.cli.access import bindings
from cotenant.cli.cluster.connect import EVERYWHERE, NAMESPACE, Cluster, ask, cluster_flags
from cotenant.cli.iam.resolution import Resolved, everybody
from cotenant.cli.iam.stores import Stores, aws_flags, opened
from cotenant.cli.view.output import NO_HEADERS, document, output_flag, say, table, write
from cotenant.kube.client import Client
from cotenant.kube.resource import NAMESPACES
from cotenant.model.iam.accesspolicies import TABLE
from cotenant.model.iam.accesspolicies import allows as by_policy
from cotenant.model.iam.strays import NOBODY
from cotenant.model.rights import Ask, Grant, allows


class Row(Struct, omit_defaults=True):
    """Somebody who may."""

    subject: str
    namespaces: str
    via: str
    origin: str


@click.command("who-can")
@click.argument("verb")
@click.argument("resource", metavar="RESOURCE[/NAME]")
@click.option("--subresource", metavar="NAME", default="", help="Of the resource: log, exec, scale.")
@click.option("--tenant", metavar="NAME", help="In every space of this tenant.")
@NAMESPACE
@EVERYWHERE
@NO_HEADERS
@output_flag("json", "yaml")
@aws_flags
@cluster_flags
def who_can(
    *,
    verb: str,
    resource: str,
    subresource: str,
    tenant: str | None,
    namespace: str | None,
    everywhere: bool,
    no_headers: bool,
    output: str | None,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> int:
    """Who may VERB a RESOURCE: users, groups, ServiceAccounts, and IAM principals by entries, aws-auth and access policies.

    RESOURCE is plural, with its group where it has one: pods, deployments.apps, secrets/db. In the namespace of -n or of
    the context; -A: a right in the whole cluster. Exit 0; 3: EKS or aws-auth could not be read, or somebody has an access
    policy that this version does not know.
    """
    if sum(map(bool, (tenant, namespace, everywhere))) > 1:
        raise click.UsageError("-n, -A and --tenant exclude each other")
    plural, _, name = resource.partition("/")
    plural, _, group = plural.partition(".")
    asked = Ask(verb, group, plural, subresource, name)

    async def work(cluster: Cluster) -> tuple[Stores, list[Row]]:
        stores = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
        try:
            places = await within(cluster, tenant, everywhere=everywhere)
            people = await everybody(stores, policies=True)
            stores.unread += unknown(people)
            found = list(answers(asked, places, await bindings(cluster.client), people))
        finally:
            stores.close()
        return stores, found

    stores, found = ask(work, namespace=namespace, **flags)
    if output:
        write(document("WhoCan", rows=to_builtins(found), unread=stores.unread), output)
    else:
        rows = [(one.subject, one.namespaces, one.via, one.origin) for one in found]
        click.echo(table(("SUBJECT", "NAMESPACES", "VIA", "ORIGIN"), rows, headers=not no_headers))
    for one in stores.unread:
        say(f"not read: {one}")
    return PARTLY if stores.unread else ANSWERED


def unknown(people: Iterable[Resolved]) -> list[str]:
    """Access policies that are not in the table, and who has them: what they give is not told."""
    found = {(policy.name, who.principal) for who in people for policy in who.policies if policy.name not in TABLE}
    return [
        f"what access policy {name} gives {principal}: this version does not know it"
        for name, principal in sorted(found)
    ]


async def within(cluster: Cluster, tenant: str | None, *, everywhere: bool) -> list[str]:
    """The namespaces in question; "" for the whole cluster."""
    if everywhere:
        return [""]
    if not tenant:
        return [cluster.namespace]
    found = await spaces(cluster.client, tenant)
    if not found:
        raise Failure(f"tenant {tenant} has no spaces")
    return found


async def spaces(client: Client, tenant: str) -> list[str]:
    """The namespaces of a tenant's spaces."""
    listed = (await client.list(NAMESPACES, labels=f"{TENANT}={tenant},{SPACE}")).items
    return sorted(one["metadata"]["name"] for one in listed if not one["metadata"]["name"].startswith(HOME_PREFIX))


def answers(asked: Ask, places: list[str], found: Iterable[Grant], people: Iterable[Resolved]) -> Iterator[Row]:
    """One row a subject and way; behind a group or user the IAM principals that are it."""
    known = list(people)
    rows: dict[tuple[str, str, str], list[str]] = {}
    for grant in found:
        covered = [place for place in places if allows(grant, asked._replace(namespace=place))]
        for kind, name in grant.subjects if covered else ():
            for subject, via, origin in named(kind, name, grant, known):
                rows.setdefault((subject, via, origin), []).extend(covered)
    for who in known:
        for policy in who.policies:
            covered = [place for place in places if by_policy(policy, asked._replace(namespace=place))]
            if covered:
                rows.setdefault((who.principal, f"EKS {policy}", who.origin), []).extend(covered)
    for (subject, via, origin), where in sorted(rows.items()):
        mine = sorted(set(where))
        yield Row(subject, "all" if len(mine) == len(places) else ", ".join(mine), via, origin)


def named(kind: str, name: str, grant: Grant, people: Iterable[Resolved]) -> Iterator[tuple[str, str, str]]:
    """A subject of a binding, and every principal that is it: (subject, by what, who made that)."""
    via = f"{grant.binding} -> {grant.role}"
    yield f"{kind} {name}", via, grant.origin
    for one in people:
        # A user name with a template is that of many.
        fixed = one.username.partition("{{")[0]
        match = (
            name in one.groups
            if kind == "Group"
            else name == one.username or ("{{" in one.username and name.startswith(fixed))
        )
        if match:
            origin = NOBODY if kind == "Group" and name in one.astray else grant.origin
            yield one.principal, f"{one.via} -> {kind.lower()} {name}; {via}", origin
