"""`cotenant render`: the objects that manifests become, without a cluster."""

from __future__ import annotations

import os

import click
from msgspec import structs

from cotenant.api.builtin import ClusterRole, Manifest
from cotenant.api.keys import GROUP, home_of
from cotenant.api.meta import ObjectMeta
from cotenant.cli import Failure
from cotenant.cli.manifests import FILES, Manifests, load
from cotenant.cli.manifests.pools import manifests as manifests_of
from cotenant.cli.manifests.pools import pools
from cotenant.cli.settings_source import merged
from cotenant.cli.view.forecast import Forecast, shortcomings
from cotenant.cli.view.output import document, output_flag, say, write, yaml_text
from cotenant.controllers.world import World
from cotenant.model.platform import Platform
from cotenant.render.nodes import CLUSTER, KINDS, REGION, labelling


@click.command()
@FILES
@click.option("--native", is_flag=True, help="Kubernetes' own kinds only: for a cluster without cotenant.")
@click.option(
    "--nodes",
    "kind",
    type=click.Choice(("all", *KINDS)),
    is_flag=False,
    flag_value="all",
    help="Instead: what makes the nodes of the tenants' pools; --nodes alone prints all of them.",
)
@click.option("--eks-cluster", metavar="NAME", help="With --nodes: the name of the EKS cluster.")
@click.option("--region", help="With --nodes: its AWS region.")
@click.option("--roles", help="Roles that the installation allows besides owner, editor and viewer: a,b,c.")
@output_flag("yaml", "json", "name")
def render(
    *,
    files: tuple[str, ...],
    native: bool,
    kind: str | None,
    eks_cluster: str | None,
    region: str | None,
    roles: str | None,
    output: str | None,
) -> int:
    """The objects that manifests become, without a cluster.

    Tenants, TenantProfiles and Spaces in; namespaces, quotas, network policies, role bindings out, in the order in
    which the operator makes them. With --nodes what makes the nodes of their pools on EKS: Karpenter's NodePool and
    EC2NodeClass, eksctl's managed node group, and the RuntimeClass for Kubernetes before 1.36. Exit 0, or 2 if a manifest is faulty.
    """
    found = load(files)
    if kind is not None:
        kinds = KINDS if kind == "all" else (kind,)
        write_nodes(found, kinds, eks_cluster or CLUSTER, region or REGION, output or "yaml")
        return 0
    platform = merged({}, os.environ).platform
    more = tuple(one for one in (roles or "").split(",") if one)
    forecast = offline(found, structs.replace(platform, roles=(*platform.roles, *more)))
    for line in notes(found, forecast):
        say(line)
    writes = [one for one in forecast.ordered() if not (native and one.ref.api_version.startswith(GROUP))]
    show([one.manifest for one in writes], output or "yaml")
    return 0


def offline(found: Manifests, platform: Platform) -> Forecast:
    """What becomes of manifests in an empty cluster. Raises Failure where one names what is in no file."""
    world = World()
    for role in platform.roles:
        world.roles.upsert(ClusterRole(ObjectMeta(name=f"cotenant:{role}")))
    for profile in found.profiles:
        world.profiles.upsert(profile)
    for tenant in found.tenants:
        world.tenants.upsert(tenant)
        if tenant.spec.profile and world.profiles.get(None, tenant.spec.profile) is None:
            raise Failure(
                f"tenant {tenant.metadata.name} names profile {tenant.spec.profile}, which is in no file; "
                "add the file with this TenantProfile: -f"
            )
    for space in found.spaces:
        if not any(home_of(tenant.metadata.name) == space.metadata.namespace for tenant in found.tenants):
            raise Failure(
                f"space {space.metadata.name} is in namespace {space.metadata.namespace}, which is the home of no tenant "
                "in these files; add the file with its Tenant: -f"
            )
        world.spaces.upsert(space)
    forecast = Forecast(world, platform)
    for name in sorted(tenant.metadata.name for tenant in found.tenants):
        forecast.settle(name)
    return forecast


def notes(found: Manifests, forecast: Forecast) -> list[str]:
    """What the objects do not say: documents left out, and what would be in a condition."""
    lines = [f"ignored: {one}" for one in found.ignored]
    if not (found.tenants or found.ignored):
        lines.append("no Tenant in these files: nothing to render")
    for tenant in sorted(forecast.world.tenants.items(), key=lambda one: one.metadata.name):
        lines += [
            f"tenant {tenant.metadata.name}: {one.reason}: {one.message}"
            for one in shortcomings(tenant.status.conditions)
        ]
    for space in sorted(forecast.world.spaces.items(), key=lambda one: one.metadata.key):
        for one in shortcomings(space.status.conditions):
            lines.append(f"space {space.metadata.key}: {one.reason}: {one.message}")
    return lines


def write_nodes(found: Manifests, kinds: tuple[str, ...], cluster: str, region: str, output: str) -> None:
    """What makes the nodes of every pool that a tenant names."""
    named = pools(found.tenants, found.profiles)
    if not named:
        say("no Tenant in these files has nodes.pool: nothing to render")
    if "eksctl" in kinds:
        for pool in named:
            say(
                f"EKS puts no label of kubernetes.io on a managed node group; on every node that joins: {labelling(pool)}"
            )
    show(manifests_of(named, kinds, cluster, region), output)


def show(manifests: list[Manifest], output: str) -> None:
    """The manifests, as YAML for kubectl, as one JSON document, or by name."""
    if output == "json":
        write(document("RenderReport", items=manifests), "json")
    elif output == "name":
        for one in manifests:
            group = one["apiVersion"].rpartition("/")[0]
            click.echo(f"{one['kind'].lower()}{'.' + group if group else ''}/{one['metadata']['name']}")
    elif manifests:
        click.echo(yaml_text(*manifests), nl=False)
