"""`cotenant breakglass`: the rules about what tenants may use are lifted for a while, and come back by themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cotenant.cli import ANSWERED, Failure
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags, duration
from cotenant.cli.cluster.glazing import breakable, change
from cotenant.cli.view.output import say
from cotenant.kube import resource
from cotenant.kube.errors import ApiError
from cotenant.render.install.admission import glass

LONGEST = 24 * 3600.0
SHOWN = "%Y-%m-%dT%H:%M:%SZ"
NONE = "no policy of cotenant can be lifted here; put them there with: cotenant install"
EFFECT = (
    "what tenants may use (images, classes, hosts, pools, types, IAM roles) is audited and not refused, for all tenants; "
    "what reaches into others holds: namespaces, rights, quotas, Pod Security, node names, tolerations, volumes of others; "
    "and whether one enters pods, for a connection carries no time"
)


@click.command("breakglass")
@click.option(
    "--for",
    "seconds",
    metavar="TIME",
    callback=lambda *given: given[2] and duration(*given),
    help="How long: 30m; 24h at most.",
)
@click.option("--reason", metavar="TEXT", help="Why, for those who read it afterwards.")
@click.option("--end", is_flag=True, help="End it now.")
@cluster_flags
def command(*, seconds: float | None, reason: str | None, end: bool, **flags: Any) -> int:
    """Let through, for a while, what the rules about tenants' use would refuse; all of it is in the audit log.

    It needs no operator, and ends by itself without one: until when stands in the policies, which compare it with the time
    that the API server writes into what is made or changed. Exit 0: done; 2: it could not be done.
    """
    if end == bool(seconds or reason) or (not end and not (seconds and reason and reason.strip())):
        raise click.UsageError("say --for and --reason, or --end alone")
    if seconds and not 0 < seconds <= LONGEST:
        raise click.BadParameter("24h at most; then say why once more", param_hint="--for")
    until = None if end or seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)

    async def work(cluster: Cluster) -> list[str]:
        client = cluster.client
        names = [one["metadata"]["name"] for one in await breakable(client)]
        if not names:
            raise Failure(NONE)
        say(f"cluster {cluster.name}: {len(names)} policies; {EFFECT if until else 'they refuse again'}")
        notes = {glass.REASON: " ".join((reason or "").split()), glass.WHO: await _who(cluster)}
        for name in names:
            await change(client, name, lambda there: glass.broken(there, until, notes) if until else glass.whole(there))
        return names

    names = ask(work, **flags)
    if until:
        click.echo(f"broken until {until:{SHOWN}}: {', '.join(names)}")
        say("every API server follows within a second; sooner whole again: cotenant breakglass --end")
    else:
        click.echo(f"whole again: {', '.join(names)}")
    return ANSWERED


async def _who(cluster: Cluster) -> str:
    """The name that the cluster knows the caller by."""
    review = {"apiVersion": resource.SELF_SUBJECT_REVIEWS.api_version, "kind": "SelfSubjectReview"}
    try:
        answer = await cluster.client.create(resource.SELF_SUBJECT_REVIEWS, review)
    except ApiError:
        return ""
    return str(answer["status"]["userInfo"].get("username", ""))
