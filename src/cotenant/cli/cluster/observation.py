"""The cluster as the controllers see it, read once: the same stores, filled by lists."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from cotenant.api.builtin import ClusterRole, Manifest
from cotenant.api.keys import COTENANT, MANAGED_BY, TENANT
from cotenant.controllers.world import World, observed
from cotenant.kube.client import Client
from cotenant.kube.resource import (
    CLUSTER_ROLES,
    LIMIT_RANGES,
    NAMESPACES,
    NETWORK_POLICIES,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    SPACE_POLICIES,
    SPACES,
    TENANT_PROFILES,
    TENANTS,
    Resource,
)
from cotenant.model.finding import Ref

OWN = (RESOURCE_QUOTAS, LIMIT_RANGES, NETWORK_POLICIES, ROLE_BINDINGS, SPACE_POLICIES)
"""Kinds of which only what cotenant made is read."""
MOST_NAMES = 50
"""More tenants than these are not named in a label selector: its length has a limit, and then most are wanted anyway."""


@dataclass(slots=True)
class Observation:
    """The stores, and every object as it came."""

    world: World = field(default_factory=World)
    raw: dict[Ref, Manifest] = field(default_factory=dict)

    def take(self, resource: Resource, item: Mapping[str, Any]) -> None:
        """One object more."""
        metadata = item["metadata"]
        ref = Ref(resource.api_version, resource.kind, metadata.get("namespace", ""), metadata["name"])
        self.raw[ref] = dict(item)
        if resource.kind == "ClusterRole":
            self.world.roles.upsert(msgspec.convert(item, ClusterRole))
        else:
            self.world.stores()[resource.kind].upsert(observed(resource.kind, dict(item)))


async def observe(client: Client, tenants: Collection[str] | None = None) -> Observation:
    """Everything that decides about these tenants, None for all of them. Raises ApiError, Forbidden for members."""
    chosen = tenants is not None and len(tenants) <= MOST_NAMES
    selector = f"{MANAGED_BY}={COTENANT}"
    if chosen and tenants:
        selector += f",{TENANT} in ({','.join(sorted(tenants))})"
    wanted = [(resource, "") for resource in (TENANTS, TENANT_PROFILES, SPACES, NAMESPACES, CLUSTER_ROLES)]
    if tenants is None or tenants:
        wanted += [(resource, selector) for resource in OWN]
    lists = await asyncio.gather(*(client.list(resource, labels=labels) for resource, labels in wanted))
    found = Observation()
    for (resource, _), listing in zip(wanted, lists, strict=True):
        for item in listing.items:
            found.take(resource, item)
    return found
