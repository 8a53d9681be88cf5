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
