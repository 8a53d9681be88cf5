"""Proves that the policy on our own ServiceAccount is in force: we ask for what it forbids, and want to be refused."""

from __future__ import annotations

import asyncio

import structlog

from cotenant.api.builtin import Manifest
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden
from cotenant.kube.resource import LIMIT_RANGES, SELF_SUBJECT_REVIEWS
from cotenant.model.plan import manifest
from cotenant.model.platform import Platform
from cotenant.runtime.metrics import Metrics

log = structlog.get_logger()

MARK = "COTENANT-LEASH"
ENOUGH = 3
"""Refusals in a row: behind one address there may be several API servers, each with a cache of its own."""
SOON, LATER = 1.0, 60.0
"""Seconds until the next trial, while it is not proven and while it is. A dry run: it writes nothing."""
CANARY: Manifest = manifest("v1", "LimitRange", "cotenant-canary", "default", spec={"limits": [{"type": "Container"}]})
"""Something that RBAC lets us make anywhere, in a namespace that is nobody's. Only ever a dry run."""


class Leash:
    """Asks until the policy has refused, and again from time to time. `problems` is empty while it is proven."""

    def __init__(self, client: Client, platform: Platform, metrics: Metrics) -> None:
        self.client, self.platform, self.metrics = client, platform, metrics
        self.ours = True
        self.problem = "the policy cotenant-leash has not been tried yet"

    def problems(self) -> list[str]:
        """What /readyz says about it."""
        return [self.problem] if self.problem else []

    async def run(self) -> None:
        """Tries for as long as the operator runs; for nobody else, for whom the leash is not."""
        while self.ours:
            before, self.problem = self.problem, await self.trial()
            self.metrics.leashed.set(0 if self.problem or not self.ours else 1)
            if self.problem and not before:
                log.error("leash lost", problem=self.problem)
            if self.ours:
                await asyncio.sleep(SOON if self.problem else LATER)

    async def trial(self) -> str:
        """One trial; what is wrong, or "" if the leash holds or is not for us."""
        try:
            who = await self.client.create(
                SELF_SUBJECT_REVIEWS, {"apiVersion": SELF_SUBJECT_REVIEWS.api_version, "kind": "SelfSubjectReview"}
            )
            name = who["status"]["userInfo"].get("username", "")
            if name != self.platform.operator:
                self.ours = False
                log.warning("no leash: it is for the operator's own ServiceAccount", identity=name)
                return ""
            for _ in range(ENOUGH):
                if not await self.refused():
                    return "the policy cotenant-leash is not in force; run: cotenant install"
        except ApiError as error:
            return f"the policy cotenant-leash could not be tried: {error.message or error.reason}"
        return ""

    async def refused(self) -> bool:
        """Whether the canary was refused, and by the leash."""
        try:
            await self.client.create(LIMIT_RANGES, CANARY, dry_run=True)
        except Forbidden as error:
            return MARK in error.message
        return False
