"""`cotenant why`: who or what refused, and what helps."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from cotenant.cli import ANSWERED, FAILED, SOMETHING, Failure
from cotenant.cli.cluster.connect import NAMESPACE, Cluster, ask, cluster_flags
from cotenant.cli.cluster.shape import wrong
from cotenant.cli.cluster.standing import Standing, nowhere, required, standing, tenant_of
from cotenant.cli.cluster.workloads import KINDS, case, demand_of, demanded, named
from cotenant.cli.view.explanation import lines, plain
from cotenant.cli.view.output import document, output_flag, say, write
from cotenant.cli.why_access import why_access
from cotenant.judge.pod import Explanation, explain
from cotenant.kube.errors import Forbidden
from cotenant.model.case import Case


@click.group()
def why() -> None:
    """Explain a refusal, and what would change it."""


why.add_command(why_access)


@why.command()
@click.argument("what", required=False, metavar="[POD|deploy/NAME|sts/NAME|…]")
@click.option("-f", "--filename", "file", metavar="FILE", help="Ask about a manifest that is not applied; - for stdin.")
@NAMESPACE
@output_flag("json", "yaml")
@cluster_flags
def pod(*, what: str | None, file: str | None, output: str | None, **flags: Any) -> int:
    """Why pods are not admitted, or whether they would be, and whether a rolling update fits.

    Name a pod, or what makes pods, as kubectl does: deploy/NAME, rs/, rc/, sts/, ds/, job/, cronjob/,
    deployments.apps/NAME.
    By resource: what is asked, what the space has, what the tenant's pool has, what is idle in other spaces and can be
    moved, what those keep as their floor. Exit 0 if nothing is in the way; 1 if something is, or a rolling update would
    stand still; 2 if it cannot be told.
    """
    if (what is None) == (file is None):
        raise click.UsageError("name one pod or workload, or give its manifest with -f")
    manifest = read(file) if file else None

    async def work(cluster: Cluster) -> tuple[Case, Explanation]:
        where = await found_where(cluster, what)
        if not where.space:
            raise Failure(
                f"namespace {where.namespace} is the home of tenant {where.tenant}, and no pods run there; name a space with -n"
            )
        if manifest is not None:
            demand = demanded(manifest, [], exists=False)
        else:
            demand = await demand_of(cluster.client, *named(what or ""), where.namespace)
        found = await case(cluster.client, where, demand)
        return found, explain(found)

    asked, found = ask(work, **flags)
    if output:
        write(document("WhyPod", namespace=asked.namespace, tenant=asked.accounts.tenant, **plain(found)), output)
    else:
        click.echo("\n".join(lines(asked, found)))
        for remark in found.remarks:
            say(f"note: {remark.text}")
    return SOMETHING if found.blocked else ANSWERED


async def found_where(cluster: Cluster, what: str | None) -> Standing:
    """The space of the namespace; for an administrator who names none, the one space that has what is asked about.

    Raises Failure.
    """
    where = await standing(cluster)
    if where is not None or cluster.chosen or what is None:
        return where or await required(cluster, FAILED)
    kind, name = named(what)
    try:
        items = (await cluster.client.list(kind, fields=f"metadata.name={name}")).items
    except Forbidden:
        raise nowhere(cluster, FAILED) from None
    places = [await tenant_of(cluster.client, one["metadata"]["namespace"]) for one in items]
    spaces = [one for one in places if one is not None and one.space]
    if len(spaces) == 1:
        return spaces[0]
    if not spaces:
        raise Failure(f"no space of any tenant has {kind.kind} {name}; name a space with -n, or its manifest with -f")
    raise Failure(f"{kind.kind} {name} is in {', '.join(one.namespace for one in spaces)}: name one with -n")


def read(file: str) -> dict[str, Any]:
    """The first object of a file that is a pod or makes pods."""
    import yaml

    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
        found = [one for one in yaml.safe_load_all(text) if isinstance(one, dict)]
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Failure(f"{file}: {error}") from error
    kinds = {one.kind for one in KINDS.values()}
    for one in found:
        if one.get("kind") in kinds and isinstance(one.get("spec"), dict):
            if told := wrong(one):
                raise Failure(f"{file}: {one['kind']}: {told}")
            return one | {"metadata": one.get("metadata") or {}}
    raise Failure(
        f"{file} holds no Pod, Deployment, ReplicaSet, ReplicationController, StatefulSet, DaemonSet, Job or CronJob"
    )
