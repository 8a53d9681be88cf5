"""A plane of its own: a hole in the roles of a cluster is everybody's."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from cotenant import testing
from cotenant.api import schema
from cotenant.cli.install import served
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden
from cotenant.kube.resource import CRDS, ROLE_BINDINGS, resource_of
from cotenant.kube.transport import Transport
from cotenant.model.platform import Platform
from cotenant.render.install.admission.rights import rights
from cotenant.render.install.admission.rule import manifests
from cotenant.render.install.members import member_roles
from plane.verify.hand import RBAC, Hand, group_subject, manifest


@pytest.fixture(scope="module")
def verify_plane(pytestconfig):
    """A plane of its own: holes in the cluster's roles are everybody's. Nobody else needs it, so it goes with its module."""
    yield from testing._plane(pytestconfig, apiservers=1)


@pytest.fixture(scope="module")
async def admin(verify_plane):
    async with AsyncExitStack() as stack:
        client = Client(await Transport.from_kubeconfig(verify_plane.kubeconfig))
        stack.push_async_callback(client.close)
        for one in (*schema.crds(), *member_roles()):
            await client.apply(CRDS if one["kind"] == "CustomResourceDefinition" else resource_of(one), one)
        await served(client)
        for one in manifests(rights(Platform()), Platform()):
            await client.apply(resource_of(one), one)
        await acts(client)
        yield client


async def acts(client: Client) -> None:
    """Once the policy about bindings refuses: a proof must not begin before."""
    one = Hand(client)
    await one.namespace("policy-canary", {"cotenant.dev/tenant": "canary"})
    await one.bind("policy-canary", "cotenant:owner", [group_subject("canaries")])
    canary = client.as_user("canary", ["canaries"])
    ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cotenant:viewer"}
    stranger = manifest(f"{RBAC}/v1", "RoleBinding", "x", "policy-canary", roleRef=ref)
    async with asyncio.timeout(60):
        while True:
            try:
                await canary.create(ROLE_BINDINGS, stranger | {"subjects": [group_subject("x")]}, dry_run=True)
            except Forbidden as error:
                if "COTENANT-RIGHT-3" in error.message:
                    break
            await asyncio.sleep(0.1)
    await one.undo()


@pytest.fixture
async def hand(admin):
    one = Hand(admin)
    yield one
    await one.undo()
