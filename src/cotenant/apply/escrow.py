"""Carries out the escrow's tasks: live reads, and writes bound to the version that was read.

The tasks of one tenant advance in rounds. In a round every object is read once and written once, however many tasks ask
for it: the growths of several new spaces are one write of a ledger, and all keys of a space one write of its
ResourceQuota. Reads and ledgers come first, so that the keys of a space meet at its ResourceQuota.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from time import monotonic

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from cotenant.api.builtin import Manifest, Namespace, ResourceQuota
from cotenant.api.keys import COTENANT, MANAGED_BY, QUOTA_MANAGER, TENANT, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.profile import TenantProfile
from cotenant.api.tenant import Tenant
from cotenant.apply import body
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound
from cotenant.kube.resource import NAMESPACES, RESOURCE_QUOTAS, TENANT_LEDGERS, TENANT_PROFILES, TENANTS
from cotenant.model import pool
from cotenant.model.effective import effective
from cotenant.model.escrow import messages as ask
from cotenant.model.escrow.merge import merge
from cotenant.model.escrow.messages import Answer, Finished, Outcome, Read, Written
from cotenant.model.escrow.protocol import Intent, Step, advance, begin
from cotenant.model.escrow.rebuild import Rebuild
from cotenant.model.escrow.units import limit_of
from cotenant.model.escrow.values import Ledger, Limit
from cotenant.model.finding import Ref
from cotenant.model.plan import labels, manifest
from cotenant.model.readings import Readings

MOST_REQUESTS = 30
"""Of one task. One that goes on conflicting is dropped, as a crash would: what it left is found and finished later."""
Remember = Callable[[Ref, Manifest], None]


class Moot(Exception):
    """The tenant is gone, or has no limit of that key any more: there is nothing to share out."""


class Deed:
    """One task on its way. `outcome` is None while it is under way, and for good where `error` says why.

    `seconds`: how long it took, once it has ended.
    """

    def __init__(self, key: str, intent: Intent, step: Step, most: int = MOST_REQUESTS) -> None:
        self.key, self.intent, self.step, self.most = key, intent, step, most
        self.asked, self.began, self.seconds = 0, monotonic(), 0.0
        self.error: Exception | None = None

    @property
    def outcome(self) -> Outcome | None:
        """How it ended."""
        return self.step.outcome if isinstance(self.step, Finished) else None

    @property
    def under_way(self) -> bool:
        """Whether it waits for an answer."""
        return self.error is None and not isinstance(self.step, Finished)

    @property
    def request(self) -> ask.Request:
        """What it waits for."""
        assert not isinstance(self.step, Finished)
        return self.step.request

    def answer(self, answer: Answer) -> None:
        """The next step; or the end of one that asks for ever."""
        assert not isinstance(self.step, Finished)
        self.asked += 1
        self.step = advance(self.step, answer)
        self.seconds = monotonic() - self.began
        if self.under_way and self.asked >= self.most:
            self.error = TimeoutError(f"{self.key}: {self.intent} is not done after {self.asked} requests")

    def written(self, ledger: Ledger, version: str) -> None:
        """Its ledger is stored, together with what other tasks wanted of it."""
        assert not isinstance(self.step, Finished)
        self.step = replace(self.step, request=ask.PutLedger(ledger))
        self.answer(Written(version))


class Books(Struct):
    """What is known of one tenant: the newest of each object that was seen. Changes while tasks run.

    `within`: the tenant's limit of each key as the caller knows it. `strangers`: namespaces that seem not to be the
    tenant's any more.
    """

    tenant: str
    within: Mapping[str, int]
    ledgers: dict[str, TenantLedger]
    quotas: dict[str, ResourceQuota]
    strangers: frozenset[str] = frozenset()
    readings: Readings = field(default_factory=Readings)

    @property
    def home(self) -> str:
        """Where the ledgers are."""
        return home_of(self.tenant)

    def ledger(self, key: str) -> Ledger | None:
        """As the protocol sees it."""
        found = self.ledgers.get(key)
        return self.readings.ledger(found, key) if found is not None else None

    def used(self, key: str) -> dict[str, int]:
        """What each space uses, by its namespace, as far as is known."""
        return {space: self.readings.quota(one, key).used for space, one in self.quotas.items()}


class Escrow:
    """Performs requests. Whatever is read or written is remembered, so that the next plan starts from it."""

    def __init__(self, client: Client, remember: Remember) -> None:
        self.client, self.remember = client, remember

    async def run(self, books: Books, intents: Iterable[tuple[str, Intent]]) -> list[Deed]:
        """Carries out intents, each for a key; at most one a key and space. Errors are in the deeds."""
        deeds = []
        for key, intent in intents:
            space = books.quotas.get(getattr(intent, "space", ""))
            snapshot = books.readings.quota(space, key) if space else None
            # Rebuilding reads and writes each space's quota, maybe several times.
            most = MOST_REQUESTS + (4 * len(books.quotas) if isinstance(intent, Rebuild) else 0)
            deeds.append(Deed(key, intent, begin(intent, books.ledger(key), snapshot), most))
        while waiting := [deed for deed in deeds if deed.under_way]:
            first = min(rank(deed.request) for deed in waiting)
            await self.round(books, [deed for deed in waiting if rank(deed.request) == first])
        return deeds

    async def round(self, books: Books, deeds: Sequence[Deed]) -> None:
        """One request an object, all at the same time."""
        groups: dict[object, list[Deed]] = {}
        for deed in deeds:
            groups.setdefault(subject(deed), []).append(deed)
        await asyncio.gather(*(self.attempt(books, group) for group in groups.values()))

    async def attempt(self, books: Books, group: list[Deed]) -> None:
        """One request for all deeds of a group; an error ends each of them, as a crash would."""
        try:
            await self.perform(books, group)
        except (ApiError, Moot) as error:
            for deed in group:
                deed.error = error

    async def perform(self, books: Books, group: list[Deed]) -> None:
        """Raises ApiError for whatever is no answer to a task."""
        match group[0].request:
            case ask.PutLedger():
                await self.put_ledger(books, group)
            case ask.PutQuota(space) | ask.PutEnforced(space):
                await self.put_quota(books, space, group)
            case ask.GetQuota(space):
                there = await self.get_quota(books, space)
                for deed in group:
                    deed.answer(Read(pool.quota(there, deed.key)) if there else ask.NotFound())
            case ask.ListQuotas():
                listed = await self.list_quotas(books)
                for deed in group:
                    deed.answer(Read(tuple(pool.quota(one, deed.key) for one in listed)))
            case ask.GetLedger():
                found = await self.get_ledger(books, group[0].key)
                for deed in group:
                    deed.answer(Read(pool.ledger(found)) if found else ask.NotFound())
            case ask.GetLimit():
                limits, source = await self.limits(books.tenant)
                for deed in group:
                    if deed.key not in limits:
                        raise Moot(f"tenant {books.tenant} has no limit of {deed.key}")
                    deed.answer(Read(Limit(limits[deed.key], source)))
            case ask.GetNamespace(space):
                ours = await self.ours(books.tenant, space)
                for deed in group:
                    deed.answer(Read(None) if ours else ask.NotFound())

    async def get_quota(self, books: Books, space: str) -> ResourceQuota | None:
        """Live. A namespace that was released is another's: its ResourceQuota is none of the tenant's."""
        if space in books.strangers and not await self.ours(books.tenant, space):
            return None
        answer = await absent(self.client.get(RESOURCE_QUOTAS, COTENANT, space))
        return self.seen_quota(books, answer) if answer else None

    async def list_quotas(self, books: Books) -> list[ResourceQuota]:
        """Live and consistent, in all namespaces but the home."""
        selected = f"{MANAGED_BY}={COTENANT},{TENANT}={books.tenant}"
        listing = await self.client.list(RESOURCE_QUOTAS, labels=selected, fields=f"metadata.name={COTENANT}")
        return [self.seen_quota(books, one) for one in listing.items if one["metadata"]["namespace"] != books.home]

    async def get_ledger(self, books: Books, key: str) -> TenantLedger | None:
        """Live."""
        answer = await absent(self.client.get(TENANT_LEDGERS, pool.slug(key), books.home))
        if answer is None:
            books.ledgers.pop(key, None)
            return None
        return self.seen_ledger(books, key, answer)

    async def limits(self, tenant: str) -> tuple[dict[str, int], str]:
        """Live: the tenant's limits and the revision that says so. Raises Moot without tenant or profile."""
        try:
            found = await self.client.get(TENANTS, tenant, type=Tenant)
            named = found.spec.profile
            profile = await self.client.get(TENANT_PROFILES, named, type=TenantProfile) if named else None
        except NotFound as error:
            raise Moot(error.message) from error
        rules = effective(found.spec, profile.spec if profile else None)
        limits = {key: limit_of(key, amount) for key, amount in rules.hard.items()}
        return limits, pool.revision(found, profile)

    async def ours(self, tenant: str, namespace: str) -> bool:
        """Live: whether a namespace exists and is the tenant's."""
        answer = await absent(self.client.get(NAMESPACES, namespace))
        found = msgspec.convert(answer, Namespace) if answer else None
        return found is not None and found.metadata.labels.get(TENANT) == tenant

    async def put_ledger(self, books: Books, group: list[Deed]) -> None:
        """One write for what all of them want of the ledger; those that it cannot contain are told of a conflict."""
        key, base = group[0].key, books.ledger(group[0].key)
        version = base.version if base else ""
        wanted = [(deed, deed.request.ledger) for deed in group if isinstance(deed.request, ask.PutLedger)]
        current = [(deed, ledger) for deed, ledger in wanted if ledger.version == version]
        merged, taken = None, []
        if current and base is None:
            merged, taken = current[0][1], [0]
        elif current and base is not None:
            merged, taken = merge(base, [ledger for _, ledger in current], books.within.get(key, 0))
        stored = await self.store_ledger(books, key, merged) if merged else None
        lucky = {id(current[at][0]) for at in taken} if stored else set()
        for deed in group:
            if stored and merged and id(deed) in lucky:
                deed.written(merged, stored.metadata.resource_version)
            else:
                deed.answer(ask.Conflict())

    async def store_ledger(self, books: Books, key: str, wanted: Ledger) -> TenantLedger | None:
        """The ledger as it is stored now; None after a conflict, or where it is gone. Raises NotFound without a home."""
        spec, status = pool.content(key, wanted, books.used(key))
        there = books.ledgers.get(key)
        sent = manifest(
            TENANT_LEDGERS.api_version,
            TENANT_LEDGERS.kind,
            pool.slug(key),
            books.home,
            labels=labels(books.tenant),
            spec=msgspec.to_builtins(spec),
            status=msgspec.to_builtins(status),
        )
        try:
            if there is None:
                answer = await self.client.create(TENANT_LEDGERS, sent, manager=QUOTA_MANAGER)
            else:
                sent["metadata"] |= body.carried(there.metadata, sent["metadata"]["labels"])
                answer = await self.client.replace(TENANT_LEDGERS, sent, manager=QUOTA_MANAGER)
        except (Conflict, AlreadyExists):
            return None
        except NotFound:
            if there is None:
                raise  # the home is not there: nothing can be read again
            books.ledgers.pop(key, None)
            return None
        return self.seen_ledger(books, key, answer)

    async def put_quota(self, books: Books, space: str, group: list[Deed]) -> None:
        """One write of spec.hard or status.hard with what all of them want of it."""
        there = books.quotas.get(space)
        current = [deed for deed in group if there and fits(deed, there)]
        for deed in group:
            if deed not in current:
                deed.answer(ask.Conflict())
        if not current or there is None:
            return
        try:
            answer = await self.store_quota(there, current)
        except (Conflict, Invalid) as error:
            if isinstance(error, Invalid) and error.causes:
                raise  # the amount is refused; without a cause it is the test of a patch that failed
            verdict: Answer = ask.Conflict()
            books.quotas.pop(space, None)
        except NotFound:
            verdict = ask.NotFound()
            books.quotas.pop(space, None)
        else:
            verdict = Written(self.seen_quota(books, answer).metadata.resource_version)
        for deed in current:
            deed.answer(verdict)

    async def store_quota(self, there: ResourceQuota, deeds: list[Deed]) -> Manifest:
        """The answer to the write. Where all of them raise, charges that come in between do no harm."""
        hard, requests = amounts(deeds), [deed.request for deed in deeds]
        if isinstance(requests[0], ask.PutEnforced):
            return await self.client.replace(
                RESOURCE_QUOTAS, body.enforced(there, hard), subresource="status", manager=QUOTA_MANAGER
            )
        raises = all(isinstance(one, ask.PutQuota) and one.form is not None for one in requests)
        if raises and (patch := body.raised(there, hard)):
            where = there.metadata
            return await self.client.edit(RESOURCE_QUOTAS, where.name, patch, where.namespace, manager=QUOTA_MANAGER)
        return await self.client.replace(RESOURCE_QUOTAS, body.written(there, hard), manager=QUOTA_MANAGER)

    def seen_quota(self, books: Books, answer: Manifest) -> ResourceQuota:
        """Takes in a ResourceQuota as the API server has it."""
        found = msgspec.convert(answer, ResourceQuota)
        books.quotas[found.metadata.namespace] = found
        self.remember(Ref("v1", "ResourceQuota", found.metadata.namespace, COTENANT), answer)
        return found

    def seen_ledger(self, books: Books, key: str, answer: Manifest) -> TenantLedger:
        """Takes in a ledger as the API server has it."""
        found = msgspec.convert(answer, TenantLedger)
        books.ledgers[key] = found
        self.remember(Ref(TENANT_LEDGERS.api_version, "TenantLedger", books.home, found.metadata.name), answer)
        return found


async def absent(reading: Awaitable[Manifest]) -> Manifest | None:
    """What is read; None where there is no such object."""
    try:
        return await reading
    except NotFound:
        return None


def rank(request: ask.Request) -> int:
    """Reads and ledgers, then spec.hard, then status.hard."""
    return 1 if isinstance(request, ask.PutQuota) else 2 if isinstance(request, ask.PutEnforced) else 0


def subject(deed: Deed) -> object:
    """Deeds with the same subject share a request: the object, and what is done with it."""
    match deed.request:
        case ask.GetQuota(space) | ask.GetNamespace(space) | ask.PutQuota(space) | ask.PutEnforced(space):
            return type(deed.request), space
        case ask.GetLedger() | ask.PutLedger():
            return type(deed.request), deed.key
        case _:
            return type(deed.request)


def fits(deed: Deed, there: ResourceQuota) -> bool:
    """Whether what a write is bound to is still so: all but the status for a raise, else the version."""
    assert isinstance(deed.request, ask.PutQuota | ask.PutEnforced)
    form = deed.request.form if isinstance(deed.request, ask.PutQuota) else None
    if form is not None:
        return form == pool.form(there)
    return deed.request.version == there.metadata.resource_version


def amounts(deeds: Iterable[Deed]) -> dict[str, str]:
    """What they want, by key, as quantities."""
    return {
        deed.key: pool.spelled(deed.key, deed.request.hard)
        for deed in deeds
        if isinstance(deed.request, ask.PutQuota | ask.PutEnforced)
    }
