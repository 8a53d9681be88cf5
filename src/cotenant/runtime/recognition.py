"""Whether the API server knows us. A token that has run out must not look like a quiet day."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger()
AGAIN = 60.0
"""Seconds between two lines of the log that say the same."""
REMEDY = (
    "the token of its kubeconfig or ServiceAccount is invalid or has run out: give it a new one, or restart its pod"
)
Observe = Callable[[str, int, float], None]


class Recognition:
    """Hears of every answer, as Client(observe=…), and passes it on to `then`.

    A 401 is an error in the log, once a minute while it lasts, and a reason not to be ready; any other answer ends that.
    """

    def __init__(self, then: Observe = lambda _method, _code, _seconds: None, clock: Callable[[], float] = time.monotonic) -> None:  # fmt: skip
        self._then, self._clock = then, clock
        self._since: float | None = None
        self._said = -math.inf

    def __call__(self, method: str, code: int, seconds: float) -> None:
        """One answer."""
        self._then(method, code, seconds)
        self.heard(method, code, seconds)

    def heard(self, _method: str, code: int, _seconds: float) -> None:
        """The same, passed on to nobody. Code 0, where no answer came, tells nothing."""
        now = self._clock()
        if code == 401:
            self._since = now if self._since is None else self._since
            if now - self._said >= AGAIN:
                log.error("the API server does not know this operator", seconds=round(now - self._since), remedy=REMEDY)
                self._said = now
        elif code and self._since is not None:
            log.info("the API server knows this operator again", seconds=round(now - self._since))
            self._since, self._said = None, -math.inf

    def problems(self) -> list[str]:
        """For /readyz."""
        if self._since is None:
            return []
        return [f"the API server answers 401 for {self._clock() - self._since:.0f} s: {REMEDY}"]
