"""Starts candidates, listens to them, and stands on their wire."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

CANDIDATE = Path(__file__).with_name("candidate.py")


class Replica:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.said: list[dict[str, Any]] = []
        self.reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.said.append(json.loads(line))

    def all(self, what: str) -> list[float]:
        return [each["at"] for each in self.said if each["what"] == what]

    async def until(self, what: str, times: int = 1, seconds: float = 120.0) -> float:
        async with asyncio.timeout(seconds):
            while len(self.all(what)) < times:
                assert self.process.returncode is None or self.all(what), f"ended with {self.process.returncode}"
                await asyncio.sleep(0.005)
        return self.all(what)[times - 1]

    def signal(self, number: signal.Signals) -> float:
        self.process.send_signal(number)
        return time.monotonic()

    async def end(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.reading


@asynccontextmanager
async def replica(
    kubeconfig: Path, namespace: str, identity: str, agent: str = "", skew: float = 0.0
) -> AsyncIterator[Replica]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CANDIDATE),
        str(kubeconfig),
        namespace,
        identity,
        agent or f"{namespace}-{identity}",
        str(skew),
        stdout=asyncio.subprocess.PIPE,
    )
    found = Replica(process)
    try:
        yield found
    finally:
        await found.end()


class Wire:
    """A TCP relay to the API server that can fall silent: nothing is closed, nothing gets through, and what was sent
    meanwhile is lost, so that connections of that time stay silent.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._silent = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def silence(self) -> float:
        self._silent = True
        return time.monotonic()

    def restore(self) -> None:
        self._silent = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        for source, sink in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        lost = False
        try:
            while data := await source.read(65_536):
                lost = lost or self._silent
                if not lost:
                    sink.write(data)
                    await sink.drain()
        except ConnectionError:
            pass
        finally:
            sink.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
