"""`cotenant delete tenant|space`: shows what goes and what stays, asks for the name, keeps namespaces unless told."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from cotenant.api.builtin import Namespace
from cotenant.api.keys import ADOPT, CONFIRM_DELETE, COTENANT, DECLARED, GROUP, MANAGED_BY, SPACE, TENANT, home_of
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli import ANSWERED, FAILED, Failure, complain
from cotenant.cli.cluster.connect import NAMESPACE, Cluster, ask, cluster_flags, duration
from cotenant.cli.create import DRY_RUN, MANAGER, PAUSE, TRIED, home_from, until
from cotenant.cli.view.output import say
from cotenant.cli.view.question import typed
from cotenant.judge.tenant import condition_of
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import NAMESPACES, ROLE_BINDINGS, SPACES, TENANTS, Resource

OURS = f"{MANAGED_BY}={COTENANT},{TENANT}"
"""What we made for a tenant. Without its label it is the operator's own, which must stay."""
TAKE = f"kubectl delete rolebindings -n {{}} -l {OURS}"
FATES = click.Choice(["orphan", "delete"])
YES = click.option("--yes", is_flag=True, help="Do not ask for the name: for scripts.")
WAIT = click.option("--wait/--no-wait", default=True, show_default=True, help="Return when it is gone.")
TIMEOUT = click.option(
    "--timeout", "patience", metavar="TIME", default="60s", show_default=True, callback=duration, help="Of --wait."
)


@click.group()
def delete() -> None:
    """Delete a tenant or a space; namespaces are kept unless you say otherwise."""


@delete.command()
@click.argument("name")
@click.option(
    "--spaces", "fate", type=FATES, default="orphan", show_default=True, help="What becomes of its namespaces."
)
@YES
@DRY_RUN
@WAIT
@TIMEOUT
@cluster_flags
def tenant(*, name: str, fate: str, yes: bool, dry_run: str, wait: bool, patience: float, **flags: Any) -> int:
    """Delete a tenant: its members lose their rights. Namespaces stay, or go with --spaces=delete.

    It asks for the name; scripts say --yes. Exit 0; 2 if it was not deleted, or is still going when the time is over.
    """

    async def work(cluster: Cluster) -> int:
        client = cluster.client
        found = await client.get(TENANTS, name, type=Tenant)
        spaces = (await client.list(SPACES, home_of(name), type=Space)).items
        names = sorted(one.status.namespace for one in spaces if one.status.namespace)
        confirm(cluster, name, tenant_effect(found, names, fate), yes=yes or dry_run != "none")
        if dry_run != "none":
            return await tried(client, TENANTS, found, dry_run)
        await deletion_wish(client, TENANTS, found, fate)
        await client.delete(TENANTS, name, uid=found.metadata.uid)
        return await farewell(client, TENANTS, found, patience if wait else 0.0)

    return ask(work, **flags)


@delete.command()
@click.argument("name")
@click.option(
    "--tenant", "owner", metavar="NAME", help="Of this tenant; else of that of -n, or of the context's namespace."
)
@click.option(
    "--contents", "fate", type=FATES, default="orphan", show_default=True, help="What becomes of its namespace."
)
@NAMESPACE
@YES
@DRY_RUN
@WAIT
@TIMEOUT
@cluster_flags
def space(
    *, name: str, owner: str | None, fate: str, yes: bool, dry_run: str, wait: bool, patience: float, **flags: Any
) -> int:
    """Delete a space. Its namespace stays with all that is in it, or goes with --contents=delete.

    A namespace that stays is released at once by an administrator, and members lose their rights in it. Deleted by a
    member, the space stays, and counts, until an administrator does so. It asks for the name; scripts say --yes.
    Exit 0; 2 if it was not deleted, or is still going when the time is over.
    """
    if owner and flags["namespace"]:
        raise click.UsageError("--tenant and -n exclude each other")

    async def work(cluster: Cluster) -> int:
        client = cluster.client
        home = home_of(owner) if owner else await home_from(cluster)
        found = await client.get(SPACES, name, home, type=Space)
        if DECLARED in found.metadata.labels:
            raise Failure(
                f"space {name} is declared by its tenant and would come back; take it off spec.spaces.declared first: "
                "that releases it"
            )
        confirm(cluster, name, space_effect(found, fate), yes=yes or dry_run != "none")
        if dry_run != "none":
            return await tried(client, SPACES, found, dry_run)
        await deletion_wish(client, SPACES, found, fate)
        await client.delete(SPACES, name, home, uid=found.metadata.uid)
        namespace = found.status.namespace if fate == "orphan" else ""
        released = bool(namespace) and await release(client, found)
        if namespace and not released:
            say(f"namespace {namespace} waits for an administrator to release it; until then the space counts")
            click.echo(f"space.{GROUP}/{name} deletion asked for")
            return ANSWERED
        if released:
            await take(client, namespace)
        code = await farewell(client, SPACES, found, patience if wait else 0.0)
        # Once more: the operator may have put one back that it saw gone before it saw the namespace released.
        if released and not await take(client, namespace):
            say(f"its members keep their rights in it until you take them: {TAKE.format(namespace)}")
        return code

    return ask(work, **flags)


def tenant_effect(found: Tenant, namespaces: list[str], fate: str) -> list[str]:
    """What a person should know before typing the name."""
    name, members = found.metadata.name, len(found.spec.members or ())
    shown = ", ".join(namespaces[:10]) + (f" and {len(namespaces) - 10} more" if len(namespaces) > 10 else "")
    lines = [f"tenant {name} goes: {members} members lose their rights in {len(namespaces)} namespaces"]
    if fate == "delete":
        return [
            *lines,
            f"DELETED with everything in them: {len(namespaces)} namespaces ({shown or 'none'}) and home-{name}",
        ]
    kept = f"kept: {len(namespaces)} namespaces ({shown or 'none'}) with workloads, quotas and network policies"
    return [
        *lines,
        kept,
        f"kept: home-{name} with {len(namespaces)} Spaces; a tenant {name} made anew takes them up again",
    ]


def space_effect(found: Space, fate: str) -> list[str]:
    """The same for a space."""
    name, namespace = found.metadata.name, found.status.namespace
    if not namespace:
        return [f"space {name} goes; it has no namespace"]
    if fate == "delete":
        return [f"space {name} goes", f"DELETED with everything in it: 1 namespace ({namespace})"]
    kept = f"kept: namespace {namespace} with workloads, quota and network policies"
    return [f"space {name} goes: its members lose their rights in it once it is released", kept]


def confirm(cluster: Cluster, name: str, effect: list[str], *, yes: bool) -> None:
    """Shows cluster and effect, and wants the name typed. Raises Failure for any other answer."""
    say(f"cluster {cluster.name}")
    for line in effect:
        say(f"  {line}")
    if not yes and not typed(f"Type {name} to go on", name):
        raise Failure(f"that is not {name}; nothing was done")


async def tried(client: Client, resource: Resource, found: Tenant | Space, dry_run: str) -> int:
    """Says what would be done; with `server` the API server agrees or refuses."""
    metadata = found.metadata
    if dry_run == "server":
        await client.delete(resource, metadata.name, metadata.namespace or None, uid=metadata.uid, dry_run=True)
    click.echo(f"{resource.kind.lower()}.{GROUP}/{metadata.name} deleted{TRIED[dry_run]}")
    return ANSWERED


async def deletion_wish(client: Client, resource: Resource, found: Tenant | Space, fate: str) -> None:
    """Writes into the object what becomes of its namespaces: the operator decides by that alone."""
    metadata = found.metadata
    if fate == "delete":
        notes: dict[str, str | None] = {CONFIRM_DELETE: metadata.name}
        patch: dict[str, Any] = {"metadata": {"annotations": notes}, "spec": {"deletionPolicy": "Delete"}}
    elif CONFIRM_DELETE in metadata.annotations or found.spec.deletion_policy == "Delete":
        patch = {"metadata": {"annotations": {CONFIRM_DELETE: None}}, "spec": {"deletionPolicy": "Orphan"}}
    else:
        return
    await client.merge(resource, metadata.name, patch, metadata.namespace or None, manager=MANAGER)


async def release(client: Client, found: Space) -> bool:
    """Takes our labels and the offer off the namespace, so that the Space may go; False for whoever may not."""
    name = found.status.namespace
    try:
        namespace = await client.get(NAMESPACES, name, type=Namespace)
        labels = namespace.metadata.labels
        if (home_of(labels.get(TENANT, "")), labels.get(SPACE)) != (found.metadata.namespace, found.metadata.name):
            return True
        gone = {"labels": {TENANT: None, SPACE: None}, "annotations": {ADOPT: None}}
        patch = {"metadata": gone | {"uid": namespace.metadata.uid}}
        await client.merge(NAMESPACES, name, patch, manager=MANAGER)
    except NotFound:
        return True
    except Forbidden:
        return False
    say(f"namespace {name} is released: nobody's now, with everything in it")
    return True


async def take(client: Client, namespace: str) -> bool:
    """Deletes our bindings in a namespace that is nobody's now; False where the caller may not, and some may be left."""
    try:
        if TENANT in (await client.get(NAMESPACES, namespace, type=Namespace)).metadata.labels:
            return True
        listed = (await client.list(ROLE_BINDINGS, namespace, labels=OURS)).items
        ours = [one["metadata"] for one in listed if one["metadata"]["name"].startswith(f"{COTENANT}-")]
        for one in ours:
            await client.delete(ROLE_BINDINGS, one["name"], namespace, uid=one["uid"])
    except NotFound:
        return True
    except Forbidden:
        return False
    if ours:
        say(f"its members lost their rights in {namespace}: {len(ours)} role bindings deleted")
    return True


async def farewell(client: Client, resource: Resource, found: Tenant | Space, patience: float) -> int:
    """Waits until the object is gone."""
    metadata, of = found.metadata, type(found)
    named = f"{resource.kind.lower()}.{GROUP}/{metadata.name}"
    if not patience:
        click.echo(f"{named} deletion asked for")
        return ANSWERED
    settled, why = until(patience), "nothing answers; does the operator run? See: cotenant doctor"
    while not settled():
        try:
            one = await client.get(resource, metadata.name, metadata.namespace or None, type=of)
        except NotFound:
            click.echo(f"{named} deleted")
            return ANSWERED
        if one.metadata.uid != metadata.uid:
            click.echo(f"{named} deleted")
            return ANSWERED
        ready = condition_of(one.status.conditions, "Ready")
        why = f"{ready.reason}: {ready.message}" if ready and ready.status != "True" else why
        await asyncio.sleep(PAUSE)
    return complain(f"{named} is still going: {why}", FAILED)
