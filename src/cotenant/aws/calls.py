"""Calls to AWS: one thread, so many a second, again after throttling. Credentials are whatever boto3 finds."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cotenant.aws.faults import Fault, fault
from cotenant.kube.throttle import TokenBucket

RATE, BURST = 5.0, 10.0
"""Calls a second to each service, sustained and saved up. AWS throttles an account, so what others call counts too."""
TRIES = 6
FIRST, LONGEST = 0.5, 20.0
"""Seconds at most before the second try, and before any."""
CONNECT, READ = 5, 20
"""Seconds until a connection, an answer."""
Observe = Callable[[str, str], None]
"""Told (action, result) of each call; result "ok" or a kind of Fault."""


class Calls:
    """Every call of one identity in one region. endpoint: another address than AWS', for all services."""

    def __init__(
        self,
        region: str = "",
        *,
        endpoint: str = "",
        profile: str = "",
        rate: float = RATE,
        burst: float = BURST,
        tries: int = TRIES,
        patience: int = READ,
        observe: Observe | None = None,
    ) -> None:
        """patience: seconds that one answer may take."""
        self.region, self.endpoint, self.profile = region, endpoint, profile
        self.rate, self.burst = rate, burst
        self.tries, self.patience = tries, patience
        self._buckets: dict[str, TokenBucket] = {}
        self.observe = observe or (lambda _action, _result: None)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aws")
        self._clients: dict[str, Any] = {}
        self._session: Any = None

    async def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call by the API's own name: `call("eks", "CreateAccessEntry", …)`. Raises Fault."""
        for attempt in range(1, self.tries + 1):
            await self._buckets.setdefault(service, TokenBucket(self.rate, self.burst)).take()
            try:
                answer = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._do, service, operation, parameters
                )
            except Fault as error:
                self.observe(f"{service}:{operation}", error.kind)
                if error.kind not in ("throttled", "unavailable") or attempt == self.tries:
                    raise
                await asyncio.sleep(random.uniform(0, min(FIRST * 2**attempt, LONGEST)))  # noqa: S311 - no secret
            else:
                self.observe(f"{service}:{operation}", "ok")
                return answer
        raise AssertionError("unreachable")

    async def pages(
        self, service: str, operation: str, marker: tuple[str, str] = ("nextToken", "nextToken"), **parameters: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """The pages of a list. marker: the names of what leads on, in an answer and in the next request."""
        given, asked = marker
        while True:
            page = await self.call(service, operation, **parameters)
            yield page
            if not page.get(given):
                return
            parameters[asked] = page[given]

    def close(self) -> None:
        """Ends the thread; a call under way ends by itself."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _do(self, service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """In the thread."""
        try:
            from botocore import xform_name
        except ImportError as error:
            raise Fault("library", "boto3 is not installed; install it with: pip install 'cotenant[aws]'") from error
        try:
            client = self._clients.get(service) or self._client(service)
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
        except Exception as error:
            raise fault(error, service, operation) from error
        return answer

    def _client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            # It tells at level info where each setting came from.
            logging.getLogger("botocore").setLevel(logging.WARNING)
            self._session = boto3.Session(region_name=self.region or None, profile_name=self.profile or None)
        # Retries are ours: each of botocore's own would be a call that no bucket has counted.
        wait = min(CONNECT, self.patience)
        config = Config(retries={"total_max_attempts": 1}, connect_timeout=wait, read_timeout=self.patience)
        made = self._session.client(service, endpoint_url=self.endpoint or None, config=config)
        self._clients[service] = made
        return made
