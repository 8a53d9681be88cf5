"""`cotenant can`: whether somebody may do something, EKS access policies included."""

from __future__ import annotations

from typing import Any

import click
from msgspec import to_builtins

from cotenant.cli import ANSWERED, PARTLY, SOMETHING
from cotenant.cli.cluster.connect import Cluster, ask
from cotenant.cli.draft import drafted
from cotenant.cli.question import Asked, put, question, question_flags
from cotenant.cli.view.output import document, output_flag, say, write


@click.command()
@click.option(
    "-f",
    "--filename",
    "files",
    metavar="FILE",
    multiple=True,
    help="Ask manifests instead of a cluster: file or folder, - for stdin; may be repeated.",
)
@question_flags
@output_flag("json", "yaml")
def can(*, files: tuple[str, ...], output: str | None, **flags: Any) -> int:
    """Whether you, an IAM principal or another subject may VERB a RESOURCE, in one word.

    As `kubectl auth can-i`, and beyond it: of somebody who enters by IAM, EKS access policies count, which impersonation
    loses. RESOURCE is plural, with its group where it has one: pods, deployments.apps, secrets/db. You need the right to
    list RoleBindings. With -f no cluster is asked: it is answered by what Tenants in files give their members.
    Exit 0: yes; 1: no; 3: not found, and not everything could be read.
    """
    asked = question(flags)

    async def work(cluster: Cluster) -> Asked:
        return await put(cluster, asked)

    found = drafted(asked, files, "" if asked.everywhere else required(flags)) if files else ask(work, **flags)
    if output:
        write(document("Can", allowed=found.allowed, known=found.known, ways=to_builtins(found.ways)), output)
    else:
        click.echo("yes" if found.allowed else "no" if found.known else "not known")
    for one in found.unread:
        say(f"not read: {one}")
    for way in found.ways:
        if way.kind == "unknown policy":
            say(f"not known here: what {way.by} gives")
    if found.allowed:
        return ANSWERED
    return SOMETHING if found.known else PARTLY


def required(flags: dict[str, Any]) -> str:
    """The namespace, which no context gives a file."""
    if not flags.get("namespace"):
        raise click.UsageError("with -f name the namespace: -n NAME, or -A")
    return str(flags["namespace"])
