"""The pools that Tenants in files name, and whose they are."""

from __future__ import annotations

from collections.abc import Iterable

from cotenant.api.builtin import Manifest
from cotenant.api.profile import TenantProfile
from cotenant.api.tenant import Tenant
from cotenant.cli import Failure
from cotenant.model.effective import effective
from cotenant.render.nodes import nodes


def users(tenants: Iterable[Tenant], profiles: Iterable[TenantProfile]) -> dict[str, dict[str, bool]]:
    """Pool -> the tenants that name it, and whether each wants it for itself."""
    known = {one.metadata.name: one.spec for one in profiles}
    found: dict[str, dict[str, bool]] = {}
    for tenant in tenants:
        rules = effective(tenant.spec, known.get(tenant.spec.profile or ""))
        if rules.nodes.pool:
            found.setdefault(rules.nodes.pool, {})[tenant.metadata.name] = bool(rules.nodes.dedicated)
    return found


def pools(tenants: Iterable[Tenant], profiles: Iterable[TenantProfile]) -> dict[str, str | None]:
    """Pool -> the tenant that it is dedicated to, or None where several may share it.

    Failure where a tenant has it for itself and another one names it too.
    """
    found: dict[str, str | None] = {}
    for pool, named in sorted(users(tenants, profiles).items()):
        owners = [name for name, alone in named.items() if alone]
        if owners and len(named) > 1:
            raise Failure(
                f"pool {pool} is dedicated to tenant {owners[0]}, and tenants {', '.join(sorted(named))} name it; "
                "give each its own, or leave nodes.dedicated out"
            )
        found[pool] = owners[0] if owners else None
    return found


def manifests(found: dict[str, str | None], kinds: tuple[str, ...], cluster: str, region: str) -> list[Manifest]:
    """What makes the nodes of these pools."""
    return [
        one
        for pool, tenant in found.items()
        for one in nodes(pool, tenant, kinds=kinds, cluster=cluster, region=region)
    ]
