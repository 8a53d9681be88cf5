"""A plane of its own: a hole in the roles of a cluster is everybody's."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from cotenant import testing
from cotenant.api import schema
from cotenant.cli.install import served
from cotenant.kube.client import Client
from cotenant.kube.resource import CRDS, resource_of
from cotenant.kube.transport import Transport
from cotenant.render.install.members import member_roles
from plane.verify.hand import Hand


@pytest.fixture(scope="session")
def verify_plane(pytestconfig):
    """A plane of its own: holes in the cluster's roles are everybody's."""
    yield from testing._plane(pytestconfig, apiservers=1)


@pytest.fixture(scope="session")
async def admin(verify_plane):
    async with AsyncExitStack() as stack:
        client = Client(await Transport.from_kubeconfig(verify_plane.kubeconfig))
        stack.push_async_callback(client.close)
        for manifest in (*schema.crds(), *member_roles()):
            await client.apply(
                CRDS if manifest["kind"] == "CustomResourceDefinition" else resource_of(manifest), manifest
            )
        await served(client)
        yield client


@pytest.fixture
async def hand(admin):
    one = Hand(admin)
    yield one
    await one.undo()
