"""Client-side rate: so many requests a second, with bursts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class TokenBucket:
    """`rate` tokens a second, at most `burst` saved up; rate 0 means no limit.

    Who comes when the bucket is empty goes into debt and sleeps it off, so the order of arrival is kept.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] | None = None) -> None:
        self.rate = rate
        self.burst = max(burst, 1.0)
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._tokens = self.burst
        self._at: float | None = None

    def reserve(self) -> float:
        """Takes one token and says how many seconds to wait for it."""
        if self.rate <= 0:
            return 0.0
        self._refill()
        self._tokens -= 1
        return max(0.0, -self._tokens / self.rate)

    async def take(self) -> None:
        """Takes one token, waiting for it if need be."""
        wait = self.reserve()
        if wait > 0:
            await asyncio.sleep(wait)

    def _refill(self) -> None:
        now = self._clock()
        if self._at is not None:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
