from __future__ import annotations

import asyncio

import pytest

from cotenant.kube.client import Client
from cotenant.kube.resource import LEASES, NAMESPACES
from cotenant.runtime import rights
from cotenant.runtime.rights import Right, RightsMissing, require
from endpoint import Cut, Endpoint, Reply, refusal

LIST = Right("list", NAMESPACES)
UPDATE = Right("update", LEASES, "cotenant-system", "cotenant")


def says(allowed: bool) -> Reply:
    return Reply({"status": {"allowed": allowed}}, 201)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rights, "PAUSE", 0.01)


async def test_rights_that_are_there_are_asked_for_once(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(says(True), says(True))

    await require(client, [LIST, UPDATE])

    asked = [seen.json["spec"]["resourceAttributes"] for seen in endpoint.seen]
    assert {"verb": "list", "group": "", "resource": "namespaces", "namespace": "", "name": ""} in asked
    assert {
        "verb": "update",
        "group": "coordination.k8s.io",
        "resource": "leases",
        "namespace": "cotenant-system",
        "name": "cotenant",
    } in asked


async def test_what_stays_refused_ends_it_and_every_right_is_named(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(*[says(False)] * 200)

    with pytest.raises(RightsMissing) as missing:
        await asyncio.wait_for(require(client, [LIST, Right("watch", NAMESPACES), UPDATE], patience=0.1), 60)

    assert str(missing.value) == (
        "the operator's identity lacks rights: list and watch namespaces; "
        "update leases.coordination.k8s.io/cotenant in cotenant-system. They come with: cotenant install"
    )


async def test_a_right_that_comes_in_time_is_no_error(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(says(False), says(False), says(True))

    await asyncio.wait_for(require(client, [LIST], patience=60), 60)


async def test_an_api_server_that_is_away_is_no_refusal(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(says(False), Cut(), Cut(), Cut(), Cut(), Cut(), refusal(500, "InternalError"), says(True))

    await asyncio.wait_for(require(client, [LIST], patience=60), 60)


async def test_where_nobody_may_ask_it_is_not_known_and_nothing_ends(client: Client, endpoint: Endpoint) -> None:
    endpoint.play(refusal(403, "Forbidden", "you may not ask"))

    await require(client, [LIST], patience=0)
