"""Who gives the sign of life, and who rests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cotenant.api.keys import BARRED
from cotenant.kube.errors import NotFound
from cotenant.runtime.heartbeat import Heartbeat


class Server:
    """One Lease, as an API server merges it."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.asked: list[str] = []

    async def get(self, *_: Any) -> dict[str, Any]:
        self.asked.append("get")
        if self.lease is None:
            raise NotFound(404, "NotFound", "no")
        return self.lease

    async def create(self, _: Any, lease: dict[str, Any], __: str) -> dict[str, Any]:
        self.asked.append("create")
        self.lease = lease
        return lease

    async def merge(self, _: Any, __: str, patch: dict[str, Any], ___: str) -> dict[str, Any]:
        self.asked.append("merge")
        if self.lease is None:
            raise NotFound(404, "NotFound", "no")
        notes = {**self.lease["metadata"].get("annotations", {}), **patch.get("metadata", {}).get("annotations", {})}
        self.lease["metadata"]["annotations"] = {key: value for key, value in notes.items() if value is not None}
        self.lease["spec"] = self.lease["spec"] | patch.get("spec", {})
        return self.lease

    @property
    def beats(self) -> str | None:
        """Who renewed it last."""
        assert self.lease
        found: str | None = self.lease["spec"].pop("holderIdentity", None)
        return found


@pytest.fixture
def server() -> Any:
    return Server()


def replica(server: Any, name: str, barred: Any) -> Heartbeat:
    return Heartbeat(server, namespace="n", name="l", identity=name, now=lambda: datetime.now(UTC), barred=barred)


async def test_who_leads_and_may_not_read_rests_and_so_do_the_standbys_until_it_may(server: Any) -> None:
    why = ""
    leader, standby = replica(server, "leader", lambda: why), replica(server, "standby", lambda: None)
    for one in (leader, standby):
        await one.beat()
        assert server.beats == one.identity
    why = "pods"
    await leader.beat()
    assert (server.beats, server.lease["metadata"]["annotations"]) == (None, {BARRED: "pods"})
    # A standby does not know yet: one beat, by whose answer it hears of it.
    await standby.beat()
    assert server.beats == "standby"
    for _ in range(3):
        for one in (leader, standby):
            await one.beat()
            assert server.beats is None
    why = ""
    await leader.beat()
    assert (server.beats, server.lease["metadata"]["annotations"]) == ("leader", {})
    await standby.beat()
    assert server.beats == "standby"


async def test_one_that_was_never_alive_makes_no_fresh_lease(server: Any) -> None:
    await replica(server, "leader", lambda: "pods").beat()
    assert server.lease["spec"] == {}
    assert server.lease["metadata"]["annotations"] == {BARRED: "pods"}


async def test_a_standby_that_rests_makes_the_lease_that_somebody_deleted(server: Any) -> None:
    standby = replica(server, "standby", lambda: None)
    standby.resting = True
    await standby.beat()
    assert server.beats == "standby"
