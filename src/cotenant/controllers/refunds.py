"""Strict accounting at work: hears of every counted object that ends, and gives its charge back once.

One watch a kind and one of the quotas that carry the label, over all namespaces or one; a kind is watched from the first
such quota on that lets some of it exist. A write takes together what ended within BATCH seconds. What refunds cannot know (creates that failed, a
process that died) is left to the recount of the leader. A space in which nothing happens costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from fractions import Fraction

import structlog

from cotenant.api.builtin import Manifest
from cotenant.api.keys import ACCOUNTING, FROZEN, STRICT
from cotenant.apply.refunds import COUNTED, Refunds, stored
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Conflict
from cotenant.kube.resource import RESOURCE_QUOTAS
from cotenant.model.refund import book as books
from cotenant.model.refund.book import Book
from cotenant.model.refund.present import Present
from cotenant.model.refund.recount import WAIT, Recount
from cotenant.model.refund.tracks import gone, late, seen
from cotenant.model.refund.values import Release
from cotenant.model.usage.objects import kind_of
from cotenant.runtime.feed import Feed
from cotenant.runtime.metrics import Metrics

log = structlog.get_logger()

BATCH = 0.02
"""Seconds in which ends are gathered before they are given back."""
HELP = 0.3
"""Seconds that the leader has for a refund before a standby gives it; both would only mean conflicts."""
PARTING = 5
"""How often as long, at most, we wait for pods that are about to be gone."""
FREEZE_AFTER = 15.0
"""Seconds a leak may last in a space that is never quiet before creates are held up for a recount."""
TICK = 0.5
"""Seconds between two looks at a space that has a leak, or a pod that is overdue by the clock alone."""


class Account:
    """What is known of one namespace with a strict quota."""

    def __init__(self, refunds: Refunds) -> None:
        self.refunds = refunds
        self.book = Book()
        self.manifest: Manifest = {}
        self.changed = asyncio.Event()
        self.charged = 0.0
        """When something was last admitted, as far as it is in the book."""
        self.leaking: float | None = None
        self.restless = False
        self.refused = False
        """The last write met a conflict."""
        self.task: asyncio.Task[None] | None = None

    def close(self) -> None:
        """Writes nothing any more."""
        if self.task is not None:
            self.task.cancel()


class StrictAccounting:
    """Runs until cancelled, in every replica: two do no harm (see the explorer), and nobody waits for a new leader.

    leading: whether this one recounts, and gives back without waiting for somebody else to do it.
    """

    def __init__(
        self,
        client: Client,
        now: Callable[[], datetime],
        namespace: str | None = None,
        *,
        metrics: Metrics | None = None,
        changed: Callable[[tuple[str, ...]], None] = lambda _: None,
        leading: Callable[[], bool] = lambda: True,
    ) -> None:
        self.client, self.now, self.namespace, self.leading = client, now, namespace, leading
        self.metrics = metrics or Metrics()
        self.changed = changed
        """Hears which kinds are barred, whenever that changes."""
        self.accounts: dict[str, Account] = {}
        self.present: dict[str, Present] = {}
        """By namespace."""
        self.latest: dict[str, int] = {}
        self.feeds: dict[str, asyncio.Task[None]] = {}
        self.left: set[str] = set()
        """Kinds that are left to the quota controller, told once."""
        self.barred: tuple[str, ...] = ()
        """Kinds that we should read and may not: nobody gives them back."""

    async def run(self) -> None:
        """Follows quotas, and every kind that one of them counts. What an earlier run knew is forgotten."""
        for known in (self.accounts, self.present, self.latest, self.feeds):
            known.clear()
        label = f"{ACCOUNTING}={STRICT}"
        feed = Feed(self.client, RESOURCE_QUOTAS, self.quotas, self.quota, namespace=self.namespace, labels=label)
        promotion = asyncio.create_task(self.promoted())
        try:
            await feed.run()
        finally:
            promotion.cancel()
            for task in self.feeds.values():
                task.cancel()
            for account in self.accounts.values():
                account.close()
            self.bar()

    async def promoted(self) -> None:
        """Has every account looked at again when this one begins to lead: leaks have waited for that."""
        led = self.leading()
        while True:
            await asyncio.sleep(TICK)
            led, before = self.leading(), led
            if led and not before:
                for account in self.accounts.values():
                    account.changed.set()

    # -- quotas

    def quotas(self, items: list[Manifest], _: int) -> None:
        """A list: revisions in between may have been missed."""
        there = {one["metadata"]["namespace"] for one in items}
        for name in self.accounts.keys() - there:
            self.accounts.pop(name).close()
        for one in items:
            self.watched(one, gap=True)

    def quota(self, type: str, found: Manifest) -> None:
        """One revision."""
        if type == "DELETED":
            if account := self.accounts.pop(found["metadata"]["namespace"], None):
                account.close()
        else:
            self.watched(found)

    def watched(self, found: Manifest, *, gap: bool = False) -> None:
        """Takes a revision into the book of its namespace."""
        namespace, name = found["metadata"]["namespace"], found["metadata"]["name"]
        account = self.accounts.get(namespace)
        if account is None:
            account = self.accounts[namespace] = Account(Refunds(self.client, namespace, name, self.now))
            account.task = asyncio.create_task(self.keep(namespace, account))
        one = stored(found)
        if account.book.stored is None or one.revision > account.book.stored.revision:
            account.manifest = found
        before = account.book.charged
        account.book = books.watched(account.book, one, gap=gap)
        if account.book.charged != before:
            account.charged = clock()
        account.changed.set()
        # What may not exist, and does not, ends nowhere: homes and closed service types alone ask for no watch.
        for key, amount in (*one.hard, *one.used):
            if amount:
                self.follow(kind_of(key))

    # -- counted objects

    def follow(self, kind: str | None) -> None:
        """Begins to watch a kind, once. One that we may not read is left to the quota controller."""
        if kind is None or kind in self.feeds or kind in self.left:
            return
        if kind not in COUNTED:
            self.left.add(kind)
            log.info("counted by Kubernetes alone: the operator does not read this kind", resource=kind)
            return
        feed = Feed(
            self.client,
            COUNTED[kind],
            lambda items, revision: self.listed(kind, items, revision),
            lambda type, found: self.event(kind, type, found),
            namespace=self.namespace,
            barred=lambda shut: self.bar(kind) if shut else self.open(kind),
        )
        self.feeds[kind] = asyncio.create_task(feed.run())

    def bar(self, *kinds: str) -> None:
        """Kinds that we may not read; without any, all are forgotten."""
        self.tell(tuple(sorted({*self.barred, *kinds})) if kinds else ())

    def open(self, kind: str) -> None:
        """A kind that we may read. What ended meanwhile is in the list that came first."""
        self.tell(tuple(one for one in self.barred if one != kind))

    def tell(self, barred: tuple[str, ...]) -> None:
        """Says what is barred, where that is news."""
        if barred != self.barred:
            self.barred = barred
            self.changed(barred)
            for account in self.accounts.values():
                account.changed.set()

    def listed(self, kind: str, items: list[Manifest], revision: int) -> None:
        """A list: what is missing vanished some time since the last event."""
        there = {one["metadata"]["uid"] for one in items}
        since = self.latest.get(kind, 0) + 1
        for namespace, present in list(self.present.items()):
            for uid in present.uids(kind) - there:
                self.vanished(kind, namespace, uid, since, revision)
        for one in items:
            self.seen(kind, one, since, revision)
        self.latest[kind] = revision
        for account in self.accounts.values():
            account.changed.set()

    def event(self, kind: str, type: str, found: Manifest) -> None:
        """One event of a watch."""
        metadata = found["metadata"]
        revision = int(metadata["resourceVersion"])
        if type == "DELETED":
            self.vanished(kind, metadata["namespace"], metadata["uid"], revision, revision)
        else:
            self.seen(kind, found, revision, revision)
        self.latest[kind] = revision

    def seen(self, kind: str, found: Manifest, since: int, revision: int) -> None:
        """An object that is there."""
        metadata = found["metadata"]
        namespace, uid = metadata["namespace"], metadata["uid"]
        present = self.present.setdefault(namespace, Present())
        before = present.get(kind, uid)
        track, release = seen(kind, before, found, since, revision, self.now())
        present.put(kind, uid, track)
        self.ended(namespace, release)
        if track != before and (account := self.accounts.get(namespace)):
            account.changed.set()

    def vanished(self, kind: str, namespace: str, uid: str, since: int, until: int) -> None:
        """An object that is gone, after revision `since - 1` and not after `until`."""
        present = self.there(namespace)
        if track := present.take(kind, uid):
            self.ended(namespace, gone(kind, track, since, until, self.now()))
        if not present:
            self.present.pop(namespace, None)

    def ended(self, namespace: str, release: Release | None) -> None:
        """A charge that has ended."""
        account = self.accounts.get(namespace)
        if account is not None and release is not None:
            account.book = books.ended(account.book, release)
            account.changed.set()

    # -- writing

    async def keep(self, namespace: str, account: Account) -> None:
        """Gives back what has ended, and recounts what nobody can know."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK if account.restless else None):
                    await account.changed.wait()
            if account.book.pending and not self.leading():
                await asyncio.sleep(HELP)
            if account.book.pending and not account.refused:
                await self.gather(namespace, account)
            account.changed.clear()
            account.refused = False
            try:
                if not await self.refund(account):
                    await self.mend(namespace, account)
            except Conflict:
                # The watch brings the newer revision, and that wakes us again: what was gathered has waited enough.
                account.refused = True
                self.metrics.refund_conflicts.inc()
            except ApiError as error:
                log.warning("no refund", namespace=namespace, error=str(error))
                account.restless = True
                await asyncio.sleep(TICK)

    async def gather(self, namespace: str, account: Account) -> None:
        """Lets more come to an end: those above all that a mark written now would pass over while they are overdue."""
        for _ in range(PARTING):
            await asyncio.sleep(BATCH)
            now, known = self.now(), account.book.stored
            decided = dict(known.refunded) if known else {}
            going = self.there(namespace).going.values()
            if not any(one.off > decided.get("pods", 0) and late(one, now) for one in going):
                return

    async def refund(self, account: Account) -> bool:
        """One write of what is due. Raises Conflict."""
        refund = books.plan(account.book)
        if refund is None:
            return False
        answer = await account.refunds.refund(account.manifest, refund)
        revision = int(answer["metadata"]["resourceVersion"])
        account.book = books.settled(account.book, refund, revision)
        if int(account.manifest["metadata"]["resourceVersion"]) < revision:
            account.manifest = answer
        self.metrics.refunds.inc()
        return True

    async def mend(self, namespace: str, account: Account) -> None:
        """A recount where more or less is charged than exists, once it has been quiet; a frozen one if it never is."""
        if not self.leading():
            account.leaking, account.restless = None, self.going(namespace)
            return
        known = account.book.stored
        if known is not None and FROZEN in account.manifest["metadata"].get("annotations", {}):
            # Nobody else recounts here: the mark is of one that did not get to its end.
            await account.refunds.thaw(account.manifest)
        # Of a kind that we do not see nobody knows what exists, and the policy rests.
        if known is None or self.barred or not books.leaked(account.book, self.exists(namespace), self.latest):
            account.leaking, account.restless = None, self.going(namespace)
            return
        account.restless = True
        account.leaking = account.leaking or clock()
        if clock() - account.charged >= WAIT:
            done = await account.refunds.recount(Recount(), known)
        elif clock() - account.leaking >= FREEZE_AFTER:
            self.metrics.freezes.inc()
            done = await account.refunds.recount(Recount(freeze=True))
        else:
            return
        self.metrics.recounts.labels("done" if done else "overtaken").inc()
        account.leaking = None if done else account.leaking
        log.info("recounted", namespace=namespace, done=done)

    def exists(self, namespace: str) -> dict[str, Fraction]:
        """What we have seen that is there, as the quota controller would count it."""
        return self.there(namespace).counts(self.now())

    def going(self, namespace: str) -> bool:
        """Whether a pod is on its way out, so that the clock alone may take it off the books."""
        return bool(self.there(namespace).going)

    def there(self, namespace: str) -> Present:
        """What is counted in a namespace."""
        return self.present.get(namespace) or Present()


def clock() -> float:
    """Seconds that only go forward."""
    return asyncio.get_running_loop().time()
