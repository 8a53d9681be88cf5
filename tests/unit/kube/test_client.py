from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from cotenant.api.builtin import Namespace
from cotenant.kube import errors
from cotenant.kube.client import Client
from cotenant.kube.resource import NAMESPACES, PODS, SERVICE_ACCOUNTS, SPACES
from endpoint import Cut, Endpoint, Reply, Stream, listing, namespace, refusal


async def test_an_answer_is_decoded_into_the_type_asked_for(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(Reply(namespace("a", "7", team="x")), Reply(namespace("a")))

    typed = await client.get(NAMESPACES, "a", type=Namespace)
    plain = await client.get(NAMESPACES, "a")

    assert (typed.metadata.name, typed.metadata.resource_version, typed.metadata.labels) == ("a", "7", {"team": "x"})
    assert plain["metadata"]["name"] == "a"


async def test_every_request_says_who_it_is(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(Reply())
    await client.version()

    headers = endpoint.seen[0].headers
    assert headers["Authorization"] == "Bearer a-token"
    assert headers["User-Agent"] == "cotenant"
    assert headers["Accept-Encoding"] == "identity"


async def test_impersonation_is_a_header_of_that_client_alone(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(Reply(), Reply())
    await client.as_user("bob", ["a", "b"], extra={"Example.com/x": ["1"]}, uid="u").version()
    await client.version()

    first, second = endpoint.seen
    assert first.headers["Impersonate-User"] == "bob"
    assert first.groups == ["a", "b"]
    assert first.headers["Impersonate-Uid"] == "u"
    assert first.headers["Impersonate-Extra-example.com%2fx"] == "1"
    assert "Impersonate-User" not in second.headers


async def test_a_list_goes_through_all_pages(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(listing("9", namespace("a"), namespace("b"), more="t"), listing("9", namespace("c")))

    found = await client.list(NAMESPACES, labels="x=y", fields="metadata.name!=z", limit=2)

    assert [item["metadata"]["name"] for item in found.items] == ["a", "b", "c"]
    assert found.resource_version == "9"
    assert found.items[0]["kind"] == "Namespace"
    assert endpoint.seen[0].query == {"limit": "2", "labelSelector": "x=y", "fieldSelector": "metadata.name!=z"}
    assert endpoint.seen[1].query["continue"] == "t"


async def test_a_list_whose_place_was_forgotten_begins_again(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(
        listing("9", namespace("a"), more="t"), refusal(410, "Expired"), listing("12", namespace("b")), listing("1")
    )

    found = await client.list(NAMESPACES, type=Namespace)

    assert [item.metadata.name for item in found.items] == ["b"]
    assert found.resource_version == "12"


@pytest.mark.parametrize("items", [b'"items":null', b'"items":[]'])
async def test_an_empty_list_may_be_null(client: Client, endpoint: Endpoint, items: bytes) -> None:
    endpoint.play(Reply(b'{"metadata":{"resourceVersion":"3"},' + items + b"}"))

    assert (await client.list(NAMESPACES)).items == []


async def test_each_verb_sends_what_the_api_wants(client: Client, endpoint: Endpoint) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}}
    endpoint.play(*(Reply() for _ in range(7)))
    await client.create(PODS, pod, dry_run=True)
    await client.create(SERVICE_ACCOUNTS, {"spec": {}}, "n", name="sa", subresource="token")
    await client.replace(PODS, pod, manager="m")
    await client.apply(PODS, pod, subresource="status", strict=True)
    await client.apply(PODS, pod, force=False)
    await client.merge(PODS, "p", {"metadata": {"labels": {"a": None}}}, "n")
    await client.delete(PODS, "p", "n", uid="u", resource_version="5", propagation="Background", dry_run=True, grace=0)

    said = [(each.method, each.path, each.headers["Content-Type"], each.query) for each in endpoint.seen]
    base, ours = "/api/v1/namespaces/n/pods", {"fieldManager": "cotenant"}
    apply, merge, json = "application/apply-patch+yaml", "application/merge-patch+json", "application/json"
    assert said == [
        ("POST", base, json, ours | {"dryRun": "All"}),
        ("POST", "/api/v1/namespaces/n/serviceaccounts/sa/token", json, ours),
        ("PUT", f"{base}/p", json, {"fieldManager": "m"}),
        ("PATCH", f"{base}/p/status", apply, ours | {"fieldValidation": "Strict", "force": "true"}),
        ("PATCH", f"{base}/p", apply, ours),
        ("PATCH", f"{base}/p", merge, ours),
        ("DELETE", f"{base}/p", json, {}),
    ]
    assert endpoint.seen[5].json == {"metadata": {"labels": {"a": None}}}
    assert endpoint.seen[6].json == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": "u", "resourceVersion": "5"},
        "propagationPolicy": "Background",
        "gracePeriodSeconds": 0,
        "dryRun": ["All"],
    }


async def test_a_struct_is_a_body_too(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(Reply())
    await client.replace(NAMESPACES, msgspec.convert(namespace("a", "4"), Namespace))

    assert endpoint.seen[0].path == "/api/v1/namespaces/a"
    assert endpoint.seen[0].json["metadata"]["resourceVersion"] == "4"


async def test_a_refusal_is_a_typed_error(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(refusal(403, "Forbidden", "exceeded quota"))

    with pytest.raises(errors.Forbidden, match="exceeded quota"):
        await client.create(PODS, {"metadata": {"namespace": "n"}})
    assert len(endpoint.seen) == 1


@pytest.mark.parametrize("trouble", [refusal(503, ""), refusal(429, "TooManyRequests"), Cut()])
async def test_a_harmless_verb_is_tried_again(client: Client, endpoint: Endpoint, trouble: Reply | Cut) -> None:
    endpoint.play(trouble, Reply({"gitVersion": "v1"}))

    assert await client.version() == {"gitVersion": "v1"}


async def test_a_create_is_tried_again_only_when_nothing_can_have_happened(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(refusal(429, "TooManyRequests"), Reply(), refusal(503, ""), Cut())
    body = {"metadata": {"namespace": "n"}}

    await client.create(PODS, body)
    with pytest.raises(errors.Unavailable):
        await client.create(PODS, body)
    with pytest.raises(errors.Unavailable):
        await client.create(PODS, body)
    assert len(endpoint.seen) == 4


async def test_an_internal_error_is_repeated_only_if_the_server_says_when(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(refusal(500, "InternalError"))
    with pytest.raises(errors.Unavailable):
        await client.version()

    endpoint.play(Reply(b"{}", 500, {"Retry-After": "1"}), Reply({"ok": 1}))
    before = asyncio.get_running_loop().time()
    assert await client.version() == {"ok": 1}
    assert asyncio.get_running_loop().time() - before >= 1.0


async def test_a_wait_beyond_the_deadline_is_not_begun(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(Reply(b"{}", 429, {"Retry-After": "60"}))

    with pytest.raises(errors.TooManyRequests) as caught:
        await client.version()
    assert caught.value.retry_after == 60.0


async def test_a_silent_server_costs_the_deadline_and_no_more(endpoint: Endpoint, tmp_path: Path) -> None:
    client = Client(await endpoint.transport(tmp_path), timeout=0.2)
    before = asyncio.get_running_loop().time()

    with pytest.raises(errors.Unavailable) as caught:
        await client.version()

    assert caught.value.status == 0
    assert asyncio.get_running_loop().time() - before < 0.5
    await client.close()


async def test_an_unreachable_server_is_unavailable(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.url = "http://127.0.0.1:1"
    client = Client(await endpoint.transport(tmp_path), timeout=0.3)

    with pytest.raises(errors.Unavailable, match="cannot be reached"):
        await client.version()
    await client.close()


async def test_raw_judges_nothing(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(refusal(404, "NotFound"), Reply(b"table"))

    code, _ = await client.raw("GET", "/x", query={"a": "b c"})
    assert code == 404
    assert await client.raw("POST", "/y", body={"k": 1}, content_type="text/x", accept="text/y") == (200, b"table")
    assert endpoint.seen[0].query == {"a": "b c"}
    assert endpoint.seen[1].headers["Content-Type"] == "text/x"
    assert endpoint.seen[1].headers["Accept"] == "text/y"


async def test_the_rate_is_kept_across_clients_of_one_identity(endpoint: Endpoint, tmp_path: Path) -> None:
    client = Client(await endpoint.transport(tmp_path), qps=50, burst=1)
    endpoint.play(*(Reply() for _ in range(6)))
    before = asyncio.get_running_loop().time()

    await asyncio.gather(*(each.version() for each in [client, client.as_user("bob")] * 3))

    assert asyncio.get_running_loop().time() - before >= 0.09
    await client.close()


async def test_warnings_are_handed_on(client: Client, endpoint: Endpoint) -> None:
    said: list[str] = []
    client.on_warning = said.append
    endpoint.play(Reply(b"{}", 200, {"Warning": '299 - "unknown field \\"dta\\""'}))

    await client.version()

    assert said == ['unknown field "dta"']


async def test_every_request_is_observed(client: Client, endpoint: Endpoint) -> None:
    seen: list[tuple[str, int]] = []
    client.observe = lambda method, code, _: seen.append((method, code))
    endpoint.play(refusal(503, ""), Reply())

    await client.version()

    assert seen == [("GET", 503), ("GET", 200)]


async def test_the_guard_stands_before_writes_only(client: Client, endpoint: Endpoint) -> None:
    def refuse() -> None:
        raise PermissionError

    client.guard = refuse
    endpoint.play(Reply())
    await client.version()

    for write in (
        client.create(PODS, {}, "n"),
        client.merge(PODS, "p", {}, "n"),
        client.delete(PODS, "p", "n"),
        client.raw("POST", "/x"),
    ):
        with pytest.raises(PermissionError):
            await write
    assert len(endpoint.seen) == 1


async def test_a_stream_is_cut_into_lines_and_ends_with_the_server(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(Stream((b'{"a":1}\n{"b"', b':2}\n{"cut', b""), then="end"))

    lines = [line async for batch in client.stream(SPACES, query={"resourceVersion": "3"}, idle=5) for line in batch]

    assert lines == [b'{"a":1}', b'{"b":2}']
    assert endpoint.seen[0].query == {"watch": "1", "resourceVersion": "3"}


async def test_a_refused_stream_is_a_typed_error(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(refusal(410, "Expired"))

    with pytest.raises(errors.Gone):
        await anext(client.stream(SPACES, query={}, idle=5))
