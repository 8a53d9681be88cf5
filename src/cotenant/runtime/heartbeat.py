"""A sign of life of every replica, leading or not, in one Lease.

The policy of strict accounting takes it as its parameter. The leader's own Lease would not do: a standby waits until
that has expired, and the policy should outlast the change of leaders, but not the last replica.

Who leads and may not read what it should give back gives no sign, and says why in an annotation of the Lease: the
standbys rest as long as that stands. So native quota is what there is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from cotenant.api.keys import BARRED
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, NotFound
from cotenant.kube.resource import LEASES

log = structlog.get_logger()
Manifest = dict[str, Any]

EVERY = 2.0
"""Seconds between two beats."""


class Heartbeat:
    """Renews the Lease `name` until cancelled. Replicas overwrite each other: the latest beat is what counts."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        name: str,
        identity: str,
        now: Callable[[], datetime],
        every: float = EVERY,
        barred: Callable[[], str | None] = lambda: "",
    ) -> None:
        """barred: why there is none to give, "" for no reason; None in a replica that does not lead."""
        self.client, self.namespace, self.name, self.identity = client, namespace, name, identity
        self.now, self.every, self.barred = now, every, barred
        self.resting = False
        """Whether the leader was last seen to rest."""

    async def run(self) -> None:
        """A beat that fails is logged, and the next one tried in time."""
        while True:
            try:
                async with asyncio.timeout(self.every):
                    await self.beat()
            except (ApiError, TimeoutError) as error:
                log.warning("no sign of life", lease=self.name, error=str(error) or type(error).__name__)
            await asyncio.sleep(self.every)

    async def beat(self) -> None:
        """One sign of life, or word that there is none. Raises ApiError."""
        barred = self.barred()
        if barred is None and self.resting and await self.rested():
            return
        stamp = self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lease: Manifest = {} if barred else {"spec": {"holderIdentity": self.identity, "renewTime": stamp}}
        if barred is not None:
            lease["metadata"] = {"annotations": {BARRED: barred or None}}
        try:
            self.resting = rests(await self.client.merge(LEASES, self.name, lease, self.namespace))
        except NotFound:
            await self.create(lease.get("spec", {}), barred)

    async def rested(self) -> bool:
        """Whether the leader still rests, read live. Raises ApiError."""
        try:
            return rests(await self.client.get(LEASES, self.name, self.namespace))
        except NotFound:
            return False

    async def create(self, spec: Manifest, barred: str | None) -> None:
        """The Lease, where there is none."""
        metadata = {"name": self.name, "annotations": {BARRED: barred} if barred else {}}
        lease = {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}
        try:
            self.resting = rests(await self.client.create(LEASES, lease, self.namespace))
        except AlreadyExists:
            log.debug("another replica was faster", lease=self.name)


def rests(lease: Manifest) -> bool:
    """Whether the leader gives no sign of life."""
    return BARRED in (lease["metadata"].get("annotations") or {})
