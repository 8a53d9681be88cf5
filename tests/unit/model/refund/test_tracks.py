from __future__ import annotations

from datetime import timedelta
from typing import Any

from cotenant.model.refund.tracks import SKEW, gone, seen
from unit.specimens import NOW

LATER = NOW + timedelta(seconds=60)


def pod(cpu: str = "1", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    container = {"name": "c", "resources": {"requests": {"cpu": cpu}}}
    return {"metadata": {"name": "p", **metadata}, "spec": {"containers": [container]}, "status": {"phase": phase}}


def leaving(grace: int = 30) -> dict[str, Any]:
    end = NOW + timedelta(seconds=grace)
    return pod(deletionTimestamp=end.strftime("%Y-%m-%dT%H:%M:%SZ"), deletionGracePeriodSeconds=grace)


def amounts(release: Any) -> dict[str, int]:
    return {key: int(amount) for key, amount in release.amounts}


def test_a_pod_that_ends_gives_back_all_but_its_being_an_object() -> None:
    track, none = seen("pods", None, pod(), 5, 5, NOW)
    assert none is None
    track, release = seen("pods", track, pod(phase="Succeeded"), 7, 7, NOW)
    assert release is not None
    assert (amounts(release), release.since, release.until) == ({"cpu": 1, "pods": 1, "requests.cpu": 1}, 7, 7)
    last = gone("pods", track, 9, 9, NOW)
    assert last is not None
    assert amounts(last) == {"count/pods": 1}


def test_what_shrinks_gives_back_the_difference_and_what_grows_nothing() -> None:
    track, _ = seen("pods", None, pod("3"), 5, 5, NOW)
    track, release = seen("pods", track, pod("1"), 7, 7, NOW)
    assert release is not None
    assert amounts(release) == {"cpu": 2, "requests.cpu": 2}
    track, release = seen("pods", track, pod("5"), 8, 8, NOW)
    assert release is None
    assert track.charge["cpu"] == 5


def test_a_pod_is_charged_while_it_ends_in_time() -> None:
    track, _ = seen("pods", None, pod(), 5, 5, NOW)
    track, release = seen("pods", track, leaving(), 7, 7, NOW)
    assert release is None
    last = gone("pods", track, 9, 9, NOW + timedelta(seconds=30))
    assert last is not None
    assert last.since == 9


def test_an_overdue_pod_may_have_been_forgotten_ever_since_it_was_last_seen_in_time() -> None:
    track, _ = seen("pods", None, leaving(), 7, 7, NOW)
    track, _ = seen("pods", track, leaving(), 8, 8, NOW)
    early, late = LATER - SKEW - timedelta(seconds=1), LATER
    assert "pods" in track.counts(LATER)
    assert "pods" not in track.counts(LATER + timedelta(seconds=1))
    assert [getattr(gone("pods", track, 90, 90, when), "since", 0) for when in (early, late)] == [90, 8]


def test_what_vanished_in_a_gap_bears_both_ends_of_it() -> None:
    track, _ = seen("secrets", None, {"metadata": {"name": "s"}}, 5, 5, NOW)
    release = gone("secrets", track, 8, 20, NOW)
    assert release is not None
    assert (release.since, release.until) == (8, 20)


def test_a_pod_whose_kubelet_is_done_may_have_been_forgotten_since_then_and_not_since_its_deletion_was_asked_for() -> (
    None
):
    track, _ = seen("pods", None, pod(), 5, 5, NOW)
    track, _ = seen("pods", track, leaving(30), 7, 7, NOW)
    track, _ = seen("pods", track, leaving(0), 20, 20, NOW)
    track, _ = seen("pods", track, leaving(0), 21, 21, NOW)
    last = gone("pods", track, 23, 23, NOW)
    assert last is not None
    assert (last.since, last.until) == (20, 23)


def test_one_that_was_overdue_before_its_kubelet_was_done_may_have_been_forgotten_all_the_while() -> None:
    track, _ = seen("pods", None, leaving(30), 7, 7, NOW)
    track, _ = seen("pods", track, leaving(0), 20, 20, LATER)
    last = gone("pods", track, 23, 23, LATER)
    assert last is not None
    assert last.since == 7
