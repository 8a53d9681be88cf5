"""Several tasks' writes of one ledger as one: as if they had come one after the other."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow.drain import Drain
from cotenant.model.escrow.grow import Grow
from cotenant.model.escrow.merge import changes, merge
from cotenant.model.escrow.protocol import advance, begin
from cotenant.model.escrow.resize import Resize
from cotenant.model.escrow.values import MOST, Entry, Ledger, Limit, Quota

SPACES = ["a", "b", "c", "d", "e"]
amounts = st.integers(0, 8)
entries = st.tuples(amounts, st.none() | st.integers(0, 4))
intents = st.one_of(
    st.builds(Grow, st.sampled_from(SPACES), amounts, st.just(0), st.booleans()),
    st.builds(Drain, st.sampled_from(SPACES), amounts, st.just(0), st.booleans(), st.booleans()),
    st.builds(Resize, st.builds(Limit, st.integers(0, 20), st.sampled_from(["old", "new"]))),
)
Case = tuple[Ledger, list[Ledger], int]


def wish(intent: Any, base: Ledger, used: int, limit: Limit, *, gone: bool) -> Ledger | None:
    """The first ledger that the protocol's own task wants to store over `base`; None where it wants none."""
    step: Any = begin(intent, base)
    for _ in range(10):
        if isinstance(step, m.Finished):
            return None
        match step.request:
            case m.PutLedger(ledger):
                return ledger
            case m.GetLimit():
                answer: Any = m.Read(limit)
            case m.GetLedger():
                answer = m.Read(base)
            case m.GetQuota(space) if not gone:
                answer = m.Read(Quota(space, used, used, used, "1"))
            case m.PutQuota() | m.PutEnforced():
                answer = m.Written("2")
            case _:
                answer = m.NotFound()
        step = advance(step, answer)
    return None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A ledger, what tasks of one process want to store over it, and the tenant's limit as that process knows it."""
    found = {name: draw(entries) for name in SPACES if draw(st.booleans())}
    kept = tuple(Entry(name, have, drain) for name, (have, drain) in found.items())
    base = Ledger(sum(one.allocation for one in kept) + draw(amounts), kept, "7", source="old")
    within = draw(st.integers(0, base.limit + 4))
    limit = Limit(within, draw(st.sampled_from(["old", "new"])))
    begun = draw(st.lists(st.tuples(intents, amounts, st.booleans()), min_size=1, max_size=6))
    told = [(replace(one, within=within) if not isinstance(one, Resize) else one, used, gone) for one, used, gone in begun]  # fmt: skip
    wanted = [wish(one, base, used, limit, gone=gone) for one, used, gone in told]
    some = [one for one in wanted if one is not None]
    return base, some, within


@given(cases())
@settings(max_examples=400)
def test_what_is_stored_is_what_each_of_them_wanted_of_its_space_and_nothing_else(case: Case) -> None:
    base, wanted, within = case
    if not wanted:
        return
    merged, taken = merge(base, wanted, within)
    differs: dict[str, Entry | None] = {}
    for at in taken:
        mine = changes(base, wanted[at])
        assert not mine.keys() & differs.keys()
        differs |= mine
    assert changes(base, merged) == differs
    assert merged.version == base.version
    assert list(merged.entries) == sorted(merged.entries)


@given(cases())
@settings(max_examples=400)
def test_together_they_stay_within_the_limit_and_grow_no_further_than_the_tenant_may(case: Case) -> None:
    base, wanted, within = case
    if not wanted:
        return
    merged, taken = merge(base, wanted, within)
    assert merged.allocated <= merged.limit <= max(base.limit, wanted[0].limit)
    assert merged.limit == min(wanted[at].limit for at in taken)
    # The first alone may be above: what was allocated before the limit came down.
    assert merged.allocated <= max(within, base.allocated, wanted[0].allocated)
    assert len(merged.entries) <= MOST


@given(cases())
@settings(max_examples=400)
def test_the_first_is_always_stored_and_another_revision_of_the_tenant_alone(case: Case) -> None:
    base, wanted, within = case
    for order in permutations(wanted) if len(wanted) <= 4 else [wanted]:
        if not order:
            return
        merged, taken = merge(base, list(order), within)
        assert taken[0] == 0
        strange = [one for one in order if one.source != base.source or one.limit > base.limit]
        assert len(taken) == 1 or not any(order[at] in strange for at in taken)
        if len(taken) == 1:
            assert merged == order[0]


@given(st.integers(2, 5), st.integers(0, 30))
def test_growths_that_fit_together_are_one_write(count: int, room: int) -> None:
    base = Ledger(count * 3 + room, tuple(Entry(name, 3) for name in SPACES[:count]), "7")
    wanted = [base.having(Entry(name, 4)) for name in SPACES[:count]]
    merged, taken = merge(base, wanted, base.limit)
    assert len(taken) == min(len(wanted), max(room, 1))
    assert merged.allocated == base.allocated + len(taken)


def test_a_ledger_gets_no_more_entries_than_it_may_have() -> None:
    base = Ledger(9, tuple(Entry(f"s{number:04}", 0) for number in range(MOST - 1)), "7")
    wanted = [base.having(Entry(name, 0)) for name in ("a", "b")]
    merged, taken = merge(base, wanted, 9)
    assert taken == [0]
    assert len(merged.entries) == MOST


def test_a_drain_that_lowers_the_limit_leaves_what_another_takes_for_later() -> None:
    base = Ledger(10, (Entry("a", 5, drain=2), Entry("b", 1)), "7")
    drained = base.having(Entry("a", 2)).lowered(3)
    merged, taken = merge(base, [drained, base.having(Entry("b", 5))], 10)
    assert taken == [0]
    assert merged == drained


def test_two_growths_do_not_share_a_room_that_the_tenant_has_no_more() -> None:
    base = Ledger(10, (Entry("a", 1), Entry("b", 1)), "7")
    merged, taken = merge(base, [base.having(Entry(name, 3)) for name in ("a", "b")], 4)
    assert taken == [0]
    assert merged.allocated == 4
