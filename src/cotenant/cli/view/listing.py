"""Tenants and spaces as `cotenant get` shows them: a table with one row an object, documents, or names."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from cotenant.api.keys import GROUP
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli import Failure
from cotenant.cli.cluster.standing import home_tenant
from cotenant.cli.view.output import age, document, say, table, write, yaml_text
from cotenant.judge.tenant import condition_of

Item = dict[str, Any]
COLUMNS = {
    "Tenant": ("NAME", "READY", "SPACES", "OWNERS", "AGE"),
    "Space": ("NAME", "TENANT", "NAMESPACE", "PHASE", "READY", "AGE"),
}
WIDE = {
    "Tenant": (*COLUMNS["Tenant"], "HOME", "PROFILE", "LIMIT", "REASON", "MESSAGE"),
    "Space": (*COLUMNS["Space"], "REASON", "MESSAGE"),
}


class Listing:
    """Prints objects of one kind: first all that are there, then each that changes."""

    def __init__(self, kind: str, output: str | None, *, headers: bool) -> None:
        self.kind, self.output, self.headers = kind, output, headers
        self.columns = (WIDE if output == "wide" else COLUMNS)[kind]
        self.widths: Sequence[int] = ()

    @property
    def plural(self) -> str:
        """`tenants`."""
        return f"{self.kind.lower()}s"

    def show(self, items: Sequence[Item]) -> None:
        """What is there, in one table or document."""
        if self.output in ("json", "yaml"):
            write(document(f"{self.kind}List", items=[without_managers(one) for one in items]), self.output)
        elif self.output == "name" or items:
            self.lines(items, headers=self.headers)
        else:
            say(f"No {self.plural} found")

    def follow(self, item: Item) -> None:
        """One object more: a line below the table, or a document of its own."""
        if self.output == "json":
            write(without_managers(item), "json")
        elif self.output == "yaml":
            click.echo(f"---\n{yaml_text(without_managers(item))}", nl=False)
        else:
            self.lines([item], headers=self.headers and not self.widths)

    def lines(self, items: Sequence[Item], *, headers: bool) -> None:
        """Names, or rows as wide as those before."""
        if self.output == "name":
            for one in items:
                click.echo(f"{self.kind.lower()}.{GROUP}/{one['metadata']['name']}")
            return
        now, row = datetime.now(UTC), tenant_row if self.kind == "Tenant" else space_row
        rows = [row(one, now)[: len(self.columns)] for one in items]
        if not self.widths:
            shown = [self.columns, *rows] if headers else rows
            self.widths = [max(len(cells[at] or "-") for cells in shown) for at in range(len(self.columns))]
        click.echo(table(self.columns, rows, headers=headers, widths=self.widths))


def without_managers(item: Item) -> Item:
    """The object without managedFields, as kubectl shows it."""
    return item | {"metadata": {key: value for key, value in item["metadata"].items() if key != "managedFields"}}


def tenant_row(item: Item, now: datetime) -> list[str]:
    """A Tenant as in WIDE."""
    try:
        one = msgspec.convert(item, Tenant)
    except msgspec.ValidationError as error:
        raise Failure(f"tenant {item['metadata'].get('name')}: {error}") from error
    ready, counts = condition_of(one.status.conditions, "Ready"), one.status.spaces
    owners = [member.subject for member in one.spec.members or () if member.role == "owner"]
    return [
        one.metadata.name,
        ready.status if ready else "Unknown",
        f"{counts.ready}/{counts.total}" if counts else "0/0",
        ", ".join(owners[:2]) + (f" and {len(owners) - 2} more" if len(owners) > 2 else ""),
        age(one.metadata.creation_timestamp, now) if one.metadata.creation_timestamp else "",
        one.status.home,
        one.spec.profile or "",
        str(counts.limit) if counts and counts.limit is not None else "",
        ready.reason if ready else "",
        ready.message if ready else "",
    ]


def space_row(item: Item, now: datetime) -> list[str]:
    """A Space as in WIDE."""
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
