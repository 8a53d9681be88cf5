"""Answers as kubectl prints them: tables with upper-case headers, JSON, YAML, names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import click
import msgspec

VERSION = "cli.cotenant.dev/v1"
FORMATS = ("wide", "json", "yaml", "name")
GAP = "   "
F = TypeVar("F", bound=Callable[..., Any])
Row = Sequence[str]


def output_flag(*formats: str) -> Callable[[F], F]:
    """-o with these formats besides the table."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats or FORMATS),
        metavar="FORMAT",
        help=f"{'|'.join(formats or FORMATS)}",
    )


NO_HEADERS = click.option("--no-headers", is_flag=True, help="A table without its first line.")


def table(
    columns: Sequence[str], rows: Iterable[Row], *, headers: bool = True, widths: Sequence[int] | None = None
) -> str:
    """A table as kubectl's: left-aligned, three spaces between columns, no lines drawn. `widths`: else as needed."""
    cells = [[one or "-" for one in row] for row in rows]
    shown = [list(columns), *cells] if headers else cells
    if not shown:
        return ""
    widths = widths or [max(len(row[at]) for row in shown) for at in range(len(columns))]
    lines = (GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in shown)
    return "\n".join(lines)


def document(kind: str, **content: Any) -> dict[str, Any]:
    """What -o json and -o yaml print: versioned, so that scripts can rely on it."""
    return {"apiVersion": VERSION, "kind": kind, **content}


def write(found: Mapping[str, Any], output: str) -> None:
    """A document on stdout, as JSON or YAML."""
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        click.echo(yaml_text(found), nl=False)


def yaml_text(*documents: Any) -> str:
    """One or several YAML documents, keys in their own order."""
    import yaml

    class Dumper(yaml.CSafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
            """Anchors are for machines; the same object twice is written twice."""
            return True

    text: str = yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, width=160, allow_unicode=True)
    return text


def age(since: str | None, now: datetime) -> str:
    """Time since an RFC 3339 moment in kubectl's short form: 45s, 12m, 5h, 3d."""
    if not since:
        return "<unknown>"
    seconds = int((now - datetime.fromisoformat(since)).total_seconds())
    for unit, size in (("y", 31_536_000), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size or (unit in "yd" and seconds >= size):
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def paint(text: str, colour: str) -> str:
    """Colour where a person looks at a terminal and did not set NO_COLOR; never the only signal."""
    return click.style(text, fg=colour) if sys.stdout.isatty() and not os.environ.get("NO_COLOR") else text


def say(text: str) -> None:
    """Progress and notes: stderr."""
    click.echo(text, err=True)
