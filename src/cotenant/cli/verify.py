"""`cotenant verify`: proves that tenants are isolated, and shows the evidence."""

from __future__ import annotations

import random
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import click
from msgspec.structs import replace

from cotenant.api.tenant import Tenant
from cotenant.aws.faults import Fault as Refusal
from cotenant.cli import Failure
from cotenant.cli.cluster.connect import Cluster, ask
from cotenant.cli.cluster.glazing import told as glass_told
from cotenant.cli.iam.resolution import Resolved, everybody, holders
from cotenant.cli.iam.stores import opened
from cotenant.cli.iam.workloads import look
from cotenant.cli.settings_source import platform as platform_of
from cotenant.cli.view.output import paint, say
from cotenant.judge.isolation import table
from cotenant.judge.isolation.outside import Beside, Borrowed, Outside, borrows, users
from cotenant.judge.isolation.report import Report
from cotenant.kube.resource import TENANTS
from cotenant.model.iam.claims import Person, tenants_of
from cotenant.model.iam.strays import Stray
from cotenant.model.platform import Platform
from cotenant.proof.prover import Progress
from cotenant.proof.prover import verify as prove
from cotenant.proof.scene import Question, UnknownTenant

COLOURS = {"BROKEN": "red", "NOT PROVEN": "yellow", "INCOMPLETE": "yellow", "PROVEN": "green"}


@click.command()
@click.argument("tenants", nargs=-1, metavar="[TENANT...]")
@click.option("-A", "--all", "everybody", is_flag=True, help="Every tenant; so it is without TENANT, too.")
@click.option("--static", "static", is_flag=True, help="Ask by SubjectAccessReview only; needs no impersonation.")
@click.option("--live", "live", is_flag=True, help="Try everything as each member (default).")
@click.option("--level", type=click.Choice(["1"]), default="1", expose_value=False, help="1: the Kubernetes API.")
@click.option("--seed", type=int, help="Of the sample that is tried above ten tenants.")
@click.option(
    "-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="Format."
)
@click.option("--context", metavar="NAME", help="Context of the kubeconfig.")
@click.option("--kubeconfig", metavar="FILE", help="Kubeconfig; else $KUBECONFIG, else ~/.kube/config.")
def verify(
    *,
    tenants: tuple[str, ...],
    everybody: bool,
    static: bool,
    live: bool,
    seed: int | None,
    output: str,
    context: str | None,
    kubeconfig: str | None,
) -> int:
    """Prove that tenants are isolated, with evidence.

    Every verb on every namespaced resource is tried as each member of each tenant in the namespaces of each other one,
    and what a member may do at home is tried too. Nothing is changed, also where isolation is broken: dry runs, names
    that no object has, and SubjectAccessReview for the rest. You need the right to impersonate, else only the latter.

    Exit codes: 0 all proven; 1 something is broken; 2 nothing could be tried; 3 something could not be proven.
    """
    if static and live:
        raise click.UsageError("--static and --live exclude each other")
    if everybody and tenants:
        raise click.UsageError("-A and names of tenants exclude each other")

    async def work(cluster: Cluster) -> Report:
        say(f"cluster {cluster.name}: nothing will be changed")
        for line in await glass_told(cluster.client, datetime.now(UTC)):
            say(line)
        asked = question(tenants, seed=seed, static=static, platform=await platform_of(cluster.client))
        asked = replace(asked, outside=await outside(cluster, kubeconfig))
        with progress() as moved:
            return await prove(cluster.client, asked, moved)

    try:
        report = ask(work, context=context, kubeconfig=kubeconfig)
    except UnknownTenant as unknown:
        raise Failure(str(unknown)) from unknown
    if not report.checks:
        raise Failure("there is no member of a tenant to try anything as; make a tenant: cotenant create tenant")
    click.echo(report.json().decode() if output == "json" else coloured(table.text(report)))
    return report.exit_code


async def outside(cluster: Cluster, kubeconfig: str | None) -> Beside | None:
    """What EKS and IAM give members and Pods, where settings or context name an EKS cluster that answers; None elsewhere."""
    stores = await opened(cluster, None, None, None, kubeconfig)
    try:
        if stores.desk is None or not stores.mode:
            return None
        found = await look(stores)
        unread = list(found.unread)
        try:
            people = await holders(stores)
        except Refusal as error:
            people = []
            unread.append(f"access policies: {error.message}")
        policies = [one for who in people for one in beside(who)]
        told = len(stores.unread)
        there = await everybody(stores, policies=False)
        lost = [one for who in there for one in unlisted(who)]
        tenants = (await stores.client.list(TENANTS, type=Tenant)).items
        lent = [one for who in there for one in borrowing(who, users(tenants))]
        unread += stores.unread[told:]
        return Beside(tuple(policies), tuple(found.faults), tuple(unread), tuple(lost), tuple(lent))
    finally:
        stores.close()


def unlisted(who: Resolved) -> Iterator[tuple[str, Stray]]:
    """(tenant, groups of it) that a principal has and the tenant does not give it."""
    for tenant in sorted(tenants_of(who.astray)):
        groups = tuple(one for one in who.astray if tenant in tenants_of([one]))
        yield tenant, Stray(who.principal, groups, who.identity.store, who.identity.ours)


def borrowing(who: Resolved, known: Sequence[Person]) -> Iterator[Borrowed]:
    """Users who are members and whom a principal that cotenant mapped can be. An ARN is the name of EKS, nobody else's."""
    if who.origin == "cotenant" and not who.username.startswith("arn:"):
        for tenant in sorted(tenants_of(who.groups)):
            yield from borrows(tenant, who.principal, who.username, who.groups, known)


def beside(who: Resolved) -> Iterator[Outside]:
    """What a principal holds besides its membership, once a tenant."""
    for tenant in sorted(tenants_of(who.groups)):
        for one in who.policies:
            yield Outside(tenant, who.principal, tuple(who.groups), one)


def question(
    tenants: tuple[str, ...] = (), *, seed: int | None = None, static: bool = False, platform: Platform
) -> Question:
    """What to prove, with a new name that no object can have."""
    return Question(
        nowhere=f"cotenant-verify-{secrets.token_hex(20)}",
        seed=random.SystemRandom().randrange(1_000_000) if seed is None else seed,
        now=datetime.now(UTC),
        only=tenants,
        static=static,
        platform=platform,
    )


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar on a terminal, a line every ten per cent in a pipe; on stderr."""
    if not sys.stderr.isatty():
        yield _in_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("trying"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("trying", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _in_lines() -> Callable[[int, int], None]:
    said = 0

    def moved(done: int, total: int) -> None:
        nonlocal said
        if done * 10 // total > said:
            said = done * 10 // total
            say(f"tried {done:,} of {total:,}")

    return moved


def coloured(text: str) -> str:
    """The verdict at the beginning of a line in colour."""
    lines = []
    for line in text.splitlines():
        colour = next((found for word, found in COLOURS.items() if line.startswith(word)), None)
        lines.append(paint(line, colour) if colour else line)
    return "\n".join(lines)
