"""One keep-alive connection to the plane's API server, of standard library only.

The start sequence, the fake kubelet and the harness' own tests speak through it; cotenant itself does not.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cotenant.local.errors import ControlPlaneError

_PATCH = "application/merge-patch+json"


class Refused(ControlPlaneError):
    """The API server answered with something else than success. `status` is the HTTP code."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        self.status = status
        super().__init__(f"{method} {path}: {status} {message}")


def strict_context(ca: Path, cert: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Verifies as Python 3.13 does by default, so that a certificate good here is good there."""
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


class Wire:
    """Thread-safe; one request at a time. Every answer is JSON or text."""

    def __init__(
        self,
        url: str,
        context: ssl.SSLContext,
        *,
        token: str | None = None,
        agent: str = "cotenant-local",
        timeout: float = 30.0,
    ) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._host, self._port = parts.hostname, parts.port or 443
        self._context, self._timeout = context, timeout
        self._headers = {"User-Agent": agent, "Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._lock = threading.Lock()
        self._connection: http.client.HTTPSConnection | None = None

    def request(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """HTTP status and raw body. OSError when the server cannot be reached."""
        send = {**self._headers, **(headers or {})}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            send.setdefault("Content-Type", _PATCH if method == "PATCH" else "application/json")
        with self._lock:
            for fresh in (self._connection is None, True):
                connection = self._connection or self._connect()
                self._connection = connection
                try:
                    connection.request(method, path, payload, send)
                    answer = connection.getresponse()
                    return answer.status, answer.read()
                except (OSError, http.client.HTTPException) as error:
                    self._drop()
                    # A kept connection may have been closed meanwhile: once more on a new one.
                    if fresh or isinstance(error, TimeoutError):
                        raise error if isinstance(error, OSError) else ConnectionError(str(error)) from error
        raise AssertionError("unreachable")

    def json(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        status, raw = self.request(method, path, body, headers or None)
        try:
            return status, json.loads(raw) if raw else {}
        except ValueError:
            return status, {"message": raw.decode(errors="replace")}

    def expect(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer; Refused on any status from 400 on."""
        status, answer = self.json(method, path, body)
        if status >= 400:
            raise Refused(method, path, status, str(answer.get("message", answer)))
        return answer

    def watch(self, path: str, *, idle: float) -> Iterator[bytes]:
        """Lines of a watch, on a connection of its own; ends when the server ends it. `idle` in seconds without a byte."""
        connection = self._connect(idle)
        try:
            connection.request("GET", path, None, self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise Refused("GET", path, answer.status, answer.read().decode(errors="replace"))
            while line := answer.readline():
                yield line
        finally:
            connection.close()

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _connect(self, timeout: float | None = None) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._host, self._port, context=self._context, timeout=timeout or self._timeout
        )

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
