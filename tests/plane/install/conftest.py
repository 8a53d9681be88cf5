"""An installation on the shared plane, without an operator: policies, roles and rights are what is tried here."""

from __future__ import annotations

import itertools

import pytest

from cotenant.cli.install import install
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.local import LocalControlPlane
from cotenant.render.install import InstallValues

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
async def admin(control_plane):
    client = Client(await Transport.from_kubeconfig(control_plane.kubeconfig))
    yield client
    await client.close()


@pytest.fixture(scope="session")
async def installed(admin):
    return await install(admin, InstallValues())


@pytest.fixture(scope="session")
def narrow():
    """A plane whose API server works on few requests at once, so that a storm of one process fills it. A test may ruin it."""
    flags = ["--max-requests-inflight=6", "--max-mutating-requests-inflight=4"]
    with LocalControlPlane(extra_args={"kube-apiserver": flags}) as plane:
        yield plane


@pytest.fixture(scope="session")
async def operator(control_plane, installed):
    """A client with a token of the operator's own ServiceAccount."""
    path = control_plane.service_account("cotenant-system", "cotenant")
    client = Client(await Transport.from_kubeconfig(path))
    yield client
    await client.close()


@pytest.fixture
async def make_namespace(admin):
    """Makes a namespace of a unique name; a tenant's if one is named."""

    async def make(tenant: str = "", **annotations: str) -> str:
        name = f"install-{next(_numbers)}"
        metadata = {"name": name, "labels": {"cotenant.dev/tenant": tenant} if tenant else {}}
        metadata["annotations"] = {f"cotenant.dev/{key}": value for key, value in annotations.items()}
        await admin.create(resource.NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        return name

    return make


@pytest.fixture
async def client_of(control_plane):
    """Clients of users by certificate, closed at the end."""
    opened = []

    async def make(user: str, groups=()) -> Client:
        client = Client(await Transport.from_kubeconfig(control_plane.user(user, groups)))
        opened.append(client)
        return client

    yield make
    for client in opened:
        await client.close()
