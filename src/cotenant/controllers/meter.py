"""What is measured of quotas: amounts by tenant and resource, read from the stores when somebody asks, and transfers.

Only the operator that leads tells amounts: those of several processes would be added up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import TENANT, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.profile import TenantProfile
from cotenant.api.tenant import Tenant
from cotenant.apply.escrow import Deed
from cotenant.controllers.world import World
from cotenant.model import pool
from cotenant.model.effective import effective
from cotenant.model.escrow.units import limit_of, scale
from cotenant.runtime.metrics import Metrics

MOST = 1000
"""Pairs of tenant and resource that are told one by one, tenants that are older first; the rest is added up by resource."""
OTHERS = "(others)"
LABELS = ("tenant", "resource")
FAMILIES = {
    "limit": "What the tenant may use over all its spaces",
    "allocated": "What its spaces may grow to without another transfer",
    "headroom": "What no space holds",
    "hard": "What the ResourceQuotas of its spaces admit now",
    "used": "What Kubernetes counts in its spaces",
}
"""Each is a gauge `cotenant_quota_<name>`: cores, bytes, or counts."""
Sums = dict[str, int]
Counts = dict[str, tuple[int, int]]
"""Hard and used by key, in base units."""
Pair = tuple[str, str]


class QuotaGauges(Collector):
    """Costs nothing until /metrics is asked for; a tenant that is gone leaves nothing behind."""

    def __init__(self, world: World, leading: Callable[[], bool]) -> None:
        self.world, self.leading = world, leading
        self.counted: dict[str, tuple[ResourceQuota, Counts]] = {}
        self.limited: dict[str, tuple[Tenant, TenantProfile | None, dict[str, int]]] = {}

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The families without samples: what registering asks for."""
        return families().values()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every family with its samples."""
        found = families()
        for (tenant, resource), sums in self.amounts().items() if self.leading() else ():
            for name, amount in sums.items():
                found[name].add_metric((tenant, resource), amount / scale(resource))
        yield from found.values()

    def amounts(self) -> dict[Pair, Sums]:
        """By tenant and resource, at most MOST pairs and one more a resource."""
        quotas = self.counts()
        found: dict[Pair, Sums] = {}
        tenants = self.eldest()
        self.limited = {
            one.metadata.name: self.limited[one.metadata.name] for one in tenants if one.metadata.name in self.limited
        }
        for tenant in tenants:
            name, limits = tenant.metadata.name, self.limits(tenant)
            for ledger in self.world.ledgers.by("namespace", home_of(name)):
                pair = (name, ledger.spec.resource)
                pair = pair if len(found) < MOST else (OTHERS, ledger.spec.resource)
                have = found.setdefault(pair, dict.fromkeys(FAMILIES, 0))
                for figure, amount in figures(ledger, limits, quotas[name]).items():
                    have[figure] += amount
        return found

    def eldest(self) -> list[Tenant]:
        """So that whoever has a series keeps it when others come."""
        return sorted(
            self.world.tenants.items(), key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.name)
        )

    def counts(self) -> dict[str, list[Counts]]:
        """Of every space, by tenant. What has not changed since the last time is not read again."""
        found: defaultdict[str, list[Counts]] = defaultdict(list)
        known, self.counted = self.counted, {}
        for one in self.world.quotas.items():
            name, key = one.metadata.labels.get(TENANT, ""), one.metadata.key
            if one.metadata.namespace == home_of(name):
                continue
            before, counts = known.get(key, (None, {}))
            self.counted[key] = one, counts if before is one else counts_of(one)
            found[name].append(self.counted[key][1])
        return found

    def limits(self, tenant: Tenant) -> dict[str, int]:
        """As the Tenant has them now; none while the profile that it names is missing."""
        name, named = tenant.metadata.name, tenant.spec.profile
        profile = self.world.profiles.get(None, named) if named else None
        if named and profile is None:
            return {}
        known = self.limited.get(name)
        if known is None or known[0] is not tenant or known[1] is not profile:
            hard = effective(tenant.spec, profile.spec if profile else None).hard
            known = tenant, profile, {key: limit_of(key, amount) for key, amount in hard.items()}
            self.limited[name] = known
        return known[2]


def families() -> dict[str, GaugeMetricFamily]:
    """Each without samples."""
    return {name: GaugeMetricFamily(f"cotenant_quota_{name}", text, labels=LABELS) for name, text in FAMILIES.items()}


def counts_of(one: ResourceQuota) -> Counts:
    """Hard and used of every key of a ResourceQuota."""
    return {key: (seen.hard, seen.used) for key in one.spec.hard for seen in (pool.quota(one, key),)}


def figures(ledger: TenantLedger, limits: Mapping[str, int], quotas: Iterable[Counts]) -> Sums:
    """Of one tenant and resource, in base units."""
    key = ledger.spec.resource
    limit = limits.get(key, ledger.spec.limit)
    seen = [one[key] for one in quotas if key in one]
    allocated = sum(entry.allocation for entry in ledger.spec.entries)
    return {
        "limit": limit,
        "allocated": allocated,
        "headroom": max(0, limit - allocated),
        "hard": sum(hard for hard, _ in seen),
        "used": sum(used for _, used in seen),
    }


def transferred(metrics: Metrics, deed: Deed) -> None:
    """Counts one task of the escrow by its kind and end."""
    kind = type(deed.intent).__name__.lower()
    outcome = deed.outcome.name.lower() if deed.outcome else "error"
    metrics.transfers.labels(kind, outcome).inc()
    if deed.outcome:
        metrics.transfer_seconds.labels(kind).observe(deed.seconds)
