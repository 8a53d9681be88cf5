"""Proves that the policies of quotas act: we rehearse what they forbid, as dry runs, and want refusals.

Each API server takes policies in by itself, or was started without them, and behind one address there may be several.
So it is rehearsed over several connections at once, each of its own; one rehearsal that is let through is one too many.
Who answers a connection says its address in /api, which everybody may read: the more API servers there are, the more
connections are made. All of it again from time to time, and when the policies have changed. Never for a space: what was
seen once holds for all. A charge that an API server without the policy admits meanwhile is a native one.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType

import msgspec
import structlog

from cotenant.api.builtin import Manifest, ResourceQuota
from cotenant.api.keys import ACCOUNTING, CHECKED, COTENANT, HOME_PREFIX, REHEARSAL, STRICT, TENANT
from cotenant.apply.body import KIND, carried, identity
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Conflict, Forbidden, Invalid
from cotenant.kube.resource import LIMIT_RANGES, RESOURCE_QUOTAS
from cotenant.model.plan import manifest
from cotenant.model.pool import strict
from cotenant.model.quantity import parse

log = structlog.get_logger()

LAW, FIRST, QUIET = "COTENANT-QUOTA-1", "cotenant-quota-first", "COTENANT-STRICT-1"
CANARY = "cotenant-canary"
ODDS = 10_000
"""An API server that answers as often as each of those that were seen is missed once in so many times, or less often."""
OFTEN = 10
"""Trials in a row that were lost to somebody's charge until that is worth a warning."""
SOON, LATER = 1.0, 300.0
"""Seconds until the next look: while something is wrong, and while nothing is."""


class Visit(msgspec.Struct, frozen=True):
    """One connection."""

    server: str
    """Whose it was, as it calls itself; "" where it does not say."""
    refused: bool
    """Whether all rehearsals were."""


class Fence:
    """Keeps `world.fenced` true to what was last seen, and calls `changed` when that changes."""

    def __init__(self, client: Client, world: World, changed: Callable[[], None]) -> None:
        self.client, self.world, self.changed = client, world, changed
        self.there, self.stirred, self.lost = asyncio.Event(), asyncio.Event(), 0
        self.tell(None, ())
        world.quotas.subscribe(lambda change: self.there.set() if self.fits(change.new) else None)

    def known(self) -> tuple[bool | None, Collection[str]]:
        """What was last seen, and on which API servers no policy acts; None while nobody has looked."""
        return self.world.fenced, self.world.unfenced

    def tell(self, proven: bool | None, lax: tuple[str, ...]) -> None:
        """Notes what was seen."""
        self.world.fenced, self.world.unfenced = proven, lax

    def fits(self, quota: ResourceQuota | None) -> bool:
        """Whether a ResourceQuota is one to rehearse with: a home's."""
        return usable(quota)

    def rehearsals(self) -> Sequence[Callable[[Client, ResourceQuota], Awaitable[bool]]]:
        """What is tried over each connection; true where it was refused by the policy that it is about."""
        return refused_first, refused_charge

    async def run(self) -> None:
        """Looks as soon as there is a quota to look at, and again from time to time."""
        while True:
            await self.there.wait()
            found = self.examples()
            if not found:
                self.there.clear()
                continue
            self.stirred.clear()
            wait = LATER if await self.look(found) else SOON
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stirred.wait(), wait)

    def examples(self) -> tuple[ResourceQuota, ...]:
        """One for each way of counting that there is: the law has a binding for each."""
        return tuple({strict(one): one for one in self.world.quotas.items() if self.fits(one)}.values())

    def again(self) -> None:
        """The policies have changed: what was seen of them is old."""
        self.stirred.set()

    async def look(self, found: Sequence[ResourceQuota]) -> bool:
        """Tries, and tells whoever waits for it; whether all is well."""
        try:
            seen = await self.trial(found)
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
        proven = all(one.refused for one in seen)
        lax = () if proven else self.without(seen)
        if (proven, lax) != self.known():
            servers = sorted({one.server for one in seen})
            (log.info if proven else log.error)(
                "quota policies",
                fence=type(self).__name__,
                act=proven,
                without=lax,
                servers=servers,
                connections=len(seen),
            )
            self.tell(proven, lax)
            self.changed()
        return proven

    def without(self, seen: Sequence[Visit]) -> tuple[str, ...]:
        """The API servers that let something through; also those that did before, and were not met since."""
        found = {*self.known()[1], *(one.server for one in seen if not one.refused)}
        return tuple(sorted(found - {"", *(one.server for one in seen if one.refused)}))

    async def trial(self, found: Sequence[ResourceQuota]) -> list[Visit]:
        """Connections until another API server is unlikely, or one lets something through."""
        seen: list[Visit] = []
        while len(seen) < (wanted := connections(len({one.server for one in seen}))):
            more = [self.visit(found) for _ in range(wanted - len(seen))]
            answers = await asyncio.gather(*more, return_exceptions=True)
            seen += [one for one in answers if isinstance(one, Visit)]
            # What was let through tells more than what could not be tried.
            if not all(one.refused for one in seen):
                break
            for one in answers:
                if isinstance(one, BaseException):
                    raise one
        return seen

    async def visit(self, found: Sequence[ResourceQuota]) -> Visit:
        """All rehearsals over one connection of their own."""
        client = self.client.apart()
        try:
            server, refusals = await named(client), []
            for one in found:
                there = await client.get(RESOURCE_QUOTAS, COTENANT, one.metadata.namespace, type=ResourceQuota)
                refusals += [await rehearse(client, there) for rehearse in self.rehearsals()]
            return Visit(server, all(refusals))
        finally:
            await client.close()


class StrictFence(Fence):
    """The same for the policy of strict accounting, with a quota that carries its label."""

    def known(self) -> tuple[bool | None, Collection[str]]:
        """What was last seen, and on which API servers no policy acts; None while nobody has looked."""
        return self.world.strict, self.world.unstrict

    def tell(self, proven: bool | None, lax: tuple[str, ...]) -> None:
        """Notes what was seen."""
        self.world.strict, self.world.unstrict = proven, lax

    def fits(self, quota: ResourceQuota | None) -> bool:
        """Whether a ResourceQuota is counted strictly, and its status was written."""
        return quota is not None and quota.metadata.labels.get(ACCOUNTING) == STRICT and bool(quota.status.used)

    def rehearsals(self) -> Sequence[Callable[[Client, ResourceQuota], Awaitable[bool]]]:
        """The policy is there, and takes us for alive."""
        return (refused_count,)


def connections(servers: int) -> int:
    """How many are made where so many API servers were seen: one more of them would have been missed once in ODDS."""
    known = max(servers, 1)
    return math.ceil(math.log(ODDS) / math.log((known + 1) / known))


async def named(client: Client) -> str:
    """The address by which the API server at the other end calls itself; "" where it does not say."""
    status, body = await client.raw("GET", "/api")
    try:
        said = msgspec.json.decode(body, type=Versions) if status == 200 else Versions()
    except msgspec.MsgspecError:
        return ""
    return next((one.server_address for one in said.addresses), "")


class Address(msgspec.Struct, rename={"server_address": "serverAddress"}):
    """metav1.ServerAddressByClientCIDR."""

    server_address: str = ""


class Versions(msgspec.Struct, rename={"addresses": "serverAddressByClientCIDRs"}):
    """metav1.APIVersions."""

    addresses: tuple[Address, ...] = ()


async def refused_first(client: Client, there: ResourceQuota) -> bool:
    """Something new where no space's quota is: a home."""
    canary: Manifest = manifest("v1", "LimitRange", CANARY, there.metadata.namespace, spec={"limits": []})
    try:
        await client.create(LIMIT_RANGES, canary, dry_run=True)
    except (Forbidden, Invalid) as error:
        return FIRST in error.message
    return False


async def refused_charge(client: Client, there: ResourceQuota) -> bool:
    """A charge above the limit."""
    over = {key: str(int(parse(value)) + 1) for key, value in there.spec.hard.items()}
    return await refused(client, there, LAW, there.status.used | over, labels={CHECKED: "true"})


async def refused_count(client: Client, there: ResourceQuota) -> bool:
    """The status as it is, marked as a rehearsal: the policy cannot be met at a moment of two seconds otherwise."""
    return await refused(client, there, QUIET, there.status.used, notes={REHEARSAL: STRICT})


async def refused(
    client: Client,
    there: ResourceQuota,
    rule: str,
    used: Mapping[str, str],
    *,
    labels: Mapping[str, str] = MappingProxyType({}),
    notes: Mapping[str, str] = MappingProxyType({}),
) -> bool:
    """Whether a rule refuses a status with so much used, under these labels and annotations."""
    metadata = identity(there) | carried(there.metadata, labels)
    if notes:
        metadata["annotations"] = {**there.metadata.annotations, **notes}
    status = {"hard": there.status.hard, "used": used}
    body = {**KIND, "metadata": metadata, "spec": {"hard": there.spec.hard}, "status": status}
    try:
        await client.replace(RESOURCE_QUOTAS, body, subresource="status", dry_run=True)
    except Forbidden as error:
        return rule in error.message
    return False


def usable(quota: ResourceQuota | None) -> bool:
    """Whether a ResourceQuota is a home's and counted."""
    if quota is None or not quota.status.used:
        return False
    return quota.metadata.namespace == HOME_PREFIX + quota.metadata.labels.get(TENANT, "")
