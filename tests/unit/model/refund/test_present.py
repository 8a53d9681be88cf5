from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, NoReturn

from hypothesis import given
from hypothesis import strategies as st

from cotenant.model.refund.present import Present
from cotenant.model.refund.tracks import Track
from cotenant.model.usage.amounts import added
from unit.specimens import NOW

SOON, LATER = NOW + timedelta(seconds=10), NOW + timedelta(seconds=60)


def leaving(end: datetime) -> dict[str, Any]:
    times = {"deletionTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "deletionGracePeriodSeconds": 30}
    return {"metadata": {"name": "p", **times}, "spec": {"containers": []}, "status": {}}


CHARGES = st.dictionaries(st.sampled_from(["pods", "cpu", "count/pods"]), st.fractions(0, 5, max_denominator=1000))
TRACKS = st.builds(Track, CHARGES, st.integers(0, 9), st.sampled_from([None, None, leaving(NOW), leaving(SOON)]))
CHANGES = st.lists(st.tuples(st.sampled_from(["pods", "services"]), st.sampled_from("ab"), st.none() | TRACKS))


@given(CHANGES, st.sampled_from([NOW, SOON, LATER]))
def test_whatever_comes_changes_and_goes_the_sum_is_that_of_what_is_left(changes, now) -> None:
    present, left = Present(), {}
    for kind, uid, track in changes:
        if track is None:
            assert present.take(kind, uid) == left.pop((kind, uid), None)
        else:
            present.put(kind, uid, track)
            left[kind, uid] = track

    assert {key: amount for key, amount in present.counts(now).items() if amount} == {
        key: amount for key, amount in added(*[one.counts(now) for one in left.values()]).items() if amount
    }
    assert {(kind, uid) for kind in ("pods", "services") for uid in present.uids(kind)} == set(left)
    assert set(present.going) == {key for key, one in left.items() if one.manifest}
    assert bool(present) is bool(left)


class Loud(Track, frozen=True):
    def counts(self, now: datetime) -> NoReturn:
        raise AssertionError("asked again")


def test_of_thousands_that_stay_nobody_is_asked_again() -> None:
    present = Present()
    for number in range(3):
        present.put("pods", str(number), Loud({"pods": Fraction(1)}))

    assert present.counts(NOW) == {"pods": 3}
