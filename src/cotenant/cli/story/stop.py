"""Ctrl-C that is not lost, wherever in the story it comes."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self


class Stop:
    """While entered, Ctrl-C is remembered as well as raised.

    An interrupt that is raised in a callback or a destructor is printed and forgotten, and asyncio.run() forgets one
    that comes while its task ends: the story would go on as if nobody had asked. `check` asks again between the acts.
    """

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raises KeyboardInterrupt if somebody asked."""
        if self.asked:
            raise KeyboardInterrupt
