"""The reflector contract as far as a real API server serves it; the rest is played in tests/unit/runtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cotenant.api.builtin import Namespace
from cotenant.kube.client import Client
from cotenant.kube.resource import CONFIG_MAPS, CRDS, Resource
from cotenant.local.handle import Handle
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.reflector import Reflector
from cotenant.runtime.store import Store

pytestmark = pytest.mark.cluster


def config(name: str, namespace: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


async def until(condition: Callable[[], Any], seconds: float = 120.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(client: Client, resource: Resource = CONFIG_MAPS, **options: Any) -> AsyncIterator[Any]:
    store: Store[Namespace] = Store()
    reflector = Reflector(client, resource, Namespace, store=store, metrics=Metrics(), **options)
    heard: list[str] = []
    store.subscribe(
        lambda change: heard.append(
            f"{'+' if change.old is None else '-' if change.new is None else '~'}{change.current.metadata.name}"
        )
    )
    reflector.heard = heard
    reflector.names = lambda: {item.metadata.name for item in store.items()} - {"kube-root-ca.crt"}
    task = asyncio.create_task(reflector.run())
    try:
        yield reflector
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("streaming", [False, True], ids=["pages", "watch-list"])
async def test_the_store_follows_the_cluster(admin: Client, space: str, streaming: bool) -> None:
    await asyncio.gather(*(admin.create(CONFIG_MAPS, config(f"c{n}", space)) for n in range(12)))
    async with running(admin, namespace=space, page=5, streaming=streaming) as reflector:
        await asyncio.wait_for(reflector.wait_synced(), 120)
        assert reflector.names() == {f"c{n}" for n in range(12)}

        await admin.create(CONFIG_MAPS, config("new", space))
        await admin.merge(CONFIG_MAPS, "c1", {"data": {"x": "1"}}, space)
        await admin.delete(CONFIG_MAPS, "c2", space)
        await until(lambda: "-c2" in reflector.heard)

    assert reflector.heard[-3:] == ["+new", "~c1", "-c2"]
    assert reflector.healthy


@pytest.mark.parametrize("streaming", [False, True], ids=["pages", "watch-list"])
async def test_what_was_deleted_while_nobody_watched_is_deleted_here_too(
    admin: Client, space: str, streaming: bool
) -> None:
    for name in ("stays", "goes", "changes-place"):
        await admin.create(CONFIG_MAPS, config(name, space))
    async with running(admin, namespace=space, streaming=streaming) as reflector:
        await asyncio.wait_for(reflector.wait_synced(), 120)
    await admin.delete(CONFIG_MAPS, "goes", space)
    await admin.delete(CONFIG_MAPS, "changes-place", space)
    await admin.create(CONFIG_MAPS, config("changes-place", space))
    await admin.create(CONFIG_MAPS, config("comes", space))
    reflector.heard.clear()
    reflector._version = None  # as after a 410, which a server gives only after minutes

    task = asyncio.create_task(reflector.run())
    await until(lambda: len(reflector.heard) == 4)
    task.cancel()

    assert sorted(reflector.heard) == ["+changes-place", "+comes", "-changes-place", "-goes"]


async def test_a_resume_from_a_version_that_was_compacted_relists(
    admin: Client, space: str, control_plane: Handle
) -> None:
    await admin.create(CONFIG_MAPS, config("a", space))
    async with running(admin, namespace=space) as reflector:
        await asyncio.wait_for(reflector.wait_synced(), 120)
    reflector._version = "1"  # older than anything a watch cache holds
    await admin.delete(CONFIG_MAPS, "a", space)

    task = asyncio.create_task(reflector.run())
    await until(lambda: "-a" in reflector.heard)
    task.cancel()


async def test_a_kind_may_be_missing_come_go_and_come_again(admin: Client, space: str) -> None:
    group = f"{space}.example.com"
    things = Resource(group, "v1", "things", "Thing", namespaced=True)
    crd = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
            ],
        },
    }
    thing = {"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "a", "namespace": space}}
    async with running(admin, things) as reflector:
        await until(lambda: reflector.last_error)
        assert "NotFound" in reflector.last_error
        for _ in range(2):
            await admin.create(CRDS, crd)
            await until(lambda: reflector.healthy)
            await admin.create(things, thing)
            await until(lambda: reflector.names() == {"a"})
            await admin.delete(CRDS, crd["metadata"]["name"])
            await until(lambda: not reflector.names())
            await until(lambda: not reflector.healthy)

    assert reflector.heard == ["+a", "-a"] * 2


async def test_rights_may_come_late(admin: Client, space: str) -> None:
    bob = admin.as_user(f"bob-{space}")
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "late", "namespace": space},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"bob-{space}"}],
    }
    from cotenant.kube.resource import ROLE_BINDINGS

    async with running(bob, namespace=space) as reflector:
        await until(lambda: reflector.last_error)
        assert "Forbidden" in reflector.last_error
        await admin.create(ROLE_BINDINGS, binding)
        await asyncio.wait_for(reflector.wait_synced(), 120)

    assert reflector.healthy
    assert reflector.last_error is None
