"""`cotenant demo`: two teams on a control plane of their own, isolated by two short manifests, and the proof."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from cotenant.cli import Failure
from cotenant.cli.cluster.connect import ENDLESS, duration
from cotenant.cli.install import install
from cotenant.cli.story.acts import ACTS, DANA
from cotenant.cli.story.manifests import DEVELOPER
from cotenant.cli.story.stage import ADMIN, NotAsPromised, NotOurs, Stage, must_be_ours
from cotenant.cli.story.stop import Stop
from cotenant.cli.story.voice import Voice
from cotenant.cli.verify import coloured, question
from cotenant.cli.verify import progress as bar
from cotenant.judge.isolation import table
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError
from cotenant.kube.transport import Transport
from cotenant.local.errors import ControlPlaneError
from cotenant.local.options import Options
from cotenant.local.plane import LocalControlPlane
from cotenant.local.resolver import Resolver
from cotenant.model.platform import BUILT_IN_ROLES, Platform
from cotenant.proof.prover import verify
from cotenant.render.install import InstallValues

PLATFORM = Platform(roles=(*BUILT_IN_ROLES, DEVELOPER))
AUDIT_MEGABYTES = 100
T = TypeVar("T")


@click.command()
@click.option("--keep", is_flag=True, help="Leave the control plane, the operator and both teams running.")
@click.option(
    "--for",
    "seconds",
    metavar="TIME",
    default="30m",
    show_default=True,
    callback=duration,
    help="With --keep: so long.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask before programs are built, which takes minutes.")
def demo(*, keep: bool, seconds: float, yes: bool) -> int:
    """Two teams on a real control plane of their own: isolated by two short manifests, and the proof.

    Starts etcd and the Kubernetes control plane on this machine, without Docker and without root, and acts on nothing
    else: your kubeconfig is neither read nor changed. Everything is gone at the end, also after Ctrl-C.

    Exit codes: 0 everything went as promised; 1 something did not; 2 it could not be played.
    """
    voice = Voice()
    greet(voice)
    if not yes and sys.stdin.isatty() and not prepared():
        click.confirm("The control plane has to be built once, in about 6 minutes. Go on?", default=True, abort=True)
    started = time.monotonic()
    plane = LocalControlPlane(Options(audit_megabytes=AUDIT_MEGABYTES), progress=voice.progress)
    try:
        with Stop() as stop:
            with voice.waiting("starting the control plane: etcd, API server, controllers, scheduler"):
                plane.start()
            stage = set_up(plane, voice)
            code = play(stage, voice, stop)
            stop.check()
        if not code:
            outro(voice, time.monotonic() - started)
        if keep and not code:
            plane.detach(0 if seconds >= ENDLESS else seconds)
            farewell(stage, voice, seconds)
        return code
    except (ControlPlaneError, ApiError, NotOurs) as error:
        raise Failure(str(error)) from error
    finally:
        plane.stop()


def greet(voice: Voice) -> None:
    """Says what will happen."""
    voice.text("cotenant demo: two teams share one cluster.")
    voice.text("A real Kubernetes control plane starts on this machine, on loopback; nodes, containers and network are")
    voice.text("fake, everything that says yes or no is real. No other cluster is touched.")


def prepared() -> bool:
    """Whether every program of the plane is there already."""
    try:
        Resolver(Options(allow_build=False, allow_download=False), progress=lambda _: None).all()
    except ControlPlaneError:  # what is wrong is told when the plane starts
        return False
    return True


def set_up(plane: LocalControlPlane, voice: Voice) -> Stage:
    """Installation and operator on the plane that has just been started."""
    kubectl = str(Resolver(plane.options, progress=voice.progress).kubectl().path)
    stage = Stage(plane, kubectl, voice, PLATFORM)
    must_be_ours(plane, plane.kubeconfig)
    with voice.waiting("installing cotenant"):
        on_plane(stage, lambda client: install_all(client, voice))
    with voice.waiting("starting the operator with the rights of its ServiceAccount"):
        stage.start_operator()
    return stage


async def install_all(client: Client, voice: Voice) -> None:
    """What `cotenant install` does, but for the Deployment: nothing here can run a container."""
    await install(client, InstallValues(platform=PLATFORM), progress=voice.progress, with_operator=False)


def play(stage: Stage, voice: Voice, stop: Stop) -> int:
    """Every act, then the proof; the exit code."""
    try:
        for title, act in ACTS:
            stop.check()
            voice.act(title)
            act(stage)
        voice.act("The proof: everything tried as everybody")
        return prove(stage, voice)
    except NotAsPromised as broken:
        voice.broken(str(broken))
        return 1


def prove(stage: Stage, voice: Voice) -> int:
    """`cotenant verify -A`, with its matrix."""
    voice.shell(ADMIN.prompt, "cotenant verify -A")
    with bar() as moved:
        report = on_plane(stage, lambda client: verify(client, question(platform=PLATFORM), moved))
    voice.answer(coloured(table.text(report)))
    if report.exit_code:
        raise NotAsPromised(f"verify says {report.verdict}")
    voice.shows(
        f"{report.checks:,} attempts, each refused by the layer that should refuse it, or allowed as it should be"
    )
    return 0


def on_plane(stage: Stage, work: Callable[[Client], Awaitable[T]]) -> T:
    """Runs work with an administrator's client of our own plane, and of nothing else."""

    async def run() -> T:
        client = Client(await Transport.from_kubeconfig(stage.kubeconfig(ADMIN)), user_agent="cotenant-demo")
        try:
            return await work(client)
        finally:
            await client.close()

    return asyncio.run(run())


def outro(voice: Voice, seconds: float) -> None:
    """What was shown, and what to try next."""
    voice.text("")
    voice.text(f"All as promised, in {seconds:.0f} s.")
    voice.text("Next:")
    voice.text("  cotenant demo --keep             the same, and then it is yours for half an hour")
    voice.text("  cotenant dev up                  a control plane of your own; walk through it by hand: docs/tutorial")
    voice.text("  cotenant install --render        what a real cluster would get")
    voice.text("  cotenant doctor --pre            whether yours can have it; changes nothing")


def farewell(stage: Stage, voice: Voice, seconds: float) -> None:
    """How to go on by hand."""
    plane = stage.plane
    dana = plane.user(DANA.name, DANA.groups, namespace=DANA.namespace)
    voice.text("")
    until = (
        "until it is stopped" if seconds >= ENDLESS else f"for {seconds / 60:.0f} minutes, then it is gone by itself"
    )
    voice.text(f"It stays {until}. As administrator, and as dana:")
    for path in (plane.kubeconfig, dana):
        voice.text(f"  export KUBECONFIG={shlex.quote(str(path))}")
    voice.text(f"  cd {shlex.quote(str(stage.files))}")
    voice.text(f"The end, at once: kill {plane.state.supervisor.pid}")
