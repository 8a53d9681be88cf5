"""A sign of life of every replica, leading or not, in one Lease.

The policy of strict accounting takes it as its parameter. The leader's own Lease would not do: a standby waits until
that has expired, and the policy should outlast the change of leaders, but not the last replica.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, NotFound
from cotenant.kube.resource import LEASES

log = structlog.get_logger()

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
    ) -> None:
        self.client, self.namespace, self.name, self.identity = client, namespace, name, identity
        self.now, self.every = now, every

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
        """One sign of life. Raises ApiError."""
        stamp = self.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": self.identity, "renewTime": stamp}
        try:
            await self.client.merge(LEASES, self.name, {"spec": spec}, self.namespace)
        except NotFound:
            lease = {"metadata": {"name": self.name}, "spec": spec} | {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
            }
            try:
                await self.client.create(LEASES, lease, self.namespace)
            except AlreadyExists:
                log.debug("another replica was faster", lease=self.name)
