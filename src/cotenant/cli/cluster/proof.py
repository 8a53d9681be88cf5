"""Proof that a policy is in force: what it forbids is tried, as a dry run, until every API server says no.

A policy takes effect on each API server by itself, up to a second after it is written, and a cluster has several
behind one address. So: several denials in a row, each over a connection of its own.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from cotenant.api import keys
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, Invalid, NotFound
from cotenant.kube.transport import ALONE
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
    """Something that must be refused. `words` is what the refusal says if the policy is the one that spoke."""

    policy: str
    words: str
    attempt: Callable[[], Awaitable[object]]
    patient: bool = False
    """Whether a refusal by somebody else passes: then it is tried again."""


def guard(client: Client) -> Canary:
    """A Space with our finalizer, made by somebody who is not the operator."""
    fresh = unpooled(client)
    space = {
        "apiVersion": keys.API_VERSION,
        "kind": "Space",
        "metadata": {"name": NAME, "namespace": "default", "finalizers": [keys.SPACE_FINALIZER]},
    }
    return Canary("cotenant-guard", "COTENANT-GUARD", lambda: fresh.create(resource.SPACES, space, dry_run=True))


def leash(client: Client, platform: Platform) -> Canary:
    """The operator in a namespace that is not its business. Its group here is almighty: only the leash can refuse."""
    operator = unpooled(client).as_user(platform.operator, ["system:masters"])
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": "default"}}
    return Canary(
        "cotenant-leash", "COTENANT-LEASH", lambda: operator.create(resource.CONFIG_MAPS, settings, dry_run=True)
    )


def unpooled(client: Client) -> Client:
    """The same client with a new connection for every request, so that the load balancer chooses anew."""
    other = copy.copy(client)
    other.headers = (*client.headers, ALONE)
    return other


async def prove(canary: Canary, *, denials: int = DENIALS, seconds: float = 30.0) -> None:
    """Returns after `denials` in a row; NotProven when that takes too long or the caller may not try."""
    streak, stranger = 0, ""
    try:
        async with asyncio.timeout(seconds):
            while streak < denials:
                try:
                    streak = streak + 1 if await _denied(canary) else 0
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
        raise NotProven(
            f"{canary.policy} still lets through, after {seconds:.0f} s, what it must deny", tried=True
        ) from None


async def _denied(canary: Canary) -> bool:
    try:
        await canary.attempt()
    except (Forbidden, Invalid) as refusal:
        # A parameter that is missing is an invalid request.
        if canary.words in refusal.message:
            return True
        raise NotProven(f"{canary.policy} cannot be tried by this user: {refusal.message}") from refusal
    except NotFound:
        return False  # of a connection: it was let through, to a pod that there is not
    except ApiError as error:
        raise NotProven(f"{canary.policy} cannot be tried: {error}") from error
    return False
