"""/healthz, /readyz and /metrics of one operator process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from aiohttp import web

from cotenant.runtime.metrics import Metrics

Proofs = Sequence[Callable[[], list[str]]]


class Life(Protocol):
    """What health is asked of; runtime.manager.Manager is one."""

    def healthy(self) -> bool:
        """The process does what it should."""

    def unsynced(self) -> list[str]:
        """Resources whose first list is missing."""

    def problems(self) -> list[str]:
        """What keeps caches from being true."""


def application(life: Life, metrics: Metrics, proofs: Proofs = ()) -> web.Application:
    """The app; answers are plain text, one line a fact. `proofs` are further reasons not to be ready."""

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n") if life.healthy() else web.Response(status=503, text="stopping\n")

    async def readyz(_: web.Request) -> web.Response:
        missing = [f"not listed yet: {one}" for one in life.unsynced()] + life.problems()
        missing += [problem for proof in proofs for problem in proof()]
        return web.Response(status=503, text="\n".join(missing) + "\n") if missing else web.Response(text="ok\n")

    async def expose(_: web.Request) -> web.Response:
        return web.Response(body=metrics.expose(), headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", expose)])
    return app


async def serve(address: str, life: Life, metrics: Metrics, proofs: Proofs = ()) -> None:
    """Serves on `host:port` until cancelled. Raises OSError if the port is taken."""
    host, _, port = address.rpartition(":")
    runner = web.AppRunner(application(life, metrics, proofs), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
