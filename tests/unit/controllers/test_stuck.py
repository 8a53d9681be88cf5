"""Workloads that can never start, on a cluster in a dict: what they lack is nobody's."""

from __future__ import annotations

from unit.controllers.play import Play
from unit.controllers.shares import hard, opened, sets, total


async def test_who_can_never_start_holds_nothing_that_others_ask_for(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 30}})
    sets(play, "a", 50)
    await play.one("ledger", "red")
    assert hard(play, "a") > 25
    said = 'pods "w-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
    sets(play, "a", 50, conditions=[{"type": "ReplicaFailure", "status": "True", "reason": "r", "message": said}])
    sets(play, "b", 28)
    await play.one("ledger", "red")
    assert hard(play, "b") >= 28
    # Its next try is admitted as far as there is quota: from then on it is as any other.
    sets(play, "b", 0)
    sets(play, "a", 20, refused=True)
    await play.one("ledger", "red")
    assert hard(play, "a") >= 20
    assert total(play) <= 30
