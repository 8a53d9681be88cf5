"""`cotenant create tenant|space`: scaffolding, by the rights of whoever asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import click

from cotenant.api.keys import API_VERSION, GROUP, home_of
from cotenant.api.meta import Condition
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli import ANSWERED, FAILED, Failure, complain
from cotenant.cli.cluster.connect import NAMESPACE, Cluster, ask, cluster_flags, duration
from cotenant.cli.cluster.standing import home_tenant, required
from cotenant.cli.manifests import KINDS, fields
from cotenant.cli.view.output import say, yaml_text
from cotenant.judge.tenant import condition_of
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import SPACES, TENANTS, Resource
from cotenant.model.document import spelled

MANAGER = "cotenant-cli"
SUBJECTS = {"group": "group", "user": "user", "iam-role": "iamRole", "iam-user": "iamUser"}
PAUSE = 0.1
TRIED = {"none": "", "client": " (dry run)", "server": " (server dry run)"}
"""What kubectl writes behind an action that was not done."""
EXPORT = click.option("--export", is_flag=True, help="Print the manifest and touch no cluster.")
DRY_RUN = click.option(
    "--dry-run",
    "dry_run",
    type=click.Choice(["none", "client", "server"]),
    default="none",
    show_default=True,
    metavar="HOW",
    help="client: only say what would be done; server: ask the cluster too; both write nothing.",
)
WAIT = click.option("--wait", is_flag=True, help="Return when it is ready, or cannot become so.")
TIMEOUT = click.option(
    "--timeout", "patience", metavar="TIME", default="60s", show_default=True, callback=duration, help="Of --wait."
)


@click.group()
def create() -> None:
    """Make a tenant or a space, or print its manifest with --export."""


@create.command()
@click.argument("name")
@click.option(
    "--member",
    "members",
    metavar="ROLE=KIND:NAME",
    multiple=True,
    help="owner=group:devs, viewer=user:bob, editor=serviceaccount:ci/deployer, owner=iam-role:ARN, owner=permission-set:ACCOUNT/NAME; may be repeated.",
)
@click.option("--space", "declared", metavar="NAME", multiple=True, help="A space to declare; may be repeated.")
@click.option("--limit", type=click.IntRange(0, 500), help="Most spaces.")
@click.option("--profile", metavar="NAME", help="TenantProfile that gives the rest.")
@click.option("--display-name", metavar="TEXT", help="Name for people.")
@EXPORT
@DRY_RUN
@WAIT
@TIMEOUT
@cluster_flags
def tenant(
    *,
    name: str,
    members: tuple[str, ...],
    declared: tuple[str, ...],
    limit: int | None,
    profile: str | None,
    display_name: str | None,
    export: bool,
    dry_run: str,
    wait: bool,
    patience: float,
    **flags: Any,
) -> int:
    """Make a tenant. Exit 0; 2 if it could not be made, or is made and with --wait not ready in time."""
    spaces: dict[str, Any] = {}
    if limit is not None:
        spaces["limit"] = limit
    if declared:
        spaces["declared"] = list(declared)
    spec: dict[str, Any] = {
        "displayName": display_name,
        "profile": profile,
        "members": [member(text) for text in members],
        "spaces": spaces,
    }
    spec = {key: value for key, value in spec.items() if value}
    manifest = {"apiVersion": API_VERSION, "kind": "Tenant", "metadata": {"name": name}, "spec": spec}
    checked(manifest)
    if export:
        click.echo(yaml_text(manifest), nl=False)
        return ANSWERED
    if not members:
        say(
            f"note: tenant {name} has no members; nobody but the platform can use it. Add one: --member owner=group:NAME"
        )

    async def work(cluster: Cluster) -> int:
        return await made(cluster, TENANTS, manifest, dry_run, patience if wait else 0.0)

    return ask(work, **flags)


@create.command()
@click.argument("name")
@click.option("--tenant", metavar="NAME", help="Of this tenant; else of that of -n, or of the context's namespace.")
@NAMESPACE
@EXPORT
@DRY_RUN
@WAIT
@TIMEOUT
@cluster_flags
def space(
    *, name: str, tenant: str | None, export: bool, dry_run: str, wait: bool, patience: float, **flags: Any
) -> int:
    """Make a space. A member needs no right but that of an owner in the tenant's home.

    Exit 0; 2 if it could not be made, or is made and with --wait not ready in time.
    """
    given = flags["namespace"]
    if tenant and given:
        raise click.UsageError("--tenant and -n exclude each other")

    def manifest(home: str) -> dict[str, Any]:
        metadata = {"name": name, "namespace": home}
        return {"apiVersion": API_VERSION, "kind": "Space", "metadata": metadata, "spec": {}}

    if export:
        if not tenant and not home_tenant(given or ""):
            raise click.UsageError("--export asks no cluster: say --tenant NAME, or -n home-NAME")
        whole = manifest(home_of(tenant) if tenant else given)
        checked(whole)
        click.echo(yaml_text(whole), nl=False)
        return ANSWERED

    async def work(cluster: Cluster) -> int:
        home = home_of(tenant) if tenant else await home_from(cluster)
        whole = manifest(home)
        checked(whole)
        return await made(cluster, SPACES, whole, dry_run, patience if wait else 0.0)

    return ask(work, **flags)


def member(text: str) -> dict[str, Any]:
    """`owner=group:devs` as an entry of spec.members."""
    role, equals, subject = text.partition("=")
    kind, colon, name = subject.partition(":")
    if not (role and equals and colon and name):
        raise click.BadParameter(f"{text!r}; write ROLE=KIND:NAME, such as owner=group:devs", param_hint="--member")
    if kind == "serviceaccount":
        namespace, slash, account = name.partition("/")
        if not (namespace and slash and account):
            raise click.BadParameter(f"{text!r}; write {role}=serviceaccount:NAMESPACE/NAME", param_hint="--member")
        return {"role": role, "serviceAccount": {"namespace": namespace, "name": account}}
    if kind == "permission-set":
        number, slash, named = name.partition("/")
        if not (number and slash and named):
            raise click.BadParameter(f"{text!r}; write {role}=permission-set:ACCOUNT/NAME", param_hint="--member")
        return {"role": role, "permissionSet": {"name": named, "account": number}}
    if kind not in SUBJECTS:
        known = [*SUBJECTS, "serviceaccount", "permission-set"]
        close = fields.near(kind, known) or f"; {', '.join(known)} are known"
        raise click.BadParameter(f"{text!r}: {kind} is no kind of member{close}", param_hint="--member")
    return {"role": role, SUBJECTS[kind]: name}


def checked(manifest: dict[str, Any]) -> None:
    """Raises Failure with the first fault, before any cluster is asked."""
    for path, message in fields.faults(KINDS[manifest["kind"]], manifest):
        raise Failure(f"{spelled(path)}: {message}" if path else message)


async def home_from(cluster: Cluster) -> str:
    """The home that -n names, or that of the tenant of the namespace."""
    if home_tenant(cluster.namespace):
        return cluster.namespace
    return (await required(cluster, FAILED)).home


async def made(cluster: Cluster, resource: Resource, manifest: dict[str, Any], dry_run: str, patience: float) -> int:
    """Creates one object, says so, and waits for it if asked to."""
    if patience and dry_run != "none":
        raise click.UsageError("--wait and --dry-run exclude each other: nothing is made that one could wait for")
    kind, name = resource.kind.lower(), manifest["metadata"]["name"]
    say(f"cluster {cluster.name}")
    if await taken(cluster.client, resource, manifest["metadata"]):
        where = f" -n {manifest['metadata']['namespace']}" if resource.namespaced else ""
        raise Failure(f"{kind} {name} exists already; look at it: kubectl get {resource} {name}{where} -o yaml")
    if dry_run != "client":
        await cluster.client.create(resource, manifest, manager=MANAGER, strict=True, dry_run=dry_run == "server")
    click.echo(f"{kind}.{GROUP}/{name} created{TRIED[dry_run]}")
    return await ready(cluster.client, resource, manifest["metadata"], patience) if patience else ANSWERED


async def taken(client: Client, resource: Resource, metadata: dict[str, str]) -> bool:
    """Whether there is one of that name. Asked first: a create that fails by its name has charged the quota by then."""
    try:
        await client.get(resource, metadata["name"], metadata.get("namespace"))
    except NotFound:
        return False
    return True


async def ready(client: Client, resource: Resource, metadata: dict[str, str], patience: float) -> int:
    """Returns when the object is ready, or says why it is not; FAILED then."""
    of: type[Tenant | Space] = Tenant if resource.kind == "Tenant" else Space
    name, namespace = metadata["name"], metadata.get("namespace")
    last: Condition | None = None
    settled = until(patience)
    while not settled():
        one = await client.get(resource, name, namespace, type=of)
        last = condition_of(one.status.conditions, "Ready")
        if last and last.status == "True":
            where = f": namespace {one.status.namespace}" if isinstance(one, Space) else ""
            click.echo(f"{resource.kind.lower()}.{GROUP}/{name} ready{where}")
            return ANSWERED
        if condition_of(one.status.conditions, "Stalled"):
            break
        await asyncio.sleep(PAUSE)
    why = f"{last.reason}: {last.message}" if last else "nothing answers; does the operator run? See: cotenant doctor"
    return complain(f"{resource.kind.lower()} {name} is made and not ready: {why}", FAILED)


def until(patience: float) -> Callable[[], bool]:
    """Whether the time is over."""
    end = time.monotonic() + patience
    return lambda: time.monotonic() > end
