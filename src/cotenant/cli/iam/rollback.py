"""`cotenant iam rollback`: an earlier aws-auth comes back, unless that locks somebody out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from cotenant.apply.awsauth import AwsAuthDesk
from cotenant.cli import ANSWERED, SOMETHING, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.planning import spelled
from cotenant.cli.iam.stores import Stores, identify, moment
from cotenant.cli.view.output import document, output_flag, say, table, write
from cotenant.model.iam.awsauth import read
from cotenant.model.iam.edit import Edited
from cotenant.model.iam.history import Revision, Unkept, chosen, lockout, revisions, unreadable
from cotenant.model.platform import Platform


@click.command()
@click.option("--to", "number", type=int, metavar="N", help="The revision to go back to; else the latest.")
@click.option("--list", "listed", is_flag=True, help="Print what there is and write nothing.")
@click.option("--dry-run", is_flag=True, help="Say who would be mapped otherwise, and write nothing.")
@click.option("--drop-unreadable", is_flag=True, help="Also lose ARNs of a section that nobody can read now.")
@output_flag("json", "yaml")
@cluster_flags
def rollback(
    *, number: int | None, listed: bool, dry_run: bool, drop_unreadable: bool, output: str | None, **flags: Any
) -> int:
    """Bring back aws-auth as it was before one of the last ten writes of iam apply or iam rollback.

    Refused where it would take away nodes' or administrators' items that are there now, or change the identity in use;
    of a section that cannot be read now nobody knows whose items they are, so none of its ARNs may get lost unasked.
    What is there now is kept as a revision first. Exit 0; 2 if nothing was written.
    """

    async def work(cluster: Cluster) -> int:
        found = Stores(cluster.client, Platform())
        await identify(found)
        desk = AwsAuthDesk(cluster.client, found.user, moment)
        try:
            past = revisions(((await desk.history()) or {}).get("data") or {})
            if listed:
                return catalogue(past, output)
            then = chosen(past, number)
            say(f"cluster {cluster.name}, aws-auth, revision {then.number} of {then.time} by {then.author}")
            now = ((await desk.read()) or {}).get("data") or {}
            for line in difference(now, then.data):
                click.echo(line)
            if dry_run:
                return SOMETHING if now != then.data else ANSWERED

            def back(current: Mapping[str, str]) -> Edited:
                lost = lockout(current, then.data, found.me, dropping=drop_unreadable)
                return Edited(current, refused=tuple(lost)) if lost else Edited(then.data)

            written = await desk.change(back, f"cotenant iam rollback --to {then.number}")
        except Unkept as error:
            raise Failure(str(error)) from error
        if written.edited.refused:
            raise Failure("; ".join(written.edited.refused))
        said = f"; what was there is revision {written.revision}" if written.revision else ": nothing to do"
        say(f"aws-auth is as in revision {then.number}{said}")
        return ANSWERED

    return ask(work, **flags)


def catalogue(past: list[Revision], output: str | None) -> int:
    """Prints the revisions."""
    if output:
        rows = [
            {"number": one.number, "time": one.time, "author": one.author, "why": one.why, "data": one.data}
            for one in past
        ]
        write(document("IamRevisions", revisions=rows), output)
    else:
        click.echo(
            table(
                ("REVISION", "TIME", "AUTHOR", "BEFORE"),
                [(str(one.number), one.time, one.author, one.why) for one in past],
            )
        )
    return ANSWERED


def difference(now: Mapping[str, str], then: Mapping[str, str]) -> list[str]:
    """Who would be mapped otherwise."""
    old, new = read(now).identities(), read(then).identities()
    lines = []
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before != after:
            sign = "~" if before and after else "+" if after else "-"
            said = " -> ".join(spelled(one.username, one.groups) for one in (before, after) if one)
            lines.append(f"{sign} {key}  {said}")
    return lines + [f"- {one}  (unreadable)" for one in unreadable(now, then)]
