"""Objects that nobody announces (Services, ConfigMaps, claims made by hand): who has room for one more when little is left."""

from __future__ import annotations

from unit.controllers.play import Play
from unit.controllers.shares import allocated, hard, opened

FOUR = {"hard": {"services": 4}}


async def makes(play: Play, space: str, count: int) -> bool:
    """Whether the API server lets the space have so many Services."""
    there = play.cluster.there("ResourceQuota", "cotenant", f"red-{space}")
    if count > int(there["status"]["hard"]["services"]):
        return False
    play.cluster.change("ResourceQuota", "cotenant", f"red-{space}", status={"used": {"services": str(count)}})
    await play.one("ledger", "red")
    return True


def shares(play: Play) -> list[int]:
    return [hard(play, name, "services") for name in "abcd"]


async def test_where_services_are_made_there_is_room_for_the_next_one_as_long_as_the_tenant_has_any(play: Play) -> None:
    await opened(play, "a", "b", "c", "d", quota=FOUR)
    assert shares(play) == [1, 1, 1, 1]
    for count in (1, 2, 3, 4):
        assert await makes(play, "a", count)
        # As long as somebody takes to type the next command.
        play.wait(240)
        await play.one("ledger", "red")
    assert shares(play) == [4, 0, 0, 0]


async def test_ten_minutes_after_the_last_one_those_who_have_none_come_before_one_more(play: Play) -> None:
    await opened(play, "a", "b", "c", "d", quota=FOUR)
    assert await makes(play, "a", 1)
    assert shares(play) == [2, 1, 1, 0]
    result = await play.one("ledger", "red")
    assert result.after is not None
    for _ in range(5):
        play.wait(result.after or 0)
        result = await play.one("ledger", "red")
    assert shares(play) == [1, 1, 1, 1]
    play.cluster.calls.clear()
    for _ in range(3):
        play.wait(900)
        await play.one("ledger", "red")
    assert play.cluster.writes() == []
    # The price: who comes again later is refused, although the others use nothing of theirs.
    assert not await makes(play, "a", 2)


async def test_pods_that_come_and_go_keep_no_service_from_others(play: Play) -> None:
    await opened(play, "a", "b", "c", "d", quota={"hard": {"services": 4, "pods": 40}})
    assert await makes(play, "a", 1)
    for count in range(20):
        play.wait(60)
        play.cluster.change("ResourceQuota", "cotenant", "red-a", status={"used": {"pods": str(count % 2)}})
        for _ in range(2):
            await play.one("ledger", "red")
            play.wait(5)
    assert shares(play) == [1, 1, 1, 1]


async def test_what_workloads_announce_is_shared_as_ever(play: Play) -> None:
    await opened(play, "a", "b", "c", "d", quota={"hard": {"pods": 4}})
    play.cluster.change("ResourceQuota", "cotenant", "red-a", status={"used": {"pods": "1"}})
    await play.one("ledger", "red")
    play.wait(5)
    await play.one("ledger", "red")
    assert sorted(allocated(play).values()) == [1, 1, 1, 1]
