"""Objects as the API server gives them, made from the few words that a test cares about."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import msgspec

from cotenant.api.builtin import Child, Namespace, ResourceQuota
from cotenant.api.keys import ADOPT, COTENANT, MANAGED_BY, SPACE, TENANT, home_of
from cotenant.api.meta import ObjectMeta
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.model.allowance import SPACES, hard
from cotenant.model.finding import Ref
from cotenant.model.fingerprint import fingerprint
from cotenant.model.plan import ref_of
from cotenant.model.platform import Platform
from cotenant.model.snapshot import SpaceSnapshot, TenantSnapshot, TenantView, view

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
MOMENT = "2026-01-01T12:00:00Z"
GONE = "2026-01-01T11:59:00Z"
PLATFORM = Platform()
versions = itertools.count(1)
Wire = dict[str, Any]


def metadata(name: str, **more: Any) -> Wire:
    """Metadata with a uid made of the name, and a resourceVersion that no other object has."""
    return {"name": name, "uid": f"uid-{name}", "resourceVersion": str(next(versions)), "generation": 1, **more}


def meta(name: str, **more: Any) -> ObjectMeta:
    return msgspec.convert(metadata(name, **more), ObjectMeta)


def tenant(name: str = "red", *, status: Wire | None = None, about: Wire | None = None, **spec: Any) -> Tenant:
    """A Tenant; `spec` and `about` (its metadata) in the words of the wire."""
    wire = {"metadata": metadata(name, **(about or {})), "spec": spec, "status": status or {}}
    return msgspec.convert(wire, Tenant)


def profile(name: str = "standard", **spec: Any) -> TenantProfile:
    return msgspec.convert({"metadata": metadata(name), "spec": spec}, TenantProfile)


def space(
    name: str = "dev", *, home: str = "home-red", status: Wire | None = None, about: Wire | None = None, **spec: Any
) -> Space:
    wire = {"metadata": metadata(name, namespace=home, **(about or {})), "spec": spec, "status": status or {}}
    return msgspec.convert(wire, Space)


def namespace(
    name: str = "red-dev", labels: Wire | None = None, annotations: Wire | None = None, **about: Any
) -> Namespace:
    """A namespace, of nobody unless labels say so."""
    wire = {"metadata": metadata(name, labels=labels or {}, annotations=annotations or {}, **about)}
    return msgspec.convert(wire, Namespace)


def marks(tenant: str = "red", space: str | None = "dev") -> Wire:
    """Our labels."""
    found = {TENANT: tenant, MANAGED_BY: COTENANT}
    return found | {SPACE: space} if space else found


def home(name: str = "red", **about: Any) -> Namespace:
    """The home of a tenant, as we make it."""
    return namespace(home_of(name), marks(name, None), {ADOPT: f"{name}/"}, **about)


def quota(
    at: str = "red-dev", hard: Wire | None = None, used: Wire | None = None, *, spec: Wire | None = None, **about: Any
) -> ResourceQuota:
    """A ResourceQuota in force; `spec` where its spec.hard differs from what is in force."""
    amounts = {"hard": hard or {}, "used": used if used is not None else dict.fromkeys(hard or {}, "0")}
    wire = {
        "metadata": metadata(COTENANT, namespace=at, **about),
        "spec": {"hard": spec if spec is not None else hard or {}},
        "status": amounts,
    }
    return msgspec.convert(wire, ResourceQuota)


def home_quota(limit: int = 10, used: int = 0, name: str = "red") -> ResourceQuota:
    """The count of Spaces, in force."""
    return quota(
        home_of(name), {SPACES: str(limit), "pods": "0"}, {SPACES: str(used), "pods": "0"}, labels=marks(name, None)
    )


def child(manifest: Wire, **about: Any) -> Child:
    """What the store has of a manifest that was written."""
    found = manifest["metadata"]
    return Child(
        meta(found["name"], **{**{key: found[key] for key in ("namespace", "labels") if key in found}, **about}),
        fingerprint(manifest["kind"], manifest),
    )


def children(*manifests: Wire) -> dict[Ref, Child]:
    return {ref_of(one): child(one) for one in manifests}


def seen(one: Tenant | None = None, profile: TenantProfile | None = None, platform: Platform = PLATFORM) -> TenantView:
    """The view of a tenant whose profile is there."""
    found = view(one or tenant(), profile, platform, NOW)
    assert found is not None
    return found


def space_snapshot(one: Space | None = None, of: Tenant | None = None, **more: Any) -> SpaceSnapshot:
    """A Space in its tenant's home, nothing made yet."""
    platform = more.pop("platform", PLATFORM)
    known: Wire = {"view": view(of or tenant(), None, platform, NOW), "tenant_exists": True}
    return SpaceSnapshot(now=NOW, platform=platform, space=one or space(), **(known | more))


def tenant_snapshot(of: Tenant | None = None, **more: Any) -> TenantSnapshot:
    """A tenant, nothing made yet."""
    of, platform = of or tenant(), more.pop("platform", PLATFORM)
    known: Wire = {
        "view": view(of, None, platform, NOW),
        "roles": frozenset(f"cotenant:{role}" for role in platform.roles),
    }
    return TenantSnapshot(now=NOW, platform=platform, tenant=of, **(known | more))


def quota_of(found: TenantView, one: Space, at: str = "red-dev") -> ResourceQuota:
    """The quota that a space should have, in force."""
    return quota(at, hard(found, one), labels=marks(found.name, one.metadata.name))
