"""Strict accounting as the other controllers see it: its label, its marks, and quotas that a recount holds down."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.keys import ACCOUNTING, FROZEN, REFUNDED, STRICT
from cotenant.controllers.fence import StrictFence
from cotenant.kube.errors import Forbidden
from cotenant.model.allowance import SPACES
from cotenant.model.platform import Platform
from unit.controllers.play import Play

HOME, DEV = "home-red", "red-dev"
HARD = {"pods": 5}
NATIVE = Platform(strict_accounting=False)


@pytest.fixture
def play() -> Play:
    return Play()


def quota(play: Play, at: str = DEV) -> dict[str, Any]:
    return play.cluster.there("ResourceQuota", "cotenant", at)


def notes(play: Play, at: str = DEV) -> dict[str, str]:
    return quota(play, at)["metadata"].get("annotations", {})


def label(play: Play, at: str = DEV) -> str | None:
    found: str | None = quota(play, at)["metadata"]["labels"].get(ACCOUNTING)
    return found


def condition(play: Play, name: str = "StrictAccounting") -> tuple[str, str]:
    found = play.cluster.there("Tenant", "red")["status"]["conditions"]
    return next(((one["status"], one["reason"]) for one in found if one["type"] == name), ("", ""))


def note(play: Play, at: str, **annotations: str | None) -> None:
    names = {"refunded": REFUNDED, "frozen": FROZEN}
    found = {names[key]: value for key, value in annotations.items()}
    play.cluster.change("ResourceQuota", "cotenant", at, metadata={"annotations": found})
    play.sync()


async def changed(play: Play, accounting: str | None, **hard: Any) -> None:
    play.cluster.change("Tenant", "red", spec={"quota": {"accounting": accounting, "hard": HARD | hard}})
    for at in (HOME, DEV):
        await play.one("quota", at)


async def test_every_quota_of_a_tenant_that_asks_is_marked_the_homes_too(play: Play) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    assert (label(play), label(play, HOME)) == (STRICT, STRICT)
    await changed(play, "native")
    assert (label(play), label(play, HOME)) == (None, None)
    await changed(play, "strict")
    assert (label(play), label(play, HOME)) == (STRICT, STRICT)


async def test_a_tenant_that_says_nothing_is_counted_strictly(play: Play) -> None:
    await play.opened(quota={"hard": HARD})
    assert (label(play), label(play, HOME)) == (STRICT, STRICT)
    assert condition(play) == ("Unknown", "AccountingPending")


async def test_an_installation_without_it_counts_natively_and_silently_whoever_says_nothing() -> None:
    play = Play(NATIVE)
    await play.opened(quota={"hard": HARD})
    assert (label(play), label(play, HOME)) == (None, None)
    assert condition(play) == ("", "")
    assert condition(play, "QuotaSynced")[0] == "True"


async def test_an_installation_without_it_marks_nothing_and_says_so_to_whoever_asks() -> None:
    play = Play(NATIVE)
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    assert label(play) is None
    assert condition(play) == ("False", "AccountingNotAvailable")
    assert condition(play, "QuotaSynced") == ("False", "AccountingNotAvailable")


async def test_every_writer_keeps_what_refunds_have_decided(play: Play) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    for at in (DEV, HOME):
        note(play, at, refunded="pods=7")
    # The ledger controller raises, the quota controller writes a ceiling and the home's count; back and forth.
    await changed(play, "strict", secrets=3)
    await play.settle()
    play.cluster.change("Tenant", "red", spec={"spaces": {"limit": 7}})
    await play.settle()
    await changed(play, "native", secrets=3)
    await changed(play, "strict", secrets=3)
    await play.settle()
    assert quota(play)["spec"]["hard"]["secrets"] != "0"
    assert quota(play, HOME)["status"]["hard"][SPACES] == "7"
    assert (notes(play)[REFUNDED], notes(play, HOME)[REFUNDED]) == ("pods=7", "pods=7")


async def test_what_a_recount_holds_down_nobody_raises_until_its_mark_is_gone(play: Play) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    before = quota(play)["spec"]["hard"]
    held = dict.fromkeys(before, "0")
    play.cluster.change("ResourceQuota", "cotenant", DEV, spec={"hard": held})
    note(play, DEV, frozen="2026-01-01T00:00:00+00:00")
    play.cluster.writes()
    for _ in range(3):
        await play.one("ledger", "red")
        await play.one("quota", DEV)
        await play.one("tenant", "red")
    assert quota(play)["spec"]["hard"] == held
    assert condition(play, "QuotaSynced")[1] != "QuotaPending"
    note(play, DEV, frozen=None)
    await play.settle()
    assert quota(play)["spec"]["hard"] == before


async def test_a_home_that_is_held_down_is_not_counted_meanwhile(play: Play) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    play.cluster.change("ResourceQuota", "cotenant", HOME, spec={"hard": {SPACES: "1", "pods": "0"}})
    note(play, HOME, frozen="2026-01-01T00:00:00+00:00")
    play.cluster.writes()
    await play.one("quota", HOME)
    assert quota(play, HOME)["spec"]["hard"][SPACES] == "1"
    note(play, HOME, frozen=None)
    await play.one("quota", HOME)
    assert quota(play, HOME)["spec"]["hard"][SPACES] == "10"


async def test_a_mark_means_nothing_once_the_tenant_is_counted_natively(play: Play) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    before = quota(play)["spec"]["hard"]
    play.cluster.change("ResourceQuota", "cotenant", DEV, spec={"hard": dict.fromkeys(before, "0")})
    note(play, DEV, frozen="2026-01-01T00:00:00+00:00")
    await changed(play, "native")
    await play.settle()
    assert FROZEN not in notes(play)
    assert quota(play)["spec"]["hard"] == before


async def test_a_homes_count_is_not_lowered_along_with_a_new_limit(play: Play) -> None:
    """A Space that was charged a moment ago may not be in the list yet."""
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    used = quota(play, HOME)["status"]["used"]
    play.cluster.change("ResourceQuota", "cotenant", HOME, status={"used": used | {SPACES: "2"}})
    play.cluster.change("Tenant", "red", spec={"spaces": {"limit": 7}})
    await play.one("quota", HOME)
    assert quota(play, HOME)["status"]["hard"][SPACES] == "7"
    assert quota(play, HOME)["status"]["used"][SPACES] == "2"


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        (None, ("Unknown", "AccountingPending")),
        (False, ("False", "AccountingNotProven")),
        (True, ("True", "Strict")),
    ],
)
async def test_the_condition_says_whether_the_policy_was_seen_to_act(play: Play, seen: bool | None, said: Any) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    play.world.strict = seen
    await play.one("tenant", "red")
    assert condition(play) == said
    await changed(play, "native")
    await play.one("tenant", "red")
    assert condition(play) == ("", "")


async def test_an_operator_that_may_not_read_pods_is_not_strict_and_says_what_is_missing(play: Play) -> None:
    await play.opened(quota={"hard": HARD})
    play.world.strict = True
    await play.settle()
    assert condition(play) == ("True", "Strict")
    play.world.barred = ("pods",)
    await play.one("tenant", "red")
    assert condition(play) == ("False", "AccountingNotAvailable")
    (said,) = [
        one for one in play.cluster.there("Tenant", "red")["status"]["conditions"] if one["type"] == "StrictAccounting"
    ]
    assert "no right to list and watch pods" in said["message"]
    assert "run: cotenant install" in said["message"]
    play.world.barred = ()
    await play.one("tenant", "red")
    assert condition(play) == ("True", "Strict")


async def test_what_kubernetes_alone_counts_is_named(play: Play) -> None:
    await play.opened(quota={"hard": HARD | {"secrets": 3, "count/daemonsets.apps": 2}})
    play.world.strict = True
    await play.settle()
    (said,) = [
        one for one in play.cluster.there("Tenant", "red")["status"]["conditions"] if one["type"] == "StrictAccounting"
    ]
    assert (said["status"], said["reason"]) == ("True", "Strict")
    assert said["message"].endswith("; counted by Kubernetes alone, as ever: count/daemonsets.apps, secrets")


async def test_what_was_seen_holds_until_a_new_operator_has_looked(play: Play) -> None:
    await play.opened(quota={"hard": HARD})
    for seen, said in ((True, ("True", "Strict")), (False, ("False", "AccountingNotProven"))):
        play.world.strict = seen
        await play.settle()
        play.cluster.writes()
        play.world.strict = None
        await play.settle()
        assert (condition(play), play.cluster.writes()) == (said, [])


async def test_the_rehearsal_is_a_dry_run_of_the_status_as_it_is(play: Play) -> None:
    await play.opened(quota={"hard": HARD, "accounting": "strict"})
    there = play.world.quotas.get(DEV, "cotenant")
    asked: list[dict[str, Any]] = []

    class Server:
        answer: Exception | None = None

        def apart(self) -> Server:
            return self

        async def close(self) -> None:
            pass

        async def raw(self, *_: Any) -> tuple[int, bytes]:
            return 403, b"not yours"

        async def get(self, *_: Any, **__: Any) -> Any:
            return there

        async def replace(self, _: Any, body: dict[str, Any], **options: Any) -> dict[str, Any]:
            asked.append(body | options)
            if self.answer:
                raise self.answer
            return body

    server: Any = Server()
    fence = StrictFence(server, play.world, lambda: None)
    assert fence.fits(there)
    assert await fence.look((there,)) is False
    assert play.world.strict is False
    assert asked[-1]["dry_run"] and asked[-1]["subresource"] == "status"
    assert asked[-1]["status"]["used"] == there.status.used
    for text, acts in (("pods is forbidden by somebody", False), ("COTENANT-STRICT-1: somebody wrote", True)):
        fence.client.answer = Forbidden(403, "Forbidden", text)
        assert await fence.look((there,)) is acts
        assert play.world.strict is acts
