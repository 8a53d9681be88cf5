"""Looks whether the policies that enforce a tenant's rules are in the cluster as they were installed, and bound.

Reading is not proof that each API server acts on them: `cotenant install` and `cotenant doctor` try it. It tells when
somebody took one away or changed it, which nothing else would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import structlog

from cotenant.api.builtin import Manifest
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, NotFound
from cotenant.kube.resource import (
    MUTATING_POLICIES,
    MUTATING_POLICY_BINDINGS,
    VALIDATING_POLICIES,
    VALIDATING_POLICY_BINDINGS,
    Resource,
)
from cotenant.model.platform import Platform
from cotenant.render.install import deny, force
from cotenant.render.install.admission import glass
from cotenant.render.install.values import labels

log = structlog.get_logger()
SOON, LATER = 5.0, 60.0
"""Seconds until the next look: while something is missing, and while nothing is."""
FILLED: tuple[Any, ...] = ({}, [], None, "Equivalent", "*")
"""What the API server gives to fields that are left out."""


class Inspection:
    """Keeps `world.lapse` true to what was last seen, and calls `changed` when that changes."""

    def __init__(
        self,
        client: Client,
        world: World,
        platform: Platform,
        changed: Callable[[], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.client, self.world, self.changed, self.now = client, world, changed, now
        self.denying, self.forcing = deny(platform), force(platform)

    async def run(self) -> None:
        """Looks for as long as the operator runs."""
        while True:
            lapse = await self.look()
            await asyncio.sleep(SOON if lapse else LATER)

    async def look(self) -> str:
        """What is not as it was installed, in words; "" for nothing. Without an answer what was seen last stays true."""
        try:
            denying = await self.found(VALIDATING_POLICIES, VALIDATING_POLICY_BINDINGS)
            forcing = await self.forced()
        except ApiError as error:
            log.warning("policies could not be read", error=error.message or error.reason)
            return "not read"
        lapse = lapsed(self.denying, denying) or ("" if forcing is None else lapsed(self.forcing, forcing))
        lifted, world = glass_of(denying, self.now()), self.world
        if (lapse, lifted, forcing is not None) != (world.lapse, world.glass, world.mutates):
            told = {"lapse": lapse or "none", "breakglass": lifted or "none", "mutating": forcing is not None}
            (log.error if lapse or lifted else log.info)("policies", **told)
            world.lapse, world.glass, world.mutates = lapse, lifted, forcing is not None
            self.changed()
        return lapse or lifted

    async def forced(self) -> list[Manifest] | None:
        """What writes into pods; None where the API server serves no such policies, as before Kubernetes 1.36."""
        try:
            return await self.found(MUTATING_POLICIES, MUTATING_POLICY_BINDINGS)
        except NotFound:
            return None

    async def found(self, *kinds: Resource) -> list[Manifest]:
        """The policies and bindings that are there, of those that an installation made."""
        ours = ",".join(f"{key}={value}" for key, value in labels().items())
        there = []
        for kind in kinds:
            listing = await self.client.list(kind, labels=ours)
            there += [one | {"kind": kind.kind} for one in listing.items]
        return there


def lapsed(wanted: Iterable[Manifest], found: Iterable[Manifest]) -> str:
    """The first object that is missing or does not say what it should; "" where all do."""
    there = {(one["kind"], one["metadata"]["name"]): one for one in found}
    for one in wanted:
        name = one["metadata"]["name"]
        known = there.get((one["kind"], name))
        what = "binding of policy" if one["kind"].endswith("Binding") else "policy"
        if known is None:
            return f"{what} {name} is missing"
        # How long a glass is broken is no change: it says so itself, and passes.
        if not within(one["spec"], glass.whole(known)["spec"] if glass.breakable(one) else known["spec"]):
            return f"{what} {name} was changed"
    return ""


def glass_of(found: Iterable[Manifest], now: datetime) -> str:
    """Which policies are lifted now, in words: how many, until when and why; "" for none."""
    lifted = [(until, one) for one in found if (until := glass.until(one)) and until > now]
    if not lifted:
        return ""
    until, last = max(lifted, key=lambda one: one[0])
    reason = last["metadata"].get("annotations", {}).get(glass.REASON, "no reason given")
    return f"{len(lifted)} policies only audit until {until:%Y-%m-%dT%H:%M:%SZ}: {reason}"[:1000]


def within(wanted: Any, found: Any) -> bool:
    """Whether that is what was wanted, and what the API server fills in. Anything more could be a way out."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or wanted.keys() - found.keys():
            return False
        more = all(found[key] in FILLED for key in found.keys() - wanted.keys())
        return more and all(within(value, found[key]) for key, value in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(wanted) == len(found)
        return same and all(within(one, other) for one, other in zip(wanted, found, strict=True))
    if isinstance(wanted, str):
        # helm writes a list in an expression without blanks.
        return isinstance(found, str) and "".join(wanted.split()) == "".join(found.split())
    return bool(wanted == found)
