"""Cuts a stream of bytes into lines of any size."""

from __future__ import annotations


class Lines:
    """Never `readline()`: aiohttp caps a line, and one large object would end the watch (aiohttp#4453, kopf#275)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that this chunk completes, without their newline; the rest waits for more."""
        if b"\n" not in chunk:
            if chunk:
                self._parts.append(chunk)
            return []
        first, *others = chunk.split(b"\n")
        first = b"".join((*self._parts, first))
        rest = others.pop()
        self._parts = [rest] if rest else []
        return [line for line in (first, *others) if line]

    @property
    def pending(self) -> int:
        """Bytes of a line that has not ended; after the end of the stream it was cut off."""
        return sum(map(len, self._parts))
