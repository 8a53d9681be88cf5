from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from cotenant.kube.client import Client
from cotenant.kube.resource import NAMESPACES
from cotenant.kube.transport import Transport
from cotenant.local.handle import Handle


@pytest.fixture
async def admin(control_plane: Handle) -> AsyncIterator[Client]:
    client = Client(await Transport.from_kubeconfig(control_plane.kubeconfig))
    yield client
    await client.close()


@pytest.fixture
async def space(admin: Client) -> str:
    """A namespace of this test's own."""
    name = f"runtime-{uuid.uuid4().hex[:8]}"
    await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name
