"""Proof that a policy is in force: what it forbids is tried, as a dry run, until every API server says no.

A policy takes effect on each API server by itself, up to a second after it is written, and a cluster has several
behind one address. So: several denials in a row, each over a connection of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from cotenant.api import keys
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, Forbidden, Invalid, NotFound
from cotenant.model.platform import Platform

DENIALS = 10
PAUSE = 0.1
NAME = "cotenant-canary"


class NotProven(Exception):
    """A policy did not deny in time (tried), or this caller cannot try it."""

    def __init__(self, message: str, *, tried: bool = False) -> None:
        super().__init__(message)
        self.tried = tried


@dataclass(frozen=True, slots=True)
class Canary:
    """Something that a policy must refuse, warn of or write into."""

    policy: str
    words: tuple[str, ...]
    """What is said if it is this policy that speaks: the first of the refusal, the rest of warnings beside it."""
    attempt: Callable[[], Awaitable[Any]]
    patient: bool = False
    """Whether a refusal by somebody else passes: then it is tried again."""
    heard: list[str] = field(default_factory=list)
    """Where the client of the attempt notes the warnings of its last answer."""
    written: Callable[[Any], bool] | None = None
    """Whether the answer shows what the policy writes; None for a policy that refuses."""

    @property
    def whole(self) -> list[str]:
        """What is missing where nothing of it was seen; never empty."""
        return list(self.words) or [self.policy]


def guard(client: Client) -> Canary:
    """A Space with our finalizer, made by somebody who is not the operator."""
    fresh = client.apart(each=True)
    space = {
        "apiVersion": keys.API_VERSION,
        "kind": "Space",
        "metadata": {"name": NAME, "namespace": "default", "finalizers": [keys.SPACE_FINALIZER]},
    }
    return Canary("cotenant-guard", ("COTENANT-GUARD",), lambda: fresh.create(resource.SPACES, space, dry_run=True))


def leashes(client: Client, platform: Platform) -> tuple[Canary, ...]:
    """The operator in a namespace that is not its business, once for each binding of its leash.

    Its group here is almighty: only the leash can refuse.
    """
    operator = client.apart(each=True).as_user(platform.operator, ["system:masters"])
    metadata = {"name": NAME, "namespace": "default"}
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    # The API server asks its policies before it looks for the pod, which there is not.
    bound = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": {"kind": "Node", "name": NAME}}
    tried: tuple[Callable[[], Awaitable[Any]], ...] = (
        lambda: operator.create(resource.CONFIG_MAPS, settings, dry_run=True),
        lambda: operator.create(resource.PODS, bound, subresource="binding", name=NAME, dry_run=True),
    )
    return tuple(Canary("cotenant-leash", ("COTENANT-LEASH",), attempt) for attempt in tried)


async def prove(canary: Canary, *, denials: int = DENIALS, seconds: float = 30.0) -> None:
    """Returns after `denials` in a row; NotProven when that takes too long or the caller may not try."""
    streak, stranger, missing = 0, "", canary.whole
    try:
        async with asyncio.timeout(seconds):
            while streak < denials:
                try:
                    missing = await _missing(canary)
                    streak = 0 if missing else streak + 1
                    stranger = ""
                except NotProven as reason:
                    if not canary.patient:
                        raise
                    streak, stranger = 0, str(reason)
                if not streak:
                    await asyncio.sleep(PAUSE)
    except TimeoutError:
        if stranger:
            raise NotProven(stranger) from None
        raise NotProven(f"{canary.policy}, after {seconds:.0f} s, {_fault(canary, missing)}", tried=True) from None


def _fault(canary: Canary, missing: list[str]) -> str:
    if canary.written:
        return "still does not write what it must"
    if canary.words[0] in missing or not missing:
        return "still lets through what it must deny"
    return f"still does not warn: {', '.join(missing)}"


async def _missing(canary: Canary) -> list[str]:
    """What was not said or written; nothing where all is as it must be."""
    canary.heard.clear()
    try:
        answer = await canary.attempt()
    except (Forbidden, Invalid) as refusal:
        # A parameter that is missing is an invalid request.
        if canary.written is None and canary.words[0] in refusal.message:
            said = "; ".join((refusal.message, *canary.heard))
            return [words for words in canary.words if words not in said]
        raise NotProven(f"{canary.policy} cannot be tried by this user: {refusal.message}") from refusal
    except (NotFound, AlreadyExists):
        # It was let through: a connection to a pod that there is not, or something of a name that is taken, which
        # is looked at after the policies.
        return canary.whole
    except ApiError as error:
        raise NotProven(f"{canary.policy} cannot be tried: {error}") from error
    return [] if canary.written is not None and canary.written(answer) else canary.whole
