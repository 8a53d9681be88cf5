"""An HTTP endpoint that plays a script: canned answers in order, no API logic. For what a real API server never shows."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from cotenant.kube.transport import Transport


@dataclass
class Reply:
    """One whole answer. body: bytes, or anything that goes into JSON."""

    body: Any = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Stream:
    """A chunked answer. then: `end` properly, `cut` the connection, or `hang` in silence."""

    chunks: tuple[bytes, ...] = ()
    then: str = "end"


@dataclass
class Cut:
    """No answer: the connection is closed."""


@dataclass
class Seen:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    groups: list[str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def event(kind: str, obj: Any) -> bytes:
    """One line of a watch."""
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def namespace(name: str, version: str = "1", uid: str = "", **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "uid": uid or f"uid-{name}", "resourceVersion": version, "labels": labels}
    return {"metadata": metadata}


def listing(version: str, *items: Any, more: str = "") -> Reply:
    return Reply({"kind": "List", "metadata": {"resourceVersion": version, "continue": more}, "items": list(items)})


def status(code: int, reason: str, message: str = "no", **details: Any) -> dict[str, Any]:
    return {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}


def refusal(code: int, reason: str, message: str = "no", **details: Any) -> Reply:
    return Reply(status(code, reason, message, **details), code)


class Endpoint:
    """Answers with `script` in order; when it is used up, every request hangs. `seen` has what was asked."""

    def __init__(self) -> None:
        self.script: deque[Reply | Stream | Cut] = deque()
        self.seen: list[Seen] = []
        self.url = ""
        self._changed = asyncio.Event()
        self._closing = asyncio.Event()

    def play(self, *answers: Reply | Stream | Cut) -> None:
        self.script.extend(answers)

    def kubeconfig(self, folder: Path, **user: Any) -> Path:
        path = folder / "kubeconfig"
        path.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "scripted",
                    "clusters": [{"name": "c", "cluster": {"server": self.url}}],
                    "users": [{"name": "u", "user": user or {"token": "a-token"}}],
                    "contexts": [{"name": "scripted", "context": {"cluster": "c", "user": "u", "namespace": "here"}}],
                }
            )
        )
        return path

    async def transport(self, folder: Path, **user: Any) -> Transport:
        return await Transport.from_kubeconfig(self.kubeconfig(folder, **user))

    async def until(self, condition: Callable[[], Any], seconds: float = 60.0) -> None:
        """Waits for something that a request brings about."""
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        groups = request.headers.getall("Impersonate-Group", [])
        self.seen.append(
            Seen(
                request.method,
                request.path,
                dict(request.query),
                dict(request.headers),
                await request.read(),
                list(groups),
            )
        )
        if not self.script:
            await self._closing.wait()
            return web.Response(status=503)
        answer = self.script.popleft()
        if isinstance(answer, Reply):
            body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            return web.Response(status=answer.status, body=body, headers=answer.headers)
        assert request.transport is not None
        if isinstance(answer, Cut):
            request.transport.abort()
            return web.Response()
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in answer.chunks:
            await response.write(chunk)
        if answer.then == "cut":
            await asyncio.sleep(0.02)  # let the bytes out first
            request.transport.abort()
        elif answer.then == "hang":
            await self._closing.wait()
        return response

    async def close(self) -> None:
        self._closing.set()


@asynccontextmanager
async def scripted() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", endpoint.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield endpoint
    finally:
        await endpoint.close()
        await runner.cleanup()
