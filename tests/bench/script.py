"""The baseline: a plain script that makes exactly the objects that cotenant makes, with the same concurrency."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import RESOURCE_QUOTAS, SPACES, TENANT_LEDGERS, TENANTS, resource_of
from cotenant.model import allowance, plan, pool
from cotenant.model.escrow.values import Entry, Ledger
from cotenant.model.platform import Platform
from cotenant.model.snapshot import TenantView, view
from cotenant.render import access, namespace, quota, rules, space

Manifest = dict[str, Any]


def tenant(name: str, spaces: int) -> Manifest:
    """A usual tenant."""
    return {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name},
        "spec": {
            "members": [{"role": "owner", "group": f"{name}-owners"}, {"role": "viewer", "group": f"{name}-viewers"}],
            "spaces": {"limit": spaces + 5, "declared": [f"s{number}" for number in range(spaces)]},
            "quota": {"hard": {"pods": 50, "requests.cpu": "20"}},
            "limits": [{"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}}],
            "pods": {"security": "baseline"},
        },
    }


def objects(view_: TenantView, declared: list[str]) -> Iterator[Manifest]:
    """Everything but the Tenant, in the order in which cotenant makes it."""
    yield namespace.home(view_)
    yield quota.quota(view_, view_.home, allowance.home_hard(view_))
    yield rules.policy(view_, view_.home)
    yield from access.home_bindings(view_)
    yield from ledgers(view_, declared)
    for name in declared:
        one = {
            "apiVersion": "cotenant.dev/v1alpha1",
            "kind": "Space",
            "metadata": {"name": name, "namespace": view_.home},
            "spec": {},
        }
        yield one
        where = f"{view_.name}-{name}"
        yield namespace.namespace(view_, where, name)
        typed = msgspec.convert(one, Space)
        yield quota.quota(view_, where, allowance.hard(view_, typed), name)
        yield from (manifest for manifest, _ in space.rooms(view_, where, name))
        yield from (manifest for manifest, _ in space.rights(view_, where, name))
        yield {**one, "status": {"phase": "Ready", "namespace": where}}


def ledgers(view_: TenantView, declared: list[str]) -> Iterator[Manifest]:
    """One a key, with a share for each space."""
    for key, limit in pool.limits(view_).items():
        entries = tuple(Entry(f"{view_.name}-{name}", limit // len(declared)) for name in sorted(declared))
        spec, status = pool.content(key, Ledger(limit, entries, source=pool.revision(view_.tenant, None)), {})
        content = {"spec": msgspec.to_builtins(spec), "status": msgspec.to_builtins(status)}
        kind = TENANT_LEDGERS.api_version, TENANT_LEDGERS.kind
        yield plan.manifest(*kind, pool.slug(key), view_.home, labels=plan.labels(view_.name), **content)


async def onboard(admin: Client, robot: Client, tenants: list[Manifest], clients: int) -> tuple[float, int]:
    """Makes all of it; (seconds, objects and status writes)."""
    began, writes, queue = time.monotonic(), 0, iter(tenants)

    async def work() -> None:
        nonlocal writes
        for manifest in queue:
            made = await one(admin, robot, manifest)
            writes += made

    await asyncio.gather(*(work() for _ in range(clients)))
    return time.monotonic() - began, writes


async def one(admin: Client, robot: Client, manifest: Manifest) -> int:
    """One tenant; how many writes it took."""
    made = await admin.create(TENANTS, manifest)
    typed = msgspec.convert(made, Tenant)
    seen = view(typed, None, Platform(), datetime.now(UTC))
    assert seen
    writes = 2
    for wanted in objects(seen, manifest["spec"]["spaces"]["declared"]):
        writes += 1
        if "phase" in wanted.get("status", {}):
            name, status = wanted["metadata"]["name"], {"status": wanted["status"]}
            await robot.merge(SPACES, name, status, seen.home, subresource="status")
            continue
        answer = await patiently(robot, wanted)
        if wanted["kind"] == "ResourceQuota" and wanted["metadata"]["namespace"] == seen.home:
            # The script has to do this too, or its Spaces are refused.
            status = {"hard": wanted["spec"]["hard"], "used": {allowance.SPACES: "0", "pods": "0"}}
            await robot.merge(RESOURCE_QUOTAS, "cotenant", {"status": status}, seen.home, subresource="status")
            writes += 1
        assert answer
    await robot.merge(TENANTS, typed.metadata.name, {"status": {"home": seen.home}}, subresource="status")
    return writes


async def patiently(robot: Client, wanted: Manifest) -> Manifest:
    """Creates; a Space again while the API server has not heard of its home's quota yet."""
    for _ in range(200):
        try:
            return await robot.create(resource_of(wanted), wanted)
        except Forbidden as refusal:
            if "status unknown" not in refusal.message:
                raise
            await asyncio.sleep(0.005)
    raise TimeoutError(wanted["metadata"]["name"])
