"""What the rehearsals of quota policies say aloud."""

from __future__ import annotations

from typing import Any

import structlog

from cotenant.controllers.fence import OFTEN, Fence
from cotenant.kube.errors import Conflict, Forbidden
from unit.controllers.play import Play


class Busy:
    """An API server where somebody is charged between every read and write."""

    headers = ()
    answer: Exception = Conflict(409, "Conflict", "the object has been modified")

    def __init__(self, there: Any) -> None:
        self.there = there

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
            assert await fence.look(there) is False
        levels.append(logs[-1]["log_level"])
    assert levels == ["debug"] * (OFTEN - 1) + ["warning"]
    assert play.world.fenced is None

    fence.client.answer = Forbidden(403, "Forbidden", "COTENANT-QUOTA-1: more than the limit")  # type: ignore[attr-defined]  # it is the server above
    assert await fence.look(there) is True
    assert fence.lost == 0
