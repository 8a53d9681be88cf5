from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cloud import NODES
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.kube.transport import Transport
from cotenant.local.handle import Handle
from cotenant.model.iam import awsauth, history


@pytest.fixture
async def admin(control_plane: Handle) -> AsyncIterator[Client]:
    client = Client(await Transport.from_kubeconfig(control_plane.kubeconfig))
    yield client
    await client.close()


@pytest.fixture
async def aws_auth(admin: Client) -> AsyncIterator[Client]:
    """A cluster with the aws-auth that a managed node group made."""
    await clear(admin)
    metadata = {"name": awsauth.NAME, "namespace": awsauth.NAMESPACE}
    data = {"mapRoles": NODES}
    await admin.create(CONFIG_MAPS, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
    yield admin
    await clear(admin)


async def clear(admin: Client) -> None:
    for name in (awsauth.NAME, history.NAME):
        try:
            await admin.delete(CONFIG_MAPS, name, awsauth.NAMESPACE)
        except NotFound:
            continue
