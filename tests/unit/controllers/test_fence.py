"""What the rehearsals of quota policies say aloud."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from aiohttp import web

from cotenant.controllers.fence import ODDS, OFTEN, Fence, StrictFence, connections
from cotenant.kube.client import Client
from cotenant.kube.errors import Conflict, Forbidden
from cotenant.kube.resource import RESOURCE_QUOTAS
from cotenant.model.pool import strict
from endpoint import Endpoint
from unit.controllers.play import Play


class Busy:
    """An API server where somebody is charged between every read and write."""

    answer: Exception = Conflict(409, "Conflict", "the object has been modified")

    def __init__(self, there: Any) -> None:
        self.there = there

    def apart(self) -> Busy:
        return self

    async def close(self) -> None:
        pass

    async def raw(self, *_: Any) -> tuple[int, bytes]:
        return 403, b"not yours"

    async def get(self, *_: Any, **__: Any) -> Any:
        return self.there

    async def create(self, *_: Any, **__: Any) -> Any:
        raise Forbidden(403, "Forbidden", "cotenant-quota-first: no quota yet")

    async def replace(self, *_: Any, **__: Any) -> Any:
        raise self.answer


async def test_a_trial_that_is_lost_to_a_charge_is_no_news_unless_it_always_is(play: Play) -> None:
    await play.opened()
    there = play.world.quotas.get("home-red", "cotenant")
    assert there is not None
    server: Any = Busy(there)
    fence = Fence(server, play.world, lambda: None)
    levels = []
    for _ in range(OFTEN):
        with structlog.testing.capture_logs() as logs:
            assert await fence.look((there,)) is False
        levels.append(logs[-1]["log_level"])
    assert levels == ["debug"] * (OFTEN - 1) + ["warning"]
    assert play.world.fenced is None

    fence.client.answer = Forbidden(403, "Forbidden", "COTENANT-QUOTA-1: more than the limit")  # type: ignore[attr-defined]  # it is the server above
    assert await fence.look((there,)) is True
    assert fence.lost == 0


class Balancer:
    """An address behind which there are API servers: each new connection goes to the next, and stays there."""

    def __init__(self, there: dict[str, Any], servers: int = 2) -> None:
        self.there, self.servers = there, servers
        self.lawless: set[int] = set()
        self.words = "COTENANT-QUOTA-1: more than the limit"
        self.anonymous = False
        self.connections: list[Any] = []
        self.answered: Counter[int] = Counter()

    async def handle(self, request: web.Request) -> web.Response:
        if request.transport not in self.connections:
            self.connections.append(request.transport)
        at = self.connections.index(request.transport)
        server = at % self.servers
        self.answered[at] += 1
        if request.path == "/api":
            address = [] if self.anonymous else [{"clientCIDR": "0.0.0.0/0", "serverAddress": f"10.0.0.{server}:443"}]
            return web.json_response({"kind": "APIVersions", "serverAddressByClientCIDRs": address})
        if request.method == "GET":
            return web.json_response(self.there)
        assert request.query["dryRun"] == "All"
        if server in self.lawless:
            return web.json_response(self.there)
        words = "cotenant-quota-first" if request.method == "POST" else self.words
        return web.json_response({"kind": "Status", "code": 403, "reason": "Forbidden", "message": words}, status=403)

    def fresh(self, warm: int) -> list[int]:
        """How many requests each connection carried that was made after so many."""
        return [count for at, count in self.answered.items() if at >= warm]


@pytest.fixture
async def balancer(play: Play, tmp_path: Path) -> AsyncIterator[tuple[Balancer, Fence]]:
    await play.opened(quota={"hard": {"pods": 8}})
    there = play.cluster.there("ResourceQuota", "cotenant", "home-red")
    found = Balancer({"apiVersion": "v1"} | there)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    endpoint = Endpoint()
    endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = Client(await endpoint.transport(tmp_path))
    # Connections that are there already, and would all be used again.
    await asyncio.gather(*(client.get(RESOURCE_QUOTAS, "cotenant", "home-red") for _ in range(3)))
    yield found, Fence(client, play.world, lambda: told.append(play.world.fenced))
    told.clear()
    await client.close()
    await runner.cleanup()


told: list[bool | None] = []


async def test_one_api_server_that_lets_through_what_the_others_refuse_keeps_every_space_shut(
    play: Play, balancer: tuple[Balancer, Fence]
) -> None:
    served, fence = balancer
    served.lawless = {1}
    home = play.world.quotas.get("home-red", "cotenant")
    assert home is not None
    warm = len(served.connections)

    assert await fence.look((home,)) is False
    assert (play.world.fenced, play.world.unfenced, told) == (False, ("10.0.0.1:443",), [False])
    play.space("late")
    for what, key in (("space", "home-red/late"), ("quota", "red-late")):
        await play.one(what, key)
    play.counts("red-late")
    await play.one("ledger", "red")
    play.wait(60)
    await play.one("space", "home-red/late")
    await play.one("tenant", "red")
    assert play.bindings("red-late") == {}
    assert "not in force on API server 10.0.0.1:443; if it stays" in play.ready(name="late")["message"]
    found = play.condition("Tenant", "red", "QuotaSynced")
    assert (found["status"], found["reason"]) == ("False", "QuotaNotStrict")
    assert "were not seen to act on API server 10.0.0.1:443: no new space is opened" in found["message"]
    assert "ValidatingAdmissionPolicy is off there" in found["message"]

    served.lawless = set()
    assert await fence.look((home,)) is True
    assert (play.world.unfenced, told) == ((), [False, True])
    await play.settle()
    assert play.bindings("red-late") != {}
    # Who it is, what there is and both rehearsals, over connections that nothing else used.
    assert served.fresh(warm) == [4] * (connections(1) + connections(2))


@pytest.mark.parametrize("servers", [1, 2, 3, 5])
async def test_the_more_api_servers_are_seen_the_more_connections_are_made(
    balancer: tuple[Balancer, Fence], servers: int
) -> None:
    served, fence = balancer
    served.servers = servers
    home, warm = fence.world.quotas.get("home-red", "cotenant"), len(served.connections)
    assert home is not None
    assert await fence.look((home,)) is True
    made = len(served.fresh(warm))
    assert made == connections(servers)
    # One more that answers as often as each of them would not have been missed.
    assert (servers / (servers + 1)) ** made <= 1 / ODDS


async def test_api_servers_that_do_not_say_who_they_are_are_tried_like_one(balancer: tuple[Balancer, Fence]) -> None:
    served, fence = balancer
    served.anonymous = True
    home, warm = fence.world.quotas.get("home-red", "cotenant"), len(served.connections)
    assert home is not None
    assert await fence.look((home,)) is True
    assert len(served.fresh(warm)) == connections(1)
    served.lawless = {0}
    assert await fence.look((home,)) is False
    assert fence.world.unfenced == ()


async def test_which_api_servers_let_through_is_remembered_until_they_refuse(balancer: tuple[Balancer, Fence]) -> None:
    served, fence = balancer
    served.servers, served.lawless = 3, {1, 2}
    home = fence.world.quotas.get("home-red", "cotenant")
    assert home is not None
    assert await fence.look((home,)) is False
    assert fence.world.unfenced == ("10.0.0.1:443", "10.0.0.2:443")
    served.lawless = {1}
    assert await fence.look((home,)) is False
    assert fence.world.unfenced == ("10.0.0.1:443",)
    # It is not met any more, and nobody knows of it: what is not proven stays.
    served.servers, served.lawless, served.anonymous = 1, {0}, True
    assert await fence.look((home,)) is False
    assert fence.world.unfenced == ("10.0.0.1:443",)


async def test_strict_accounting_is_tried_over_as_many_connections(
    play: Play, balancer: tuple[Balancer, Fence]
) -> None:
    served, fence = balancer
    home, warm = play.world.quotas.get("home-red", "cotenant"), len(served.connections)
    assert home is not None
    strict = StrictFence(fence.client, play.world, lambda: None)
    served.words, served.lawless = "COTENANT-STRICT-1: somebody wrote", {1}
    assert await strict.look((home,)) is False
    assert (play.world.strict, play.world.unstrict) == (False, ("10.0.0.1:443",))
    served.lawless = set()
    assert await strict.look((home,)) is True
    assert (play.world.strict, play.world.unstrict) == (True, ())
    assert served.fresh(warm) == [3] * (connections(1) + connections(2))


async def test_the_policies_are_tried_again_at_once_when_they_have_changed_and_not_for_a_space(
    play: Play, balancer: tuple[Balancer, Fence]
) -> None:
    served, fence = balancer
    running = asyncio.create_task(fence.run())
    fence.there.set()

    async def until(fact: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not fact():
                await asyncio.sleep(0.01)

    try:
        await until(lambda: told == [True])
        asked = sum(served.answered.values())
        play.space("more")
        await play.settle()
        assert sum(served.answered.values()) == asked
        served.lawless = {0, 1}
        fence.again()
        await until(lambda: told == [True, False])
    finally:
        running.cancel()


async def test_each_way_of_counting_is_tried_as_each_has_a_binding_of_its_own(play: Play) -> None:
    await play.opened()
    world, server = play.world, cast(Any, play.cluster)
    for name in ("blue", "green"):
        play.tenant(name, quota={"accounting": "native"})
        for what, key in (("tenant", name), ("quota", f"home-{name}")):
            await play.one(what, key)
    strictly, natively = sorted(Fence(server, world, lambda: None).examples(), key=lambda one: not strict(one))
    assert strictly.metadata.namespace == "home-red"
    assert natively.metadata.namespace in {"home-blue", "home-green"}
    (alone,) = StrictFence(server, world, lambda: None).examples()
    assert strict(alone)
