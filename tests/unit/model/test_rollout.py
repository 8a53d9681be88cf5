from __future__ import annotations

from typing import Any

import pytest

from cotenant.model.rollout import rollout


@pytest.mark.parametrize(
    ("strategy", "replicas", "surge", "unavailable"),
    [
        ({}, 4, 1, 1),
        ({"type": "RollingUpdate"}, 10, 3, 2),  # surge rounds up, unavailable down
        ({"rollingUpdate": {"maxSurge": 0}}, 10, 0, 2),
        ({"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}}, 10, 0, 1),  # never both 0
        ({"rollingUpdate": {"maxSurge": "100%", "maxUnavailable": "0%"}}, 3, 3, 0),
        ({}, 1, 1, 0),
        ({"type": "Recreate"}, 5, 0, 5),
    ],
)
def test_a_rolling_update_needs_what_the_deployment_controller_works_out(
    strategy: dict[str, Any], replicas: int, surge: int, unavailable: int
) -> None:
    found = rollout(strategy, replicas)
    assert (found.replicas, found.surge, found.unavailable) == (replicas, surge, unavailable)
    assert found.recreate is (strategy.get("type") == "Recreate")


@pytest.mark.parametrize(
    ("kind", "strategy", "surge", "unavailable"),
    [
        ("StatefulSet", {}, 0, 1),
        ("StatefulSet", {"rollingUpdate": {"maxUnavailable": "30%"}}, 0, 2),  # rounded up, unlike a Deployment's
        ("DaemonSet", {}, 0, 1),
        ("DaemonSet", {"rollingUpdate": {"maxSurge": "30%", "maxUnavailable": 0}}, 2, 0),
    ],
)
def test_a_statefulset_and_a_daemonset_surge_only_where_they_say_so(
    kind: str, strategy: dict[str, Any], surge: int, unavailable: int
) -> None:
    found = rollout(strategy, 5, kind)
    assert (found.surge, found.unavailable, found.by_hand) == (surge, unavailable, False)
    assert rollout({"type": "OnDelete"}, 5, kind).by_hand
