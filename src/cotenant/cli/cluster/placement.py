"""Which nodes are of which pool, and whose pods are where: read by an administrator, for the operator may not."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from cotenant.api.keys import DEDICATED, POOL, TENANT
from cotenant.cli.manifests.pools import users
from cotenant.controllers.world import World
from cotenant.kube import resource
from cotenant.kube.client import Client

EFFECTS = ("NoSchedule", "NoExecute")


class Placement(Struct, kw_only=True):
    """What is wrong with pools. Everything empty: nothing."""

    nodes: int = 0
    """Nodes that are of a pool."""
    contested: dict[str, list[str]] = field(default_factory=dict)
    """Pools that a tenant has for itself -> all tenants that name them, where those are several."""
    untainted: dict[str, list[str]] = field(default_factory=dict)
    """Tenants with a pool of their own -> nodes of it that lack its taint."""
    guests: list[tuple[str, str, str]] = field(default_factory=list)
    """(namespace/pod, node, tenant) of pods of other tenants on nodes of this one."""
    outside: dict[str, list[str]] = field(default_factory=dict)
    """Tenants -> pods, as namespace/pod, that run on nodes outside of their pool."""


async def placement(client: Client, world: World) -> Placement:
    """Raises ApiError. Pods are read where a pool is: on its nodes, and in the namespaces of its tenants."""
    named = users(world.tenants.items(), world.profiles.items())
    found = Placement()
    if not named:
        return found
    nodes = (await client.list(resource.NODES, labels=POOL)).items
    found.nodes = len(nodes)
    whose = {one.metadata.name: one.metadata.labels.get(TENANT, "") for one in world.namespaces.items()}
    for pool, tenants in sorted(named.items()):
        own = [one for one in nodes if one["metadata"]["labels"][POOL] == pool]
        owner = next((name for name, alone in sorted(tenants.items()) if alone), None)
        if owner:
            if len(tenants) > 1:
                found.contested[pool] = sorted(tenants)
            await _guarded(client, found, owner, own, whose)
        names = {one["metadata"]["name"] for one in own}
        for tenant in sorted(tenants):
            await _outside(client, found, tenant, names, [name for name, one in whose.items() if one == tenant])
    return found


async def _guarded(
    client: Client, found: Placement, owner: str, nodes: list[dict[str, Any]], whose: dict[str, str]
) -> None:
    for node in nodes:
        name, spec = node["metadata"]["name"], node.get("spec", {})
        taints = spec.get("taints", [])
        if not any((one["key"], one.get("value")) == (DEDICATED, owner) and one["effect"] in EFFECTS for one in taints):
            found.untainted.setdefault(owner, []).append(name)
        for pod in (await client.list(resource.PODS, fields=f"spec.nodeName={name}")).items:
            namespace = pod["metadata"]["namespace"]
            if whose.get(namespace, owner) not in ("", owner):
                found.guests.append((f"{namespace}/{pod['metadata']['name']}", name, owner))


async def _outside(client: Client, found: Placement, tenant: str, nodes: set[str], namespaces: list[str]) -> None:
    for namespace in sorted(namespaces):
        for pod in (await client.list(resource.PODS, namespace)).items:
            if pod["spec"].get("nodeName", "") not in ("", *nodes):
                found.outside.setdefault(tenant, []).append(f"{namespace}/{pod['metadata']['name']}")
