"""`cotenant tree`: tenant, spaces and what is in them, with state and drift; with -n, who owns a namespace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from cotenant.cli import ANSWERED, PARTLY, SOMETHING, Failure
from cotenant.cli.cluster.connect import NAMESPACE, Cluster, ask, cluster_flags
from cotenant.cli.cluster.observation import observe
from cotenant.cli.cluster.standing import Standing, home_by_name, required
from cotenant.cli.settings_source import platform
from cotenant.cli.view.inventory import Branch, drawn, left_behind, member_tree, plain, tenant_tree
from cotenant.cli.view.output import document, output_flag, paint, say, write
from cotenant.kube.errors import Forbidden

NOT_COMPARED = "states are not compared with what they should be: only the platform may read Tenants"


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT...]")
@NAMESPACE
@output_flag("json", "yaml")
@cluster_flags
def tree(*, tenants: tuple[str, ...], output: str | None, **flags: Any) -> int:
    """A tenant, its spaces and everything in them, with drift; with -n NAMESPACE, who owns it.

    Without TENANT an administrator sees all tenants, and what deleted ones left behind; a member the own one. STRAY is a
    namespace with a tenant's labels that no Space stands for. Exit 0; 1 if something is not as it should
    be; 2 if it cannot be told; 3 if you may see only a part.
    """
    if tenants and flags["namespace"]:
        raise click.UsageError("TENANT and -n exclude each other")

    async def work(cluster: Cluster) -> tuple[list[Branch], bool]:
        where = await required(cluster) if cluster.chosen else None
        try:
            return await as_administrator(cluster, [where.tenant] if where else list(tenants), where), True
        except Forbidden:
            mine = [await home_by_name(cluster.client, name) for name in tenants]
        return [await member_tree(cluster.client, one) for one in mine or [where or await required(cluster)]], False

    branches, compared = ask(work, **flags)
    if output:
        write(document("Tree", compared=compared, items=[plain(one) for one in branches]), output)
    elif not branches:
        say("No tenants found")
    else:
        click.echo("\n".join(coloured(line) for one in branches for line in drawn(one)))
    if not compared:
        say(NOT_COMPARED)
        return PARTLY
    return SOMETHING if any(one.faulty for one in branches) else ANSWERED


async def as_administrator(cluster: Cluster, names: list[str], where: Standing | None) -> list[Branch]:
    """The trees of these tenants, all of them for none. Raises Forbidden for who may not read the whole cluster."""
    seen = await observe(cluster.client, names or None)
    rules, now = await platform(cluster.client), datetime.now(UTC)
    if missing := [name for name in names if seen.world.tenants.get(None, name) is None]:
        said = f"tenant {missing[0]} does not exist"
        raise Failure(f"{said}; namespace {where.namespace} is labelled with it" if where else said)
    wanted = names or sorted(one.metadata.name for one in seen.world.tenants.items())
    trees = [tenant_tree(seen, name, rules, now, where) for name in wanted]
    return trees if names else [*trees, *left_behind(seen)]


def coloured(line: str) -> str:
    """What is wrong in red; the word says it too."""
    return (
        paint(line, "red")
        if any(word in line for word in ("DRIFTED", "MISSING", "SURPLUS", "STRAY", "Failed"))
        else line
    )
