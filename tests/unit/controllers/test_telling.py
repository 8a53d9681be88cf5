"""What a ledger tells of each space, and how often, on a cluster in a dict."""

from __future__ import annotations

from unit.controllers.play import Play
from unit.controllers.shares import opened, uses


def told(play: Play) -> dict[str, str]:
    """What the ledger says that each space uses."""
    _, *rows = play.cluster.there("TenantLedger", "pods", "home-red")["status"]["spaces"].splitlines()
    return {space: used for space, used, *_ in map(str.split, rows)}


async def test_what_one_space_uses_is_told_though_the_sum_stays_and_once_in_five_seconds(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 40}})
    await uses(play, "a", 1)
    assert told(play) == {"red-a": "1", "red-b": "0"}
    play.cluster.calls.clear()

    await uses(play, "b", 1)
    await uses(play, "a", 0)
    result = await play.one("ledger", "red")

    # One of them moves to the other: as many pods as before. It waits for its turn.
    assert play.cluster.writes() == []
    assert result.after is not None and 0 < result.after <= 5
    play.wait(5)
    for _ in range(3):
        await play.one("ledger", "red")
        play.wait(5)
    assert told(play) == {"red-a": "0", "red-b": "1"}
    assert play.cluster.writes() == ["replace TenantLedger pods"]
