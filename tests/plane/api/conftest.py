"""Our kinds on the shared plane, applied from the types."""

from __future__ import annotations

import pytest

from cotenant.api.schema import crds
from cotenant.cli.install import served
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport


@pytest.fixture(scope="session")
async def api(control_plane):
    """An administrator's client, on a plane that serves our kinds."""
    client = Client(await Transport.from_kubeconfig(control_plane.kubeconfig))
    for crd in crds():
        await client.apply(resource.CRDS, crd, manager="cotenant-install")
    await served(client)
    yield client
    await client.close()
