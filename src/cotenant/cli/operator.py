"""`cotenant operator`: the controllers in the foreground, as the image runs them."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import click

from cotenant.cli import ANSWERED, Failure
from cotenant.cli.cluster.connect import words
from cotenant.cli.settings_source import merged, stored
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError
from cotenant.kube.transport import Transport
from cotenant.settings import Settings


@click.command()
@click.option("--context", metavar="NAME", help="Context of the kubeconfig.")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig; else $KUBECONFIG, ~/.kube/config, the pod's identity.")
@click.option("--http", metavar="HOST:PORT", help='/healthz, /readyz and /metrics; "" for none. Else 127.0.0.1:8080.')
@click.option(
    "--leader-election/--no-leader-election",
    default=None,
    help="Whether replicas agree on one that acts. Default: yes.",
)
@click.option("--lease-duration", type=float, metavar="SECONDS", help="Standbys wait this long. Else 15.")
@click.option("--renew-deadline", type=float, metavar="SECONDS", help="A leader without its lease stops. Else 10.")
@click.option("--retry-period", type=float, metavar="SECONDS", help="Pause between tries for the lease. Else 2.")
@click.option("--workers", type=click.IntRange(1, 64), help="Reconciles at once in each controller. Else 8.")
@click.option("--qps", type=click.FloatRange(0), help="Requests a second; 0 leaves it to the API server. Else 0.")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Else info.")
def operator(*, context: str | None, kubeconfig: str | None, **flags: Any) -> int:
    """Run the controllers in the foreground, with whatever identity the kubeconfig gives.

    Settings come from these flags, from COTENANT_… variables (COTENANT_LEASE_DURATION=30), from the ConfigMap
    cotenant-settings in the operator's namespace, in this order of strength. Stops cleanly on SIGTERM and SIGINT.

    Exit 0: asked to stop; 2: it cannot run, for a setting is wrong or rights are missing.
    """
    merged(flags, os.environ)  # a wrong flag or variable is told before anybody is asked
    try:
        asyncio.run(_run(flags, kubeconfig, context))
    except ApiError as error:
        raise Failure(words(error)) from error
    return ANSWERED


async def _run(flags: dict[str, Any], kubeconfig: str | None, context: str | None) -> None:
    from cotenant.app import run
    from cotenant.runtime.log import configure
    from cotenant.runtime.rights import RightsMissing

    settings = await _settings(flags, kubeconfig, context)
    configure(level=settings.log_level)
    try:
        await run(settings, kubeconfig, context)
    except RightsMissing as missing:
        raise Failure(str(missing)) from missing


async def _settings(flags: dict[str, Any], kubeconfig: str | None, context: str | None) -> Settings:
    """The settings of this process; the ConfigMap is looked up in the namespace that flags and variables give."""
    client = Client(await Transport.load(kubeconfig, context))
    try:
        namespace = merged(flags, os.environ).platform.namespace
        return merged(flags, os.environ, await stored(client, namespace))
    finally:
        await client.close()
