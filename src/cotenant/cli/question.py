"""What `can` and `why access` ask: who, and what. And what is known of both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from msgspec import Struct

from cotenant.cli import Failure
from cotenant.cli.access import bindings, identity
from cotenant.cli.cluster.connect import EVERYWHERE, NAMESPACE, Cluster, cluster_flags
from cotenant.cli.iam.resolution import EVERYBODY, Resolved, named, resolve
from cotenant.cli.iam.stores import aws_flags, opened
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import SELF_SUBJECT_REVIEWS
from cotenant.model.iam.ways import Way, ways
from cotenant.model.rights import Ask, Grant

F = TypeVar("F", bound=Callable[..., Any])
OPTIONS = (
    click.argument("verb"),
    click.argument("resource", metavar="RESOURCE[/NAME]"),
    click.option("--subresource", metavar="NAME", default="", help="Of the resource: log, exec, scale."),
    click.option("--iam", "principal", metavar="ARN", help="An IAM role, user or session."),
    click.option(
        "--subject", metavar="WHO", help="user:NAME, group:NAME or serviceaccount:NAMESPACE/NAME; else yourself."
    ),
    NAMESPACE,
    EVERYWHERE,
)


def question_flags(command: F) -> F:
    """Adds the arguments of a question."""
    command = cluster_flags(aws_flags(command))
    for option in reversed(OPTIONS):
        command = option(command)
    return command


class Asked(Struct, frozen=True):
    """A question and everything found out about it."""

    ask: Ask
    who: Resolved
    groups: tuple[str, ...]
    ways: tuple[Way, ...]
    grants: tuple[Grant, ...]
    unread: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether something that is known allows it."""
        return any(one.kind != "unknown policy" for one in self.ways)

    @property
    def known(self) -> bool:
        """Whether a no is one."""
        return not self.unread and not any(one.kind == "unknown policy" for one in self.ways)

    @property
    def spoken(self) -> str:
        """`get secrets in red-dev`."""
        one = self.ask
        plural = f"{one.resource}.{one.group}" if one.group else one.resource
        what = f"{plural}/{one.subresource}" if one.subresource else plural
        where = f"in {one.namespace}" if one.namespace else "in the whole cluster"
        return f"{one.verb} {what}{f' named {one.name}' if one.name else ''} {where}"


class Question(Struct, frozen=True):
    """What was typed."""

    ask: Ask
    principal: str | None
    subject: str | None
    everywhere: bool
    cluster_name: str | None
    region: str | None
    aws_profile: str | None
    kubeconfig: str | None


def question(flags: dict[str, Any]) -> Question:
    """Takes what is a question's out of a command's arguments; what is left opens the cluster. Raises UsageError, Failure."""
    plural, _, name = flags.pop("resource").partition("/")
    plural, _, group = plural.partition(".")
    ask = Ask(flags.pop("verb"), group, plural, flags.pop("subresource"), name)
    names = ("principal", "subject", "everywhere", "cluster_name", "region", "aws_profile")
    found = Question(ask, **{name: flags.pop(name) for name in names}, kubeconfig=flags.get("kubeconfig"))
    if found.principal and found.subject:
        raise click.UsageError("--iam and --subject exclude each other")
    if found.everywhere and flags.get("namespace"):
        raise click.UsageError("-n and -A exclude each other")
    if found.principal:
        named(found.principal)
    return found


async def put(cluster: Cluster, asked: Question) -> Asked:
    """Finds out who is meant, and every way. Raises Failure for who may not list bindings, UsageError."""
    ask = asked.ask._replace(namespace="" if asked.everywhere else cluster.namespace)
    stores = await opened(cluster, asked.cluster_name, asked.region, asked.aws_profile, asked.kubeconfig)
    try:
        groups: tuple[str, ...] = ()
        if asked.subject:
            who = Resolved("", *identity(asked.subject))
            groups = (EVERYBODY,)
        elif asked.principal:
            who = await resolve(stores, asked.principal)
            groups = (EVERYBODY,)
        else:
            # Who came in by IAM holds the access policies of the entry, too.
            who = await yourself(cluster, await resolve(stores, stores.me) if stores.me else Resolved(""))
        try:
            grants = tuple(await bindings(cluster.client)) if who.username or who.groups else ()
        except Forbidden as error:
            raise Failure(f"{error}; ask an administrator, or for yourself: kubectl auth can-i") from error
    finally:
        stores.close()
    groups = (*who.groups, *groups)
    found = tuple(ways(ask, who.username, groups, who.policies, grants, who.origin, who.astray))
    return Asked(ask, who, groups, found, grants, () if asked.subject else tuple(stores.unread))


async def yourself(cluster: Cluster, who: Resolved) -> Resolved:
    """The caller by the server's word; session included, for a binding may name it."""
    review = {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": SELF_SUBJECT_REVIEWS.kind}
    info = (await cluster.client.create(SELF_SUBJECT_REVIEWS, review)).get("status", {}).get("userInfo", {})
    found = Resolved(who.principal, info.get("username", ""), list(info.get("groups") or ()), who.via, who.origin)
    found.policies, found.astray = who.policies, who.astray
    return found
