"""The nine lines of the reflector contract, played by a scripted endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
import structlog

from cotenant.api.builtin import Namespace
from cotenant.kube.client import Client
from cotenant.kube.resource import NAMESPACES
from cotenant.runtime import reflector as module
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.reflector import Reflector
from cotenant.runtime.store import Store
from endpoint import Endpoint, Reply, Stream, event, listing, namespace, refusal, status


class Watched:
    """A running reflector, its store, and what its subscribers heard."""

    def __init__(self, client: Client, **options: Any) -> None:
        self.store: Store[Namespace] = Store()
        self.heard: list[str] = []
        self.store.subscribe(
            lambda change: self.heard.append(
                f"{'+' if change.old is None else '-' if change.new is None else '~'}{change.current.metadata.name}"
            )
        )
        self.metrics = Metrics()
        if "decode" not in options:
            options["type"] = Namespace
        self.reflector = Reflector(client, NAMESPACES, store=self.store, metrics=self.metrics, **options)

    @property
    def names(self) -> str:
        return "".join(sorted(item.metadata.name for item in self.store.items()))


@asynccontextmanager
async def running(client: Client, **options: Any) -> AsyncIterator[Watched]:
    watched = Watched(client, **options)
    task = asyncio.create_task(watched.reflector.run())
    try:
        yield watched
        assert not task.done(), "a reflector never gives up"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


HANG = Stream(then="hang")


def watches(endpoint: Endpoint) -> list[dict[str, str]]:
    return [each.query for each in endpoint.seen if each.query.get("watch")]


def lists(endpoint: Endpoint) -> list[dict[str, str]]:
    return [each.query for each in endpoint.seen if not each.query.get("watch")]


async def test_1_it_lists_in_pages_of_500(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(listing("5", namespace("a"), more="next"), listing("5", namespace("b")), HANG)
    async with running(client, labels="x=y") as watched:
        await watched.reflector.wait_synced()
        await endpoint.until(lambda: watches(endpoint))

    assert watched.names == "ab"
    assert [(q["limit"], q.get("continue"), q["labelSelector"]) for q in lists(endpoint)] == [
        ("500", None, "x=y"),
        ("500", "next", "x=y"),
    ]


async def test_1_a_410_in_mid_list_begins_the_list_again(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(
        listing("5", namespace("a"), namespace("gone"), more="next"),
        refusal(410, "Expired"),
        listing("9", namespace("a"), namespace("b")),
        HANG,
    )
    async with running(client) as watched:
        await watched.reflector.wait_synced()
        await endpoint.until(lambda: watches(endpoint))

    assert watched.names == "ab"
    assert watches(endpoint)[0]["resourceVersion"] == "9"


async def test_1_a_list_by_watch_ends_with_its_bookmark(client: Client, endpoint: Endpoint) -> None:
    end = namespace("", "8")
    end["metadata"]["annotations"] = {"k8s.io/initial-events-end": "true"}
    endpoint.play(
        Stream((event("ADDED", namespace("a")), event("ADDED", namespace("b"))), then="cut"),
        Stream((event("ADDED", namespace("b")), event("BOOKMARK", end)), then="hang"),
        HANG,
    )
    async with running(client, streaming=True) as watched:
        await watched.reflector.wait_synced()
        await endpoint.until(lambda: len(endpoint.seen) == 3)

    assert watched.names == "b"
    assert watched.heard == ["+a", "+b", "-a"]
    first, _, last = watches(endpoint)
    assert (first["sendInitialEvents"], first["resourceVersionMatch"]) == ("true", "NotOlderThan")
    assert "resourceVersion" not in first
    assert last["resourceVersion"] == "8"
    assert "sendInitialEvents" not in last


@pytest.mark.parametrize("code", [400, 422])
async def test_1_a_server_without_list_by_watch_gets_pages(client: Client, endpoint: Endpoint, code: int) -> None:
    endpoint.play(refusal(code, "Invalid"), listing("5", namespace("a")), HANG)
    async with running(client, streaming=True) as watched:
        await watched.reflector.wait_synced()

    assert watched.names == "a"


async def test_2_it_watches_from_there_with_bookmarks_and_a_random_end(client: Client, endpoint: Endpoint) -> None:
    ends = [Stream((event("BOOKMARK", namespace("", str(n))),)) for n in range(6, 16)]
    endpoint.play(listing("5"), *ends, HANG)
    async with running(client):
        await endpoint.until(lambda: len(watches(endpoint)) == 11)

    seconds = {int(query["timeoutSeconds"]) for query in watches(endpoint)}
    assert watches(endpoint)[0]["resourceVersion"] == "5"
    assert {query["allowWatchBookmarks"] for query in watches(endpoint)} == {"true"}
    assert len(seconds) > 1
    assert all(290 <= each <= 590 for each in seconds)


async def test_3_after_a_clean_end_it_resumes_from_the_last_event_or_bookmark(
    client: Client, endpoint: Endpoint
) -> None:
    endpoint.play(
        listing("5"),
        Stream((event("ADDED", namespace("a", "6")), event("MODIFIED", namespace("a", "7")))),
        Stream((event("BOOKMARK", namespace("", "20")),)),
        Stream((event("DELETED", namespace("a", "21")),)),
        HANG,
    )
    async with running(client) as watched:
        await endpoint.until(lambda: len(watches(endpoint)) == 4)

    assert [query["resourceVersion"] for query in watches(endpoint)] == ["5", "7", "20", "21"]
    assert watched.heard == ["+a", "~a", "-a"]
    assert len(lists(endpoint)) == 1


@pytest.mark.parametrize(
    "gone", [Stream((event("ERROR", status(410, "Expired")),)), refusal(410, "Expired")], ids=["event", "status"]
)
async def test_4_a_410_relists_and_deletes_what_vanished(
    client: Client, endpoint: Endpoint, gone: Reply | Stream
) -> None:
    endpoint.play(
        listing("5", namespace("a"), namespace("b")), gone, listing("9", namespace("b"), namespace("c")), HANG
    )
    async with running(client) as watched:
        await endpoint.until(lambda: len(watches(endpoint)) == 2)

    assert watched.names == "bc"
    assert watched.heard == ["+a", "+b", "+c", "-a"]
    assert watches(endpoint)[1]["resourceVersion"] == "9"


async def test_5_it_lives_through_any_refusal_and_says_so(
    client: Client, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_FIRST", 0.02)
    client.timeout = 0.05  # the client's own retries are not the subject
    endpoint.play(refusal(403, "Forbidden", "cannot list"), refusal(404, "NotFound"), refusal(500, "InternalError"))
    async with running(client) as watched:
        await endpoint.until(lambda: watched.reflector.last_error)
        assert watched.reflector.last_error == "Forbidden: cannot list"
        assert not watched.reflector.healthy
        await endpoint.until(lambda: len(endpoint.seen) == 3)
        endpoint.play(
            listing("5", namespace("a")),
            refusal(403, "Forbidden"),
            Stream((event("ERROR", status(500, "InternalError")),)),
            HANG,
        )
        await endpoint.until(lambda: len(watches(endpoint)) == 3 and watched.reflector.healthy)

    assert watched.names == "a"
    assert watched.reflector.last_error is None
    text = watched.metrics.expose().decode()
    assert 'cotenant_reflector_failures_total{reason="Forbidden",resource="namespaces"} 2.0' in text
    assert [query["resourceVersion"] for query in watches(endpoint)] == ["5", "5", "5"]


async def test_6_a_silent_connection_is_dropped_and_resumed(client: Client, endpoint: Endpoint) -> None:
    assert module.SILENCE == 120.0
    silent = Stream((event("BOOKMARK", namespace("", "8")),), then="hang")
    endpoint.play(listing("5"), silent, HANG)
    async with running(client, silence=0.1) as watched:
        await endpoint.until(lambda: len(watches(endpoint)) >= 2)

    assert watches(endpoint)[1]["resourceVersion"] == "8"
    assert len(lists(endpoint)) == 1
    assert watched.store.synced


async def test_where_no_bookmarks_come_a_watch_ends_before_it_counts_as_silent_and_is_begun_again_without_a_word(
    client: Client, endpoint: Endpoint
) -> None:
    expired = Stream((event("ERROR", status(410, "Expired")),))
    quiet, seen = Stream(()), Stream((event("ADDED", namespace("a", "12")),))
    endpoint.play(listing("5"), seen, expired, listing("9", namespace("b")), quiet, HANG)
    with structlog.testing.capture_logs() as said:
        async with running(client, bookmarks=False) as watched:
            await endpoint.until(lambda: len(watches(endpoint)) == 4)
            assert watched.reflector.healthy

    assert all(int(query["timeoutSeconds"]) < module.SILENCE for query in watches(endpoint))
    assert [query["resourceVersion"] for query in watches(endpoint)] == ["5", "12", "9", "9"]
    assert watched.names == "b"
    assert "watch broken" not in [one["event"] for one in said]


async def test_7_a_line_of_many_megabytes_is_a_line(client: Client, endpoint: Endpoint) -> None:
    large = namespace("a", "6", note="x" * 8_000_000)
    endpoint.play(listing("5"), Stream((event("ADDED", large), event("ADDED", namespace("b", "7"))), then="hang"))
    async with running(client) as watched:
        await endpoint.until(lambda: watched.names == "ab")

    assert len(watched.store.get(None, "a").metadata.labels["note"]) == 8_000_000


@pytest.mark.parametrize("then", ["end", "cut"])
async def test_7_a_truncated_last_line_is_a_disconnect(client: Client, endpoint: Endpoint, then: str) -> None:
    line = event("ADDED", namespace("b", "7"))
    endpoint.play(
        listing("5"),
        Stream((event("ADDED", namespace("a", "6")), line[:-20]), then=then),
        Stream((line,), then="hang"),
    )
    async with running(client) as watched:
        await endpoint.until(lambda: watched.names == "ab")

    assert watches(endpoint)[1]["resourceVersion"] == "6"
    assert watched.reflector.quarantined == {}


async def test_7_garbage_that_comes_again_at_one_place_means_a_new_list(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(listing("5"), Stream((b"<html>\n",)), listing("9", namespace("a")), HANG)
    async with running(client) as watched:
        await endpoint.until(lambda: watched.names == "a" and len(watches(endpoint)) == 2)


async def test_8_another_uid_under_one_name_is_a_replacement(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(
        listing("5", namespace("a", "1", "first")), refusal(410, "Gone"), listing("9", namespace("a", "8", "second"))
    )
    async with running(client) as watched:
        await endpoint.until(lambda: len(watched.heard) == 3)

    assert watched.heard == ["+a", "-a", "+a"]


async def test_9_an_object_that_cannot_be_decoded_is_set_aside_and_the_stream_goes_on(
    client: Client, endpoint: Endpoint
) -> None:
    told: list[str] = []
    bad = namespace("bad", "6")
    bad["status"] = {"phase": 7}
    worse = {"metadata": {"name": 7}}
    endpoint.play(
        listing("5", namespace("bad", "3"), bad),
        Stream(
            (event("MODIFIED", bad), event("ADDED", worse), event("ADDED", namespace("a", "7"))),
        ),
        HANG,
    )
    async with running(client, on_quarantine=lambda key, _: told.append(key)) as watched:
        await endpoint.until(lambda: watched.names == "abad")
        await endpoint.until(lambda: len(watches(endpoint)) == 2)
        assert set(watched.reflector.quarantined) == {"bad", "?"}
        assert told == ["bad", "?"]
        assert watches(endpoint)[1]["resourceVersion"] == "7"
        gauge = 'cotenant_reflector_quarantined{resource="namespaces"} 2.0'
        assert gauge in watched.metrics.expose().decode()
    assert watched.heard == ["+bad", "+a"], "the last good version stays: an object that changed is not one deleted"


async def test_9_a_set_aside_object_comes_back_when_it_is_mended_or_leaves_when_deleted(
    client: Client, endpoint: Endpoint
) -> None:
    def bad(name: str) -> dict[str, Any]:
        return namespace(name, "6") | {"status": {"phase": 7}}

    endpoint.play(
        listing("5", bad("a"), bad("b")),
        Stream((event("MODIFIED", namespace("a", "7")), event("DELETED", bad("b"))), then="hang"),
    )
    async with running(client) as watched:
        await endpoint.until(lambda: watched.names == "a")
        await endpoint.until(lambda: not watched.reflector.quarantined)


async def test_a_decoder_gets_the_bytes_of_one_object_and_may_fail_as_it_likes(
    client: Client, endpoint: Endpoint
) -> None:
    def decode(raw: bytes) -> Namespace:
        assert isinstance(raw, bytes)
        if json.loads(raw)["metadata"]["name"] == "odd":
            raise ZeroDivisionError
        return msgspec.json.decode(raw, type=Namespace)

    endpoint.play(listing("5", namespace("a"), namespace("odd")), HANG)
    async with running(client, decode=decode) as watched:
        await watched.reflector.wait_synced()

    assert watched.names == "a"
    assert watched.reflector.quarantined == {"odd": "ZeroDivisionError: "}


async def test_an_unchanged_object_in_a_relist_wakes_nobody(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(listing("5", namespace("a")), refusal(410, "Gone"), listing("9", namespace("a")), HANG)
    async with running(client) as watched:
        await endpoint.until(lambda: len(watches(endpoint)) == 2)

    assert watched.heard == ["+a"]


class Failing:
    """A client whose watches fail at once, after a list that works; notes when."""

    def __init__(self, error: Callable[[], Exception], lists: bool) -> None:
        self.error, self.lists, self.times = error, lists, []

    async def pages(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        if not self.lists:
            self._fail()
        yield msgspec.json.decode(b'{"metadata":{"resource_version":"1"}}', type=_Page)

    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[list[bytes]]:
        self._fail()
        yield []

    def _fail(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        raise self.error()


class _Meta(msgspec.Struct):
    resource_version: str


class _Page(msgspec.Struct):
    metadata: _Meta
    items: list[Any] | None = None


@pytest.mark.looptime
@pytest.mark.asyncio(loop_scope="function")
@pytest.mark.parametrize("listed", [True, False], ids=["watch", "list"])
@pytest.mark.parametrize("kind", ["Forbidden", "Gone", "Unavailable", "RuntimeError"])
async def test_5_it_backs_off_from_0_2_to_30_seconds(kind: str, listed: bool) -> None:
    from cotenant.kube import errors

    def error() -> Exception:
        return RuntimeError() if kind == "RuntimeError" else getattr(errors, kind)(0, kind, "no")

    client = Failing(error, listed)
    with structlog.testing.capture_logs():
        async with running(client):
            await asyncio.sleep(600)

    waits = [b - a for a, b in pairwise(client.times)]
    assert 0.1 <= waits[0] <= 0.2
    assert 0.2 <= waits[1] <= 0.4
    assert all(15 <= wait <= 30 for wait in waits[8:])
    assert len(waits) < 50


@pytest.mark.looptime
@pytest.mark.asyncio(loop_scope="function")
async def test_5_it_waits_as_long_as_the_server_asks() -> None:
    from cotenant.kube.errors import TooManyRequests

    client = Failing(lambda: TooManyRequests(429, "TooManyRequests", "later", retry_after=45.0), lists=True)
    async with running(client):
        await asyncio.sleep(100)

    assert [round(time) for time in client.times] == [0, 45, 90]
