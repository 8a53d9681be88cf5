"""`cotenant install`: definitions, policies, roles and the operator, the same objects as the chart."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import click
from msgspec import Struct
from msgspec.structs import replace

from cotenant.api.scalars import DNS_LABEL
from cotenant.cli import Failure
from cotenant.cli.cluster import proof
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags, duration
from cotenant.cli.cluster.survey import listed
from cotenant.cli.installation import proofs, roles
from cotenant.cli.installation.applier import MANAGER, Applier, Progress, forecast
from cotenant.cli.installation.predecessor import changes, running
from cotenant.cli.installation.rollout import NotUp, rolled_out
from cotenant.cli.view.output import say, yaml_text
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.model.platform import BUILT_IN_ROLES, Platform
from cotenant.render import install as objects
from cotenant.render.install import InstallValues
from cotenant.render.install.operator import settings_text
from cotenant.render.install.values import IMAGE, LEASE, NAME

__all__ = ["MANAGER", "Installed", "Progress", "command", "install", "served"]

SERVED_SECONDS = 30.0
NO_IMAGE = f"""no image: no public registry has one, and nodes would look for docker.io/library/{IMAGE}. Nothing was done.
Build and push one (docs/how-to/install-on-eks.md), then: cotenant install --image REGISTRY/{IMAGE}; or run the operator
yourself: cotenant install --no-operator, then cotenant operator"""
STOPPED = "interrupted: what was applied stays, and nobody has rights that no policy holds; the same command goes on"


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
    applied = Applier(client, progress)
    unproven: tuple[str, ...] = ()
    await applied.all("namespace and identity", objects.ground(values))
    await applied.all("definitions", objects.definitions())
    if wait:
        await served(client, progress)
    await applied.all("policies", objects.deny(values.platform))
    if wait:
        unproven = await proofs.denials(client, values.platform, progress)
    if await _force(client, values.platform, applied, progress) and wait:
        unproven += await proofs.writings(client, values.platform, progress)
    if not values.platform.strict_accounting:
        await applied.none("strict accounting", objects.refused(values.platform))
    await applied.all("roles and settings", objects.grant(values))
    everything = replace(values, fairness=True, assist=True, assist_url=values.assist_url if values.assist else "")
    for name, wanted, render in (
        ("fairness", values.fairness, objects.fairness),
        ("assist", values.assist, objects.assist),
    ):
        if wanted:
            await applied.all(name, render(values))
        else:
            await applied.none(name, render(everything))
    if with_operator:
        await applied.all("operator", objects.run(values))
    return Installed(applied.count, applied.changed, unproven)


async def _force(client: Client, platform: Platform, applied: Applier, progress: Progress) -> bool:
    """What writes the pool into pods, once its twins are there; False from an API server before 1.36, which has no such."""
    if await listed(client, resource.MUTATING_POLICIES):
        await applied.all("pools", objects.force(platform))
        return True
    progress("pools: no mutating policies here: pods name the pool of their tenant themselves")
    return False


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


class Choices(Struct, frozen=True):
    """What the flags say; None leaves it as it is."""

    image: str | None
    replicas: int | None
    roles: tuple[str, ...] | None
    metrics_from: str | None
    assist: bool | None = None
    assist_url: str | None = None
    strict: bool | None = None
    fairness: bool | None = None
    eks_cluster: str | None = None
    aws_region: str | None = None

    def over(self, values: InstallValues) -> InstallValues:
        """The values with what the flags say."""
        facts = {"roles": self.roles, "strict_accounting": self.strict}
        platform = replace(values.platform, **{name: value for name, value in facts.items() if value is not None})
        chosen = {"image": self.image, "replicas": self.replicas, "metrics_from": self.metrics_from}
        values = replace(values, platform=platform, **{name: value for name, value in chosen.items() if value})
        # Empty takes it back.
        where = {"eks_cluster": self.eks_cluster, "aws_region": self.aws_region, "fairness": self.fairness}
        values = replace(values, **{name: value for name, value in where.items() if value is not None})
        if self.assist is None:
            return values
        return replace(values, assist=self.assist, assist_url=self.assist_url or "")


def matching(pattern: str, what: str) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """A callback of an option that takes what matches."""

    def check(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
        if text is not None and not re.fullmatch(pattern, text):
            raise click.BadParameter(f"{text!r} is not {what}")
        return text

    return check


@click.command("install")
@click.option("--render", is_flag=True, help="Print the manifests and touch no cluster.")
@click.option(
    "--wait/--no-wait", default=True, show_default=True, help="Return when the policies deny and the operator is ready."
)
@click.option(
    "--timeout",
    "seconds",
    metavar="TIME",
    default="3m",
    show_default=True,
    callback=duration,
    help="With --wait: the longest time for the operator's pods.",
)
@click.option("--image", help="Image of the operator, with registry and tag or digest. Needed the first time.")
@click.option("--replicas", type=click.IntRange(1, 9), help="Replicas of the operator. At first: 2.")
@click.option("--roles", "names", metavar="A,B", help="Roles that members may have, besides owner, editor and viewer.")
@click.option("--metrics-from", metavar="NAMESPACE", help="Whose pods may read the metrics. At first: monitoring.")
@click.option(
    "--assist/--no-assist", default=None, help="Whether bare pods wait for quota that is on its way. At first: no."
)
@click.option(
    "--assist-url", metavar="URL", help="With --no-operator: https://HOST:PORT/assist of your `cotenant operator`."
)
@click.option(
    "--fairness/--no-fairness",
    default=None,
    help="Whether requests wait in the line of their namespace, in a level of their own. At first: no.",
)
@click.option(
    "--strict-accounting/--no-strict-accounting",
    "strict",
    default=None,
    help="Whether quotas hold for what exists, not only for what is counted. The operator then reads pods. At first: yes.",
)
@click.option(
    "--eks-cluster",
    metavar="NAME",
    callback=matching(r"([0-9A-Za-z][A-Za-z0-9_-]{0,99})?", "the name of an EKS cluster"),
    help='EKS cluster whose access entries follow the members of tenants; "" for none. At first: none.',
)
@click.option(
    "--aws-region",
    metavar="REGION",
    callback=matching(r"([a-z]{2,4}(-[a-z]+)+-[0-9]{1,2})?", "an AWS region such as eu-north-1"),
    help="Region of that cluster. At first: whatever AWS' own variables in the operator's pod say.",
)
@click.option("--no-operator", is_flag=True, help="Everything but the Deployment: run `cotenant operator` yourself.")
@cluster_flags
def command(
    *,
    render: bool,
    wait: bool,
    seconds: float,
    image: str | None,
    replicas: int | None,
    names: str | None,
    metrics_from: str | None,
    assist: bool | None,
    assist_url: str | None,
    strict: bool | None,
    fairness: bool | None,
    eks_cluster: str | None,
    aws_region: str | None,
    no_operator: bool,
    **flags: Any,
) -> None:
    """Put cotenant into a cluster, or bring it up to date.

    Applies the same objects as the chart; nothing that exists is deleted, but what --no-assist, --no-fairness and --no-strict-accounting take back.
    What an earlier installation chose stays unless a flag says otherwise. Exit 0: done; 2: it could not be done, or the operator does not come up.
    """
    if assist_url and (not assist or not no_operator or not assist_url.startswith("https://")):
        raise click.BadParameter(
            "an https:// address, together with --assist and --no-operator", param_hint="--assist-url"
        )
    if assist and no_operator and not assist_url:
        raise click.UsageError(
            "--assist with --no-operator needs --assist-url: where the API server finds your operator"
        )
    roles_ = None if names is None else _roles(names)
    choices = Choices(
        image, replicas, roles_, metrics_from, assist, assist_url, strict, fairness, eks_cluster, aws_region
    )
    if render:
        _render(choices.over(InstallValues()), with_operator=not no_operator)
        return

    async def work(cluster: Cluster) -> Installed:
        client = cluster.client
        old = await running(client)
        values = choices.over(old or InstallValues())
        await _announce(cluster, old, values, with_operator=not no_operator, image=image)
        done = await install(client, values, progress=say, wait=wait, with_operator=not no_operator)
        if no_operator and old is not None and settings_text(old) != settings_text(values):
            say(await _restart(client, values.platform.namespace))
        if wait and not no_operator:
            await rolled_out(client, values.platform.namespace, seconds=seconds, progress=say)
        return done

    # A pipeline that gives up ends us by SIGTERM: what the proof made goes then, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        done = ask(work, **flags)
    except (proof.NotProven, NotUp) as error:
        raise Failure(str(error)) from error
    except KeyboardInterrupt:
        say(STOPPED)
        raise
    say(f"installed: {done.applied} objects, {done.changed} changed")


def _render(values: InstallValues, *, with_operator: bool) -> None:
    if with_operator and values.image == IMAGE:
        say(f"warning: no node can pull {IMAGE}; name a registry: --image REGISTRY/{IMAGE}")
    click.echo(yaml_text(*objects.render(values, with_operator=with_operator)), nl=False)


async def _announce(
    cluster: Cluster, old: InstallValues | None, values: InstallValues, *, with_operator: bool, image: str | None
) -> None:
    """Says what will happen and where; Failure for what must not happen."""
    client, wanted = cluster.client, values.platform.roles
    if with_operator and values.image == IMAGE and image is None and not await _deployed(client, values):
        raise Failure(NO_IMAGE)
    if refusal := roles.lost(old.platform.roles if old else None, wanted, await roles.in_use(client)):
        raise Failure(refusal)
    for warning in _warnings(values, await roles.missing(client, wanted), with_operator=with_operator):
        say(f"warning: {warning}")
    manifests = objects.render(values, with_operator=with_operator)
    if not await listed(client, resource.MUTATING_POLICIES):
        unserved = objects.force(values.platform)
        manifests = [one for one in manifests if one not in unserved]
    operator = f"operator {values.image}" if with_operator else "no operator"
    strict = [one is not None and one.platform.strict_accounting for one in (old, values)]
    kept = "nothing that exists is deleted"
    kept += ", but the rights of strict accounting" if strict == [True, False] else ""
    say(f"cluster {cluster.name}: applying {len(manifests)} objects, {operator}; {kept}")
    for line in changes(old, values, with_operator=with_operator) if old else ():
        say(f"  {line}")
    say(f"  objects: {await forecast(client, manifests)}")


def _warnings(values: InstallValues, missing: list[str], *, with_operator: bool) -> Iterator[str]:
    for role in missing:
        yield (
            f"ClusterRole cotenant:{role} does not exist, so members with role {role} may do nothing; make it: "
            f"kubectl create clusterrole cotenant:{role} --verb=get,list,watch --resource=pods"
        )
    if with_operator and "/" not in values.image:
        yield f"{values.image} names no registry: it works only where every node has it already"


async def _deployed(client: Client, values: InstallValues) -> bool:
    try:
        await client.get(resource.DEPLOYMENTS, NAME, values.platform.namespace)
    except NotFound:
        return False
    return True


async def _restart(client: Client, namespace: str) -> str:
    """Who has to be started again, for an operator reads its settings once."""
    if await _deployed(client, InstallValues()):
        return (
            f"the settings changed; for the operator to read them: kubectl rollout restart -n {namespace} deploy/{NAME}"
        )
    try:
        lease = await client.get(resource.LEASES, LEASE, namespace)
    except NotFound:
        lease = {}
    holder = lease.get("spec", {}).get("holderIdentity") or "none leads now"
    return f"the settings changed; an operator reads them when it starts: restart `cotenant operator` ({holder})"


def _roles(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys((*BUILT_IN_ROLES, *filter(None, text.split(",")))))
    for role in found:
        if not re.fullmatch(DNS_LABEL, role):
            raise click.BadParameter(f"{role!r} is no role: a-z, 0-9 and -", param_hint="--roles")
    return found
