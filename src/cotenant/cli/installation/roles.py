"""The roles of an installation against what is in the cluster: who uses them, and which ClusterRole is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import CLUSTER_ROLES, TENANTS
from cotenant.model.platform import BUILT_IN_ROLES

NAMED = 5


async def in_use(client: Client) -> dict[str, list[str]]:
    """Role -> names of the Tenants with a member who has it."""
    try:
        tenants = (await client.list(TENANTS)).items
    except NotFound:
        return {}
    found: dict[str, list[str]] = {}
    for tenant in tenants:
        for role in {member.get("role", "") for member in tenant.get("spec", {}).get("members", ())}:
            found.setdefault(role, []).append(tenant["metadata"]["name"])
    return found


def lost(before: Sequence[str] | None, wanted: Sequence[str], used: dict[str, list[str]]) -> str:
    """Why these roles may not be chosen, or "". `before`: those of the installation that runs, None for a first one.

    A role that was never allowed gives nobody anything, so nothing is lost with it.
    """
    gone = sorted(role for role in used if role not in wanted and (before is None or role in before))
    if not gone:
        return ""
    sentences = []
    for role in gone:
        tenants = sorted(used[role])
        more = f" and {len(tenants) - NAMED} more" if len(tenants) > NAMED else ""
        sentences.append(f"role {role} is held by members of {', '.join(tenants[:NAMED])}{more}")
    keep = ",".join([*(role for role in wanted if role not in BUILT_IN_ROLES), *gone])
    return (
        f"{'; '.join(sentences)}: without it they lose their access. Nothing was done. Keep it: --roles {keep}; "
        "or take those members off their Tenants first"
    )


async def missing(client: Client, roles: Sequence[str]) -> list[str]:
    """Roles of the platform whose ClusterRole does not exist."""
    own = [role for role in roles if role not in BUILT_IN_ROLES]
    there = await asyncio.gather(*(_exists(client, f"cotenant:{role}") for role in own))
    return [role for role, found in zip(own, there, strict=True) if not found]


async def _exists(client: Client, name: str) -> bool:
    try:
        await client.get(CLUSTER_ROLES, name)
    except NotFound:
        return False
    return True
