"""`cotenant install`: definitions, policies, roles and the operator, the same objects as the chart."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

import click
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from cotenant.api.scalars import DNS_LABEL
from cotenant.cli import Failure, proof
from cotenant.cli.connect import Cluster, ask, cluster_flags
from cotenant.cli.output import say, yaml_text
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.model.platform import BUILT_IN_ROLES, Platform
from cotenant.render import install as objects
from cotenant.render.install import InstallValues
from cotenant.render.install.values import NAME, SETTINGS

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
    kinds = (
        resource.TENANTS,
        resource.TENANT_PROFILES,
        resource.SPACES,
        resource.SPACE_POLICIES,
        resource.TENANT_LEDGERS,
    )
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


async def running(client: Client) -> InstallValues | None:
    """What an earlier installation chose, so that repeating it without a flag takes nothing back; None for a first one."""
    try:
        settings = await client.get(resource.CONFIG_MAPS, SETTINGS, Platform().namespace)
    except NotFound:
        return None
    decoded = msgspec.json.decode(settings["data"]["settings.json"], type=dict[str, Any])
    values = InstallValues(platform=msgspec.convert(decoded.get("platform", {}), Platform))
    try:
        spec = (await client.get(resource.DEPLOYMENTS, NAME, values.platform.namespace))["spec"]
    except NotFound:
        return values
    return replace(values, image=spec["template"]["spec"]["containers"][0]["image"], replicas=spec["replicas"])


@click.command("install")
@click.option("--render", is_flag=True, help="Print the manifests and touch no cluster.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Return when the policies are proven to deny.")
@click.option("--image", help="Image of the operator, with registry and tag or digest.")
@click.option("--replicas", type=click.IntRange(1, 9), help="Replicas of the operator. At first: 2.")
@click.option("--roles", metavar="A,B", help="Roles that members may have, besides owner, editor and viewer.")
@click.option("--no-operator", is_flag=True, help="Everything but the Deployment: run `cotenant operator` yourself.")
@cluster_flags
def command(
    *,
    render: bool,
    wait: bool,
    image: str | None,
    replicas: int | None,
    roles: str | None,
    no_operator: bool,
    **flags: Any,
) -> None:
    """Put cotenant into a cluster, or bring it up to date.

    Applies the same objects as the chart; nothing that exists is deleted. What an earlier installation chose stays
    unless a flag says otherwise. Exit 0: done; 2: it could not be done.
    """
    wanted = None if roles is None else _roles(roles)
    if render:
        values = _chosen(InstallValues(), image, replicas, wanted)
        click.echo(yaml_text(*objects.render(values, with_operator=not no_operator)), nl=False)
        return

    async def work(cluster: Cluster) -> Installed:
        values = _chosen(await running(cluster.client) or InstallValues(), image, replicas, wanted)
        total = len(objects.render(values, with_operator=not no_operator))
        operator = "no operator" if no_operator else f"operator {values.image}"
        say(f"cluster {cluster.name}: applying {total} objects, {operator}; nothing that exists is deleted")
        return await install(cluster.client, values, progress=say, wait=wait, with_operator=not no_operator)

    try:
        done = ask(work, **flags)
    except proof.NotProven as error:
        raise Failure(str(error)) from error
    say(f"installed: {done.applied} objects, {done.changed} changed")


def _chosen(
    values: InstallValues, image: str | None, replicas: int | None, roles: tuple[str, ...] | None
) -> InstallValues:
    """The values with what the flags say."""
    platform = values.platform if roles is None else replace(values.platform, roles=roles)
    return replace(values, platform=platform, image=image or values.image, replicas=replicas or values.replicas)


def _roles(text: str) -> tuple[str, ...]:
    roles = tuple(dict.fromkeys((*BUILT_IN_ROLES, *filter(None, text.split(",")))))
    for role in roles:
        if not re.fullmatch(DNS_LABEL, role):
            raise click.BadParameter(f"{role!r} is no role: a-z, 0-9 and -", param_hint="--roles")
    return roles
