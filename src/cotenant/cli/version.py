"""`cotenant version`: of this program, and of the cluster."""

from __future__ import annotations

from typing import Any

import click

from cotenant import __version__
from cotenant.api.keys import API_VERSION
from cotenant.cli import ANSWERED, PARTLY, Failure, complain
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.view.output import document, output_flag, write


@click.command()
@click.option("--client", is_flag=True, help="Of this program only; asks no cluster.")
@output_flag("json", "yaml")
@cluster_flags
def version(*, client: bool, output: str | None, **flags: Any) -> int:
    """Versions of this program and of the cluster. Exit 0; 3 if the cluster does not answer."""
    found = {"client": __version__, "api": API_VERSION}
    trouble = ""
    if not client:
        try:
            found["server"] = ask(server, **flags)
        except Failure as failure:
            trouble = failure.message
    if output:
        write(document("Version", **found), output)
    else:
        click.echo(f"Client Version: {found['client']}\nAPI Version: {found['api']}")
        if "server" in found:
            click.echo(f"Server Version: {found['server']}")
    return complain(trouble, PARTLY) if trouble else ANSWERED


async def server(cluster: Cluster) -> str:
    """The gitVersion of the API server."""
    return str((await cluster.client.version()).get("gitVersion", ""))
