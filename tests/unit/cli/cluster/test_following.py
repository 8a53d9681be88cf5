"""What -w does at the ends of a watch, against a scripted server."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from cotenant.cli.cluster import following
from cotenant.cli.cluster.following import changes
from cotenant.kube.client import Client
from cotenant.kube.errors import Gone, Unavailable
from cotenant.kube.resource import NAMESPACES
from endpoint import Stream, event, namespace, scripted, status


@pytest.fixture
async def endpoint():
    async with scripted() as found:
        yield found


@pytest.fixture
async def client(endpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(following, "PAUSE", 0.0)
    found = Client(await endpoint.transport(tmp_path), timeout=2.0)
    yield found
    await found.close()


async def test_a_watch_that_the_server_ends_goes_on_where_it_stopped(client, endpoint):
    bookmark = event("BOOKMARK", {"metadata": {"resourceVersion": "9"}})
    endpoint.play(
        Stream((event("ADDED", namespace("a", "6")), bookmark)), Stream((event("DELETED", namespace("b", "12")),))
    )
    seen = []
    async with aclosing(changes(client, NAMESPACES, version="5", labels="x=y")) as found:
        async for one in found:
            seen.append(one["metadata"]["name"])
            if len(seen) == 2:
                break
    assert seen == ["a", "b"]
    assert [one.query["resourceVersion"] for one in endpoint.seen] == ["5", "9"]
    assert endpoint.seen[1].query["labelSelector"] == "x=y"


async def test_a_version_that_the_server_has_forgotten_is_an_error(client, endpoint):
    endpoint.play(Stream((event("ERROR", status(410, "Expired", "too old")),)))
    with pytest.raises(Gone):
        await anext(changes(client, NAMESPACES, version="1"))


async def test_a_lost_connection_is_an_error_and_not_the_end(client, endpoint):
    endpoint.play(Stream((event("ADDED", namespace("a", "6")),), then="cut"))
    found = changes(client, NAMESPACES, version="1")
    assert (await anext(found))["metadata"]["name"] == "a"
    with pytest.raises(Unavailable):
        await anext(found)
