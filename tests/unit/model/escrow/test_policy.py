from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.fairness import Claim, fill
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.policy import Demand, Share, claimant, entitled, plan_transfers, shared
from cotenant.model.escrow.values import Entry, Ledger, Quota

amounts = st.integers(0, 12)
demands = st.builds(
    Demand,
    amounts,
    amounts,
    st.integers(0, 5),
    st.integers(1, 4),
    st.sampled_from([0.0, 29.0, 30.0, 99.0]),
    st.sampled_from([0, 0, 1, 3, 8]),
)
shares = st.builds(Share, st.integers(0, 6), st.none() | st.integers(0, 15), st.integers(1, 3))
spaces = st.lists(st.tuples(amounts, amounts, demands, shares), min_size=1, max_size=5)
Case = tuple[Ledger, dict[str, Quota], dict[str, Demand], dict[str, Share], int]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Spaces that use at most what is allocated to them, under a limit that may have been lowered since."""
    found = draw(spaces)
    names = [f"s{number}" for number in range(len(found))]
    entries = tuple(Entry(name, max(one[0], one[1])) for name, one in zip(names, found, strict=True))
    total = sum(entry.allocation for entry in entries)
    ledger = Ledger(total + draw(amounts), entries, "1")
    quotas = {n: Quota(n, max(o[0], o[1]), max(o[0], o[1]), o[1], "1") for n, o in zip(names, found, strict=True)}
    within = ledger.limit if draw(st.booleans()) else draw(st.integers(0, ledger.limit + 5))
    return ledger, quotas, {n: o[2] for n, o in zip(names, found, strict=True)}, {n: o[3] for n, o in zip(names, found, strict=True)}, within  # fmt: skip


def applied(ledger: Ledger, plan: list[Grow | Drain]) -> Ledger:
    """After drains, then growths, all of which succeed."""
    for one in sorted(plan, key=lambda one: isinstance(one, Grow)):
        ledger = ledger.having(Entry(one.space, one.to))
    return ledger


def held(ledger: Ledger) -> dict[str, int]:
    return {entry.space: entry.allocation for entry in ledger.entries}


@given(cases())
@settings(max_examples=200)
def test_what_is_planned_never_adds_up_to_more_than_the_limit(case: Case) -> None:
    ledger, *_, within = case
    after = applied(ledger, plan_transfers(*case))
    assert after.allocated <= max(ledger.allocated, min(ledger.limit, within))
    if ledger.allocated <= within:
        assert after.allocated <= min(ledger.limit, within)


@given(spaces, st.integers(0, 60))
def test_where_there_is_enough_for_all_sharing_out_tier_by_tier_gives_the_same(found: list[Any], more: int) -> None:
    claimants = [
        claimant(
            Entry(f"s{at}", used + held), Quota(f"s{at}", used, used, used, "1"), demand, share, active=bool(at % 2)
        )
        for at, (held, used, demand, share) in enumerate(found)
    ]
    enough = sum(max(one.kept, *one.wishes) for one in claimants)
    assert entitled(claimants, enough + more) == shared(claimants, enough + more)


@given(cases())
@settings(max_examples=200)
def test_nobody_is_left_with_less_than_it_uses_or_was_promised(case: Case) -> None:
    ledger, quotas, _, shares, _ = case
    before, after = held(ledger), held(applied(ledger, plan_transfers(*case)))
    for space, quota in quotas.items():
        share = shares[space]
        floor = share.floor if share.ceiling is None else min(share.floor, share.ceiling)
        assert after[space] >= quota.used
        assert after[space] >= min(before[space], floor)


@given(cases())
@settings(max_examples=200)
def test_nobody_is_given_more_than_its_ceiling(case: Case) -> None:
    ledger, quotas, _, shares, _ = case
    after = held(applied(ledger, plan_transfers(*case)))
    for space, share in shares.items():
        assert share.ceiling is None or after[space] <= max(share.ceiling, quotas[space].used)


@given(cases())
@settings(max_examples=200)
def test_a_plan_that_was_carried_out_leaves_nothing_to_plan(case: Case) -> None:
    ledger, quotas, demands, shares, within = case
    after = applied(ledger, plan_transfers(*case))
    assert plan_transfers(after, quotas, demands, shares, within) == []


@given(cases())
@settings(max_examples=200)
def test_while_there_is_room_somebody_who_was_refused_gets_it(case: Case) -> None:
    ledger, quotas, demands, shares, within = case
    room = ledger.room(within)
    before = held(ledger)
    if any(before[space] < share.floor for space, share in shares.items()):
        return
    wanting = {
        space
        for space, demand in demands.items()
        if demand.refused
        and quotas[space].used + demand.refused > before[space]
        and min(demand.grain, quotas[space].used + demand.refused - before[space]) <= room
        and ((ceiling := shares[space].ceiling) is None or quotas[space].used + demand.refused <= ceiling)
    }
    grown = {one.space for one in plan_transfers(*case) if isinstance(one, Grow)}
    refused = {space for space, demand in demands.items() if demand.refused}
    assert not wanting or grown & refused


@given(cases())
def test_the_same_situation_gives_the_same_plan(case: Case) -> None:
    ledger, quotas, demands, shares, within = case
    turned = dict(reversed(quotas.items()))
    assert plan_transfers(*case) == plan_transfers(ledger, turned, demands, shares, within)


def situation(
    limit: int,
    *spaces: tuple[int, int],
    demands: dict[str, Demand] | None = None,
    shares: dict[str, Share] | None = None,
) -> list[Grow | Drain]:
    """The plan for spaces a, b, … of (allocation, used)."""
    names = "abcdefgh"[: len(spaces)]
    entries = tuple(Entry(name, one[0]) for name, one in zip(names, spaces, strict=True))
    quotas = {n: Quota(n, one[0], one[0], one[1], "1") for n, one in zip(names, spaces, strict=True)}
    return plan_transfers(Ledger(limit, entries, "1"), quotas, demands or {}, shares or {}, limit)


def test_a_space_below_half_of_its_slack_is_refilled_and_one_above_is_left_alone() -> None:
    assert situation(20, (6, 5), demands={"a": Demand(slack=4)}) == [Grow("a", 9, 20)]
    assert situation(20, (7, 5), demands={"a": Demand(slack=4)}) == []


def test_an_idle_space_returns_its_slack_only_after_a_while() -> None:
    assert situation(20, (9, 5), demands={"a": Demand(slack=4, idle=29.9)}) == []
    assert situation(20, (9, 5), demands={"a": Demand(slack=4, idle=30)}) == [Drain("a", 5, 20)]
    assert situation(20, (9, 5), demands={"a": Demand(idle=30)}, shares={"a": Share(floor=7)}) == [Drain("a", 7, 20)]


def test_where_the_pool_is_empty_the_longest_idle_gives_first_and_no_more_than_is_needed() -> None:
    demands = {"a": Demand(refused=2), "b": Demand(idle=5), "c": Demand(idle=10)}
    assert situation(12, (2, 2), (5, 1), (5, 1), demands=demands) == [Drain("c", 3, 12), Grow("a", 4, 12)]


def test_the_refused_come_before_those_to_come_and_those_before_slack() -> None:
    demands = {"a": Demand(slack=5), "b": Demand(ahead=5), "c": Demand(refused=5)}
    assert situation(5, (0, 0), (0, 0), (0, 0), demands=demands) == [Grow("c", 5, 5)]
    assert situation(8, (0, 0), (0, 0), (0, 0), demands=demands) == [Grow("c", 5, 8), Grow("b", 3, 8)]


def test_a_growth_that_fits_does_not_wait_for_drains() -> None:
    demands = {"a": Demand(refused=9), "b": Demand(ahead=1), "c": Demand(idle=40)}
    plan = situation(12, (0, 0), (0, 0), (10, 1), demands=demands)
    assert plan == [Grow("b", 1, 12), Drain("c", 1, 12), Grow("a", 9, 12)]


def test_weights_decide_where_there_is_not_enough() -> None:
    demands = {"a": Demand(refused=20), "b": Demand(refused=20)}
    assert situation(12, (0, 0), (0, 0), demands=demands, shares={"a": Share(weight=2)}) == [
        Grow("a", 8, 12),
        Grow("b", 4, 12),
    ]


def test_two_halves_of_a_pod_are_no_pod() -> None:
    demands = {"a": Demand(refused=1000, grain=1000), "b": Demand(refused=1000, grain=1000)}
    assert situation(1000, (0, 0), (0, 0), demands=demands) == [Grow("a", 1000, 1000)]


def test_while_more_is_used_than_there_may_be_nobody_gets_anything() -> None:
    """What was in use before the key was limited is in no allocation."""
    quotas = {"u": Quota("u", 0, 0, 4, "1"), "w": Quota("w", 0, 0, 2, "1")}
    ledger = Ledger(2, (Entry("u", 0), Entry("w", 0)), "1")
    assert plan_transfers(ledger, quotas, {}, {}, 2) == []
    enough = replace(ledger, limit=6)
    assert plan_transfers(enough, quotas, {}, {}, 6) == [Grow("u", 4, 6), Grow("w", 2, 6)]


def test_a_ceiling_below_what_is_used_takes_nothing_and_gives_nothing() -> None:
    quotas = {"a": Quota("a", 9, 9, 9, "1")}
    for allocation in (8, 9):
        ledger = Ledger(12, (Entry("a", allocation),), "1")
        assert plan_transfers(ledger, quotas, {"a": Demand(idle=99)}, {"a": Share(ceiling=4)}, 12) == []


def test_a_lowered_limit_takes_what_is_not_used_and_gives_nothing() -> None:
    demands = {"a": Demand(refused=3)}
    entries = (Entry("a", 5), Entry("b", 6))
    quotas = {"a": Quota("a", 5, 5, 5, "1"), "b": Quota("b", 6, 6, 4, "1")}
    assert plan_transfers(Ledger(11, entries, "1"), quotas, demands, {}, 7) == [Drain("b", 4, 7)]


def test_a_space_that_is_being_drained_is_left_alone_and_counts() -> None:
    ledger = Ledger(10, (Entry("a", 0), Entry("b", 8, drain=2)), "1")
    quotas = {name: Quota(name, 0, 0, 0, "1") for name in "ab"}
    assert plan_transfers(ledger, quotas, {"a": Demand(refused=9)}, {}, 10) == [Grow("a", 2, 10)]


def test_a_space_above_a_new_ceiling_comes_down_to_it() -> None:
    assert situation(20, (9, 2), shares={"a": Share(ceiling=4)}) == [Drain("a", 4, 20)]


claims = st.lists(st.tuples(amounts, amounts, st.integers(1, 3)), min_size=1, max_size=6)


@given(st.integers(0, 40), claims)
def test_max_min_nobody_could_have_more_without_taking_from_somebody_with_less(capacity: int, found: list[tuple[int, int, int]]) -> None:  # fmt: skip
    asked = [Claim(str(n), have, have + more, weight) for n, (have, more, weight) in enumerate(found)]
    after = fill(capacity, asked)
    given_out = sum(after[one.space] - one.have for one in asked)
    assert given_out == min(capacity, sum(one.want - one.have for one in asked))
    for poor in asked:
        for rich in asked:
            if after[poor.space] < poor.want and after[rich.space] > rich.have:
                # One unit less for the rich and one more for the poor would leave the rich the poorer one.
                assert (after[rich.space] - 1) / rich.weight <= (after[poor.space] + 1) / poor.weight


grains = st.lists(st.tuples(amounts, amounts, st.integers(1, 3), st.integers(1, 5)), min_size=1, max_size=6)


@given(st.integers(0, 40), grains)
def test_what_is_given_is_whole_pieces_and_no_piece_that_fits_is_left(
    capacity: int, found: list[tuple[int, ...]]
) -> None:
    asked = [Claim(str(n), have, have + more, weight, grain) for n, (have, more, weight, grain) in enumerate(found)]
    after = fill(capacity, asked)
    left = capacity - sum(after[one.space] - one.have for one in asked)
    assert left >= 0
    for one in asked:
        assert one.have <= after[one.space] <= one.want
        assert after[one.space] == one.want or (after[one.space] - one.have) % one.grain == 0
        assert after[one.space] == one.want or min(one.grain, one.want - after[one.space]) > left


def test_what_a_large_pod_cannot_take_is_shared_by_the_others() -> None:
    asked = [Claim("a", 0, 10, grain=10), Claim("b", 0, 20), Claim("c", 0, 20)]
    assert fill(15, asked) == {"a": 0, "b": 8, "c": 7}


def test_five_hundred_spaces_are_planned_in_a_moment() -> None:
    names = [f"s{number:03}" for number in range(500)]
    ledger = Ledger(5000, tuple(Entry(name, 8) for name in names), "1")
    quotas = {name: Quota(name, 8, 8, number % 8, "1") for number, name in enumerate(names)}
    demands = {name: Demand(refused=number % 7, ahead=number % 5, slack=2) for number, name in enumerate(names)}
    plan = plan_transfers(ledger, quotas, demands, {}, 5000)
    assert applied(ledger, plan).allocated == 5000
    assert plan == plan_transfers(ledger, quotas, replace_all(demands), {}, 5000)


def replace_all(demands: dict[str, Demand]) -> dict[str, Demand]:
    return {name: replace(one) for name, one in demands.items()}
