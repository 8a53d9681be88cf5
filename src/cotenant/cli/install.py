"""`cotenant install`: definitions, policies, roles and the operator, the same objects as the chart."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import click
from msgspec import Struct

from cotenant.cli import proof
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.model.platform import BUILT_IN_ROLES, Platform
from cotenant.render import install as objects
from cotenant.render.install import InstallValues

MANAGER = "cotenant-install"
SERVED_SECONDS = 30.0
Progress = Callable[[str], None]


class Installed(Struct, frozen=True):
    """What an installation did: objects applied, those of them that changed, and policies nobody could try."""

    applied: int
    changed: int
    unproven: tuple[str, ...] = ()


async def install(
    client: Client,
    values: InstallValues,
    *,
    progress: Progress = lambda _: None,
    wait: bool = True,
    with_operator: bool = True,
) -> Installed:
    """Applies everything in order; what denies is proven to deny before anything is granted.

    wait=False applies without any proof. Raises ApiError, and NotProven if the guard of Spaces does not come into force.
    """
    applied = _Applier(client, progress)
    unproven: tuple[str, ...] = ()
    await applied.all("namespace and identity", objects.ground(values))
    await applied.all("definitions", objects.definitions())
    if wait:
        await served(client, progress)
    await applied.all("policies", objects.deny(values.platform))
    if wait:
        unproven = await _proven(client, values.platform, progress)
    await applied.all("roles and settings", objects.grant(values))
    if with_operator:
        await applied.all("operator", objects.run(values))
    return Installed(applied.count, applied.changed, unproven)


class _Applier:
    """Server-side apply that counts what changed."""

    def __init__(self, client: Client, progress: Progress) -> None:
        self._client = client
        self._progress = progress
        self.count = 0
        self.changed = 0

    async def all(self, title: str, manifests: Sequence[dict[str, Any]]) -> None:
        before = self.changed
        for manifest in manifests:
            self.changed += await self._one(manifest)
        self.count += len(manifests)
        self._progress(f"{title}: {len(manifests)} objects, {self.changed - before} changed")

    async def _one(self, manifest: dict[str, Any]) -> bool:
        kind, metadata = resource.resource_of(manifest), manifest["metadata"]
        try:
            old = await self._client.get(kind, metadata["name"], metadata.get("namespace"))
        except NotFound:
            old = None
        new = await self._client.apply(kind, manifest, manager=MANAGER)
        return old is None or _content(old) != _content(new)


def _content(found: dict[str, Any]) -> dict[str, Any]:
    """An object without what controllers and the API server write into it meanwhile: its resourceVersion moves by them."""
    metadata = {
        k: v for k, v in found["metadata"].items() if k not in ("managedFields", "resourceVersion", "generation")
    }
    return {**found, "metadata": metadata, "status": None}


async def served(client: Client, progress: Progress = lambda _: None) -> None:
    """Returns once every kind of ours can be listed; NotFound if that takes longer than 30 s."""
    kinds = (resource.TENANTS, resource.TENANT_PROFILES, resource.SPACES, resource.SPACE_POLICIES)
    deadline = asyncio.get_running_loop().time() + SERVED_SECONDS
    for kind in kinds:
        while True:
            try:
                await client.list(kind, limit=1)
                break
            except NotFound:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.05)
    progress("definitions: served")


async def _proven(client: Client, platform: Platform, progress: Progress) -> tuple[str, ...]:
    """Waits for both policies. The guard must be proven; the leash only by whoever may impersonate."""
    await proof.prove(proof.guard(client))
    progress("guard of Spaces: denies")
    try:
        await proof.prove(proof.leash(client, platform))
    except proof.NotProven as reason:
        progress(f"leash of the operator: not proven ({reason})")
        return (objects.LEASH,)
    progress("leash of the operator: denies")
    return ()


async def connect(kubeconfig: str | None, context: str | None) -> Client:
    """A client for the cluster of the flags; ConfigurationError where there is none."""
    from cotenant.kube.transport import Transport

    return Client(await Transport.load(kubeconfig, context))


def cluster_of(client: Client) -> str:
    """The name of the cluster as its user knows it: context and address."""
    context = client.transport.context
    return f"{context} ({client.host})" if context else client.host


def say(line: str) -> None:
    """Progress goes to stderr; stdout is for data."""
    click.echo(line, err=True)


@click.command("install")
@click.option("--render", is_flag=True, help="Print the manifests and touch no cluster.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when the policies are proven to deny.")
@click.option("--image", help="Image of the operator, with registry and tag or digest.")
@click.option("--replicas", type=click.IntRange(1, 9), default=2, show_default=True, help="Replicas of the operator.")
@click.option("--roles", help="Roles that members may have, besides owner, editor and viewer: a,b,c.")
@click.option("--no-operator", is_flag=True, help="Everything but the Deployment: run `cotenant operator` yourself.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--kubeconfig", type=click.Path(), help="Path of the kubeconfig.")
def command(
    *,
    render: bool,
    wait: bool,
    image: str | None,
    replicas: int,
    roles: str | None,
    no_operator: bool,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Put cotenant into a cluster, or bring it up to date. Exit 0: done; 2: it could not be done."""
    values = _values(image, replicas, roles)
    if render:
        import yaml

        manifests = objects.render(values, with_operator=not no_operator)
        click.echo(yaml.safe_dump_all(manifests, sort_keys=False, width=160), nl=False)
        return
    raise SystemExit(asyncio.run(_run(values, kubeconfig, context, wait=wait, with_operator=not no_operator)))


def _values(image: str | None, replicas: int, roles: str | None) -> InstallValues:
    wanted = tuple(dict.fromkeys((*BUILT_IN_ROLES, *filter(None, (roles or "").split(",")))))
    values = InstallValues(replicas=replicas, platform=Platform(roles=wanted))
    return InstallValues(image=image, replicas=replicas, platform=values.platform) if image else values


async def _run(
    values: InstallValues, kubeconfig: str | None, context: str | None, *, wait: bool, with_operator: bool
) -> int:
    from cotenant.kube.errors import ApiError

    try:
        client = await connect(kubeconfig, context)
    except ApiError as error:
        say(f"cotenant install: {error}")
        return 2
    try:
        total = len(objects.render(values, with_operator=with_operator))
        say(f"cluster {cluster_of(client)}: applying {total} objects; nothing that exists is deleted")
        done = await install(client, values, progress=say, wait=wait, with_operator=with_operator)
    except (ApiError, proof.NotProven) as error:
        say(f"cotenant install: {error}")
        return 2
    finally:
        await client.close()
    say(f"installed: {done.applied} objects, {done.changed} changed")
    return 0
