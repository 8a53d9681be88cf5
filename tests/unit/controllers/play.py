"""The three controllers on a cluster in a dict, one reconcile at a time, with a clock and a watch under the test's hand."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cotenant.api.keys import SPACE_FINALIZER, TENANT_FINALIZER
from cotenant.controllers.ledger import LedgerController
from cotenant.controllers.quota import QuotaController
from cotenant.controllers.space import SpaceController
from cotenant.controllers.tenant import TenantController
from cotenant.controllers.world import World
from cotenant.model.platform import Platform
from cotenant.runtime.controller import Result
from unit.cluster import Cluster, Manifest
from unit.specimens import NOW

MEMBERS = [{"role": "owner", "user": "ann"}, {"role": "viewer", "user": "bob"}]


class Events:
    """Notes what would be recorded."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def record(self, regarding: Any, reason: str, note: str, **_: Any) -> None:
        self.said.append((reason, note))


class Play:
    def __init__(self, platform: Platform | None = None) -> None:
        self.cluster, self.world, self.events, self.time = Cluster(), World(), Events(), NOW
        client: Any = self.cluster
        events: Any = self.events
        platform = platform or Platform()
        self.spaces = SpaceController(client, self.world, platform, self.now, events, 600.0)
        self.tenants = TenantController(client, self.world, platform, self.now, 600.0)
        self.quotas = QuotaController(client, self.world, platform, self.now)
        self.ledgers = LedgerController(client, self.world, platform, self.now)
        for role in platform.roles:
            self.world.roles.upsert(role_(f"cotenant:{role}"))

    def now(self) -> datetime:
        return self.time

    def wait(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    def sync(self) -> None:
        self.cluster.sync(self.world)

    def tenant(self, name: str = "red", *, about: Manifest | None = None, **spec: Any) -> None:
        self.cluster.put("Tenant", name, about=about, spec={"members": MEMBERS} | spec)
        self.sync()

    def space(self, name: str = "dev", home: str = "home-red", *, about: Manifest | None = None, **spec: Any) -> None:
        self.cluster.put("Space", name, home, about=about, spec=spec)
        self.sync()

    def counts(self, namespace: str) -> None:
        """What the quota controller of Kubernetes does: the API server knows the limits now."""
        hard = self.cluster.there("ResourceQuota", "cotenant", namespace)["spec"]["hard"]
        used = self.cluster.there("ResourceQuota", "cotenant", namespace).get("status", {}).get("used", {})
        status = {"hard": hard, "used": dict.fromkeys(hard, "0") | used}
        self.cluster.change("ResourceQuota", "cotenant", namespace, status=status)
        self.sync()

    async def one(self, what: str, key: str) -> Result:
        """One reconcile of `space`, `tenant`, `quota` or `ledger`, the watches up to date before and after."""
        self.sync()
        controller: Any = {
            "space": self.spaces,
            "tenant": self.tenants,
            "quota": self.quotas,
            "ledger": self.ledgers,
        }[what]
        try:
            result: Result = await controller.reconcile(key)
            if what == "quota" and key.startswith("home-") and self.found(key):
                result = await controller.reconcile(key)
        finally:
            self.sync()
        return result

    def found(self, home: str) -> bool:
        """The first write of the quota controller of Kubernetes to a home, whose Spaces it does not know yet."""
        if ("ResourceQuota", home, "cotenant") not in self.cluster.objects:
            return False
        if self.cluster.there("ResourceQuota", "cotenant", home).get("status"):
            return False
        status = {"hard": {"pods": "0"}, "used": {"pods": "0"}}
        self.cluster.change("ResourceQuota", "cotenant", home, status=status)
        self.sync()
        return True

    async def settle(self, name: str = "red") -> None:
        """A tenant and all its Spaces brought to where nothing is left to do."""
        home = f"home-{name}"
        for _ in range(3):
            await self.one("tenant", name)
            await self.one("quota", home)
            await self.one("tenant", name)
            for space in self.cluster.names("Space", home):
                await self.one("space", f"{home}/{space}")
                for namespace in [one.metadata.name for one in self.world.namespaces.by("tenant", name)]:
                    await self.one("quota", namespace)
                    if namespace != home and "ResourceQuota" in str(self.cluster.objects.keys()):
                        self.counts(namespace)
                await self.one("ledger", name)
                await self.one("space", f"{home}/{space}")
        self.cluster.writes()

    async def opened(self, **spec: Any) -> None:
        """Tenant red with the space dev, everything in place."""
        self.tenant(**spec)
        await self.one("tenant", "red")
        self.space()
        await self.settle()

    def ready(self, kind: str = "Space", name: str = "dev", namespace: str = "home-red") -> Manifest:
        """The Ready condition."""
        return self.condition(kind, name, "Ready", namespace)

    def condition(self, kind: str, name: str, about: str, namespace: str = "home-red") -> Manifest:
        """A condition; {} while there is none."""
        status = self.cluster.there(kind, name, namespace if kind == "Space" else "").get("status", {})
        found: list[Manifest] = [one for one in status.get("conditions", []) if one["type"] == about]
        return found[0] if found else {}

    def bindings(self, namespace: str = "red-dev") -> dict[str, list[str]]:
        """Name of each RoleBinding -> whom it names."""
        return {
            name: [one["name"] for one in self.cluster.there("RoleBinding", name, namespace)["subjects"]]
            for name in self.cluster.names("RoleBinding", namespace)
        }

    def finalizers(self, kind: str = "Space") -> list[str]:
        key = ("Space", "dev", "home-red") if kind == "Space" else ("Tenant", "red", "")
        found: list[str] = self.cluster.there(*key)["metadata"].get("finalizers", [])
        return found


def role_(name: str) -> Any:
    from cotenant.api.builtin import ClusterRole
    from unit.specimens import meta

    return ClusterRole(meta(name))


HELD = {"finalizers": [SPACE_FINALIZER]}
TENANT_HELD = {"finalizers": [TENANT_FINALIZER]}
