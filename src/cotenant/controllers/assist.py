"""The assist: a bare pod that is about to be refused waits a moment, and quota is moved to where it is.

It never decides whether a pod may be: quota and policies do that afterwards, as without it. What it moves is what one
pod would be charged, for pods that wait now; a tenant can ask for no more than its own limit, ceilings and floors give,
and for one space only so often.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import COTENANT, SCARCE, SPACE, TENANT
from cotenant.api.workload import PodSpec
from cotenant.controllers.asks import Ask, Asks
from cotenant.controllers.gather import gather_view, ledgers_of
from cotenant.controllers.world import World
from cotenant.model import pool
from cotenant.model.escrow.policy import Share
from cotenant.model.escrow.units import limit_of, use_of
from cotenant.model.escrow.values import Quota
from cotenant.model.platform import Platform
from cotenant.model.snapshot import TenantView
from cotenant.model.workload import charge
from cotenant.runtime.store import Change

LINGER = 1.0
"""Seconds for which what was promised to a pod is kept for it, until its charge is seen."""
SETTLE = 0.03
"""Seconds that API servers get to hear of a limit that was raised: each looks at its own copy."""
BURST, RATE = 100.0, 20.0
"""Pods of one space that may wait in a row, and each second from then on."""


class Assist:
    """`wake` has a tenant's ledgers looked at at once. `now` in UTC."""

    def __init__(
        self, world: World, platform: Platform, now: Callable[[], datetime], wake: Callable[[str], None]
    ) -> None:
        self.world, self.platform, self.now, self.wake = world, platform, now, wake
        self.pace = Pace(BURST, RATE)
        world.quotas.subscribe(self.heard)

    @property
    def asks(self) -> Asks:
        """Who waits."""
        return self.world.asks

    async def help(self, namespace: str, pod: PodSpec, seconds: float) -> str:
        """Returns when there is quota for the pod, or nothing can be done, or the time is over; says which.

        `unconcerned`: not in a space that is scarce, or nothing is charged; `at hand`; `moved`; `no room`: it will be
        refused, and rightly; `too many` wait or have waited; `too late`.
        """
        there = self.world.quotas.get(namespace, COTENANT)
        tenant = self.tenant(namespace)
        if tenant is None or there is None or not there.status.used:
            return "unconcerned"
        charges = {key: amount for key in there.spec.hard if (amount := charge(pod, key)) > 0}
        if not charges:
            return "unconcerned"
        ask = Ask(charges)
        fits = self.fits(namespace, ask)
        if not fits and not self.possible(tenant, there, charges):
            return "no room"
        moment = self.now().timestamp()
        if (not fits and not self.pace.take(namespace, moment)) or not self.asks.add(namespace, ask):
            return "too many"
        if fits:
            self.let_in(namespace, ask)
            return "at hand"
        try:
            async with asyncio.timeout(seconds):
                self.wake(tenant)
                while not ask.let_in:
                    await ask.news.wait()
                    ask.news.clear()
                await asyncio.sleep(SETTLE)
        except TimeoutError:
            self.asks.remove(namespace, ask)
            return "too late"
        except asyncio.CancelledError:
            self.asks.remove(namespace, ask)  # whoever asked has hung up
            raise
        return "moved"

    def tenant(self, namespace: str) -> str | None:
        """The tenant in whose scarce space that is; None for anything else."""
        found = self.world.namespaces.get(None, namespace)
        labels = found.metadata.labels if found else {}
        return labels.get(TENANT) if SPACE in labels and labels.get(SCARCE) == "true" else None

    def fits(self, namespace: str, ask: Ask) -> bool:
        """Whether what is in force has room for it, beside what others were promised."""
        there = self.world.quotas.get(namespace, COTENANT)
        if there is None:
            return False
        return all(
            free(pool.quota(there, key)) - self.asks.promised(namespace, key) >= amount
            for key, amount in ask.charges.items()
        )

    def possible(self, tenant: str, there: ResourceQuota, charges: Mapping[str, int]) -> bool:
        """Whether it could be admitted at all: within what the tenant, the space and the floors of others leave."""
        found = self.world.tenants.get(None, tenant)
        view = gather_view(self.world, found, self.platform, self.now()) if found else None
        if view is None:
            return False
        limits, here = pool.limits(view), there.metadata.namespace
        for key, amount in charges.items():
            wanted = pool.quota(there, key).used + self.asks.wanted(here, key) + amount
            if key not in limits:
                most = limit_of(key, there.spec.hard[key])
            else:
                most = min(limits[key] - self.kept(view, key, here), self.share(view, here, key).ceiling or 0)
            if wanted > most:
                return False
        return True

    def kept(self, view: TenantView, key: str, here: str) -> int:
        """What nobody takes from the other spaces: what they use, and the floors that they have been given."""
        ledger = ledgers_of(self.world, view).get(key)
        total = 0
        for one in self.world.namespaces.by("tenant", view.name):
            name = one.metadata.name
            quota = self.world.quotas.get(name, COTENANT)
            if quota is None or name in (here, view.home):
                continue
            held = pool.entry_of(ledger, name) if ledger else None
            floor = min(held.allocation, self.share(view, name, key).floor) if held else 0
            total += max(pool.quota(quota, key).used + self.asks.wanted(name, key), floor)
        return total

    def share(self, view: TenantView, namespace: str, key: str) -> Share:
        """Floor and ceiling of a space."""
        found = self.world.namespaces.get(None, namespace)
        label = found.metadata.labels.get(SPACE, "") if found else ""
        return pool.share(view, self.world.spaces.get(view.home, label), key)

    def let_in(self, namespace: str, ask: Ask) -> None:
        """It goes on, and what it needs is kept for it until it is charged, or until it is clear that it never is."""
        ask.let_in = True
        ask.news.set()
        asyncio.get_running_loop().call_later(LINGER, self.asks.remove, namespace, ask)

    def heard(self, change: Change[ResourceQuota]) -> None:
        """A quota has changed: pods have been charged, or there is more for those that wait."""
        there, before = change.new, change.old
        if there is None or not self.asks.of(there.metadata.namespace):
            return
        namespace = there.metadata.namespace
        if before is not None:
            have, had = there.status.used, before.status.used
            self.asks.charged(namespace, {key: use_of(key, have[key]) - use_of(key, had.get(key, "0")) for key in have})
        for ask in list(self.asks.of(namespace)):
            if not ask.let_in and self.fits(namespace, ask):
                self.let_in(namespace, ask)


def free(quota: Quota) -> int:
    """What is in force and not used. Natively admission looks at status.hard, our policy at spec.hard too."""
    return min(quota.hard, quota.enforced or 0) - quota.used


class Pace:
    """How often something may happen for each key: `burst` times in a row, `rate` times a second from then on."""

    def __init__(self, burst: float, rate: float) -> None:
        self.burst, self.rate = burst, rate
        self.left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, moment: float) -> bool:
        """Whether it may happen once more at this moment, in seconds."""
        if len(self.left) > 1000:
            self.left = {one: found for one, found in self.left.items() if self.now(found, moment) < self.burst}
        tokens = self.now(self.left.get(key, (self.burst, moment)), moment)
        if tokens < 1:
            return False
        self.left[key] = tokens - 1, moment
        return True

    def now(self, found: tuple[float, float], moment: float) -> float:
        """What has come back since."""
        tokens, since = found
        return min(self.burst, tokens + max(0.0, moment - since) * self.rate)
