"""`cotenant get tenants|spaces`: lists, for administrators of the whole cluster, for members of what is theirs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from cotenant.api.keys import GROUP
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli import ANSWERED, FAILED, PARTLY, Failure, complain
from cotenant.cli.connect import EVERYWHERE, NAMESPACE, SELECTOR, Cluster, ask, cluster_flags
from cotenant.cli.output import NO_HEADERS, age, document, output_flag, say, table, write
from cotenant.cli.standing import as_tenant, home_tenant, nowhere, required, spaces_of, standing
from cotenant.judge.tenant import condition_of
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import SPACES, TENANTS

Items = list[dict[str, Any]]
TENANT_COLUMNS = ("NAME", "READY", "SPACES", "OWNERS", "AGE")
TENANT_WIDE = (*TENANT_COLUMNS, "HOME", "PROFILE", "LIMIT", "REASON", "MESSAGE")
SPACE_COLUMNS = ("NAME", "TENANT", "NAMESPACE", "PHASE", "READY", "AGE")
SPACE_WIDE = (*SPACE_COLUMNS, "REASON", "MESSAGE")


class Nouns(click.Group):
    """Commands that also answer to kubectl's other names of a kind."""

    NAMES = {"tenant": "tenants", "cot": "tenants", "space": "spaces", "cosp": "spaces"}  # noqa: RUF012 - read only

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a noun in any spelling."""
        return super().get_command(ctx, self.NAMES.get(cmd_name, cmd_name))


@click.group(cls=Nouns)
def get() -> None:
    """List tenants or spaces.

    An administrator sees the whole cluster. A member sees the own tenant: the one that the context's namespace, or that
    of -n, belongs to. Exit 0; 2 if something named is not there; 3 if you may see only a part.
    """


@get.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@NAMESPACE
@SELECTOR
@output_flag()
@NO_HEADERS
@cluster_flags
def tenants(*, names: tuple[str, ...], labels: str, output: str | None, no_headers: bool, **flags: Any) -> int:
    """List tenants; with -n the one that a namespace belongs to."""
    if labels and flags["namespace"]:
        raise click.UsageError("-l and -n exclude each other: a namespace belongs to one tenant")

    async def work(cluster: Cluster) -> Items:
        if cluster.chosen:
            found = await required(cluster)
            try:
                return [await cluster.client.get(TENANTS, found.tenant)]
            except Forbidden:
                return [await as_tenant(cluster.client, found)]
        try:
            return (await cluster.client.list(TENANTS, labels=labels)).items
        except Forbidden:
            if labels:
                raise
            return [await as_tenant(cluster.client, await required(cluster))]

    items = sorted(ask(work, **flags), key=lambda one: str(one["metadata"]["name"]))
    return show("Tenant", items, names, output, headers=not no_headers)


@get.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@NAMESPACE
@EVERYWHERE
@click.option("--tenant", metavar="NAME", help="Of this tenant.")
@SELECTOR
@output_flag()
@NO_HEADERS
@cluster_flags
def spaces(
    *,
    names: tuple[str, ...],
    everywhere: bool,
    tenant: str | None,
    labels: str,
    output: str | None,
    no_headers: bool,
    **flags: Any,
) -> int:
    """List spaces; with -n those of the tenant that a namespace belongs to."""
    if sum((everywhere, bool(tenant), bool(flags["namespace"]))) > 1:
        raise click.UsageError("-A, -n and --tenant exclude each other")

    async def work(cluster: Cluster) -> Items:
        if tenant:
            return await spaces_of(cluster.client, f"home-{tenant}", labels)
        if cluster.chosen:
            return await spaces_of(cluster.client, (await required(cluster)).home, labels)
        try:
            return (await cluster.client.list(SPACES, labels=labels)).items
        except Forbidden:
            if everywhere:
                raise
        found = await standing(cluster)
        if found is None:
            raise nowhere(cluster)
        return await spaces_of(cluster.client, found.home, labels)

    items = sorted(ask(work, **flags), key=lambda one: (one["metadata"]["namespace"], one["metadata"]["name"]))
    return show("Space", items, names, output, headers=not no_headers)


def show(kind: str, items: Items, names: Sequence[str], output: str | None, *, headers: bool) -> int:
    """Prints what was found; the exit code. Names that nothing has are errors, and hide nothing that is there."""
    missing = [name for name in names if all(one["metadata"]["name"] != name for one in items)]
    chosen = [one for one in items if not names or one["metadata"]["name"] in names]
    plural = f"{kind.lower()}s"
    if output in ("json", "yaml"):
        write(document(f"{kind}List", items=[without_managers(one) for one in chosen]), output)
    elif output == "name":
        for one in chosen:
            click.echo(f"{kind.lower()}.{GROUP}/{one['metadata']['name']}")
    elif chosen:
        columns = {
            ("Tenant", False): TENANT_COLUMNS,
            ("Tenant", True): TENANT_WIDE,
            ("Space", False): SPACE_COLUMNS,
            ("Space", True): SPACE_WIDE,
        }[kind, output == "wide"]
        now = datetime.now(UTC)
        row = tenant_row if kind == "Tenant" else space_row
        click.echo(table(columns, (row(one, now)[: len(columns)] for one in chosen), headers=headers))
    elif not names:
        say(f"No {plural} found")
    for name in missing:
        complain(f'{plural}.{GROUP} "{name}" not found, or not yours', FAILED)
    return ANSWERED if not missing else PARTLY if chosen else FAILED


def without_managers(item: dict[str, Any]) -> dict[str, Any]:
    """The object without managedFields, as kubectl shows it."""
    return item | {"metadata": {key: value for key, value in item["metadata"].items() if key != "managedFields"}}


def tenant_row(item: dict[str, Any], now: datetime) -> list[str]:
    """A Tenant as in TENANT_WIDE."""
    try:
        one = msgspec.convert(item, Tenant)
    except msgspec.ValidationError as error:
        raise Failure(f"tenant {item['metadata'].get('name')}: {error}") from error
    ready, counts, limit = condition_of(one.status.conditions, "Ready"), one.status.spaces, one.spec.spaces
    owners = [member.subject for member in one.spec.members or () if member.role == "owner"]
    return [
        one.metadata.name,
        ready.status if ready else "Unknown",
        f"{counts.ready}/{counts.total}" if counts else "0/0",
        ", ".join(owners[:2]) + (f" and {len(owners) - 2} more" if len(owners) > 2 else ""),
        age(one.metadata.creation_timestamp, now) if one.metadata.creation_timestamp else "",
        one.status.home,
        one.spec.profile or "",
        str(limit.limit) if limit and limit.limit is not None else "",
        ready.reason if ready else "",
        ready.message if ready else "",
    ]


def space_row(item: dict[str, Any], now: datetime) -> list[str]:
    """A Space as in SPACE_WIDE."""
    one = msgspec.convert(item, Space)
    ready = condition_of(one.status.conditions, "Ready")
    return [
        one.metadata.name,
        home_tenant(one.metadata.namespace),
        one.status.namespace,
        one.status.phase or "Pending",
        ready.status if ready else "Unknown",
        age(one.metadata.creation_timestamp, now),
        ready.reason if ready else "",
        ready.message if ready else "",
    ]
