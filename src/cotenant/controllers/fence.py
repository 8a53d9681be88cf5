"""Proves that the policies of quotas act: we rehearse what they forbid, as dry runs, and want refusals.

Each API server takes policies in by itself, and behind one address there may be several, which tell nobody who they are.
So every rehearsal is made several times at once, each over a new connection of its own; one that is let through is one
too many. All of it again from time to time, and when the policies have changed. Never for a space: what was seen once
holds for all. A charge that an API server without the policy admits meanwhile is a native one.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Callable

import structlog

from cotenant.api.builtin import Manifest, ResourceQuota
from cotenant.api.keys import ACCOUNTING, COTENANT, HOME_PREFIX, REHEARSAL, STRICT, TENANT
from cotenant.apply.body import KIND, carried, identity
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Conflict, Forbidden, Invalid
from cotenant.kube.resource import LIMIT_RANGES, RESOURCE_QUOTAS
from cotenant.kube.transport import ALONE
from cotenant.model.plan import manifest
from cotenant.model.quantity import parse

log = structlog.get_logger()

LAW, FIRST, QUIET = "COTENANT-QUOTA-1", "cotenant-quota-first", "COTENANT-STRICT-1"
CANARY = "cotenant-canary"
ENOUGH = 5
"""Refusals of strict accounting's kind in a row."""
DENIALS = 10
"""Refusals of each kind, with none let through: of two API servers behind one address one is missed once in 500 times."""
OFTEN = 10
"""Trials in a row that were lost to somebody's charge until that is worth a warning."""
SOON, LATER = 1.0, 300.0
"""Seconds until the next look: while something is wrong, and while nothing is."""


class Fence:
    """Keeps `world.fenced` true to what was last seen, and calls `changed` when that changes."""

    def __init__(self, client: Client, world: World, changed: Callable[[], None]) -> None:
        self.client, self.world, self.changed = copy.copy(client), world, changed
        self.client.headers = (*client.headers, ALONE)
        self.there, self.stirred, self.lost = asyncio.Event(), asyncio.Event(), 0
        self.tell(None)
        world.quotas.subscribe(lambda change: self.there.set() if self.fits(change.new) else None)

    def known(self) -> bool | None:
        """What was last seen; None while nobody has looked."""
        return self.world.fenced

    def tell(self, proven: bool | None) -> None:
        """Notes what was seen."""
        self.world.fenced = proven

    def fits(self, quota: ResourceQuota | None) -> bool:
        """Whether a ResourceQuota is one to rehearse with: a home's."""
        return usable(quota)

    async def run(self) -> None:
        """Looks as soon as there is a quota to look at, and again from time to time."""
        while True:
            await self.there.wait()
            found = next((one for one in self.world.quotas.items() if self.fits(one)), None)
            if found is None:
                self.there.clear()
                continue
            self.stirred.clear()
            wait = LATER if await self.look(found) else SOON
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stirred.wait(), wait)

    def again(self) -> None:
        """The policies have changed: what was seen of them is old."""
        self.stirred.set()

    async def look(self, found: ResourceQuota) -> bool:
        """Tries, and tells whoever waits for it; whether all is well."""
        try:
            proven = await self.trial(found)
        except Conflict as error:
            # Somebody was charged between the read and the rehearsal, which says nothing about the policies.
            self.lost += 1
            tell = log.debug if self.lost % OFTEN else log.warning
            tell("quota policies could not be tried", error=error.message or error.reason, times=self.lost)
            return False
        except ApiError as error:
            log.warning("quota policies could not be tried", error=error.message or error.reason)
            return False
        self.lost = 0
        if proven is not self.known():
            (log.info if proven else log.error)("quota policies", fence=type(self).__name__, act=proven)
            self.tell(proven)
            self.changed()
        return proven

    async def trial(self, home: ResourceQuota) -> bool:
        """Whether all rehearsals were refused, and by these policies."""
        there = await self.client.get(RESOURCE_QUOTAS, COTENANT, home.metadata.namespace, type=ResourceQuota)
        tried = [each(there) for _ in range(DENIALS) for each in (self.refused_first, self.refused_charge)]
        answers = await asyncio.gather(*tried, return_exceptions=True)
        # What was let through tells more than what could not be tried.
        if False in answers:
            return False
        for one in answers:
            if isinstance(one, BaseException):
                raise one
        return True

    async def refused_first(self, home: ResourceQuota) -> bool:
        """Something new where no space's quota is: a home."""
        canary: Manifest = manifest("v1", "LimitRange", CANARY, home.metadata.namespace, spec={"limits": []})
        try:
            await self.client.create(LIMIT_RANGES, canary, dry_run=True)
        except (Forbidden, Invalid) as error:
            return FIRST in error.message
        return False

    async def refused_charge(self, there: ResourceQuota) -> bool:
        """A charge above the limit."""
        over = {key: str(int(parse(value)) + 1) for key, value in there.spec.hard.items()}
        body = {
            **KIND,
            "metadata": identity(there) | carried(there.metadata, {}),
            "spec": {"hard": there.spec.hard},
            "status": {"hard": there.status.hard, "used": there.status.used | over},
        }
        try:
            await self.client.replace(RESOURCE_QUOTAS, body, subresource="status", dry_run=True)
        except Forbidden as error:
            return LAW in error.message
        return False


class StrictFence(Fence):
    """The same for the policy of strict accounting, with a quota that carries its label."""

    def known(self) -> bool | None:
        """What was last seen; None while nobody has looked."""
        return self.world.strict

    def tell(self, proven: bool | None) -> None:
        """Notes what was seen."""
        self.world.strict = proven

    def fits(self, quota: ResourceQuota | None) -> bool:
        """Whether a ResourceQuota is counted strictly, and its status was written."""
        return quota is not None and quota.metadata.labels.get(ACCOUNTING) == STRICT and bool(quota.status.used)

    async def trial(self, found: ResourceQuota) -> bool:
        """Whether all rehearsals were refused: the policy is there, and takes us for alive."""
        for _ in range(ENOUGH):
            if not await self.refused_count(found):
                return False
        return True

    async def refused_count(self, found: ResourceQuota) -> bool:
        """The status as it is, marked as a rehearsal: the policy cannot be met at a moment of two seconds otherwise."""
        there = await self.client.get(RESOURCE_QUOTAS, COTENANT, found.metadata.namespace, type=ResourceQuota)
        metadata = identity(there) | carried(there.metadata, {})
        metadata["annotations"] = there.metadata.annotations | {REHEARSAL: STRICT}
        body = {
            **KIND,
            "metadata": metadata,
            "spec": {"hard": there.spec.hard},
            "status": {"hard": there.status.hard, "used": there.status.used},
        }
        try:
            await self.client.replace(RESOURCE_QUOTAS, body, subresource="status", dry_run=True)
        except Forbidden as error:
            return QUIET in error.message
        return False


def usable(quota: ResourceQuota | None) -> bool:
    """Whether a ResourceQuota is a home's and counted."""
    if quota is None or not quota.status.used:
        return False
    return quota.metadata.namespace == HOME_PREFIX + quota.metadata.labels.get(TENANT, "")
