"""What a proof is about: the tenants as they are on the cluster, and everything that it serves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct, structs

from cotenant.api.builtin import Namespace
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.judge.isolation import accounts
from cotenant.judge.isolation.catalogue import GROUPS, Served, served
from cotenant.judge.isolation.outside import Beside, Borrowed, borrowing
from cotenant.judge.isolation.parties import Party, accounted, party
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound, from_response
from cotenant.model.effective import effective
from cotenant.model.platform import Platform

SYSTEM = ("kube-system", "default")
Rules = Mapping[str, Sequence[Mapping[str, Any]]]


class Question(Struct, frozen=True):
    """What to prove. `nowhere`: a name that no object has; `seed`: of the sample above ten tenants."""

    nowhere: str
    seed: int
    now: datetime
    only: tuple[str, ...] = ()
    static: bool = False
    platform: Platform = Platform()
    outside: Beside | None = None
    """What EKS and IAM give beside RBAC; None where nobody could look."""


class Scene(Struct, frozen=True):
    """Everything that is needed to write down the attempts."""

    parties: tuple[Party, ...]
    catalogue: tuple[Served, ...]
    rules: Rules
    system: tuple[str, ...]
    notes: tuple[str, ...] = ()
    borrowed: tuple[Borrowed, ...] = ()


class UnknownTenant(Exception):
    """A tenant asked for by name does not exist."""


async def gather(client: Client, question: Question) -> Scene:
    """Tenants, their namespaces, their roles and what the cluster serves."""
    tenants = await client.list(resource.TENANTS, type=Tenant)
    if missing := set(question.only) - {one.metadata.name for one in tenants.items}:
        raise UnknownTenant(f"no tenant {', '.join(sorted(missing))}; there are: cotenant get tenants")
    profiles = {
        one.metadata.name: one for one in (await client.list(resource.TENANT_PROFILES, type=TenantProfile)).items
    }
    namespaces = (await client.list(resource.NAMESPACES, type=Namespace)).items
    owned, said = await stood_for(client, namespaces)
    parties = []
    for one in sorted(tenants.items, key=lambda one: one.metadata.name):
        profile = profiles.get(one.spec.profile or "")
        rules = effective(one.spec, profile.spec if profile else None)
        level = rules.security if profile or not one.spec.profile else ""
        parties.append(party(one, owned, question.platform, question.now, cordoned=rules.cordoned, level=level))
    parties, notes = await inhabited(client, parties)
    notes += said
    present = {one.metadata.name for one in namespaces}
    return Scene(
        parties=tuple(parties),
        catalogue=tuple(await discover(client)),
        rules=await roles(client, {role for one in parties for who in one.identities for role in who.roles}),
        system=tuple(name for name in (*SYSTEM, question.platform.namespace) if name in present),
        notes=tuple(notes),
        borrowed=tuple(borrowing(tenants.items, question.platform, question.now)),
    )


async def stood_for(client: Client, namespaces: list[Namespace]) -> tuple[list[Namespace], list[str]]:
    """The namespaces without those that only labels call a space, and a note about each of these."""
    try:
        spaces = (await client.list(resource.SPACES, type=Space)).items
    except Forbidden as error:
        return namespaces, [f"whether a Space stands for each namespace is not known: {error.message}"]
    kept, left = accounted(namespaces, spaces)
    return kept, [f"namespace {name} was left out: no Space stands for it; see: cotenant tree" for name in left]


async def inhabited(client: Client, parties: Sequence[Party]) -> tuple[list[Party], list[str]]:
    """The tenants with the ServiceAccounts that exist in their namespaces, and which of those are left out."""
    names: dict[str, list[str]] = {}
    try:
        for one in (await client.list(resource.SERVICE_ACCOUNTS)).items:
            names.setdefault(one["metadata"]["namespace"], []).append(one["metadata"]["name"])
    except Forbidden as error:
        return list(parties), [f"ServiceAccounts are tried as any of a space, none by its name: {error.message}"]
    complete, notes = [], []
    for each in parties:
        more, said = accounts.existing(each, names)
        complete.append(structs.replace(each, accounts=(*each.accounts, *more)))
        notes += said
    return complete, notes


async def discover(client: Client) -> list[Served]:
    """The namespaced resources of the groups that are tried, each in its preferred version."""
    groups = await _json(client, "/apis")
    preferred = {one["name"]: one["preferredVersion"]["version"] for one in groups["groups"]}
    found = []
    for group in GROUPS:
        if group and group not in preferred:
            continue
        version = preferred[group] if group else "v1"
        listed = await _json(client, f"/apis/{group}/{version}" if group else f"/api/{version}")
        found += served(group, version, listed["resources"])
    return found


async def roles(client: Client, names: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The rules of each member role; none for a role whose ClusterRole nobody has made."""
    found = {}
    for name in sorted(names):
        try:
            role = await client.get(resource.CLUSTER_ROLES, f"cotenant:{name}")
        except NotFound:
            role = {}
        found[name] = role.get("rules") or []
    return found


async def _json(client: Client, path: str) -> dict[str, Any]:
    status, body = await client.raw("GET", path)
    if status >= 400:
        raise from_response(status, body)
    return msgspec.json.decode(body, type=dict[str, Any])
