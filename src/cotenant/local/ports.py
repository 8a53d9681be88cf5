"""Free TCP ports on loopback, kept from everybody else until the moment of use."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self


class Claim:
    """A port whose socket stays open until `release`, just before the program that wants it starts.

    Between release and exec somebody may still take it; the start sequence then claims another one.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]

    def release(self) -> int:
        self._socket.close()
        return self.port

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
