"""A space that uses more than its ceiling: pressed to it, then in order, by what the controller plans."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.policy import Demand, Share, plan_transfers
from cotenant.model.escrow.press import Press, plan_presses
from cotenant.model.escrow.rebuild import Rebuild
from cotenant.model.escrow.repair import plan_repairs
from cotenant.model.escrow.settle import Settle
from cotenant.model.escrow.values import Entry, Ledger, Limit, Quota
from unit.model.escrow.cluster import Cluster

LIMIT = Limit(20, "t")


def using(**amounts: tuple[int, int]) -> dict[str, Quota]:
    """Hard and used."""
    return {name: Quota(name, hard, hard, used, "1") for name, (hard, used) in amounts.items()}


def holding(**allocations: int) -> Ledger:
    return Ledger(20, tuple(Entry(*one) for one in sorted(allocations.items())), "1", source="t")


def test_a_space_is_pressed_to_the_ceiling_that_it_exceeds_and_others_are_left() -> None:
    quotas = using(a=(8, 6), b=(8, 6), c=(3, 6))
    assert plan_presses(quotas.values(), 20, {"a": 3, "b": 6, "c": 3}) == [Press("a", 3)]
    assert plan_repairs(holding(a=8, b=8), using(a=(8, 6), b=(8, 6)), LIMIT, ceilings={"a": 3}) == [Press("a", 3)]


def test_where_the_tenant_has_too_much_as_well_the_lower_of_both_holds() -> None:
    assert plan_presses(using(a=(6, 6), b=(6, 6)).values(), 10, {"a": 3, "b": 5}) == [Press("a", 3), Press("b", 4)]


def test_what_a_pressed_space_does_not_use_goes_back_and_the_rest_stays_its_own() -> None:
    assert plan_repairs(holding(a=8), using(a=(3, 6)), LIMIT, ceilings={"a": 3}) == [Drain("a", 6, 20)]
    assert plan_repairs(holding(a=6), using(a=(3, 6)), LIMIT, ceilings={"a": 3}) == []


def test_within_its_ceiling_again_a_space_is_in_order_at_the_ceiling() -> None:
    assert plan_repairs(holding(a=4), using(a=(3, 3)), LIMIT, ceilings={"a": 3}) == [Drain("a", 3, 20)]
    assert plan_repairs(holding(a=3), using(a=(3, 3)), LIMIT, ceilings={"a": 3}) == []
    # Somebody's hand lowered it further.
    assert plan_repairs(holding(a=3), using(a=(1, 3)), LIMIT, ceilings={"a": 3}) == [Grow("a", 0, 20)]


def test_a_ceiling_that_goes_up_again_lets_the_space_have_what_is_its_own() -> None:
    assert plan_repairs(holding(a=6), using(a=(3, 6)), LIMIT, ceilings={"a": 9}) == [Grow("a", 0, 20)]
    assert plan_repairs(holding(a=6), using(a=(3, 6)), LIMIT) == [Grow("a", 0, 20)]


def test_a_hand_that_raised_a_pressed_space_is_undone() -> None:
    assert plan_repairs(holding(a=6), using(a=(9, 6)), LIMIT, ceilings={"a": 3}) == [Press("a", 3)]
    assert plan_repairs(holding(a=2), using(a=(3, 6)), LIMIT, ceilings={"a": 3}) == [Grow("a", 0, 20)]


def test_the_status_of_a_pressed_space_follows() -> None:
    quotas = {"a": Quota("a", 3, 6, 6, "1")}
    assert plan_repairs(holding(a=6), quotas, LIMIT, ceilings={"a": 3}) == [Settle("a")]


class Situation:
    """What one operator does of it: repairs first, then transfers, until nothing is left to plan."""

    def __init__(self, limit: int, spaces: list[tuple[int, int, int]], shares: dict[str, Share]) -> None:
        self.shares = shares
        self.ceilings = {name: one.ceiling for name, one in shares.items() if one.ceiling is not None}
        self.cluster = Cluster(limit, [f"s{at}" for at in range(len(spaces))])
        for at, (hard, used, _) in enumerate(spaces):
            self.cluster.store(Quota(f"s{at}", max(hard, used), max(hard, used), used, ""))
        self.wants = {f"s{at}": used + want for at, (_, used, want) in enumerate(spaces)}
        self.cluster.play(Rebuild())

    def plan(self) -> list[Any]:
        there, limit = self.cluster, self.cluster.limit
        repairs = plan_repairs(there.ledger, there.quotas, limit, ceilings=self.ceilings)
        if repairs:
            return repairs
        demands = {name: Demand(refused=max(0, self.wants[name] - one.used)) for name, one in there.quotas.items()}
        return plan_transfers(there.ledger, there.quotas, demands, self.shares, limit.amount)

    def settle(self) -> None:
        """Everything is planned and carried out; what workloads want comes, as far as it may."""
        for _ in range(60):
            for intent in (plan := self.plan()):
                self.cluster.play(intent)
            if not plan and not self.charged():
                return
        raise AssertionError(f"there is no end of {plan}")

    def charged(self) -> bool:
        """Whether something was made that a workload wants."""
        found = False
        for name, one in list(self.cluster.quotas.items()):
            if one.used < min(self.wants[name], one.hard, one.enforced):
                self.cluster.store(replace(one, used=one.used + 1), whole=False)
                found = True
        return found


spaces = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=4)
limits = st.none() | st.integers(0, 6)


@given(spaces, st.lists(limits, min_size=4, max_size=4), st.integers(0, 30))
@settings(max_examples=200, deadline=None)
def test_a_plan_that_was_carried_out_leaves_nothing_to_plan_and_what_goes_does_not_come_back(
    found: list[tuple[int, int, int]], ceilings: list[int | None], limit: int
) -> None:
    shares = {f"s{at}": Share(ceiling=one) for at, one in enumerate(ceilings[: len(found)])}
    before = {f"s{at}": used for at, (_, used, _) in enumerate(found)}
    one = Situation(limit, found, shares)
    one.settle()
    for name in before:
        while (there := one.cluster.quotas[name]).used > (most := one.ceilings.get(name, there.used)):
            assert there.hard <= most and there.enforced <= most
            one.cluster.store(replace(there, used=there.used - 1), whole=False)
            one.settle()
            assert one.cluster.quotas[name].used == there.used - 1
    for name, quota in one.cluster.quotas.items():
        assert quota.used <= one.ceilings.get(name, quota.used)
        if sum(each.used for each in one.cluster.quotas.values()) <= limit:
            assert quota.hard == quota.enforced == one.cluster.ledger.entry(name).allocation
            assert quota.hard <= one.ceilings.get(name, quota.hard)
