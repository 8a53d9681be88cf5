"""The assist with the ledger controller on a cluster in a dict: who waits, who does not, and what is moved."""

from __future__ import annotations

import asyncio

from cotenant.api.workload import Container, PodSpec, Resources
from cotenant.controllers import assist as module
from cotenant.controllers.asks import MOST
from cotenant.controllers.assist import BURST, Assist, Pace
from cotenant.controllers.scarcity import HOLD, ScarcityController
from cotenant.model.platform import Platform
from unit.controllers.play import Play
from unit.controllers.test_ledger import hard, opened

POD = PodSpec(containers=[Container()])


def cpu(amount: str) -> PodSpec:
    return PodSpec(containers=[Container(resources=Resources(requests={"cpu": amount}))])


class Stage:
    """An assist on a play; `woken` are the tenants whose ledgers it had looked at."""

    def __init__(self, play: Play) -> None:
        self.play, self.woken = play, list[str]()
        self.assist = Assist(play.world, Platform(), play.now, self.woken.append)
        client = play.spaces.client
        self.scarcity = ScarcityController(client, play.world, Platform(), play.now, enabled=True)

    async def label(self) -> float | None:
        result = await self.scarcity.reconcile("red")
        self.play.sync()
        return result.after

    def charge(self, space: str, amount: int, key: str = "pods") -> None:
        used = self.play.cluster.there("ResourceQuota", "cotenant", f"red-{space}")["status"]["used"]
        self.play.cluster.change(
            "ResourceQuota", "cotenant", f"red-{space}", status={"used": used | {key: str(amount)}}
        )
        self.play.sync()

    async def asked(self, pod: PodSpec = POD, space: str = "b") -> asyncio.Task[str]:
        task = asyncio.create_task(self.assist.help(f"red-{space}", pod, 0.9))
        await asyncio.sleep(0)
        return task


async def given(play: Play, limit: int = 8, **spec) -> Stage:
    """Spaces a and b; a uses all that it can get, and b holds what is left."""
    await opened(play, "a", "b", **({"quota": {"hard": {"pods": limit}}} | spec))
    stage = Stage(play)
    await stage.label()
    return stage


def labels(play: Play, space: str) -> dict[str, str]:
    return play.cluster.there("Namespace", f"red-{space}")["metadata"]["labels"]


async def exhausted(stage: Stage) -> int:
    """Charges b until it has nothing left at hand; what it uses then."""
    amount = hard(stage.play, "b")
    stage.charge("b", amount)
    return amount


async def test_a_pod_that_fits_goes_on_at_once_and_wakes_nobody(play: Play) -> None:
    stage = await given(play)
    assert await stage.assist.help("red-b", POD, 0.9) == "at hand"
    assert stage.woken == []


async def test_a_pod_that_does_not_fit_waits_until_its_quota_is_there(play: Play) -> None:
    stage = await given(play)
    used = await exhausted(stage)
    task = await stage.asked()
    assert not task.done()
    assert stage.woken == ["red"]
    await play.one("ledger", "red")
    assert await task == "moved"
    assert hard(play, "b") > used


async def test_what_one_was_promised_is_nobody_elses(play: Play) -> None:
    stage = await given(play)
    free = hard(play, "b")
    said = [await stage.assist.help("red-b", POD, 0.01) for _ in range(free + 1)]
    assert said == ["at hand"] * free + ["too late"]


async def test_a_charge_redeems_a_promise(play: Play) -> None:
    stage = await given(play)
    free = hard(play, "b")
    for count in range(free):
        assert await stage.assist.help("red-b", POD, 0.01) == "at hand"
        stage.charge("b", count + 1)
        assert play.world.asks.wanted("red-b", "pods") == 0


async def test_a_promise_that_nobody_redeems_ends(play: Play, monkeypatch) -> None:
    monkeypatch.setattr(module, "LINGER", 0.01)
    stage = await given(play)
    await stage.assist.help("red-b", POD, 0.9)
    assert play.world.asks.wanted("red-b", "pods") == 1
    await asyncio.sleep(0.05)
    assert play.world.asks.wanted("red-b", "pods") == 0


async def test_where_the_tenant_has_no_room_nobody_waits_and_nothing_moves(play: Play) -> None:
    stage = await given(play)
    used = await exhausted(stage)
    stage.charge("a", 8 - used)
    assert await stage.assist.help("red-b", POD, 0.9) == "no room"
    assert stage.woken == []


async def test_ceilings_and_the_floors_of_others_are_no_room(play: Play) -> None:
    stage = await given(play, quota={"hard": {"pods": 8}, "space": {"max": {"pods": 3}, "min": {"pods": 2}}})
    stage.charge("b", hard(play, "b"))
    await play.one("ledger", "red")
    stage.charge("b", 3)
    assert await stage.assist.help("red-b", POD, 0.9) == "no room"


async def test_a_pod_larger_than_what_is_left_is_not_waited_for(play: Play) -> None:
    stage = await given(play, quota={"hard": {"pods": 8, "requests.cpu": "4"}})
    assert await stage.assist.help("red-b", cpu("5"), 0.9) == "no room"
    task = await stage.asked(cpu("3"))
    await play.one("ledger", "red")
    assert await task == "moved"


async def test_nobody_is_helped_outside_of_scarce_spaces(play: Play) -> None:
    stage = await given(play, limit=400)
    assert "cotenant.dev/scarce" not in labels(play, "b")
    for namespace in ("red-b", "home-red", "kube-system", "nowhere"):
        assert await stage.assist.help(namespace, POD, 0.9) == "unconcerned"
    assert play.world.asks.known == {}


async def test_a_flood_of_pods_moves_no_more_than_so_many_could_use(play: Play) -> None:
    stage = await given(play, limit=1000, limits=[{"type": "Container", "max": {"cpu": "1"}}])
    play.cluster.change("Namespace", "red-b", metadata={"labels": {"cotenant.dev/scarce": "true"}})
    play.sync()
    said = [await stage.assist.help("red-b", POD, 0.9) for _ in range(MOST + 5)]
    assert said.count("too many") == 5
    assert play.world.asks.wanted("red-b", "pods") == MOST


def test_a_space_is_helped_only_so_often() -> None:
    pace = Pace(BURST, 20.0)
    assert sum(pace.take("b", 0.0) for _ in range(500)) == BURST
    assert sum(pace.take("b", 1.0) for _ in range(500)) == 20
    assert pace.take("a", 1.0)


async def test_whoever_hangs_up_waits_no_longer(play: Play) -> None:
    stage = await given(play)
    await exhausted(stage)
    task = await stage.asked()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert play.world.asks.known == {}


async def test_the_label_is_set_at_once_and_taken_off_after_a_time(play: Play) -> None:
    stage = await given(play)
    assert labels(play, "a")["cotenant.dev/scarce"] == labels(play, "b")["cotenant.dev/scarce"] == "true"
    play.cluster.writes()
    assert await stage.label() is None
    assert play.cluster.writes() == []
    play.tenant(quota={"hard": {"pods": 400}})
    assert await stage.label() == HOLD
    assert play.cluster.writes() == []
    play.wait(HOLD + 1)
    await stage.label()
    assert "cotenant.dev/scarce" not in {**labels(play, "a"), **labels(play, "b")}


async def test_without_the_assist_what_it_left_is_taken_off(play: Play) -> None:
    stage = await given(play)
    stage.scarcity.enabled = False
    await stage.label()
    assert "cotenant.dev/scarce" not in labels(play, "b")
