from __future__ import annotations

import pytest

from cotenant.kube.errors import Invalid
from unit.controllers.play import Play
from unit.controllers.shares import allocated, hard, opened, uses


async def test_an_amount_that_is_refused_is_an_error_at_once_and_no_lost_race() -> None:
    play = Play()
    await opened(play, "a", "b")
    causes = {"causes": [{"field": "spec.hard[pods]", "message": "must be an integer"}]}
    for verb in ("edit", "replace"):
        play.cluster.refuse(verb, "ResourceQuota", error=Invalid(422, "Invalid", "must be an integer", details=causes))
    with pytest.raises(Invalid, match="must be an integer"):
        await uses(play, "a", hard(play, "a"))
    assert len([one for one in play.cluster.calls if one[1] == "ResourceQuota"]) <= 2
    play.cluster.allow()
    await play.one("ledger", "red")
    assert hard(play, "a") == allocated(play)["red-a"] > 2
