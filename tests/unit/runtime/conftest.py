from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cotenant.kube.client import Client
from endpoint import Endpoint, scripted


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    async with scripted() as found:
        yield found


@pytest.fixture
async def client(endpoint: Endpoint, tmp_path: Path) -> AsyncIterator[Client]:
    found = Client(await endpoint.transport(tmp_path), timeout=2.0)
    yield found
    await found.close()
