"""`cotenant render`: the objects that manifests become, without a cluster."""

from __future__ import annotations

import os

import click
from msgspec import structs

from cotenant.api.builtin import ClusterRole
from cotenant.api.keys import GROUP, home_of
from cotenant.api.meta import ObjectMeta
from cotenant.cli import Failure
from cotenant.cli.manifests import FILES, Manifests, load
from cotenant.cli.settings_source import merged
from cotenant.cli.view.forecast import Forecast, Write, shortcomings
from cotenant.cli.view.output import document, output_flag, say, write, yaml_text
from cotenant.controllers.world import World
from cotenant.model.platform import Platform


@click.command()
@FILES
@click.option("--native", is_flag=True, help="Kubernetes' own kinds only: for a cluster without cotenant.")
@click.option("--roles", help="Roles that the installation allows besides owner, editor and viewer: a,b,c.")
@output_flag("yaml", "json", "name")
def render(*, files: tuple[str, ...], native: bool, roles: str | None, output: str | None) -> int:
    """The objects that manifests become, without a cluster.

    Tenants, TenantProfiles and Spaces in; namespaces, quotas, network policies, role bindings out, in the order in
    which the operator makes them. Exit 0, or 2 if a manifest is faulty.
    """
    found = load(files)
    platform = merged({}, os.environ).platform
    more = tuple(one for one in (roles or "").split(",") if one)
    forecast = offline(found, structs.replace(platform, roles=(*platform.roles, *more)))
    for line in notes(found, forecast):
        say(line)
    writes = [one for one in forecast.ordered() if not (native and one.ref.api_version.startswith(GROUP))]
    show(writes, output or "yaml")
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


def show(writes: list[Write], output: str) -> None:
    """The manifests, as YAML for kubectl, as one JSON document, or by name."""
    manifests = [one.manifest for one in writes]
    if output == "json":
        write(document("RenderReport", items=manifests), "json")
    elif output == "name":
        for one in writes:
            group = one.ref.api_version.rpartition("/")[0]
            click.echo(f"{one.ref.kind.lower()}{'.' + group if group else ''}/{one.ref.name}")
    elif manifests:
        click.echo(yaml_text(*manifests), nl=False)
