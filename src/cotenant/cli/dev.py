"""`cotenant dev`: the local control plane by itself."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from cotenant.local import versions

if TYPE_CHECKING:
    from cotenant.local.handle import Handle

_FAILED = 2
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _seconds(_: click.Context, __: click.Parameter, text: str) -> float:
    """`90s`, `30m`, `8h`, `1h30m`, or 0; as seconds."""
    parts = re.findall(r"(\d+)([smhd])", text)
    if text != "0" and (not parts or "".join(number + unit for number, unit in parts) != text):
        raise click.BadParameter(f"{text!r} is no duration; write 30m, 8h, 1h30m, or 0 for no end")
    return float(sum(int(number) * _UNITS[unit] for number, unit in parts))


@click.group(short_help="A real Kubernetes control plane on this machine.")
def dev() -> None:
    """A real Kubernetes control plane on this machine, without Docker and without root.

    Real: API server, etcd, RBAC, admission, quota, garbage collection, scheduler. Fake: nodes, containers, network.
    It never reads or changes your ~/.kube/config.
    """


@dev.command()
@click.option(
    "--for", "lifetime", callback=_seconds, default="8h", show_default=True, help="Stop by itself after this; 0 never."
)
@click.option("--nodes", type=click.IntRange(0, 1000), default=1, show_default=True, help="Fake nodes.")
@click.option("--api-servers", type=click.IntRange(1, 2), default=1, show_default=True, help="API servers on one etcd.")
@click.option("--emulate", type=click.Choice(versions.EMULATED), help="The Kubernetes version to behave like.")
@click.option(
    "--bin-dir", type=click.Path(file_okay=False, exists=True, path_type=Path), help="A folder with the programs."
)
@click.pass_context
def up(
    ctx: click.Context, lifetime: float, nodes: int, api_servers: int, emulate: str | None, bin_dir: Path | None
) -> None:
    """Start the control plane, wait until it is ready, and leave it running."""
    from cotenant.local import dev as local

    with _errors():
        plane = local.running()
        if plane is not None and (why := local.broken(plane)):
            _say(f"A control plane was there, but {why}. It is cleared away with all that was in it.")
            local.down()
            plane = None
        if plane is not None:
            asked = [
                name for name in ctx.params if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT
            ]
            if asked:
                _fail("a control plane runs already and cannot be changed; stop it first: cotenant dev down")
            _say("The control plane runs already.")
        else:
            _say(f"Starting Kubernetes {emulate or versions.KUBERNETES} …")
            started = time.monotonic()
            plane = local.up(
                lifetime,
                progress=_say,
                apiservers=api_servers,
                nodes=nodes,
                emulated_version=emulate,
                bin_dir=bin_dir,
            )
            _say(f"The control plane is ready ({time.monotonic() - started:.1f} s).")
        _say(f"{_end_of(plane)}\n\nNext:")
        _say('  eval "$(cotenant dev env)"       kubectl speaks to it in this shell')
        _say("  cotenant dev kubeconfig alice --group team-a > alice.kubeconfig")
        _say("  cotenant dev down                 stop it; nothing is left behind")


@dev.command()
def down() -> None:
    """Stop the control plane and delete everything in it."""
    from cotenant.local import dev as local

    with _errors():
        _say("The control plane is gone." if local.down() else "No control plane was running.")


@dev.command()
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Format.")
def status(output: str) -> None:
    """What runs, since when, and until when. Exit code 2 when nothing runs."""
    with _errors():
        plane = _running()
        rows = [
            {"component": program.name, "pid": program.pid, "version": program.version, "running": alive}
            for program, alive in plane.programs()
        ]
        if output == "json":
            click.echo(
                json.dumps(
                    {
                        "servers": list(plane.urls),
                        "kubeconfig": str(plane.kubeconfig),
                        "directory": str(plane.directory),
                        "until": plane.state.until,
                        "components": rows,
                    },
                    indent=2,
                )
            )
        else:
            click.echo(f"{'COMPONENT':<26}{'PID':<9}{'VERSION':<10}STATUS")
            for row in rows:
                state = "Running" if row["running"] else "Ended"
                click.echo(f"{row['component']:<26}{row['pid']:<9}{row['version'] or '-':<10}{state}")
            click.echo(f"\nServer:     {', '.join(plane.urls)}\nKubeconfig: {plane.kubeconfig}\n{_end_of(plane)}")
        ended = [row["component"] for row in rows if not row["running"]]
        if ended:
            _fail(f"ended: {', '.join(map(str, ended))}; see: cotenant dev logs {ended[0]}")


@dev.command()
def env() -> None:
    """Shell lines that point kubectl to it: eval "$(cotenant dev env)"."""
    with _errors():
        for name, value in _running().env().items():
            click.echo(f"export {name}={shlex.quote(value)}")


@dev.command()
@click.argument("component", required=False)
@click.option("--tail", "lines", type=click.IntRange(1), default=50, show_default=True, help="Lines from the end.")
def logs(component: str | None, lines: int) -> None:
    """The end of a component's log; of all of them without COMPONENT."""
    with _errors():
        plane = _running()
        for name in [component] if component else plane.components:
            if component is None:
                click.echo(f"==> {name} <==")
            click.echo(plane.logs(name, lines))


@dev.command()
@click.argument("user")
@click.option("--group", "groups", multiple=True, help="A group of the user; may be repeated.")
@click.option("-n", "--namespace", default="default", show_default=True, help="The context's namespace.")
def kubeconfig(user: str, groups: tuple[str, ...], namespace: str) -> None:
    """Print the kubeconfig of USER, who signs in by a client certificate."""
    with _errors():
        click.echo(_running().user(user, groups, namespace=namespace).read_text())


def _running() -> Handle:
    from cotenant.local import dev as local

    plane = local.running()
    if plane is None:
        _fail("no control plane is running; start one: cotenant dev up")
    return plane


def _end_of(plane: Handle) -> str:
    until = plane.state.until
    if not until:
        return "It runs until: cotenant dev down"
    return f"It stops by itself at {datetime.fromtimestamp(until).astimezone():%Y-%m-%d %H:%M}"


@contextmanager
def _errors() -> Iterator[None]:
    from cotenant.local import ControlPlaneError

    try:
        yield
    except ControlPlaneError as error:
        _fail(str(error))


def _say(text: str) -> None:
    click.echo(text, err=True)


def _fail(text: str) -> NoReturn:
    click.echo(f"error: {text}", err=True)
    raise SystemExit(_FAILED)
