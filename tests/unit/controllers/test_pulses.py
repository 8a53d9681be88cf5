from __future__ import annotations

from datetime import timedelta

from cotenant.api.builtin import QuotaAmounts, ResourceQuota
from cotenant.api.meta import ObjectMeta
from cotenant.apply.escrow import Books
from cotenant.controllers.pulses import Pulses
from unit.specimens import NOW


def books(used: int) -> Books:
    there = ResourceQuota(metadata=ObjectMeta(name="cotenant"), status=QuotaAmounts(used={"pods": str(used)}))
    return Books("red", {"pods": 9}, {}, {"red-a": there})


def test_a_space_that_went_is_forgotten_and_one_of_its_name_is_new():
    moment = NOW
    pulses = Pulses(lambda: moment)
    for used in (1, 2):
        pulses.age(books(used), "red-a")
    assert pulses.left("red", "red-a", "pods", 60) == 60

    pulses.keep("red", ["red-a"])
    moment += timedelta(seconds=20)
    assert pulses.left("red", "red-a", "pods", 60) == 40
    pulses.keep("red", [])

    assert pulses.left("red", "red-a", "pods", 60) == 0
    assert pulses.seen == pulses.touched == {"red": {}}
