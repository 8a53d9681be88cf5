"""The ledger controller: moves a tenant's quota to where it is needed, and mends what a crash or a hand left.

Look at everything, plan with the escrow's pure functions, carry out, look again; until nothing is left to do or what is
left waits for others. It writes TenantLedgers, and limits in ResourceQuotas; the quota controller makes those, with 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from cotenant.api.keys import COTENANT, SPACE, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.space import Space
from cotenant.api.workload import Workload
from cotenant.apply.escrow import Books, Deed, Escrow, Moot
from cotenant.controllers.gather import gather_view, ledgers_of
from cotenant.controllers.pulses import Company, Pulses
from cotenant.controllers.status import Patience
from cotenant.controllers.world import World, spaces_of
from cotenant.kube.client import Client
from cotenant.kube.errors import Conflict, NotFound
from cotenant.kube.resource import TENANT_LEDGERS
from cotenant.model import pool
from cotenant.model.demand import BRIEF, LATELY, Pulse, demands
from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.messages import Outcome
from cotenant.model.escrow.policy import HOLD, Share, plan_transfers
from cotenant.model.escrow.protocol import Intent
from cotenant.model.escrow.repair import plan_repairs
from cotenant.model.escrow.settle import Settle
from cotenant.model.escrow.values import Entry, Ledger, Limit, Quota
from cotenant.model.grain import grain
from cotenant.model.placement import home_is_ours
from cotenant.model.platform import Platform
from cotenant.model.readings import Readings
from cotenant.model.scarcity import of_pods
from cotenant.model.snapshot import TenantView
from cotenant.model.workload import Coming, coming
from cotenant.runtime.controller import Result

PASSES = 10
"""Looks in one go. What is not done then is begun again a moment later, behind other tenants."""
AGAIN = 1.0
"""Seconds until a plan that did not get further is tried again, if nothing happens before."""
REFRESH = 5.0
"""Seconds between two writes that only tell what is used."""


class Holdings(Struct):
    """What is known of a tenant's quota at one moment."""

    view: TenantView
    source: str
    limits: dict[str, int]
    books: Books
    spaces: dict[str, Space | None]
    """Every namespace of the tenant that lives and has a ResourceQuota, with its Space."""
    gone: frozenset[str]
    expected: int
    """How many spaces there are or are about to be."""
    staying: int
    """How many of them are not being deleted."""
    left: frozenset[str]
    """Namespaces that stay although their Space is deleted or gone."""
    counted: frozenset[str]
    """Those whose quota is counted and not held down by a recount."""
    coming: dict[str, list[Coming]]
    """What workloads are about to create, by namespace."""
    ages: dict[str, float | None]
    """For how long each has been quiet, in seconds."""
    pause: float = 0.0
    """Seconds until something that still waits for others is done without them."""
    counting: bool = False
    """Whether the quota controller has still to bring a first share into force."""
    behind: bool = False
    """Whether something was not planned because it comes after what was."""


class LedgerController:
    """Keys are names of tenants."""

    def __init__(
        self,
        client: Client,
        world: World,
        platform: Platform,
        now: Callable[[], datetime],
        guarded: Callable[[], bool] = lambda: True,
        observe: Callable[[Deed], None] = lambda _: None,
    ) -> None:
        self.observe = observe
        self.client, self.world, self.platform, self.now, self.guarded = client, world, platform, now, guarded
        self.escrow = Escrow(client, world.remember)
        self.pulse, self.readings = Pulses(now), dict[str, Readings]()
        self.told: dict[str, dict[str, float]] = {}
        self.company, self.counting = Company(now), Patience(now, AGAIN)

    async def reconcile(self, key: str) -> Result:
        """Moves what there is to move, then tells what is used."""
        found, left = await self.move(key)
        if found is None:
            return Result()
        return Result(after=AGAIN) if left else await self.tidy(found)

    async def move(self, key: str) -> tuple[Holdings | None, bool]:
        """Plans and carries out until nothing is left; what is known then, and whether something is left.

        Safe in any number of processes at the same time, whoever leads.
        """
        found = self.gather(key)
        if found is None:
            self.pulse.forget(key)
            self.readings.pop(key, None)
            self.told.pop(key, None)
            self.company.complete(key)
            self.counting.over(key)
            return None, False
        deeds: list[Deed] = []
        before: list[tuple[str, Intent]] = []
        for _ in range(PASSES):
            intents = [(one, intent) for one in found.limits for intent in self.plan(found, one)]
            if not found.counting:
                self.counting.over(key)
            if not intents or intents == before:
                break
            deeds, before = await self.escrow.run(found.books, intents), intents
            for deed in deeds:
                self.observe(deed)
                self.told.setdefault(key, {})[deed.key] = self.now().timestamp()
            last = not (found.behind or found.pause) and all(map(grown, deeds))
            found = self.gather(key)
            if found is None:
                return None, False
            if last:
                # Growths that fitted leave nothing to do: what others did meanwhile, the watch brings.
                return found, False
        trouble = next((deed.error for deed in deeds if deed.error and not isinstance(deed.error, Moot)), None)
        if trouble:
            raise trouble
        return found, bool(intents)

    def gather(self, name: str) -> Holdings | None:
        """From the stores, without awaiting; None while nothing may be moved: no rules, no home, or the tenant goes."""
        tenant, home = self.world.tenants.get(None, name), self.world.namespaces.get(None, home_of(name))
        if tenant is None or tenant.metadata.deletion_timestamp or home is None or home.metadata.deletion_timestamp:
            return None
        view = gather_view(self.world, tenant, self.platform, self.now())
        if view is None or not home_is_ours(home, name):
            return None
        profile = self.world.profiles.get(None, tenant.spec.profile) if tenant.spec.profile else None
        limits = pool.limits(view)
        ledgers = ledgers_of(self.world, view)
        namespaces = {
            one.metadata.name: one for one in self.world.namespaces.by("tenant", name) if one.metadata.name != view.home
        }
        quotas = {space: one for space in namespaces if (one := self.world.quotas.get(space, COTENANT)) is not None}
        known = {entry.space for one in ledgers.values() for entry in one.spec.entries}
        gone = frozenset(known - namespaces.keys())
        spaces = {
            space: self.world.spaces.get(view.home, namespaces[space].metadata.labels.get(SPACE, ""))
            for space in quotas
            if not namespaces[space].metadata.deletion_timestamp
        }
        readings = self.readings.setdefault(name, Readings())
        readings.keep(limits.keys(), quotas.keys())
        self.pulse.keep(name, quotas)
        books = Books(name, limits, ledgers, quotas, gone, readings)
        names = set(view.rules.declared) | {one.metadata.name for one in spaces_of(self.world, name)}
        leaving = {one.metadata.name for one in spaces_of(self.world, name) if one.metadata.deletion_timestamp}
        left = frozenset(space for space, one in spaces.items() if one is None or one.metadata.deletion_timestamp)
        ages = {space: self.pulse.age(books, space) for space in spaces}
        source = pool.revision(tenant, profile)
        # Without a count nothing can be said about it, and nothing may run there; its first one would only be a conflict.
        # One that is being recounted is left alone: that takes two seconds, and what it held comes back then.
        counted = frozenset(space for space, one in quotas.items() if one.status.used and not pool.frozen(one))
        return Holdings(
            view,
            source,
            limits,
            books,
            spaces,
            gone,
            len(names),
            len(names - leaving),
            left,
            counted,
            self.coming(spaces),
            ages,
        )

    def coming(self, spaces: Iterable[str]) -> dict[str, list[Coming]]:
        """What workloads are about to create, by namespace; nothing for those that want nothing more."""
        found = {}
        for space in spaces:
            kinds = {kind: store.by("namespace", space) for kind, store in self.world.workloads.items()}
            owned: dict[str, list[Workload]] = {}
            for one in kinds["ReplicaSet"]:
                for owner in one.metadata.owner_references:
                    owned.setdefault(owner.uid, []).append(one)
            pods = [
                coming(kind, one, owned.get(one.metadata.uid, ()), event=self.world.denials.said(one.metadata.uid))
                for kind, several in kinds.items()
                for one in several
                if not one.metadata.deletion_timestamp
            ]
            if wanted := [one for one in pods if one.pods]:
                found[space] = wanted
        return found

    def plan(self, found: Holdings, key: str) -> list[Intent]:
        """What to do next about one key: repairs first, then transfers; what waits for a drain waits for the next look."""
        books, limit = found.books, Limit(found.limits[key], found.source)
        ledger = books.ledger(key)
        quotas = {
            space: books.readings.quota(there, key)
            for space, there in books.quotas.items()
            if space in found.counted and key in there.spec.hard
        }
        alive = {space: one for space, one in quotas.items() if space in found.spaces}
        shares = self.shares(found, key, alive)
        ceilings = {space: one.ceiling for space, one in shares.items() if one.ceiling is not None}
        intents = self.uncounted(found, quotas, plan_repairs(ledger, quotas, limit, found.gone, ceilings))
        newcomers = {one.space for one in intents if isinstance(one, Grow) and one.admit}
        if newcomers and (pause := self.awaited(found)):
            found.pause, newcomers = max(found.pause, pause), set()
        repairs = [one for one in intents if not (isinstance(one, Grow) and one.admit)]
        if ledger is None or repairs:
            found.behind = True
            return [self.unguarded(one) for one in repairs]
        for space in sorted(newcomers):
            ledger = ledger.having(Entry(space, 0))
        moves = self.transfers(found, key, ledger, alive, shares)
        first = begun(moves)
        found.behind |= len(first) < len(moves)
        # An entry of 0 says that there is nothing to be had, and opens the space: who waits for a drain has none yet.
        empty = newcomers - {one.space for one in moves if isinstance(one, Grow)}
        admitted: list[Intent] = [
            replace(one, admit=True) if isinstance(one, Grow) and one.space in newcomers else self.unguarded(one)
            for one in first
        ]
        return admitted + [Grow(space, 0, limit.amount, admit=True) for space in sorted(empty)]

    def uncounted(self, found: Holdings, quotas: Mapping[str, Quota], intents: list[Intent]) -> list[Intent]:
        """Without what the quota controller is about to do: to bring a first share into force. It gets a second for it."""
        mine = [one for one in intents if not (isinstance(one, Settle) and quotas[one.space].first)]
        if len(mine) == len(intents):
            return intents
        found.counting = True
        left = self.counting.left(found.view.name)
        found.pause = max(found.pause, left)
        return mine if left else intents

    def awaited(self, found: Holdings) -> float:
        """Seconds for which the spaces that the tenant has still to get are waited for; 0 once all are there and counted."""
        counted = sum(1 for one in found.books.quotas.values() if one.status.used)
        if counted < found.expected:
            return self.company.left(found.view.name, counted)
        self.company.complete(found.view.name)
        return 0.0

    def transfers(
        self, found: Holdings, key: str, ledger: Ledger, quotas: Mapping[str, Quota], shares: Mapping[str, Share]
    ) -> list[Grow | Drain]:
        """Growths and drains for one key."""
        within = found.limits[key]
        limits, asks = found.view.rules.limits, self.world.asks
        # Of pods their workloads say what they want; whoever was refused a Service, a Secret, a claim, is heard by nobody.
        silent = not of_pods(key)
        pulses = {
            space: Pulse(
                age=found.ages[space],
                left=space in found.left,
                lately=silent and self.lately(found, space, key) > 0,
            )
            for space in quotas
        }
        charges = {
            space: [Charged(one.pods, one.charge(key, limits), one.refused) for one in pods]
            for space, pods in found.coming.items()
        }
        for space in (charges.keys() | asks.known.keys()) & quotas.keys():
            wants = expected(charges.get(space, ()), asks.wanted(space, key))
            pulses[space] = replace(pulses[space], refused=wants.refused, ahead=wants.ahead)
        ahead = (one.each for pods in charges.values() for one in pods)
        piece = max([grain(found.view.rules, key, within), *ahead, *(asks.largest(space, key) for space in asks.known)])
        wanted = demands(ledger, quotas, pulses, grain=piece, within=within, expected=found.staying)
        return plan_transfers(ledger, quotas, wanted, shares, within)

    def lately(self, found: Holdings, space: str, key: str) -> float:
        """For how many seconds more a space counts as one in which objects of this key are being made."""
        return self.pulse.left(found.view.name, space, key, LATELY)

    def shares(self, found: Holdings, key: str, spaces: Iterable[str]) -> dict[str, Share]:
        """Floors and ceilings of one key."""
        of = pool.Reckoned[Share](partial(pool.share, found.view, key=key))
        return {name: of(space) if (space := found.spaces[name]) else Share() for name in spaces}

    def unguarded(self, intent: Intent) -> Intent:
        """Drains wait for status.hard themselves while the policy that binds charges is not proven."""
        return replace(intent, guarded=False) if isinstance(intent, Drain) and not self.guarded() else intent

    async def tidy(self, found: Holdings) -> Result:
        """Tells what is used where that is old, and takes away ledgers of keys that have no limit any more."""
        slugs = {pool.slug(key) for key in found.limits}
        for one in list(self.world.ledgers.by("namespace", found.view.home)):
            if one.metadata.name not in slugs:
                await self.drop(found, one)
        wait, told, now = (
            found.pause or self.calms(found),
            self.told.setdefault(found.view.name, {}),
            self.now().timestamp(),
        )
        for key, there in found.books.ledgers.items():
            ledger = found.books.ledger(key)
            assert ledger is not None
            if pool.figures(key, ledger, found.books.used(key)) == there.status:
                continue
            left = told.get(key, 0.0) + REFRESH - now
            if left <= 0:
                await self.escrow.store_ledger(found.books, key, ledger)
                told[key] = now
            else:
                wait = min(left, wait or REFRESH)
        return Result(after=wait)

    def calms(self, found: Holdings) -> float | None:
        """Seconds until the next space counts as quiet, where all is given away: then others get what it kept at hand.

        Also until one that is left does, which then gives all that it does not use.
        """
        ages = {space: age for space, age in found.ages.items() if age is not None}
        waits = [HOLD - ages[space] for space in found.left & ages.keys() if ages[space] < HOLD]
        ledgers = {key: one for key in found.limits if (one := found.books.ledger(key)) is not None}
        scarce = [key for key, one in ledgers.items() if one.allocated >= one.limit]
        if scarce:
            waits += [BRIEF - age for age in ages.values() if age < BRIEF]
        silent = [key for key in scarce if not of_pods(key)]
        waits += [left for key in silent for space in found.spaces if (left := self.lately(found, space, key)) > 0]
        return min(waits, default=None)

    async def drop(self, found: Holdings, there: TenantLedger) -> None:
        """Deletes a ledger, if the tenant has really no limit of its key: whoever knows more recent rules needs it."""
        limits, _ = await self.escrow.limits(found.view.name)
        if there.spec.resource in limits:
            return
        metadata = there.metadata
        try:
            await self.client.delete(
                TENANT_LEDGERS,
                metadata.name,
                metadata.namespace,
                uid=metadata.uid,
                resource_version=metadata.resource_version,
            )
        except (NotFound, Conflict):
            return


def begun(moves: list[Grow | Drain]) -> list[Grow | Drain]:
    """What can begin now: growths behind a drain wait for it."""
    last = max((at for at, one in enumerate(moves) if isinstance(one, Drain)), default=len(moves))
    return moves[: last + 1]


def grown(deed: Deed) -> bool:
    """Whether a space that was open before got all that was planned for it."""
    return isinstance(deed.intent, Grow) and not deed.intent.admit and deed.outcome is Outcome.DONE


class Charged(NamedTuple):
    """Pods that are about to come, and what each is charged of one key."""

    pods: int
    each: int
    refused: bool


def expected(pods: Iterable[Charged], asked: int = 0) -> Pulse:
    """What a space is about to take of a key. `asked`: for pods that wait, which are as good as refused."""
    refused = asked + sum(one.pods * one.each for one in pods if one.refused)
    ahead = sum(one.pods * one.each for one in pods if not one.refused)
    return Pulse(refused=refused, ahead=ahead)
