"""Namespaces that outlive their Spaces: what they keep of the tenant's quota, and what the others get."""

from __future__ import annotations

from unit.controllers.play import Play
from unit.controllers.shares import hard, opened, sets, uses

GOING = {"deletionTimestamp": "2026-11-21T10:00:00Z"}


async def test_a_namespace_that_outlives_its_space_keeps_what_it_uses_and_no_more(play: Play) -> None:
    await opened(play, "a", "b", "c", quota={"hard": {"pods": 4}, "space": {"min": {"pods": 1}}})
    await uses(play, "a", 1)
    play.wait(60)
    assert hard(play, "b") == hard(play, "c") == 1
    await uses(play, "b", 1)
    play.wait(60)

    play.cluster.change("Space", "b", "home-red", metadata=GOING)
    play.cluster.change("Space", "c", "home-red", metadata=GOING)
    await play.one("ledger", "red")

    assert (hard(play, "b"), hard(play, "c")) == (1, 0)
    await uses(play, "a", hard(play, "a"))
    assert hard(play, "a") == 3


async def test_a_namespace_whose_space_is_gone_altogether_keeps_no_reserve_either(play: Play) -> None:
    await opened(play, "a", "b")
    play.cluster.vanish("Space", "b", "home-red")
    await play.one("ledger", "red")
    assert hard(play, "b") == 0


async def test_one_that_is_left_and_at_work_keeps_its_share_for_a_while_unless_others_need_it(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "b", 2)
    before = hard(play, "b")
    play.cluster.change("Space", "b", "home-red", metadata=GOING)
    result = await play.one("ledger", "red")
    assert hard(play, "b") == before > 2
    assert result.after is not None

    sets(play, "a", 6)
    await play.one("ledger", "red")
    assert (hard(play, "a"), hard(play, "b")) == (6, 2)

    play.cluster.change("ResourceQuota", "cotenant", "red-b", status={"used": {"pods": "1"}})
    sets(play, "a", 0)
    assert hard(play, "b") > 1
    for _ in range(4):
        result = await play.one("ledger", "red")
        play.wait(result.after or 0)
    assert hard(play, "b") == 1


async def test_a_workload_in_a_namespace_that_is_left_still_finds_quota(play: Play) -> None:
    await opened(play, "a", "b")
    play.cluster.change("Space", "b", "home-red", metadata=GOING)
    await play.one("ledger", "red")
    assert hard(play, "b") == 0
    sets(play, "b", 3, refused=True)
    await play.one("ledger", "red")
    assert hard(play, "b") == 3
