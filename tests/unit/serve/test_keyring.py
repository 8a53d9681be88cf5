"""Two replicas keep one Secret and one webhook configuration, on a cluster in a dict with versions."""

from __future__ import annotations

import asyncio
import base64
import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cotenant.kube.errors import Conflict, NotFound
from cotenant.kube.resource import MUTATING_WEBHOOKS, SECRETS, Resource
from cotenant.render.install import InstallValues, assist
from cotenant.serve import certificates
from cotenant.serve.keyring import NAME, Keyring

LIFE = timedelta(days=90)


class Cluster:
    """Secret and configuration as installed; a PUT with an old version is refused."""

    def __init__(self, url: str = "") -> None:
        self.objects: dict[str, Any] = {}
        self.puts: list[str] = []
        self.version = 1
        for one in assist(InstallValues(assist=True, assist_url=url)):
            if one["kind"] in ("Secret", "MutatingWebhookConfiguration"):
                self.objects[one["kind"]] = copy.deepcopy(one) | {"metadata": {"name": NAME, "resourceVersion": "1"}}

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Any:
        await asyncio.sleep(0)
        if resource.kind not in self.objects:
            raise NotFound(404, "NotFound", name)
        return copy.deepcopy(self.objects[resource.kind])

    async def replace(self, resource: Resource, body: Any) -> Any:
        await asyncio.sleep(0)
        there = self.objects[resource.kind]
        if body["metadata"]["resourceVersion"] != there["metadata"]["resourceVersion"]:
            raise Conflict(409, "Conflict", "somebody was faster")
        self.version += 1
        self.puts.append(resource.kind)
        self.objects[resource.kind] = copy.deepcopy(body) | {
            "metadata": {"name": NAME, "resourceVersion": str(self.version)}
        }
        return body

    @property
    def trusted(self) -> bytes:
        return base64.b64decode(self.objects["MutatingWebhookConfiguration"]["webhooks"][0]["clientConfig"]["caBundle"])


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time


def keyring(cluster: Any, clock: Clock) -> Keyring:
    return Keyring(cluster, "cotenant-system", clock, LIFE)


async def settled(ring: Keyring) -> None:
    """A look that may lose to another replica, and then one more."""
    try:
        await ring.look()
    except Conflict:
        await ring.look()


async def test_two_replicas_that_begin_at_once_serve_the_same() -> None:
    cluster, clock = Cluster(), Clock()
    rings = [keyring(cluster, clock) for _ in range(2)]
    await asyncio.gather(*(settled(one) for one in rings))
    assert rings[0].loaded == rings[1].loaded is not None
    assert rings[0].loaded.authority in cluster.trusted
    assert cluster.puts.count("Secret") == 1
    assert rings[0].ready.is_set()


async def test_while_nothing_is_due_nothing_is_written() -> None:
    cluster, clock = Cluster(), Clock()
    ring = keyring(cluster, clock)
    await ring.look()
    cluster.puts.clear()
    for _ in range(50):
        clock.time += timedelta(days=1)
        await ring.look()
    assert cluster.puts == []


async def test_a_change_never_serves_what_is_not_trusted() -> None:
    cluster, clock = Cluster(), Clock()
    rings = [keyring(cluster, clock) for _ in range(2)]
    served = set()
    for _ in range(3000):
        for one in rings:
            await settled(one)
            assert one.loaded is not None
            assert one.loaded.authority in cluster.trusted
            assert one.loaded.expires > clock.time
            served.add(one.loaded.certificate)
        clock.time += timedelta(minutes=4) if cluster.trusted.count(b"BEGIN") == 2 else timedelta(hours=7)
    assert len(served) > 5


async def test_a_bundle_that_somebody_took_away_is_put_back_before_anything_else_changes() -> None:
    cluster, clock = Cluster(), Clock()
    ring = keyring(cluster, clock)
    await ring.look()
    del cluster.objects["MutatingWebhookConfiguration"]["webhooks"][0]["clientConfig"]["caBundle"]
    await ring.look()
    assert ring.loaded is not None
    assert cluster.trusted == ring.loaded.authority


async def test_the_host_of_a_url_is_one_of_its_names() -> None:
    cluster = Cluster("https://127.0.0.1:9443/assist")
    ring = keyring(cluster, Clock())
    await ring.look()
    assert ring.loaded is not None
    assert ring.loaded.names == ("127.0.0.1", "cotenant-assist.cotenant-system.svc")


async def test_without_the_secret_nothing_is_made_up() -> None:
    cluster = Cluster()
    del cluster.objects["Secret"]
    with pytest.raises(NotFound):
        await keyring(cluster, Clock()).look()


async def test_a_secret_in_which_somebody_wrote_anything_is_made_anew() -> None:
    cluster = Cluster()
    cluster.objects["Secret"]["data"] = {"current.key": "%%%", "current.crt": base64.b64encode(b"x").decode()}
    ring = keyring(cluster, Clock())
    await ring.look()
    data = cluster.objects["Secret"]["data"]
    assert certificates.read({key: base64.b64decode(value) for key, value in data.items()}) == (ring.loaded,)


def test_the_names_are_those_of_the_installation() -> None:
    kinds = {(one["kind"], one["metadata"]["name"]) for one in assist(InstallValues(assist=True))}
    assert (SECRETS.kind, NAME) in kinds
    assert (MUTATING_WEBHOOKS.kind, NAME) in kinds
    assert ("Service", NAME) in kinds
