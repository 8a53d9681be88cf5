"""`cotenant iam list`: who is mapped to what, by which store, and made by whom."""

from __future__ import annotations

from typing import Any

import click
from msgspec import Struct, to_builtins

from cotenant.aws.faults import Fault
from cotenant.cli import ANSWERED, PARTLY, SOMETHING
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.resolution import astray
from cotenant.cli.iam.stores import Stores, aws_flags, opened
from cotenant.cli.view.output import NO_HEADERS, document, output_flag, say, table, write
from cotenant.model.iam import awsauth
from cotenant.model.iam.claims import canonical
from cotenant.model.iam.mode import Store, shadowed
from cotenant.model.iam.strays import NOBODY, Identity


class Row(Struct, rename="camel", omit_defaults=True):
    """One identity of one store."""

    principal: str
    username: str
    groups: list[str]
    store: str
    """entry or aws-auth."""
    origin: str
    type: str = ""
    policies: list[str] = []
    """Access policies: rights outside RBAC."""
    note: str = ""
    fault: bool = False
    """Whether somebody should look at it."""

    @property
    def identity(self) -> Identity:
        """The same as its store has it."""
        store: Store = "entries" if self.store == "entry" else "aws-auth"
        return Identity(self.principal, tuple(self.groups), store, self.origin == "cotenant")


@click.command("list")
@click.option("--policies", is_flag=True, help="Access policies of each entry too: one more call for each.")
@output_flag("wide", "json", "yaml")
@NO_HEADERS
@aws_flags
@cluster_flags
def listing(
    *,
    policies: bool,
    output: str | None,
    no_headers: bool,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> int:
    """Every identity that the cluster makes of an IAM principal: access entries and aws-auth.

    Exit 0; 1: something in it is wrong or without effect; 3: one of the two stores could not be read.
    """

    async def work(cluster: Cluster) -> tuple[Stores, list[Row]]:
        found = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
        try:
            return found, await rows(found, policies=policies)
        finally:
            found.close()

    found, listed = ask(work, **flags)
    if output in ("json", "yaml"):
        content = {"mode": found.mode or "unknown", "identities": to_builtins(listed), "unread": found.unread}
        write(document("IamList", **content), output)
    else:
        say(
            f"authentication mode {found.mode or 'unknown'}, you are {found.me or found.user or 'nobody in particular'}"
        )
        click.echo(shown(listed, wide=output == "wide", headers=not no_headers))
    for one in found.unread:
        say(f"not read: {one}")
    if any(one.fault for one in listed):
        return SOMETHING
    return PARTLY if found.unread else ANSWERED


def shown(listed: list[Row], *, wide: bool, headers: bool) -> str:
    """The table that eksctl prints, with origin and note."""
    columns = ["ARN", "USERNAME", "GROUPS", "STORE", "ORIGIN", "NOTE"]
    rows = [[one.principal, one.username, ",".join(one.groups), one.store, one.origin, noted(one)] for one in listed]
    if not wide:
        columns.pop(1)
        for row in rows:
            row.pop(1)
    return table(columns, rows, headers=headers)


def noted(one: Row) -> str:
    """The last column."""
    parts = [one.type if one.type not in ("", "STANDARD") else "", *one.policies, one.note]
    return "; ".join(part for part in parts if part)


async def rows(found: Stores, *, policies: bool) -> list[Row]:
    """Everything in both stores; what cannot be read goes to `unread`."""
    entries = await of_entries(found, policies=policies)
    made = [*entries, *of_aws_auth(found, [one.principal for one in entries])]
    for stray in await astray(found, [one.identity for one in made if not one.fault]):
        for one in made:
            if (one.principal, one.identity.store) == (stray.principal, stray.store) and not one.fault:
                one.note, one.fault = f"{NOBODY} for {', '.join(stray.groups)}: {stray.remedy}", True
    return made


async def of_entries(found: Stores, *, policies: bool) -> list[Row]:
    """Access entries. In mode CONFIG_MAP there are none to ask for."""
    desk = found.desk
    if desk is None or found.mode in ("", "CONFIG_MAP"):
        return []
    made = []
    try:
        for principal in sorted(await desk.eks.listed()):
            entry = await desk.eks.entry(principal)
            if entry is None:
                continue
            row = Row(principal, entry.username, list(entry.groups), "entry", entry.origin, entry.type)
            if policies:
                row.policies = [str(one) for one in await desk.eks.policies(principal)]
            made.append(row)
    except Fault as error:
        found.unread.append(f"EKS: {error.message}")
    return made


def of_aws_auth(found: Stores, entries: list[str]) -> list[Row]:
    """Items of aws-auth, and what is wrong with them."""
    if found.aws_auth is None:
        return []
    auth = awsauth.read(found.data)
    over, twice = shadowed(auth, entries, found.mode), auth.twice()
    last = {one.key: one for one in auth.items}
    made = []
    for one in auth.items:
        note = ""
        if found.mode == "API":
            note = "never read: mode API"
        elif one.arn in over:
            note = "without effect: its access entry holds"
        elif one.key in twice and last[one.key] is not one:
            note = "without effect: a later item holds"
        elif one.section == awsauth.ROLES and one.key != canonical(one.arn):
            note = "never matches: a role has no path here"
        elif not one.identity.username:
            note = "has no user name"
        origin = "cotenant" if one.ours else "nodes" if one.identity.is_node else "somebody else"
        made.append(
            Row(
                one.arn,
                one.identity.username,
                list(one.identity.groups),
                "aws-auth",
                origin,
                note=note,
                fault=bool(note),
            )
        )
    for section in auth.sections.values():
        made += [Row(one, "", [], "aws-auth", "somebody else", note="dropped", fault=True) for one in section.dropped]
    for fault in auth.faults:
        made.append(
            Row(
                fault.section,
                "",
                [],
                "aws-auth",
                "somebody else",
                note=f"nobody in it can sign in: {fault}",
                fault=True,
            )
        )
    made += [Row(f"account {one}", "<ARN>", [], "aws-auth", "somebody else") for one in auth.accounts]
    return made
