"""Policies whose glass is broken for a while: broken, made whole again, and looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from cotenant.api.builtin import Manifest
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Conflict
from cotenant.kube.resource import VALIDATING_POLICIES
from cotenant.render.install.admission import glass
from cotenant.render.install.values import labels

MANAGER = "cotenant-breakglass"
TRIES = 10
"""Kubernetes itself writes the status of a policy just after every change of it."""


class Broken(Struct, frozen=True):
    """A policy whose glass somebody broke: until when, why, and who says so."""

    policy: str
    until: datetime
    reason: str
    who: str


async def breakable(client: Client) -> list[Manifest]:
    """The policies of the installation that can be lifted for a while."""
    ours = ",".join(f"{key}={value}" for key, value in labels().items())
    listing = await client.list(VALIDATING_POLICIES, labels=ours)
    return [one for one in listing.items if glass.breakable(one)]


def lifted(policies: Iterable[Manifest]) -> list[Broken]:
    """Those of them whose glass is broken, also those where the time is over."""
    found = []
    for one in policies:
        until, notes = glass.until(one), one["metadata"].get("annotations", {})
        if until:
            found.append(Broken(one["metadata"]["name"], until, notes.get(glass.REASON, ""), notes.get(glass.WHO, "")))
    return found


async def told(client: Client, now: datetime) -> list[str]:
    """A warning while policies are lifted; none where they may not be read."""
    try:
        found = [one for one in lifted(await breakable(client)) if one.until > now]
    except ApiError:
        return []
    return [f"warning: {summary(found)}; what they would refuse is let through"] if found else []


def summary(found: Sequence[Broken]) -> str:
    """How many policies, until when and why, by whom."""
    last = max(found, key=lambda one: one.until)
    return f"{len(found)} policies only audit until {last.until:%Y-%m-%dT%H:%M:%SZ}: {last.reason} ({last.who})"


async def change(client: Client, name: str, how: Callable[[Manifest], Manifest]) -> None:
    """Reads a policy and puts it back changed, again if somebody else wrote it meanwhile. Conflict after ten times."""
    for turn in range(TRIES):
        there = await client.get(VALIDATING_POLICIES, name)
        try:
            await client.replace(VALIDATING_POLICIES, how(there), manager=MANAGER)
            return
        except Conflict:
            if turn == TRIES - 1:
                raise
            await asyncio.sleep(0.1)
