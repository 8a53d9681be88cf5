"""The protocol in every interleaving. COTENANT_EXPLORE=all takes the larger scenarios too: some minutes.

`python -m unit.model.escrow.figures`, in tests/, prints how many states each has.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from unit.model.escrow import scenarios, variants
from unit.model.escrow.explorer import Explorer, Result, Rules
from unit.model.escrow.invariants import alone, broken, overshooting, stuck

in_full = pytest.mark.skipif(os.environ.get("COTENANT_EXPLORE") != "all", reason="COTENANT_EXPLORE=all explores this")


def explored(rules: Rules, check=broken) -> tuple[Explorer, Result]:
    explorer = Explorer(rules)
    return explorer, explorer.run(check)


@pytest.mark.parametrize(
    "name",
    [
        "TRANSFERS",
        "PRESSED_TO_CEILINGS",
        "UNGUARDED",
        "FREEZING",
        "FREEZING_WHILE_LOST",
        "CROWDED",
        "LOWERING",
        "PRESSING",
        "FLIPPING_BRIEFLY",
        "LOSS",
        "LOSS_WHILE_PRESSED",
        "LEAVING",
        pytest.param("CROWDED_WITH_TWO", marks=in_full),
        pytest.param("LOWERING_IN_FULL", marks=in_full),
        pytest.param("PRESSING_IN_FULL", marks=in_full),
        pytest.param("FLIPPING", marks=in_full),
        pytest.param("LOSS_OF_TWO", marks=in_full),
        pytest.param("LEAVING_AGAIN", marks=in_full),
        pytest.param("LEAVING_WITH_TWO", marks=in_full),
    ],
)
def test_whatever_two_leaders_and_crashes_do_the_limit_holds_and_nothing_stays_stuck(name: str) -> None:
    explorer, result = explored(getattr(scenarios, name))
    assert result.broken is None, "\n".join(result.trace)
    for world in {alone(explorer.world(state)) for state in result.worlds}:
        for ceilings in scenarios.CEILINGS:
            assert stuck(world, ceilings) is None, (stuck(world, ceilings), world, ceilings)


@pytest.mark.parametrize("name", scenarios.BAD)
def test_each_precaution_is_needed(name: str) -> None:
    _, result = explored(scenarios.BAD[name], check=overshooting)
    assert result.broken is not None


def test_waiting_for_status_hard_does_no_harm_under_the_policy() -> None:
    both = replace(scenarios.UNGUARDED, native=False)
    assert explored(both)[1].broken is None


SMALL = Rules(
    scenarios.grows(0, 1, within=1) + scenarios.drains(0, within=1),
    scenarios.Tenant(1, 1),
    start=(1, 0),
)


@pytest.mark.parametrize(
    "advance", [Rules.advance, variants.without_unconditional_write, variants.without_announcement]
)
def test_reductions_change_no_verdict(advance) -> None:
    verdicts, worlds = [], []
    for reduce in (True, False):
        explorer, result = explored(replace(SMALL, advance=advance, reduce=reduce, mirror=False))
        verdicts.append(result.broken)
        worlds.append({explorer.world(state) for state in result.worlds})
    assert verdicts[0] == verdicts[1]
    assert verdicts[0] or worlds[0] == worlds[1]
