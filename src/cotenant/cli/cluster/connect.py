"""The way to a cluster: kubectl's flags, one client, and errors in words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from cotenant.api.keys import GROUP
from cotenant.cli import Failure
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, NotFound, Unauthorized
from cotenant.kube.transport import Transport

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
ENDLESS = 1e9


@dataclass(frozen=True, slots=True)
class Cluster:
    """An open client, and the namespace that was asked for."""

    client: Client
    namespace: str
    """Of -n, else of the context."""
    chosen: bool
    """Whether -n named it."""

    @property
    def name(self) -> str:
        """The cluster as its user knows it: context and address."""
        context = self.client.transport.context
        return f"{context} ({self.client.host})" if context else self.client.host


def duration(_: click.Context, __: click.Parameter, text: str) -> float:
    """`30`, `30s`, `1m30s`; 0 for no end. Seconds."""
    if re.fullmatch(r"\d+", text):
        return float(text) or ENDLESS
    parts = re.findall(r"(\d+)(ms|s|m|h)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f"{text!r} is no duration; write 30s, 2m, or 0 for no end")
    return sum(int(number) * UNITS[unit] for number, unit in parts) or ENDLESS


OPTIONS = (
    click.option("--context", metavar="NAME", help="Context of the kubeconfig."),
    click.option("--kubeconfig", metavar="FILE", help="Kubeconfig; else $KUBECONFIG, else ~/.kube/config."),
    click.option("--as", "as_user", metavar="USER", help="Act as this user; you need the right to impersonate."),
    click.option("--as-group", "as_groups", metavar="GROUP", multiple=True, help="Act as a member of this group."),
    click.option(
        "--request-timeout",
        "timeout",
        metavar="TIME",
        default="30s",
        show_default=True,
        callback=duration,
        help="Longest time for one request.",
    ),
)
NAMESPACE = click.option("-n", "--namespace", metavar="NAME", help="Namespace; else that of the context.")
EVERYWHERE = click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="The whole cluster.")
SELECTOR = click.option("-l", "--selector", "labels", metavar="LABELS", default="", help="Only what has these labels.")


def cluster_flags(command: F) -> F:
    """Adds the flags that choose cluster and identity. They arrive as one dict, ready for `ask`."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def ask(work: Callable[[Cluster], Awaitable[T]], **flags: Any) -> T:
    """Opens the cluster of the flags, does the work, closes. Raises Failure for whatever the cluster refuses."""
    if flags.get("as_groups") and not flags.get("as_user"):
        raise click.UsageError("--as-group needs --as: a group alone is nobody")
    try:
        return asyncio.run(_ask(work, **flags))
    except ApiError as error:
        raise Failure(words(error)) from error


async def _ask(
    work: Callable[[Cluster], Awaitable[T]],
    *,
    context: str | None = None,
    kubeconfig: str | None = None,
    as_user: str | None = None,
    as_groups: tuple[str, ...] = (),
    timeout: float = 30.0,
    namespace: str | None = None,
) -> T:
    client = Client(
        await Transport.load(kubeconfig, context), timeout=timeout, user_agent="cotenant-cli", patient=False
    )
    try:
        speaker = client.as_user(as_user, as_groups) if as_user else client
        return await work(Cluster(speaker, namespace or client.namespace, chosen=bool(namespace)))
    finally:
        await client.close()


def words(error: ApiError) -> str:
    """What to tell a person about an answer of the API server."""
    if isinstance(error, Unauthorized):
        return f"the cluster does not know you ({error}); sign in again, or see: kubectl auth whoami"
    if isinstance(error, NotFound) and not error.details.get("name"):
        return f"the cluster has no kinds of {GROUP}; put them there with: cotenant install"
    if isinstance(error, Forbidden):
        return f"{error}; see: cotenant whoami"
    return str(error)


def parts(error: ApiError) -> list[tuple[str, str]]:
    """(field, message) of each fault in an object that the API server found invalid."""
    found = [(str(one.get("field", "")), str(one.get("message", ""))) for one in error.causes]
    return found or [("", str(error))]
