"""A tenant's quota as somebody may read it: an administrator from lists, a member namespace by namespace."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct, field

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import COTENANT, MANAGED_BY, TENANT, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.meta import Condition
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import SpaceBounds, Tenant
from cotenant.cli.cluster.signs import NAMES, Sign, sign
from cotenant.cli.cluster.standing import policy
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, NotFound, Unavailable
from cotenant.kube.resource import RESOURCE_QUOTAS, SPACES, TENANT_LEDGERS, TENANT_PROFILES, TENANTS
from cotenant.model.accounts import Accounts, Amounts
from cotenant.model.effective import effective
from cotenant.model.platform import Platform

AT_ONCE = 10
"""Requests of a member who reads one quota after the other."""
Item = dict[str, Any]


class Rules(Struct):
    """What limits a tenant, from the Tenant itself or from what its home says of it."""

    hard: Amounts
    bounds: SpaceBounds = SpaceBounds()
    conditions: tuple[Condition, ...] = ()


class Quotas(Struct):
    """The ResourceQuotas that can be seen, when use last changed in one, and the namespaces where none may be read."""

    found: dict[str, ResourceQuota] = field(default_factory=dict)
    changed: datetime | None = None
    unseen: list[str] = field(default_factory=list)

    def take(self, item: Item) -> None:
        """One more."""
        times = [
            datetime.fromisoformat(one["time"])
            for one in item["metadata"].get("managedFields") or ()
            if one.get("subresource") == "status" and one.get("time")
        ]
        self.changed = max([*times, *([self.changed] if self.changed else [])], default=None)
        one = msgspec.convert(item, ResourceQuota)
        self.found[one.metadata.namespace] = one


async def every_tenant(client: Client) -> list[Accounts]:
    """Of the whole cluster. Raises Forbidden for members."""
    now, selector = datetime.now(UTC), f"{MANAGED_BY}={COTENANT}"
    tenants, profiles, spaces, ledgers, quotas, renewed = await asyncio.gather(
        client.list(TENANTS, type=Tenant),
        client.list(TENANT_PROFILES, type=TenantProfile),
        client.list(SPACES, type=Space),
        client.list(TENANT_LEDGERS, type=TenantLedger),
        client.list(RESOURCE_QUOTAS, labels=selector),
        alive(client),
    )
    named = {one.metadata.name: one for one in profiles.items}
    counts: defaultdict[str, Quotas] = defaultdict(Quotas)
    for item in quotas.items:
        name = item["metadata"]["labels"].get(TENANT, "")
        if item["metadata"]["namespace"] != home_of(name):
            counts[home_of(name)].take(item)
    housed: defaultdict[str, list[Space]] = defaultdict(list)
    books: defaultdict[str, list[TenantLedger]] = defaultdict(list)
    for space in spaces.items:
        housed[space.metadata.namespace].append(space)
    for ledger in ledgers.items:
        books[ledger.metadata.namespace].append(ledger)
    return [
        together(one.metadata.name, now, rules_of(one, named), housed[home], books[home], counts[home], renewed)
        for one in sorted(tenants.items, key=lambda one: one.metadata.name)
        for home in (home_of(one.metadata.name),)
    ]


async def one_tenant(client: Client, tenant: str) -> Accounts:
    """Of one, with whatever rights there are. Raises Forbidden for who may read nothing in its home."""
    now, home = datetime.now(UTC), home_of(tenant)
    rules, spaces, ledgers, renewed = await asyncio.gather(
        rules_for(client, tenant),
        client.list(SPACES, home, type=Space),
        client.list(TENANT_LEDGERS, home, type=TenantLedger),
        alive(client),
    )
    names = {one.status.namespace for one in spaces.items if one.status.namespace}
    names |= {entry.space for one in ledgers.items for entry in one.spec.entries}
    quotas = await quotas_of(client, tenant, names)
    return together(tenant, now, rules, spaces.items, ledgers.items, quotas, renewed)


def together(
    tenant: str,
    now: datetime,
    rules: Rules,
    spaces: Iterable[Space],
    ledgers: Iterable[TenantLedger],
    quotas: Quotas,
    renewed: datetime | None,
) -> Accounts:
    """What was read, by key and namespace."""
    return Accounts(
        tenant=tenant,
        now=now,
        hard=rules.hard,
        bounds=rules.bounds,
        conditions=rules.conditions,
        ledgers={one.spec.resource: one for one in ledgers},
        quotas=quotas.found,
        spaces={one.status.namespace: one for one in spaces if one.status.namespace},
        unseen=tuple(sorted(quotas.unseen)),
        renewed=renewed,
        charged=quotas.changed,
    )


def rules_of(tenant: Tenant, profiles: Mapping[str, TenantProfile]) -> Rules:
    """As they are in force; without the profile that it names a tenant has what it says itself."""
    profile = profiles.get(tenant.spec.profile or "")
    full = effective(tenant.spec, profile.spec if profile else None)
    return Rules(full.hard, SpaceBounds(min=full.space_min, max=full.space_max), tuple(tenant.status.conditions))


async def rules_for(client: Client, tenant: str) -> Rules:
    """From the Tenant, or for members from what its home tells of it."""
    try:
        found = await client.get(TENANTS, tenant, type=Tenant)
        named = found.spec.profile
        profile = await client.get(TENANT_PROFILES, named, type=TenantProfile) if named else None
        return rules_of(found, {named: profile} if named and profile else {})
    except (Forbidden, NotFound):
        mirror = await policy(client, home_of(tenant))
    status = mirror.status if mirror else None
    if status is None:
        return Rules({})
    return Rules(status.quota or {}, status.bounds or SpaceBounds(), tuple(status.conditions))


async def quotas_of(client: Client, tenant: str, names: Iterable[str]) -> Quotas:
    """By one list, or for members one by one."""
    found = Quotas()
    try:
        listed = await client.list(RESOURCE_QUOTAS, labels=f"{MANAGED_BY}={COTENANT},{TENANT}={tenant}")
    except Forbidden:
        pass
    else:
        for item in listed.items:
            if item["metadata"]["namespace"] != home_of(tenant):
                found.take(item)
        return found
    gate = asyncio.Semaphore(AT_ONCE)

    async def read(name: str) -> None:
        async with gate:
            try:
                found.take(await client.get(RESOURCE_QUOTAS, COTENANT, name))
            except Forbidden:
                found.unseen.append(name)
            except NotFound:
                return

    await asyncio.gather(*(read(name) for name in names))
    return found


async def alive(client: Client) -> datetime | None:
    """The latest sign of an operator: one that runs without leader election has no Lease of a leader, and beats.

    None for who may not read either, or where there is none.
    """
    found = await asyncio.gather(*(readable(client, name) for name in NAMES))
    return max((one.renewed for one in found if one), default=None)


async def readable(client: Client, lease: str) -> Sign | None:
    """What a Lease says; None also for who may not read it."""
    try:
        return await sign(client, lease, Platform().namespace)
    except Unavailable:
        raise
    except ApiError:
        return None
