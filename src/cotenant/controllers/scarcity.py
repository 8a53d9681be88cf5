"""The scarcity controller: one label on the namespaces of a tenant that has little left, and off again.

The assist is asked about pods in labelled namespaces alone. The label is set at once and taken off only after a time in
which there was enough; what it says now is read from the label, so a restart changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from cotenant.api.builtin import Namespace
from cotenant.api.keys import COTENANT, SCARCE, SPACE
from cotenant.controllers.gather import gather_view
from cotenant.controllers.status import Patience
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import NAMESPACES
from cotenant.model import pool
from cotenant.model.finding import Ref
from cotenant.model.platform import Platform
from cotenant.model.scarcity import scarce
from cotenant.runtime.controller import Result

HOLD = 30.0
"""Seconds with enough left before the label goes."""
AT_ONCE = 16


class ScarcityController:
    """Keys are names of tenants. Without `enabled` it takes off what an earlier installation has left."""

    def __init__(
        self, client: Client, world: World, platform: Platform, now: Callable[[], datetime], *, enabled: bool
    ) -> None:
        self.client, self.world, self.platform, self.now, self.enabled = client, world, platform, now, enabled
        self.patience = Patience(now, HOLD)

    async def reconcile(self, key: str) -> Result:
        """Labels the tenant's spaces, all alike."""
        spaces = [
            one
            for one in self.world.namespaces.by("tenant", key)
            if SPACE in one.metadata.labels and not one.metadata.deletion_timestamp
        ]
        was = any(SCARCE in one.metadata.labels for one in spaces)
        wanted = self.enabled and self.scarce(key, spaces, was=was)
        if wanted or not was:
            self.patience.over(key)
        elif self.enabled and (left := self.patience.left(key)):
            return Result(after=left)
        wrong = [one for one in spaces if (one.metadata.labels.get(SCARCE) == "true") is not wanted]
        slots = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(self.mark(one, slots, wanted=wanted) for one in wrong))
        return Result()

    def scarce(self, name: str, spaces: list[Namespace], *, was: bool) -> bool:
        """From the stores. A tenant that goes, or whose rules are not known, is left as it is."""
        tenant = self.world.tenants.get(None, name)
        view = gather_view(self.world, tenant, self.platform, self.now()) if tenant else None
        if view is None:
            return was
        limits = pool.limits(view)
        quotas = [quota for one in spaces if (quota := self.world.quotas.get(one.metadata.name, COTENANT))]
        used = {key: sum(pool.quota(one, key).used for one in quotas) for key in limits}
        return scarce(view.rules, limits, used, len(spaces), was=was)

    async def mark(self, one: Namespace, slots: asyncio.Semaphore, *, wanted: bool) -> None:
        """Sets the label or takes it off, bound to the version that was read. Raises Conflict."""
        metadata = one.metadata
        change = {"labels": {SCARCE: "true" if wanted else None}, "resourceVersion": metadata.resource_version}
        async with slots:
            try:
                answer = await self.client.merge(NAMESPACES, metadata.name, {"metadata": change})
            except NotFound:
                return
        self.world.remember(Ref("v1", "Namespace", "", metadata.name), answer)
