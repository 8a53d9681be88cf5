"""docs/reference/cli.md, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click
import msgspec
from msgspec import structs

from cotenant.api.docstrings import of_field
from cotenant.api.markdown import cell
from cotenant.cli import SECTIONS, cotenant
from cotenant.model.platform import Platform
from cotenant.settings import Settings

HEAD = """# Command line

Generated from the commands: change them and run `make docs`.

`cotenant …` and `kubectl cotenant …` are the same program. Data goes to stdout, progress to stderr. `NO_COLOR` is honoured.

| exit code | means |
| --- | --- |
| 0 | answered, nothing to report |
| 1 | answered, there is something: differs, denied, broken |
| 2 | could not answer |
| 3 | answered only in part |
| 130 | Ctrl-C |

`-o json` carries `apiVersion: cli.cotenant.dev/v1`.
"""
SETTINGS = """## Settings

The operator and the command line read the ConfigMap `cotenant-settings`, key `settings.json`, in the operator's
namespace: one JSON object, in which those below with `platform.` are in the object `platform`. A variable wins over it:
`COTENANT_RESERVED_NAMES=a,b`, without `platform`. A flag wins over both; the Deployment sets `platform.namespace` and
`logLevel` by variables, `http` and `assist` by flags. A name in the ConfigMap that is not below is an error.
[How to change one](../how-to/install-on-eks.md#5-settings).
"""


def page() -> str:
    """The whole page."""
    root = click.Context(cotenant, info_name="cotenant", help_option_names=["-h", "--help"])
    parts = [HEAD]
    for title, entries in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in entries:
            command = cotenant.get_command(root, name)
            assert command is not None
            parts += sections(command, click.Context(command, info_name=name, parent=root))
    return "\n".join([*parts, *settings()])


def sections(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """One command, and those below it."""
    usage = " ".join(command.collect_usage_pieces(ctx))
    yield f"### `{ctx.command_path} {usage}`\n"
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    yield f"{text}\n"
    options = [one for one in command.get_params(ctx) if isinstance(one, click.Option) and "--help" not in one.opts]
    rows = [record for one in options if (record := one.get_help_record(ctx))]
    if rows:
        yield "| option | |\n| --- | --- |"
        yield "\n".join(f"| `{cell(names)}` | {cell(words)} |" for names, words in rows) + "\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if below is not None and not below.hidden:
                yield from sections(below, click.Context(below, info_name=name, parent=ctx))


def settings() -> Iterator[str]:
    """Every setting with its default, from the structs that hold them."""
    yield SETTINGS
    yield "| setting | default | |\n| --- | --- | --- |"
    for prefix, cls in (("platform.", Platform), ("", Settings)):
        for field in structs.fields(cls):
            if field.type is not Platform:
                default = msgspec.json.encode(field.default).decode()
                yield f"| `{prefix}{field.encode_name}` | `{default}` | {cell(of_field(cls, field.name))} |"
    yield ""
