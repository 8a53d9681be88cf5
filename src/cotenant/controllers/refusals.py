"""Refusals by quota, as ReplicaSets, ReplicationControllers and Events tell them, and which of them were false: the tenant had room, only not there.

A pod that somebody makes by hand and that is refused leaves nothing to count.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from cotenant.api.keys import COTENANT, TENANT, home_of
from cotenant.api.tenant import SpaceBounds
from cotenant.api.workload import Denial, Workload
from cotenant.controllers.gather import gather_view, ledgers_of
from cotenant.controllers.world import World, spaces_of
from cotenant.judge.room import fixed_room, room
from cotenant.model.accounts import Accounts
from cotenant.model.escrow.units import limit_of, use_of
from cotenant.model.platform import Platform
from cotenant.model.refusal import QUOTAS
from cotenant.model.snapshot import TenantView
from cotenant.model.workload import charge, claimed, refused
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.store import Change


class Refusals:
    """Listens to what has a condition for it, and to Events of other workloads. Counts only while it leads, so that nothing is counted twice."""

    def __init__(
        self,
        world: World,
        platform: Platform,
        metrics: Metrics,
        now: Callable[[], datetime],
        leading: Callable[[], bool],
    ) -> None:
        self.world, self.platform, self.metrics, self.now, self.leading = world, platform, metrics, now, leading
        for kind in ("ReplicaSet", "ReplicationController"):
            world.workloads[kind].subscribe(self.hear)
        world.denials.subscribe(self.hear_event)

    def hear(self, change: Change[Workload]) -> None:
        """Counts one that begins to be refused. One that is found refused was counted when that began."""
        old, new = change.old, change.new
        if old is None or new is None or refused(old) or not refused(new) or not self.leading():
            return
        self.count(new)

    def hear_event(self, change: Change[Denial]) -> None:
        """The same of a workload's Events; those of the first list were counted when they came."""
        denials, about = self.world.denials, change.current.regarding
        before, now = denials.turn(change)
        if change.new is None or not denials.synced or now not in QUOTAS or before in QUOTAS:
            return
        store = self.world.workloads.get(about.kind)
        one = store.get(about.namespace, about.name) if store else None
        if one is not None and self.leading():
            self.count(one)

    def count(self, one: Workload) -> None:
        """One more, and one more false one where the tenant had room."""
        found = self.accounts(one.metadata.namespace)
        if found is None:
            return
        self.metrics.refusals.inc()
        if self.false(found[0], found[1], one):
            self.metrics.false_refusals.inc()

    def false(self, view: TenantView, accounts: Accounts, one: Workload) -> bool:
        """Whether there was room for one pod of it in the tenant, by every key of the space's quota."""
        namespace = one.metadata.namespace
        there = accounts.quotas[namespace]
        for key, hard in there.spec.hard.items():
            each = charge(one.spec.template.spec, key, view.rules.limits) + claimed(
                one.spec.volume_claim_templates, key
            )
            if not each:
                continue
            if key in accounts.hard:
                found = room(accounts.account(key), namespace, each, each)
            else:
                used = use_of(key, there.status.used.get(key, "0"))
                found = fixed_room(key, each, used, limit_of(key, hard))
            if found.blocked:
                return False
        return True

    def accounts(self, namespace: str) -> tuple[TenantView, Accounts] | None:
        """The quota of the tenant that a namespace belongs to; None for nobody's, and while it is not in force."""
        home = self.world.namespaces.get(None, namespace)
        name = home.metadata.labels.get(TENANT, "") if home else ""
        tenant = self.world.tenants.get(None, name)
        view = gather_view(self.world, tenant, self.platform, self.now()) if tenant else None
        if view is None or self.world.quotas.get(namespace, COTENANT) is None:
            return None
        namespaces = [one.metadata.name for one in self.world.namespaces.by("tenant", name)]
        quotas = {one: self.world.quotas.get(one, COTENANT) for one in namespaces if one != home_of(name)}
        return view, Accounts(
            tenant=name,
            now=self.now(),
            hard=view.rules.hard,
            bounds=SpaceBounds(min=view.rules.space_min, max=view.rules.space_max),
            ledgers=ledgers_of(self.world, view),
            quotas={one: found for one, found in quotas.items() if found},
            spaces={one.status.namespace: one for one in spaces_of(self.world, name) if one.status.namespace},
        )
