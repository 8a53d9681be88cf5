"""`cotenant get tenants|spaces`: lists, for administrators of the whole cluster, for members of what is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import click

from cotenant.api.keys import GROUP, home_of
from cotenant.cli import ANSWERED, FAILED, PARTLY, Failure, complain
from cotenant.cli.cluster.connect import EVERYWHERE, NAMESPACE, SELECTOR, Cluster, ask, cluster_flags
from cotenant.cli.cluster.following import changes
from cotenant.cli.cluster.standing import Standing, as_tenant, home_by_name, not_yours, required
from cotenant.cli.view.listing import Item, Listing
from cotenant.cli.view.output import NO_HEADERS, output_flag
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import SPACE_POLICIES, SPACES, TENANTS, Resource

WATCH = click.option("-w", "--watch", is_flag=True, help="Then print every change, until Ctrl-C.")


class Found(NamedTuple):
    """Objects as they are, and what happens to them from then on: nothing is asked before somebody iterates."""

    items: list[Item]
    changes: AsyncIterator[Item] | None
    """None where there is no way to follow them."""


class Nouns(click.Group):
    """Commands that also answer to kubectl's other names of a kind."""

    NAMES = {"tenant": "tenants", "cot": "tenants", "space": "spaces", "cosp": "spaces"}  # noqa: RUF012 - read only

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a noun in any spelling."""
        return super().get_command(ctx, self.NAMES.get(cmd_name, cmd_name))


@click.group(cls=Nouns)
def get() -> None:
    """List tenants or spaces.

    An administrator sees the whole cluster. A member sees the own tenant: by its name, or that of the context's
    namespace, or of -n. Exit 0; 2 if something named is not there; 3 if you may see only a part.
    """


@get.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@NAMESPACE
@SELECTOR
@output_flag()
@WATCH
@NO_HEADERS
@cluster_flags
def tenants(
    *, names: tuple[str, ...], labels: str, output: str | None, watch: bool, no_headers: bool, **flags: Any
) -> int:
    """List tenants; with -n the one that a namespace belongs to."""
    if labels and flags["namespace"]:
        raise click.UsageError("-l and -n exclude each other: a namespace belongs to one tenant")

    async def work(cluster: Cluster) -> int:
        found = await tenants_of(cluster, names, labels)
        return await answer(found, Listing("Tenant", output, headers=not no_headers), names, watch=watch)

    return ask(work, **flags)


@get.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@NAMESPACE
@EVERYWHERE
@click.option("--tenant", metavar="NAME", help="Of this tenant.")
@SELECTOR
@output_flag()
@WATCH
@NO_HEADERS
@cluster_flags
def spaces(
    *,
    names: tuple[str, ...],
    everywhere: bool,
    tenant: str | None,
    labels: str,
    output: str | None,
    watch: bool,
    no_headers: bool,
    **flags: Any,
) -> int:
    """List spaces; with -n those of the tenant that a namespace belongs to."""
    if sum((everywhere, bool(tenant), bool(flags["namespace"]))) > 1:
        raise click.UsageError("-A, -n and --tenant exclude each other")

    async def work(cluster: Cluster) -> int:
        found = await spaces_of(cluster, tenant, labels, everywhere=everywhere)
        return await answer(found, Listing("Space", output, headers=not no_headers), names, watch=watch)

    return ask(work, **flags)


async def tenants_of(cluster: Cluster, names: Sequence[str], labels: str) -> Found:
    """All of them for an administrator; for a member those named, or that of the namespace."""
    client = cluster.client
    if cluster.chosen:
        return await one_tenant(client, await required(cluster))
    try:
        return await listed(client, TENANTS, None, labels)
    except Forbidden:
        if labels:
            raise
    if len(names) == 1:
        return await one_tenant(client, await home_by_name(client, names[0]))
    items: list[Item] = []
    for name in names:
        with suppress(Failure):  # `answer` names those that are not there
            items.append(await as_tenant(client, await home_by_name(client, name)))
    return Found(items, None) if names else await one_tenant(client, await required(cluster))


async def one_tenant(client: Client, where: Standing) -> Found:
    """A tenant as its administrator sees it, or as far as a member may know it."""
    try:
        item = await client.get(TENANTS, where.tenant)
    except Forbidden:
        version = (await client.list(SPACE_POLICIES, where.home)).resource_version
        return Found([await as_tenant(client, where)], mirrored(client, where, version))
    version = item["metadata"]["resourceVersion"]
    return Found([item], changes(client, TENANTS, version=version))


async def spaces_of(cluster: Cluster, tenant: str | None, labels: str, *, everywhere: bool) -> Found:
    """Those of a tenant, of the whole cluster, or of the tenant of the namespace."""
    client = cluster.client
    if tenant:
        try:
            found = await listed(client, SPACES, home_of(tenant), labels)
        except Forbidden as error:
            raise not_yours(tenant) from error
        if not found.items:
            await exists(client, tenant)
        return found
    if not cluster.chosen:
        try:
            return await listed(client, SPACES, None, labels)
        except Forbidden:
            if everywhere:
                raise
    return await listed(client, SPACES, (await required(cluster)).home, labels)


async def exists(client: Client, tenant: str) -> None:
    """Raises Failure for a tenant that is not there; members of one may not ask, and have no need to."""
    try:
        await client.get(TENANTS, tenant)
    except NotFound as error:
        raise Failure(f"tenant {tenant} does not exist; see: cotenant get tenants") from error
    except Forbidden:
        return


async def listed(client: Client, resource: Resource, namespace: str | None, labels: str) -> Found:
    """A list in the order of namespaces and names, and what changes in it."""
    found = await client.list(resource, namespace, labels=labels)
    items = sorted(found.items, key=lambda one: (one["metadata"].get("namespace", ""), one["metadata"]["name"]))
    return Found(items, changes(client, resource, namespace, version=found.resource_version, labels=labels))


async def mirrored(client: Client, where: Standing, version: str) -> AsyncIterator[Item]:
    """A member's own tenant whenever the mirror of it in the home changes."""
    async for _ in changes(client, SPACE_POLICIES, where.home, version=version):
        yield await as_tenant(client, where)


async def answer(found: Found, listing: Listing, names: Sequence[str], *, watch: bool) -> int:
    """Prints what was found; the exit code. Names that nothing has are errors, and hide nothing that is there."""
    if watch and found.changes is None:
        raise click.UsageError("-w follows one tenant; name one of them")
    missing = [name for name in names if all(one["metadata"]["name"] != name for one in found.items)]
    chosen = [one for one in found.items if not names or one["metadata"]["name"] in names]
    if chosen or not names:
        listing.show(chosen)
    for name in missing:
        complain(f'{listing.plural}.{GROUP} "{name}" not found, or not yours', FAILED)
    if watch and found.changes and (chosen or not names):
        async for one in found.changes:
            if not names or one["metadata"]["name"] in names:
                listing.follow(one)
    return ANSWERED if not missing else PARTLY if chosen else FAILED
