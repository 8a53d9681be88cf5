"""`cotenant plan`: what manifests would change in the cluster, and whom it hits. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
import msgspec

from cotenant.api.keys import home_of
from cotenant.api.profile import TenantProfile
from cotenant.api.scalars import SOFT_IDS
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli import ANSWERED, SOMETHING
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags, parts
from cotenant.cli.cluster.observation import Observation, observe
from cotenant.cli.cluster.trial import tried
from cotenant.cli.manifests import FILES, Manifests, load, refuse
from cotenant.cli.settings_source import platform
from cotenant.cli.view.forecast import Forecast
from cotenant.cli.view.impact import Impact, impact, lines, report
from cotenant.cli.view.output import document, output_flag, paint, say, write
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.errors import BadRequest, Forbidden, Invalid, NotFound
from cotenant.kube.resource import resource_of
from cotenant.model.document import Document, Problem, parsed
from cotenant.model.effective import effective

MANAGER = "cotenant-plan"
SHOWN = 10
COLOURS = {"+": "green", "-": "red", "!": "yellow"}


@click.command()
@FILES
@output_flag("json", "yaml")
@cluster_flags
def plan(*, files: tuple[str, ...], output: str | None, **flags: Any) -> int:
    """What manifests would change in the cluster, and whom it hits. Nothing is written.

    The manifests are first checked here, then by the API server in a dry run. Exit 0: nothing would change; 1: something
    would; 2: it cannot be told.
    """
    found = load(files)
    for one in found.ignored:
        say(f"ignored: {one}")

    async def work(cluster: Cluster) -> tuple[str, list[Impact]]:
        return cluster.name, await planned(cluster.client, found)

    name, impacts = ask(work, **flags)
    changed = any(one.changed for one in impacts)
    if output:
        write(document("Plan", cluster=name, changed=changed, **report(impacts)), output)
    else:
        say(f"cluster {name}")
        for line in lines(impacts):
            click.echo(paint(line, COLOURS[line.strip()[:1]]) if line.strip()[:1] in COLOURS else line)
    return SOMETHING if changed else ANSWERED


async def planned(client: Client, found: Manifests) -> list[Impact]:
    """One Impact for each tenant that the manifests touch. Raises Failure if the API server would refuse one."""
    named = {one.metadata.name for one in found.tenants} | {home_tenant(one) for one in found.spaces}
    live = await observe(client, () if found.profiles else named)
    for profile in found.profiles:
        named |= {one.metadata.name for one in live.world.tenants.by("profile", profile.metadata.name)}
    if found.profiles:
        live = await observe(client, named)
    wishes = await dry_run(client, found, live)
    facts = await platform(client)
    unchanged = {one.metadata.name: one for one in live.world.tenants.items()}
    before = {name: modes(live.world, one) for name, one in unchanged.items()}
    for wish in wishes:
        live.world.stores()[type(wish).__name__].upsert(wish)
    impacts = []
    for name in sorted(named):
        forecast = Forecast(live.world, facts)
        used = {one.metadata.namespace: one.status for one in live.world.quotas.items()}
        forecast.settle(name)
        impacts.append(impact(forecast, live, name, unchanged.get(name), used))
        wish = forecast.world.tenants.get(None, name)
        if wish and name in before:
            impacts[-1].warnings += await broken(client, name, tightened(before[name], modes(forecast.world, wish)))
    return impacts


def modes(world: World, tenant: Tenant) -> dict[str, str]:
    """What becomes of whatever breaks a rule, by the rule's id."""
    profile = world.profiles.get(None, tenant.spec.profile) if tenant.spec.profile else None
    rules = effective(tenant.spec, profile.spec if profile else None)
    return {one: rules.modes.get(one, rules.enforcement) for one in SOFT_IDS}


def tightened(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """The rules that refuse then and do not now."""
    return {one for one, mode in after.items() if mode == "enforce" and before[one] != "enforce"}


async def broken(client: Client, tenant: str, rules: set[str]) -> list[str]:
    """What runs today and would be refused by these rules, by the values that are in force now."""
    if not rules:
        return []
    trial = await tried(client, [tenant])
    found = [one for one in trial.refused if one.rule in rules]
    told = [
        f"would be refused: {one.kind} {one.namespace}/{one.name}: {one.rule}: {one.message}" for one in found[:SHOWN]
    ]
    if len(found) > SHOWN:
        told.append(f"would be refused: {len(found) - SHOWN} more; see: cotenant policies check {tenant}")
    if trial.unasked:
        told.append(f"whether {len(trial.unasked)} objects would be refused could not be asked: {trial.unasked[0]}")
    return told


def home_tenant(space: Space) -> str:
    """The tenant in whose home a Space is."""
    return space.metadata.namespace.removeprefix(home_of(""))


async def dry_run(client: Client, found: Manifests, live: Observation) -> list[Any]:
    """Each manifest as the API server would store it. Raises Failure with file and line for what it refuses."""
    problems: list[Problem] = []
    wishes: list[Any] = []
    kinds: dict[str, Any] = {"Tenant": Tenant, "TenantProfile": TenantProfile, "Space": Space}
    for one in found.documents:
        kind = str(one.value["kind"])
        try:
            stored = await sent(client, one, live)
        except (Invalid, BadRequest, Forbidden) as error:
            problems += [one.problem(parsed(field), message) for field, message in parts(error)]
            continue
        made = msgspec.convert(stored, kinds[kind])
        # A wish has no version: it must not pass for what the store already has.
        made.metadata.resource_version = ""
        wishes.append(made)
    refuse(problems)
    return wishes


async def sent(client: Client, one: Document, live: Observation) -> dict[str, Any]:
    """One manifest in a dry run: created, or in place of what is there, so that fields left out count as removed."""
    wanted: dict[str, Any] = {key: value for key, value in one.value.items() if key != "status"}
    resource = resource_of(wanted)
    metadata = dict(wanted["metadata"])
    name, namespace = metadata["name"], metadata.get("namespace")
    try:
        there = await client.get(resource, name, namespace)
    except NotFound:
        if namespace and live.world.namespaces.get(None, namespace) is None:
            return wanted  # its home comes with its tenant: nothing to ask yet
        return await client.create(resource, wanted, manager=MANAGER, dry_run=True, strict=True)
    have = there["metadata"]
    for key in ("labels", "annotations"):
        metadata[key] = have.get(key, {}) | (metadata.get(key) or {})
    metadata |= {key: have[key] for key in ("resourceVersion", "uid", "finalizers") if key in have}
    body = wanted | {"metadata": metadata, "spec": wanted.get("spec") or {}}
    return await client.replace(resource, body, manager=MANAGER, dry_run=True, strict=True)
