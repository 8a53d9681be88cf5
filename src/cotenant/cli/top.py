"""`cotenant top`: who uses what of a tenant's quota, and what is left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from cotenant.api.keys import home_of
from cotenant.cli import ANSWERED, PARTLY, Failure
from cotenant.cli.cluster.accounts import every_tenant, one_tenant
from cotenant.cli.cluster.connect import EVERYWHERE, NAMESPACE, Cluster, ask, cluster_flags
from cotenant.cli.cluster.standing import not_yours, required, tenant_of
from cotenant.cli.view.output import NO_HEADERS, document, output_flag, say, table, write
from cotenant.cli.view.usage import SPACES, TENANTS, WIDE, plain, space_rows, tenant_rows
from cotenant.judge.accounts import remarks
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import TENANTS as KIND
from cotenant.model.accounts import Accounts

SHOWN = 5
"""Tenants named in one note."""


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT...]")
@NAMESPACE
@EVERYWHERE
@output_flag("wide", "json", "yaml")
@NO_HEADERS
@cluster_flags
def top(*, tenants: tuple[str, ...], everywhere: bool, output: str | None, no_headers: bool, **flags: Any) -> int:
    """Who uses what of a tenant's quota, in which space, and what is left.

    USED is what Kubernetes counts, HARD what the ResourceQuotas admit now, ALLOCATED what they may grow to. HEADROOM of a
    tenant is what no space holds, that of a space what it holds and does not use. LIMIT is the tenant's, or the ceiling
    of the space. Without TENANT an administrator sees the totals of all tenants, a member the own tenant; with -n
    NAMESPACE it is the tenant of that namespace, and of its spaces that one.
    Exit 0; 2 if something named is not there; 3 if you may see only a part.
    """
    if sum((bool(tenants), bool(flags["namespace"]), everywhere)) > 1:
        raise click.UsageError("TENANT, -n and -A exclude each other")

    async def work(cluster: Cluster) -> tuple[list[Accounts], str, bool]:
        if tenants:
            return [await of_name(cluster, name) for name in tenants], "", True
        if not cluster.chosen:
            try:
                return await every_tenant(cluster.client), "", False
            except Forbidden:
                if everywhere:
                    raise
        where = await required(cluster)
        return (
            [await one_tenant(cluster.client, where.tenant)],
            where.namespace if cluster.chosen and where.space else "",
            True,
        )

    found, only, spaces = ask(work, **flags)
    if output in ("json", "yaml"):
        write(document("TopList", items=[plain(one, only) for one in found]), output)
    else:
        show(found, only, spaces=spaces, wide=output == "wide", headers=not no_headers)
    return PARTLY if any(one.unseen for one in found) else ANSWERED


async def of_name(cluster: Cluster, name: str) -> Accounts:
    """A tenant that was named; a Failure where there is none, or it is another's."""
    try:
        await cluster.client.get(KIND, name)
    except NotFound as error:
        raise Failure(f"tenant {name} does not exist; see: cotenant get tenants") from error
    except Forbidden:
        if await tenant_of(cluster.client, home_of(name)) is None:
            raise not_yours(name) from None
    return await one_tenant(cluster.client, name)


def show(found: list[Accounts], only: str, *, spaces: bool, wide: bool, headers: bool) -> None:
    """Tables on stdout: tenants, then spaces. What else there is to know on stderr."""
    if not found:
        say("No tenants found")
    if rows := tenant_rows(found):
        click.echo(table(TENANTS, rows, headers=headers))
    for one in found if spaces else []:
        if rows := space_rows(one, only, wide=wide):
            columns = (*SPACES, *WIDE) if wide else SPACES
            click.echo("\n" + table(columns, rows, headers=headers))
    for line in noted(found):
        say(line)


def noted(found: list[Accounts]) -> Iterator[str]:
    """What else there is to know, each thing once."""
    if len(found) == 1:
        yield from (f"note: {one.text}" for one in remarks(found[0]))
        return
    said: dict[tuple[str, str], list[str]] = {}
    for one in found:
        for remark in remarks(one):
            said.setdefault((remark.topic, remark.text.replace(f"tenant {one.tenant} ", "the tenant ")), []).append(
                one.tenant
            )
    for (_, text), tenants in said.items():
        more = f" and {len(tenants) - SHOWN} more" if len(tenants) > SHOWN else ""
        yield f"{', '.join(tenants[:SHOWN])}{more}: {text}"
