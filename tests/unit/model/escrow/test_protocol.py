from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.messages import Finished, Outcome
from cotenant.model.escrow.press import Press, plan_presses
from cotenant.model.escrow.protocol import advance, begin
from cotenant.model.escrow.rebuild import Rebuild
from cotenant.model.escrow.repair import plan_repairs
from cotenant.model.escrow.resize import Resize
from cotenant.model.escrow.settle import Settle
from cotenant.model.escrow.values import MOST, Entry, Ledger, Limit, Quota
from unit.model.escrow.cluster import Cluster


@pytest.fixture
def cluster() -> Cluster:
    """Ten units, two spaces: dev has four of them and uses one, build has none."""
    found = Cluster(10, ["build", "dev"])
    found.play(Rebuild())
    found.play(Grow("dev", 4, 10))
    found.store(Quota("dev", 4, 4, 1, ""))
    found.asked.clear()
    return found


def kinds(cluster: Cluster) -> list[str]:
    return [type(one).__name__ for one in cluster.asked]


def quota(cluster: Cluster, space: str) -> tuple[int, int | None, int]:
    found = cluster.quotas[space]
    return found.hard, found.enforced, found.used


def test_a_growth_from_fresh_caches_is_three_writes_and_no_read(cluster: Cluster) -> None:
    assert cluster.play(Grow("dev", 6, 10), cluster.ledger, cluster.quotas["dev"]) is Outcome.DONE
    assert kinds(cluster) == ["PutLedger", "PutQuota", "PutEnforced"]
    assert quota(cluster, "dev") == (6, 6, 1)


def test_a_growth_from_stale_caches_reads_and_arrives(cluster: Cluster) -> None:
    old, seen = cluster.ledger, cluster.quotas["dev"]
    cluster.play(Grow("build", 3, 10))
    cluster.store(seen)
    assert cluster.play(Grow("dev", 6, 10), old, seen) is Outcome.DONE
    assert quota(cluster, "dev") == (6, 6, 1)


def test_a_growth_takes_what_there_is_and_says_so(cluster: Cluster) -> None:
    assert cluster.play(Grow("build", 99, 10)) is Outcome.PARTLY
    assert quota(cluster, "build") == (6, 6, 0)
    assert cluster.play(Grow("dev", 5, 10)) is Outcome.PARTLY
    assert quota(cluster, "dev") == (4, 4, 1)


def test_a_raise_reads_the_ledger_however_fresh_the_cache_may_be(cluster: Cluster) -> None:
    assert cluster.play(Grow("dev", 0, 10), cluster.ledger, cluster.quotas["dev"]) is Outcome.DONE
    assert kinds(cluster) == ["GetLedger"]


def test_a_hand_that_raised_a_quota_is_undone(cluster: Cluster) -> None:
    cluster.store(Quota("build", 7, 7, 0, ""))
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == [Grow("build", 0, 10)]
    assert cluster.play(Grow("build", 0, 10)) is Outcome.DONE
    assert quota(cluster, "build") == (0, 0, 0)


def test_a_drain_is_announced_and_returns_the_rest(cluster: Cluster) -> None:
    assert cluster.play(Drain("dev", 2, 10), cluster.ledger) is Outcome.DONE
    assert kinds(cluster) == ["PutLedger", "GetQuota", "PutQuota", "PutEnforced", "PutLedger"]
    assert cluster.asked[0].ledger.entry("dev") == Entry("dev", 4, drain=2)
    assert cluster.asked[2].bump
    assert quota(cluster, "dev") == (2, 2, 1)
    assert cluster.ledger.entry("dev") == Entry("dev", 2)


def test_a_space_that_uses_more_keeps_what_it_has(cluster: Cluster) -> None:
    assert cluster.play(Drain("dev", 0, 10)) is Outcome.BUSY
    assert quota(cluster, "dev") == (4, 4, 1)
    assert cluster.ledger.entry("dev") == Entry("dev", 4)


@pytest.mark.parametrize("after", range(1, 6))
def test_a_drain_that_died_is_finished_by_whoever_sees_it(cluster: Cluster, after: int) -> None:
    step = begin(Drain("dev", 2, 10), cluster.ledger)
    for _ in range(after):
        step = advance(step, cluster.perform(step.request))
    for intent in plan_repairs(cluster.ledger, cluster.quotas, cluster.limit):
        assert cluster.play(intent) is Outcome.DONE
    assert cluster.ledger.entry("dev") == Entry("dev", 2)
    assert quota(cluster, "dev") == (2, 2, 1)
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == []


def test_a_space_under_drain_does_not_grow(cluster: Cluster) -> None:
    step = begin(Drain("dev", 2, 10), cluster.ledger)
    cluster.perform(step.request)
    assert cluster.play(Grow("dev", 6, 10)) is Outcome.DRAINING


def test_a_crash_between_spec_and_status_is_settled_by_our_own_hand(cluster: Cluster) -> None:
    step = begin(Grow("dev", 6, 10), cluster.ledger, cluster.quotas["dev"])
    for _ in range(2):
        step = advance(step, cluster.perform(step.request))
    assert quota(cluster, "dev") == (6, 4, 1)
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == [Settle("dev")]
    assert cluster.play(Settle("dev")) is Outcome.DONE
    assert quota(cluster, "dev") == (6, 6, 1)


def test_a_status_that_is_empty_is_left_to_the_quota_controller(cluster: Cluster) -> None:
    cluster.store(Quota("build", 0, None, 0, ""))
    assert cluster.play(Grow("build", 2, 10)) is Outcome.DONE
    assert "PutEnforced" not in kinds(cluster)


def test_without_the_policy_a_drain_returns_nothing_that_was_charged_meanwhile(cluster: Cluster) -> None:
    step = begin(Drain("dev", 2, 10, guarded=False), cluster.ledger)
    while not isinstance(step.request, m.PutEnforced):
        step = advance(step, cluster.perform(step.request))
    cluster.store(Quota("dev", 2, 4, 3, ""))
    while not isinstance(step, Finished):
        step = advance(step, cluster.perform(step.request))
    assert step.outcome is Outcome.BUSY
    assert cluster.ledger.entry("dev") == Entry("dev", 4)


def test_a_conflict_on_status_leaves_a_guarded_drain_its_way(cluster: Cluster) -> None:
    step = begin(Drain("dev", 2, 10), cluster.ledger)
    while not isinstance(step.request, m.PutEnforced):
        step = advance(step, cluster.perform(step.request))
    cluster.store(Quota("dev", 2, 4, 2, ""))
    while not isinstance(step, Finished):
        step = advance(step, cluster.perform(step.request))
    assert cluster.ledger.entry("dev") == Entry("dev", 2)
    assert quota(cluster, "dev") == (2, 2, 2)


def test_the_share_of_a_space_returns_only_when_its_namespace_is_gone(cluster: Cluster) -> None:
    there = cluster.perform
    cluster.perform = lambda request: m.NotFound() if isinstance(request, m.GetQuota | m.PutQuota) else there(request)
    assert cluster.play(Drain("dev", 0, 10, retire=True)) is Outcome.NO_QUOTA
    assert cluster.ledger.entry("dev") == Entry("dev", 4)
    cluster.close("dev")
    assert cluster.play(Drain("dev", 0, 10, retire=True)) is Outcome.DONE
    assert cluster.ledger.entry("dev") is None


def test_a_space_is_admitted_once_it_has_a_quota(cluster: Cluster) -> None:
    cluster.ledger = cluster.ledger.without("build")
    assert cluster.play(Grow("build", 2, 10)) is Outcome.UNKNOWN
    cluster.close("build")
    assert cluster.play(Grow("build", 2, 10, admit=True)) is Outcome.NO_QUOTA
    cluster.open("build")
    assert cluster.play(Grow("build", 2, 10, admit=True)) is Outcome.DONE
    assert quota(cluster, "build") == (2, 0, 0)


def test_the_first_share_is_brought_into_force_by_kubernetes_or_later_by_settling(cluster: Cluster) -> None:
    cluster.ledger = cluster.ledger.without("build")
    cluster.play(Grow("build", 2, 10, admit=True), cluster.ledger, cluster.quotas["build"])
    assert kinds(cluster) == ["PutLedger", "PutQuota"]
    assert cluster.quotas["build"].first
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == [Settle("build")]
    cluster.play(Settle("build"))
    assert quota(cluster, "build") == (2, 2, 0)


def test_a_space_that_is_admitted_with_what_it_uses_is_settled_at_once(cluster: Cluster) -> None:
    cluster.ledger = cluster.ledger.without("dev")
    cluster.play(Grow("dev", 6, 10, admit=True), cluster.ledger, cluster.quotas["dev"])
    assert kinds(cluster) == ["PutLedger", "PutQuota", "PutEnforced"]


def test_the_space_after_the_last_one_is_refused() -> None:
    ledger = Ledger(9, tuple(Entry(f"s{number:03}", 0) for number in range(MOST)), "1")
    one = Quota("t", 0, 0, 0, "1")
    step = begin(Grow("t", 1, 9, admit=True), ledger, one)
    assert isinstance(step.request, m.GetLedger)
    assert advance(step, m.Read(ledger)) == Finished(Outcome.FULL)
    many = tuple(Quota(f"s{number}", 0, 0, 0, "1") for number in range(MOST + 1))
    step = advance(begin(Rebuild()), m.Written("1"))
    assert advance(step, m.Read(many)) == Finished(Outcome.FULL)


def test_a_lowered_limit_stops_growth_at_once_and_follows_what_is_drained(cluster: Cluster) -> None:
    cluster.resize(3)
    assert cluster.play(Resize(cluster.limit)) is Outcome.CONVERGING
    assert cluster.ledger.limit == 4
    assert cluster.play(Grow("build", 1, 3)) is Outcome.PARTLY
    assert cluster.play(Grow("build", 1, 10)) is Outcome.PARTLY
    assert cluster.play(Drain("dev", 1, 3)) is Outcome.DONE
    assert cluster.ledger.limit == 3


def test_a_limit_is_raised_only_to_what_a_live_read_finds(cluster: Cluster) -> None:
    assert cluster.play(Resize(Limit(99, "rumour"))) is Outcome.DONE
    assert cluster.ledger.limit == 10
    cluster.resize(12)
    assert cluster.play(Resize(cluster.limit), cluster.ledger) is Outcome.DONE
    assert cluster.ledger.limit == 12


def test_a_lost_ledger_allocates_what_the_quotas_hold(cluster: Cluster) -> None:
    cluster.ledger = None
    cluster.resize(3)
    assert cluster.play(Grow("dev", 5, 3)) is Outcome.NO_LEDGER
    assert cluster.play(Drain("dev", 1, 3)) is Outcome.NO_LEDGER
    assert cluster.play(Resize(cluster.limit)) is Outcome.NO_LEDGER
    assert plan_repairs(None, cluster.quotas, cluster.limit) == [Rebuild()]
    assert cluster.play(Rebuild()) is Outcome.DONE
    assert cluster.ledger.entries == (Entry("build", 0), Entry("dev", 4))
    assert cluster.ledger.limit == 4
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == []


def test_a_lost_ledger_allocates_what_is_used_beyond_what_the_quotas_hold(cluster: Cluster) -> None:
    cluster.store(replace(cluster.quotas["dev"], hard=2, enforced=2, used=4))
    cluster.ledger = None
    assert cluster.play(Rebuild()) is Outcome.DONE
    assert cluster.ledger.entries == (Entry("build", 0), Entry("dev", 4))


def test_a_rebuild_that_died_is_finished_and_grants_nothing_before(cluster: Cluster) -> None:
    cluster.ledger = None
    step = begin(Rebuild())
    for _ in range(3):
        step = advance(step, cluster.perform(step.request))
    assert cluster.ledger.rebuilding
    assert cluster.play(Grow("build", 1, 10)) is Outcome.NO_LEDGER
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == [Rebuild()]
    assert cluster.play(Rebuild()) is Outcome.DONE
    assert not cluster.ledger.rebuilding


def test_steady_state_has_nothing_to_do(cluster: Cluster) -> None:
    assert plan_repairs(cluster.ledger, cluster.quotas, cluster.limit) == []
    for intent in (
        Grow("dev", 4, 10),
        Drain("dev", 4, 10),
        Press("dev", 4),
        Settle("dev"),
        Resize(cluster.limit),
        Rebuild(),
    ):
        cluster.play(intent, cluster.ledger, cluster.quotas["dev"])
    assert not [one for one in cluster.asked if isinstance(one, m.Put)]


@pytest.mark.parametrize(
    "intent", [Grow("dev", 4, 10), Drain("dev", 4, 10), Press("dev", 1), Settle("dev"), Resize(Limit(1, "")), Rebuild()]
)
def test_an_answer_to_another_question_is_a_mistake(intent) -> None:
    with pytest.raises(TypeError, match="answers no"):
        advance(begin(intent), m.Read(None))


def test_repairs_retire_the_gone_and_admit_the_new(cluster: Cluster) -> None:
    ledger = cluster.ledger.without("build")
    plan = plan_repairs(ledger, {"build": cluster.quotas["build"]}, cluster.limit, gone={"dev"})
    assert plan == [Drain("dev", 0, 10, retire=True), Grow("build", 0, 10, admit=True)]


def test_what_never_reached_its_quota_goes_back_first_while_converging() -> None:
    ledger = Ledger(6, (Entry("a", 4), Entry("b", 2)), "1", source="t")
    quotas = {"a": Quota("a", 1, 1, 1, "1"), "b": Quota("b", 2, 2, 2, "1")}
    assert plan_repairs(ledger, quotas, Limit(3, "t")) == [Drain("a", 1, 3)]


def test_what_is_pressed_is_in_force_at_once_and_stays_allocated(cluster: Cluster) -> None:
    cluster.store(replace(cluster.quotas["dev"], used=4))
    cluster.asked.clear()
    assert cluster.play(Press("dev", 1)) is Outcome.DONE
    assert kinds(cluster) == ["GetQuota", "PutQuota", "PutEnforced"]
    dev = cluster.quotas["dev"]
    assert (dev.hard, dev.enforced, dev.used, cluster.ledger.entry("dev").allocation) == (1, 1, 4, 4)


def test_who_is_overtaken_while_pressing_looks_again(cluster: Cluster) -> None:
    stale = cluster.quotas["dev"]
    cluster.store(replace(stale, used=2), whole=False)
    assert cluster.play(Press("dev", 1), quota=stale) is Outcome.DONE
    assert (cluster.quotas["dev"].hard, cluster.quotas["dev"].used) == (1, 2)
    cluster.close("dev")
    assert cluster.play(Press("dev", 0)) is Outcome.NO_QUOTA


def using(**amounts: tuple[int, int]) -> dict[str, Quota]:
    """Hard and used."""
    return {name: Quota(name, hard, hard, used, "1") for name, (hard, used) in amounts.items()}


def test_nobody_is_pressed_while_no_more_is_in_use_than_there_may_be() -> None:
    assert plan_presses(using(a=(8, 4), b=(4, 4)).values(), 8, {}) == []


def test_each_space_is_pressed_as_if_all_that_is_too_much_were_its_own() -> None:
    assert plan_presses(using(a=(9, 5), b=(3, 3), c=(0, 2)).values(), 6, {}) == [Press("a", 1), Press("b", 0)]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=4), st.integers(0, 12), st.data())
def test_whatever_goes_nothing_comes_in_its_place_before_enough_has_gone(found, within, data) -> None:
    quotas = using(**{f"s{at}": one for at, one in enumerate(found)})
    for one in plan_presses(quotas.values(), within, {}):
        quotas[one.space] = replace(quotas[one.space], hard=one.to)
    total = sum(one.used for one in quotas.values())
    if total <= within:
        return
    left = {name: data.draw(st.integers(0, one.used)) for name, one in quotas.items()}
    if sum(left.values()) >= within:
        assert all(left[name] + 1 > one.hard for name, one in quotas.items())


def test_repairs_press_what_is_too_much_and_leave_it_pressed() -> None:
    ledger, limit = Ledger(9, (Entry("a", 5), Entry("b", 4)), "1", source="t"), Limit(4, "t")
    assert plan_repairs(ledger, using(a=(5, 5), b=(4, 3)), limit) == [Press("a", 1), Press("b", 0)]
    # Pressed: what b never used goes back, and nobody raises anything.
    assert plan_repairs(ledger, using(a=(1, 5), b=(0, 3)), limit) == [Drain("b", 3, 4)]
    ledger = replace(ledger, limit=8, entries=(Entry("a", 5), Entry("b", 3)))
    assert plan_repairs(ledger, using(a=(1, 5), b=(0, 3)), limit) == []
    assert plan_repairs(ledger, using(a=(1, 1), b=(0, 3)), limit) == [Drain("a", 1, 4)]
    ledger = replace(ledger, limit=4, entries=(Entry("a", 1), Entry("b", 3)))
    assert plan_repairs(ledger, using(a=(1, 1), b=(0, 3)), limit) == [Grow("b", 0, 4)]


def test_what_was_used_before_it_was_limited_is_not_grown_over() -> None:
    ledger = Ledger(2, (Entry("u", 0), Entry("w", 0)), "1", source="t")
    assert plan_repairs(ledger, using(u=(0, 4), w=(0, 2)), Limit(2, "t")) == []
