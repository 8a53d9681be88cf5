"""Leader election by a Lease: who holds it works, everybody else keeps warm.

kubernetes.aio.leaderelection fails four of the six lines of our lease contract, so this is our own;
designs/2026-11-21-leader-election.md has the findings. It follows client-go's protocol and shares its Lease fields.
Election is not fencing: what two leaders at once could break must be safe by resourceVersion.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import structlog
from msgspec import Struct

from cotenant.api.meta import ObjectMeta
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, Conflict, NotFound
from cotenant.kube.resource import LEASES
from cotenant.runtime.metrics import Metrics

log = structlog.get_logger()

STOP_MARGIN = 0.9  # of what is left of the lease: so long may stopping take before we say it is late


class NotLeadingError(Exception):
    """A write was held back, for this process does not lead any more."""


class _Spec(Struct, rename="camel", frozen=True, gc=False):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(Struct, gc=False):
    metadata: ObjectMeta
    spec: _Spec = _Spec()


class Leader:
    """Takes part in the election for one Lease.

    duration: seconds that others wait after our last sign of life; renew_deadline: seconds after which we stop if we
    could give none; retry: seconds between attempts. identity: the same after a restart, and never of two at once.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        identity: str,
        name: str = "cotenant",
        duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry: float = 2.0,
        now: Callable[[], datetime] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        if not duration > renew_deadline > retry * 1.2 > 0:
            raise ValueError("a lease wants duration > renew deadline > 1.2 x retry > 0")
        self.identity = identity
        self.retry = retry
        self.duration = duration
        self.renew_deadline = renew_deadline
        self._client = client
        self._name, self._namespace = name, namespace
        self._now = now or (lambda: datetime.now(UTC))
        self._gauge = (metrics or Metrics()).leading.labels(name)
        self._gauge.set(0)
        self._valid_until = -math.inf
        self._seen: _Spec | None = None
        self._seen_at = -math.inf
        self._ours: set[str] = set()
        self._fresh = True

    def leading(self) -> bool:
        """Whether a write begun now may go out. False from the renew deadline on, even before anything was stopped."""
        return asyncio.get_running_loop().time() < self._valid_until

    def guard(self) -> None:
        """For Client(guard=…): NotLeadingError unless leading.

        It holds for a process that was stopped and woke up late, before its timers and tasks have noticed.
        """
        if not self.leading():
            raise NotLeadingError("not the leader")

    async def run(
        self, on_started: Callable[[], Awaitable[None]], on_stopped: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Stands by, leads, and stands by again after a loss; returns when on_started returns, the Lease given back.

        on_started runs while we lead and is cancelled when we do not; on_stopped comes after each end of it.
        """
        try:
            while True:
                await self._acquire()
                log.info("leading", identity=self.identity)
                if await self._lead(on_started, on_stopped):
                    return
                log.warning("lost the lease, standing by", identity=self.identity)
        finally:
            await self._release()

    async def _acquire(self) -> None:
        while True:
            attempt = asyncio.get_running_loop().time()
            if await self._attempt(self.renew_deadline / 2):
                self._extend(attempt)
                return
            await asyncio.sleep(self.retry * random.uniform(0.8, 1.2))  # noqa: S311 - jitter

    async def _lead(
        self, on_started: Callable[[], Awaitable[None]], on_stopped: Callable[[], Awaitable[None]] | None
    ) -> bool:
        """True when the work ended by itself, False when the lease was lost."""
        self._gauge.set(1)
        work = asyncio.ensure_future(on_started())
        renewal = asyncio.create_task(self._renew())
        try:
            await asyncio.wait((work, renewal), return_when=asyncio.FIRST_COMPLETED)
            finished = work.done()
        finally:
            self._gauge.set(0)
            renewal.cancel()
            work.cancel()
            await self._ended(work)
            if on_stopped is not None:
                await on_stopped()
        if finished and not work.cancelled():
            work.result()
        return finished

    async def _ended(self, work: asyncio.Future[None]) -> None:
        left = (self.duration - self.renew_deadline) * STOP_MARGIN
        done, _ = await asyncio.wait((work,), timeout=left)
        if not done:
            log.error("controllers still stop while another may start", identity=self.identity)
            await asyncio.wait((work,))

    async def _renew(self) -> None:
        """Returns when the lease is lost: to another, or because no renewal came through before the deadline."""
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(self.retry, max(0.0, self._valid_until - clock())))
            attempt = clock()
            left = self._valid_until - attempt
            if left <= 0:
                return
            # Half of the time at most for one request: the next one may go over a connection that works.
            if await self._attempt(min(left, self.renew_deadline / 2)):
                self._extend(attempt)
            elif self._seen is not None and not self._is_ours(self._seen):
                self._valid_until = -math.inf
                return

    def _extend(self, attempt: float) -> None:
        # Counted from before the request: others count from when they see its effect, which is later.
        self._valid_until = attempt + self.renew_deadline

    async def _attempt(self, seconds: float) -> bool:
        """One try to take or to renew; never raises, never lasts longer than so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                return await self._take()
        except (Conflict, AlreadyExists):
            return False  # somebody was faster; the next look shows who
        except (ApiError, TimeoutError) as error:
            log.warning("lease not reachable", identity=self.identity, error=str(error) or type(error).__name__)
            return False

    async def _take(self) -> bool:
        try:
            lease = await self._client.get(LEASES, self._name, self._namespace, type=_Lease)
        except NotFound:
            await self._client.create(LEASES, self._manifest(None, self._spec(None)), self._namespace, type=_Lease)
            self._fresh = False
            return True
        self._observe(lease.spec)
        if lease.spec.holder_identity != self.identity:
            self._fresh = False
        if not self._may_take(lease.spec):
            return False
        await self._client.replace(LEASES, self._manifest(lease, self._spec(lease.spec)), type=_Lease)
        self._fresh = False
        return True

    def _observe(self, spec: _Spec) -> None:
        if spec != self._seen:
            self._seen = spec
            self._seen_at = asyncio.get_running_loop().time()

    def _may_take(self, spec: _Spec) -> bool:
        if not spec.holder_identity or self._is_ours(spec):
            return True
        if spec.holder_identity == self.identity and self._fresh:
            # We are the one who died: nobody else has this name. Only at the first look; were there a second process
            # with our identity, both would otherwise take the lease from each other for ever.
            return True
        promised = max(self.duration, float(spec.lease_duration_seconds or 0))
        return asyncio.get_running_loop().time() - self._seen_at >= promised

    def _is_ours(self, spec: _Spec) -> bool:
        """Whether this process wrote it: the name alone could be that of a second process."""
        return spec.holder_identity == self.identity and spec.renew_time in self._ours

    def _spec(self, old: _Spec | None) -> _Spec:
        stamp = _micro(self._now())
        keeps = old is not None and old.holder_identity == self.identity
        if len(self._ours) > 100:
            self._ours.clear()
        if old is not None and old.renew_time and self._is_ours(old):
            self._ours = {old.renew_time}
        self._ours.add(stamp)
        transitions = (old.lease_transitions or 0) if old is not None else 0
        return _Spec(
            holder_identity=self.identity,
            lease_duration_seconds=math.ceil(self.duration),
            acquire_time=old.acquire_time if old is not None and keeps else stamp,
            renew_time=stamp,
            lease_transitions=transitions if keeps or old is None else transitions + 1,
        )

    async def _release(self) -> None:
        """Gives the Lease back if it is ours, so that the next one need not wait for its end."""
        self._valid_until = -math.inf
        try:
            async with asyncio.timeout(self.retry):
                lease = await self._client.get(LEASES, self._name, self._namespace, type=_Lease)
                if not self._is_ours(lease.spec):
                    return
                stamp = _micro(self._now())
                free = _Spec("", 1, stamp, stamp, lease.spec.lease_transitions)
                await self._client.replace(LEASES, self._manifest(lease, free), type=_Lease)
                log.info("lease given back", identity=self.identity)
        except (ApiError, TimeoutError) as error:
            log.warning("lease not given back", identity=self.identity, error=str(error) or type(error).__name__)

    def _manifest(self, lease: _Lease | None, spec: _Spec) -> dict[str, object]:
        metadata = {"name": self._name, "namespace": self._namespace}
        if lease is not None:
            metadata["resourceVersion"] = lease.metadata.resource_version
        return {"apiVersion": LEASES.api_version, "kind": LEASES.kind, "metadata": metadata, "spec": spec}


def _micro(moment: datetime) -> str:
    """metav1.MicroTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
