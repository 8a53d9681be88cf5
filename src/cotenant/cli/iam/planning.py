"""`cotenant iam plan` and `iam apply`: from the members of tenants to access entries or aws-auth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import click
from msgspec import Struct, to_builtins

from cotenant.apply.awsauth import AwsAuthDesk, unwritable
from cotenant.aws.desk import SEEN, EntryDesk, finding
from cotenant.aws.faults import Fault
from cotenant.cli import ANSWERED, FAILED, SOMETHING, Failure, complain
from cotenant.cli.cluster.connect import Cluster, ask, cluster_flags
from cotenant.cli.iam.stores import STORE, Stores, aws_flags, claimed, moment, opened
from cotenant.cli.view.output import document, output_flag, say, table, write
from cotenant.model.iam.awsauth import Identity, read
from cotenant.model.iam.claims import Claim, Merged, canonical, merged
from cotenant.model.iam.edit import Change, edit
from cotenant.model.iam.entries import EntryPlan
from cotenant.model.iam.history import Unkept
from cotenant.model.iam.mode import NoStore, store
from cotenant.model.iam.strays import of_aws_auth, of_entries, strays

F = TypeVar("F", bound=Callable[..., Any])
SIGNS = {
    "add": "+",
    "create": "+",
    "change": "~",
    "update": "~",
    "remove": "-",
    "delete": "-",
    "conflict": "!",
    "keep": " ",
}


PRUNE = click.option(
    "--prune",
    is_flag=True,
    help="Of aws-auth: add nobody, only take away what no tenant gives and change what differs.",
)


class Line(Struct, rename="camel", omit_defaults=True):
    """One principal, and what is to be done about it."""

    action: str
    principal: str
    before: str = ""
    after: str = ""
    why: str = ""


class Answer(Struct):
    """What is to be done, or was."""

    store: str
    lines: list[Line]
    refused: list[str]
    said: str = ""


def flags_of(command: F) -> F:
    """The flags that plan and apply share."""
    for option in reversed(
        [click.argument("tenants", nargs=-1, metavar="[TENANT]..."), STORE, PRUNE, output_flag("json", "yaml")]
    ):
        command = option(command)
    return cluster_flags(aws_flags(command))


@click.command()
@flags_of
def plan(*, output: str | None, **flags: Any) -> int:
    """What iam apply would write. Nothing is written.

    Without TENANT: all of them, and what nobody lists any more goes. Exit 0: nothing to do; 1: something; 2: it cannot be
    told.
    """
    name, answer = ask_stores(forecast, **flags)
    tell(name, answer, output)
    if answer.refused:
        return FAILED
    return SOMETHING if any(one.action != "keep" for one in answer.lines) else ANSWERED


@click.command()
@flags_of
def apply(*, output: str | None, **flags: Any) -> int:
    """Make the members of tenants who are named by IAM principals known to the cluster.

    Access entries where the cluster reads them, else aws-auth: exactly our own items change, the version before is kept,
    and what was written is read back. Without TENANT: all of them, and what nobody lists any more goes. With TENANT
    nothing is removed.

    Exit 0: as tenants say; 1: some members are in conflict with what others wrote; 2: nothing was written.
    """
    name, answer = ask_stores(carry_out, **flags)
    tell(name, answer, output)
    if answer.refused:
        return FAILED
    return SOMETHING if any(one.action == "conflict" for one in answer.lines) else ANSWERED


def ask_stores(
    work: Callable[[Stores, str, list[Claim], frozenset[str]], Any],
    *,
    tenants: tuple[str, ...],
    store: str | None,
    prune: bool,
    cluster_name: str | None,
    region: str | None,
    aws_profile: str | None,
    **flags: Any,
) -> tuple[str, Answer]:
    """Opens both stores, chooses one, works on it. Raises Failure."""

    async def do(cluster: Cluster) -> tuple[str, Answer]:
        found = await opened(cluster, cluster_name, region, aws_profile, flags.get("kubeconfig"))
        try:
            where = chosen(found, store or "")
            if prune and where == "entries":
                raise Failure("--prune is for aws-auth: add --store aws-auth")
            found.adding = not prune
            claims = await claimed(cluster.client, found.platform, tenants)
            return cluster.name, await work(found, where, claims, frozenset(tenants))
        except Fault as error:
            raise Failure(error.message) from error
        except Unkept as error:
            raise Failure(str(error)) from error
        finally:
            found.close()

    return ask(do, **flags)


def chosen(found: Stores, asked: str) -> str:
    """The store to write to. Raises Failure."""
    try:
        return store(found.mode, asked)
    except NoStore as error:
        if found.eks_name and not found.mode and found.unread:
            raise Failure(f"{'; '.join(found.unread)}; which identities the cluster reads is not known so") from error
        unread = f" ({'; '.join(found.unread)})" if found.unread else ""
        raise Failure(f"{error}{unread}") from error


async def forecast(found: Stores, where: str, claims: list[Claim], tenants: frozenset[str]) -> Answer:
    """What would be done. claims: of all tenants; tenants: whom it is about, empty for everybody."""
    if where == "entries":
        desk = desk_of(found)
        merged_, decided, _ = await desk.look(claims, tenants=tenants)
        lines = [*planned(decided), *conflicts(merged_.trouble_of(tenants).items())]
        return Answer(where, [*lines, *unlisted(found, where, merged_, tenants)], [])
    made, lines = await wished(found, claims, tenants)
    edited = edit(found.data, made.wishes, found.me, only=about(found, made, tenants), unsure=made.unknown)
    refused = list(edited.refused)
    if found.aws_auth is None:
        refused.append("there is no ConfigMap aws-auth in kube-system")
    elif fault := unwritable(found.aws_auth):
        refused.append(fault)
    lines += unlisted(found, where, made, tenants)
    return Answer(where, [*map(changed, edited.changes), *lines], refused)


async def carry_out(found: Stores, where: str, claims: list[Claim], tenants: frozenset[str]) -> Answer:
    """Does it."""
    if where == "entries":
        desk_ = desk_of(found)
        answer = await write_entries(desk_, claims, tenants)
        answer.lines += unlisted(found, where, merged(claims, desk_.directory.sso()), tenants)
        return answer
    made, lines = await wished(found, claims, tenants)
    desk = AwsAuthDesk(found.client, found.user, moment)
    only = about(found, made, tenants)
    change = partial(edit, wishes=made.wishes, me=found.me, only=only, unsure=made.unknown)
    written = await desk.change(change, "cotenant iam apply")
    said = f"the version before is revision {written.revision}: cotenant iam rollback" if written.revision else ""
    lines += unlisted(found, where, made, tenants)
    return Answer(where, [*map(changed, written.edited.changes), *lines], list(written.edited.refused), said)


async def write_entries(desk: EntryDesk, claims: list[Claim], tenants: frozenset[str]) -> Answer:
    """Access entries, in as many looks as it takes. What is written, EKS shows after some seconds."""
    lines: list[Line] = []
    while True:
        found = await desk.settle(claims, tenants=tenants)
        lines += [
            Line(one.action, one.principal, after=spelled(one.username, one.groups), why=one.why) for one in found.done
        ]
        if found.again != 0.0:
            break
    mine = [one for one in claims if not tenants or one.tenant in tenants]
    wrong = [(one, found.trouble[one]) for one in mine if one in found.trouble and found.trouble[one].status == "False"]
    nothing = wrong and len(wrong) == len(mine) and len({said.reason for _, said in wrong}) == 1
    alike = nothing and wrong[0][1].reason.startswith(("AWS", "Cluster", "Mode"))
    fault = found.fault or (wrong[0][1] if alike else None)
    refused = [fault.message] if fault else []
    said = f"EKS shows it within about {SEEN:.0f} s" if lines else ""
    lines += () if refused else conflicts(wrong)
    held = [one for one in found.held if one.finding.status == "False" and one.finding.reason != "GroupWithoutMember"]
    lines += [Line("conflict", one.principal, why=one.finding.message) for one in held]
    return Answer("entries", lines, refused, said)


def unlisted(found: Stores, where: str, made: Merged, tenants: frozenset[str]) -> Iterable[Line]:
    """Whoever has a group that no tenant gives him, and is not about to lose it by what is done here."""
    known = of_entries(found.desk.known.values()) if found.desk and where == "entries" else []
    only = made.keys(tenants)
    for one in strays([*known, *(of_aws_auth(read(found.data)) if found.mode != "API" else ())], made):
        goes = one.ours and one.store == where
        if goes and (only is None or canonical(one.principal) in only):
            continue
        if not tenants or not tenants.isdisjoint(one.tenants):
            yield Line("conflict", one.principal, why=f"{one.text}; {one.remedy}")


def about(found: Stores, made: Merged, tenants: frozenset[str]) -> frozenset[str] | None:
    """Keys of the principals that an edit of aws-auth is about; None for everybody."""
    only = made.keys(tenants)
    if found.adding:
        return only
    there = frozenset(one.canonical for one in read(found.data).items)
    return there if only is None else there & only


def desk_of(found: Stores) -> EntryDesk:
    """The desk of access entries. Raises Failure where no cluster is named."""
    if found.desk is None:
        raise Failure("which EKS cluster is meant is not known: --eks-cluster NAME --region REGION")
    return found.desk


async def wished(found: Stores, claims: list[Claim], tenants: frozenset[str]) -> tuple[Merged, list[Line]]:
    """The wishes for aws-auth, and what is wrong with claims of these tenants. Permission sets need IAM."""
    sso = None
    if found.desk and any(one.target.startswith("permission-set") for one in claims):
        directory = found.desk.directory
        await directory.refresh(users=False)
        sso = directory.sso()
        if directory.fault:
            say(f"not read: {finding(directory.fault).message}")
    made = merged(claims, sso)
    return made, list(conflicts(made.trouble_of(tenants).items()))


def planned(decided: EntryPlan) -> Iterable[Line]:
    """Steps as lines."""
    for one in decided.steps:
        before = spelled(one.before.username, one.before.groups) if one.before else ""
        after = "" if one.action == "delete" else spelled(one.username, one.groups)
        yield Line(one.action, one.principal, before, after, one.why)
    for key, said in decided.trouble.items():
        yield Line("conflict", key, why=said.message)


def conflicts(trouble: Iterable[tuple[Claim, Any]]) -> Iterable[Line]:
    """Members who are not mapped, and why."""
    for one, said in sorted(trouble):
        yield Line("conflict", one.target, why=said.message)


def changed(one: Change) -> Line:
    """A change of aws-auth as a line."""
    return Line(one.action, one.principal, told(one.before), told(one.after), one.why)


def told(one: Identity | None) -> str:
    """An identity in words."""
    return spelled(one.username, one.groups) if one else ""


def spelled(username: str, groups: Sequence[str]) -> str:
    """`user in group, group`."""
    return f"{username} in {', '.join(groups)}" if groups else username


def tell(name: str, answer: Answer, output: str | None) -> None:
    """Prints what is to be done, or was: the identities that differ, not the text."""
    if output:
        content = {
            "cluster": name,
            "store": answer.store,
            "changes": to_builtins(answer.lines),
            "refused": answer.refused,
        }
        write(document("IamPlan", **content), output)
        return
    say(f"cluster {name}, {answer.store}")
    rows = []
    for one in answer.lines:
        if one.action != "keep":
            change = " -> ".join(part for part in (one.before, one.after) if part)
            rows.append((SIGNS[one.action], one.principal, change, one.why))
    if rows:
        click.echo(table(("", "ARN", "IDENTITY", "WHY"), rows))
    kept = sum(one.action == "keep" for one in answer.lines)
    counts = [f"{sum(SIGNS[one.action] == sign for one in answer.lines)} {word}" for sign, word in (("+", "added"), ("~", "changed"), ("-", "removed"), ("!", "in conflict"))]  # fmt: skip
    say(f"{', '.join(counts)}, {kept} as they are" + (f"; {answer.said}" if answer.said else ""))
    for reason in answer.refused:
        complain(reason, FAILED)
