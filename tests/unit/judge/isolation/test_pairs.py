from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cotenant.judge.isolation.pairs import ALL_UP_TO, EACH, choose


def names(number: int) -> list[str]:
    return [f"t{each:03}" for each in range(number)]


def test_up_to_ten_tenants_every_ordered_pair_is_tried():
    chosen = choose(names(ALL_UP_TO), 1)
    assert (len(chosen.pairs), chosen.sampled, chosen.seed) == (90, False, None)


@given(some.integers(ALL_UP_TO + 1, 300), some.integers())
def test_in_a_sample_each_tenant_is_source_and_target_equally_often(number, seed):
    chosen = choose(names(number), seed)
    sources, targets = (Counter(pair[side] for pair in chosen.pairs) for side in (0, 1))
    assert set(sources.values()) == set(targets.values()) == {EACH}
    assert set(sources) == set(targets) == set(names(number))
    assert all(source != target for source, target in chosen.pairs)
    assert chosen.sampled and chosen.seed == seed


def test_the_same_seed_gives_the_same_sample_and_another_one_another():
    assert choose(names(20), 1) == choose(names(20), 1)
    assert choose(names(20), 1).pairs != choose(names(20), 2).pairs


@pytest.mark.parametrize(("number", "least"), [(3, 4), (40, 2 * (ALL_UP_TO - 1))])
def test_a_tenant_asked_for_by_name_is_tried_both_ways_against_many(number, least):
    chosen = choose(names(number), 1, ["t001"])
    assert len(chosen.pairs) >= least
    assert all("t001" in pair for pair in chosen.pairs)
    assert Counter(pair[0] == "t001" for pair in chosen.pairs)[True] >= least // 2


@given(some.integers(ALL_UP_TO + 1, 60), some.integers(), some.data())
def test_pairs_between_tenants_asked_for_by_name_are_never_left_out(number, seed, data):
    asked = data.draw(some.lists(some.sampled_from(names(number)), min_size=2, unique=True))
    chosen = choose(names(number), seed, asked)
    assert {(a, b) for a in asked for b in asked if a != b} <= set(chosen.pairs)
    assert all(a in asked or b in asked for a, b in chosen.pairs)
    others = {name for pair in chosen.pairs for name in pair} - set(asked)
    assert len(others) == min(number - len(asked), max(EACH, ALL_UP_TO - len(asked)))
    assert all({(a, b), (b, a)} <= set(chosen.pairs) for a in asked for b in others)


@pytest.mark.parametrize("number", [0, 1])
def test_without_a_second_tenant_there_is_no_pair(number):
    assert choose(names(number), 1).pairs == ()
