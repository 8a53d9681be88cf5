"""One identity on one cluster: what a request may cost, when it is repeated, and who watches it."""

from __future__ import annotations

import asyncio
import copy
import random
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from cotenant.kube.errors import ApiError, TooManyRequests, Unavailable, from_response
from cotenant.kube.throttle import TokenBucket
from cotenant.kube.transport import Response, Transport

Body = Mapping[str, Any] | Struct
Query = dict[str, str]
JSON = "application/json"
RETRY_FIRST, RETRY_CAP = 0.1, 5.0  # seconds


class Session:
    """Requests with a deadline, retries and a rate.

    qps, burst: client-side rate, 0 is unlimited; timeout: seconds for one call, its retries included.
    Retried within that: 429 always; 502, 503, 504, any 5xx with Retry-After and lost connections only where doing it
    twice does no harm (everything but POST).
    observe(method, code, seconds) sees every answer, code 0 for none; on_warning every Warning header;
    patient: whether a server that refuses connections is tried again until the timeout; a person wants to know at once.
    guard() runs before every request that is no GET and may raise: the leader's check that it still is one.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        user_agent: str = "cotenant",
        qps: float = 0,
        burst: float = 100,
        timeout: float = 30.0,
        observe: Callable[[str, int, float], None] | None = None,
        on_warning: Callable[[str], None] | None = None,
        guard: Callable[[], None] | None = None,
        patient: bool = True,
    ) -> None:
        self.transport = transport
        self.patient = patient
        self.timeout = timeout
        self.observe = observe
        self.on_warning = on_warning
        self.guard = guard
        self.bucket = TokenBucket(qps, burst)
        # Compressing lists costs the server more than a network inside one region does.
        self.headers: tuple[tuple[str, str], ...] = (("User-Agent", user_agent), ("Accept-Encoding", "identity"))

    @property
    def host(self) -> str:
        """`https://host:port`."""
        return self.transport.host

    @property
    def namespace(self) -> str:
        """The namespace of the context, or of the pod."""
        return self.transport.namespace

    def as_user(
        self,
        user: str,
        groups: Sequence[str] = (),
        *,
        extra: Mapping[str, Sequence[str]] | None = None,
        uid: str | None = None,
    ) -> Self:
        """The same cluster seen by somebody else, by impersonation. Shares connections and rate."""
        other = copy.copy(self)
        headers = [*self.headers, ("Impersonate-User", user), *(("Impersonate-Group", group) for group in groups)]
        if uid:
            headers.append(("Impersonate-Uid", uid))
        for key, values in (extra or {}).items():
            headers.extend((f"Impersonate-Extra-{quote(key, safe='').lower()}", value) for value in values)
        other.headers = tuple(headers)
        return other

    def apart(self, *, each: bool = False) -> Self:
        """The same over a connection of its own, or with `each` a new one for every request; see Transport."""
        other = copy.copy(self)
        other.transport = self.transport.apart(each=each)
        return other

    async def call(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        body: Body | bytes | None = None,
        content_type: str | None = None,
    ) -> bytes:
        """The body of a good answer, after retries; ApiError for any other."""
        target, content = address(path, query), encode(body)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.timeout
        delay = RETRY_FIRST
        while True:
            try:
                left = deadline - loop.time()
                answer = await self.once(method, target, content, content_type=content_type, seconds=left)
                if answer.status < 400:
                    return answer.body
                error = from_response(answer.status, answer.body, answer.retry_after)
            except Unavailable as unreachable:
                error = unreachable
            wait = max(error.retry_after or 0.0, delay * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            if not _retryable(error, method, patient=self.patient) or loop.time() + wait >= deadline:
                raise error
            await asyncio.sleep(wait)
            delay = min(delay * 2, RETRY_CAP)

    async def once(
        self,
        method: str,
        target: str,
        content: bytes | None = None,
        *,
        content_type: str | None = None,
        accept: str | None = None,
        seconds: float,
    ) -> Response:
        """One request: rate, guard, headers, observation. target: path and query, encoded."""
        if wait := self.bucket.reserve():
            await asyncio.sleep(wait)
        if self.guard is not None and method != "GET":
            self.guard()
        headers = [*self.headers, ("Accept", accept or JSON)]
        if content is not None:
            headers.append(("Content-Type", content_type or JSON))
        clock = asyncio.get_running_loop().time
        started, code = clock(), 0
        try:
            answer = await self.transport.send(method, target, headers, content, seconds)
            code = answer.status
        finally:
            if self.observe is not None:
                self.observe(method, code, clock() - started)
        if answer.warnings and self.on_warning is not None:
            for warning in answer.warnings:
                self.on_warning(warning)
        return answer


def _retryable(error: ApiError, method: str, *, patient: bool) -> bool:
    if isinstance(error, TooManyRequests):
        return True  # the server has not begun
    if not isinstance(error, Unavailable) or error.reason == "Credentials":
        return False
    if error.reason == "ClientConnectorError":
        return patient  # nothing was sent
    harmless = method != "POST"
    return harmless and (error.status in (0, 502, 503, 504) or error.retry_after is not None)


def encode(body: Body | bytes | None) -> bytes | None:
    """A body as JSON."""
    return body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)


def address(path: str, query: Mapping[str, str] | None) -> str:
    """Path and query, encoded."""
    return f"{path}?{_encoded(tuple(query.items()))}" if query else path


@lru_cache(maxsize=512)
def _encoded(query: tuple[tuple[str, str], ...]) -> str:
    return urlencode(query)  # a few queries make up nearly all requests
