from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cotenant.runtime.metrics import Metrics
from cotenant.serve.health import application, serve


class Life:
    """As healthy as the test says."""

    def __init__(self) -> None:
        self.well, self.missing, self.trouble = True, list[str](), list[str]()

    def healthy(self) -> bool:
        return self.well

    def unsynced(self) -> list[str]:
        return self.missing

    def problems(self) -> list[str]:
        return self.trouble


async def asked(life: Life, path: str) -> tuple[int, str]:
    async with TestClient(TestServer(application(life, Metrics()))) as client, client.get(path) as answer:
        return answer.status, await answer.text()


async def test_a_process_that_works_is_healthy_and_one_that_stops_is_not() -> None:
    life = Life()
    assert await asked(life, "/healthz") == (200, "ok\n")
    life.well = False
    assert (await asked(life, "/healthz"))[0] == 503


async def test_ready_means_every_cache_is_filled_and_true() -> None:
    life = Life()
    assert await asked(life, "/readyz") == (200, "ok\n")
    life.missing, life.trouble = ["spaces.cotenant.dev"], ["namespaces: no watch for 40 s"]
    assert await asked(life, "/readyz") == (
        503,
        "not listed yet: spaces.cotenant.dev\nnamespaces: no watch for 40 s\n",
    )


async def test_ready_means_that_the_policies_are_proven_too() -> None:
    proofs = [lambda: ["the policy cotenant-leash is not in force"], list]
    async with TestClient(TestServer(application(Life(), Metrics(), proofs))) as client:
        async with client.get("/readyz") as answer:
            assert (answer.status, await answer.text()) == (503, "the policy cotenant-leash is not in force\n")


async def test_metrics_are_in_the_text_format_of_prometheus() -> None:
    status, text = await asked(Life(), "/metrics")
    assert status == 200
    assert "# TYPE " in text


async def test_it_serves_until_it_is_cancelled_and_frees_the_port() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for _ in range(2):
        task = asyncio.create_task(serve(f"127.0.0.1:{port}", Life(), Metrics()))
        for _ in range(200):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            await serve(f"127.0.0.1:{taken.getsockname()[1]}", Life(), Metrics())
