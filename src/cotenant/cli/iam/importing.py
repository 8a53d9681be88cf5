"""`cotenant import aws-auth`, also `cotenant iam import aws-auth`: items of aws-auth as access entries, to be made by a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from msgspec import to_builtins

from cotenant.aws.faults import Fault
from cotenant.cli import ANSWERED, SOMETHING, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.resolution import listed
from cotenant.cli.iam.stores import Stores, aws_flags, opened, parsed
from cotenant.cli.view.output import document, output_flag, say, write
from cotenant.model.iam.awsauth import AwsAuth, read
from cotenant.model.iam.claims import canonical
from cotenant.model.iam.entries import Principal
from cotenant.model.iam.migration import Migration, migration
from cotenant.model.iam.mode import proposal


@click.command("import")
@click.argument("source", type=click.Choice(["aws-auth"]))
@click.option("-f", "--filename", "file", metavar="FILE", help="A ConfigMap as YAML or JSON; else that of the cluster.")
@output_flag("json", "yaml")
@aws_flags
@cluster_flags
def importing(
    *,
    source: str,
    file: str | None,
    output: str | None,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> int:
    """Propose an access entry for each item of aws-auth, as commands of the AWS CLI. Nothing is written.

    IAM is asked for the paths of roles, which aws-auth has lost. Exit 0; 1: some items cannot be carried over, and are
    named; 2: there is nothing to read.
    """
    if file:
        name = cluster_name or "CLUSTER"
        found = migration(of_file(file), {})
    else:

        async def work(cluster: Cluster) -> tuple[str, Migration]:
            stores = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
            try:
                if stores.aws_auth is None:
                    raise Failure(f"there is no ConfigMap {source} in kube-system")
                if advice := proposal(stores.mode):
                    say(f"the cluster reads no access entries yet; {advice}")
                made = migration(read(stores.data), await principals(stores), await entered(stores))
                return stores.eks_name or "CLUSTER", made
            finally:
                stores.close()

        name, found = ask(work, **flags)
    if output:
        write(
            document("IamMigration", cluster=name, entries=to_builtins(found.proposals), left=list(found.left)), output
        )
    else:
        for one in found.proposals:
            if one.note:
                click.echo(f"# {one.note}")
            for command in one.commands(name):
                click.echo(command)
    for line in found.left:
        say(f"not carried over: {line}")
    return SOMETHING if found.left else ANSWERED


def of_file(path: str) -> AwsAuth:
    """The ConfigMap of a file. Raises Failure."""
    try:
        data = parsed(Path(path).read_text("utf-8")).get("data")
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {error}") from error
    if not isinstance(data, dict) or not all(isinstance(text, str) for text in data.values()):
        raise Failure(f"{path}: data of a ConfigMap holds texts; see: cotenant lint -f {path}")
    return read(data)


async def entered(stores: Stores) -> frozenset[str]:
    """Keys of the principals that have an access entry; none where they cannot be read, which is said."""
    try:
        return frozenset(map(canonical, await listed(stores)))
    except Fault as error:
        say(f"not read: {error.message}")
        return frozenset()


async def principals(stores: Stores) -> dict[str, Principal]:
    """What IAM knows of the principals of its own account; nothing where it may not be asked, which is said."""
    if stores.desk is None:
        return {}
    try:
        me = await stores.desk.iam.me()
        found = {canonical(one.arn): one for one in await stores.desk.iam.roles()}
    except Fault as error:
        say(f"not read: {error.message}")
        return {}
    account = me.account if me else ""
    items = [one for one in read(stores.data).items if ":role/" in one.arn and f"::{account}:" in one.arn]
    return {one.canonical: found.get(one.canonical, Principal()) for one in items}
