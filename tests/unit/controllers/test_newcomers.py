"""How a new space gets its first share: in company, in few writes, and before anybody may use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cotenant.controllers.gather import gather_space
from cotenant.model.platform import Platform
from unit.controllers.play import Play
from unit.controllers.shares import PODS, allocated, hard, opened, uses


async def started(play: Play, *names: str) -> None:
    """Tenant red with an empty ledger, and these spaces declared; none is there yet."""
    play.tenant(**PODS, spaces={"limit": 5, "declared": list(names)})
    for what, key in (("tenant", "red"), ("quota", "home-red"), ("tenant", "red"), ("ledger", "red")):
        await play.one(what, key)
    play.cluster.writes()


async def made(play: Play, name: str, *, counted: bool = True) -> Any:
    """The space's namespace and quota; what the ledger controller said of it."""
    await play.one("space", f"home-red/{name}")
    await play.one("quota", f"red-{name}")
    if counted:
        play.counts(f"red-{name}")
    return await play.one("ledger", "red")


def ledgers_written(play: Play) -> list[str]:
    return [one for one in play.cluster.writes() if "TenantLedger" in one]


async def test_spaces_that_are_declared_together_are_admitted_in_one_write(play: Play) -> None:
    await started(play, "a", "b", "c")
    for name in "abc":
        await made(play, name)
    assert ledgers_written(play) == ["replace TenantLedger pods"]
    assert sorted(allocated(play)) == ["red-a", "red-b", "red-c"]


async def test_a_space_that_never_comes_holds_the_others_up_for_a_moment_only(play: Play) -> None:
    await started(play, "a", "b", "c")
    after = (await made(play, "a")).after
    assert ledgers_written(play) == []
    assert 0 < after <= 1
    play.wait(after)
    await play.one("ledger", "red")
    assert ledgers_written(play) == ["replace TenantLedger pods"]
    assert hard(play, "a") > 0


async def test_those_that_go_on_coming_are_waited_for_but_not_for_long(play: Play) -> None:
    await started(play, *"abcdefgh")
    for name in "abcdef":
        await made(play, name)
        play.wait(0.9)
    assert ledgers_written(play) == []
    await play.one("ledger", "red")
    assert ledgers_written(play) == ["replace TenantLedger pods"]


async def test_a_new_quota_is_raised_once_it_is_counted(play: Play) -> None:
    await started(play, "a")
    await made(play, "a", counted=False)
    assert hard(play, "a") == 0
    play.counts("red-a")
    await play.one("ledger", "red")
    assert hard(play, "a") == 8


async def test_the_first_share_is_in_force_by_the_quota_controller_and_by_us_where_that_does_not_come(
    play: Play,
) -> None:
    await started(play, "a")
    after = (await made(play, "a")).after
    assert "replace/status ResourceQuota cotenant" not in play.cluster.writes()
    assert 0 < after <= 1
    play.wait(after)
    await play.one("ledger", "red")
    assert "replace/status ResourceQuota cotenant" in play.cluster.writes()
    assert play.cluster.there("ResourceQuota", "cotenant", "red-a")["status"]["hard"]["pods"] == "8"


def usable(play: Play, space: str) -> bool:
    """Whether a Space would be opened, as far as its shares go."""
    found = gather_space(play.world, f"home-red/{space}", Platform(), play.now())
    assert found is not None
    return found.served


async def joins(play: Play, space: str, meanwhile: Callable[[str, str, str], None] = lambda *_: None) -> list[int]:
    """A Space comes; what it may use, at every request and at the end, while it counts as usable."""
    play.space(space)
    await play.one("space", f"home-red/{space}")
    await play.one("quota", f"red-{space}")
    play.counts(f"red-{space}")
    found: list[int] = []

    def look(verb: str = "", kind: str = "", name: str = "") -> None:
        play.sync()
        if usable(play, space):
            found.append(hard(play, space))
        meanwhile(verb, kind, name)

    play.cluster.before = look
    await play.one("ledger", "red")
    play.counts(f"red-{space}")
    look()
    return found


@pytest.mark.parametrize("used", [0, 3, 7])
async def test_a_space_that_gets_its_share_from_a_sibling_is_not_usable_before_it_has_it(play: Play, used: int) -> None:
    await opened(play, "a")
    await uses(play, "a", used)
    assert hard(play, "a") == 8
    shares = await joins(play, "b")
    assert shares and min(shares) > 0


async def test_a_space_for_which_nothing_is_left_says_where_something_is_idle(play: Play) -> None:
    await opened(play, "a")
    play.cluster.change("Space", "a", "home-red", spec={"quota": {"min": {"pods": 8}}})
    await uses(play, "a", 5)
    assert await joins(play, "b") == [0]
    await play.one("space", "home-red/b")
    said = play.condition("Space", "b", "QuotaSynced", "home-red")
    assert said["reason"] == "NoShare"
    assert said["message"].startswith(
        "the tenant has no pods left for this space; not in use elsewhere: a 3; quota.min"
    )


async def test_a_space_for_which_nothing_is_left_opens_and_says_so_until_there_is(play: Play) -> None:
    await opened(play, "a")
    await uses(play, "a", 8)
    assert await joins(play, "b") == [0]
    await play.one("space", "home-red/b")
    assert play.ready(name="b")["status"] == "True"
    said = play.condition("Space", "b", "QuotaSynced", "home-red")
    assert (said["reason"], said["status"]) == ("NoShare", "False")
    assert said["message"] == "the tenant has no pods left for this space; see: cotenant top red"

    await uses(play, "a", 2)
    assert hard(play, "b") > 0
    await play.one("space", "home-red/b")
    assert play.condition("Space", "b", "QuotaSynced", "home-red")["reason"] == "Synced"


async def test_a_share_that_another_leader_gave_away_meanwhile_does_not_open_a_space_with_nothing(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 40}, "space": {"max": {"pods": 20}}})
    faster = [[{"space": "red-a", "allocation": 20}, {"space": "red-b", "allocation": 20}]]

    def taken(verb: str, kind: str, _: str) -> None:
        if (verb, kind) == ("replace", "TenantLedger") and faster:
            play.cluster.change("TenantLedger", "pods", "home-red", spec={"entries": faster.pop()})

    shares = await joins(play, "c", taken)
    assert not faster
    assert shares and min(shares) > 0
