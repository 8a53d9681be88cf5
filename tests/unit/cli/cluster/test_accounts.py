from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from cotenant.cli.cluster.accounts import alive
from unit.cluster import Cluster

EARLY, LATE = "2026-11-21T11:00:00.000000Z", "2026-11-21T12:00:00.000000Z"
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def with_leases(**renewed: str) -> Any:
    found = Cluster()
    for name, when in renewed.items():
        found.put("Lease", name.replace("_", "-"), "cotenant-system", spec={"renewTime": when} if when else {})
    return found


@pytest.mark.parametrize(
    "leases",
    [
        {"cotenant": LATE},
        {"cotenant_heartbeat": LATE},  # --no-leader-election
        {"cotenant": EARLY, "cotenant_heartbeat": LATE},
        {"cotenant": LATE, "cotenant_heartbeat": EARLY},  # barred, or counted natively
        {"cotenant": LATE, "cotenant_heartbeat": ""},
    ],
)
async def test_either_lease_is_a_sign_of_an_operator(leases: dict[str, str]) -> None:
    assert await alive(with_leases(**leases)) == NOON


async def test_who_may_read_no_lease_knows_nothing() -> None:
    assert await alive(with_leases()) is None
    found = with_leases(cotenant=LATE, cotenant_heartbeat=LATE)
    found.refuse("get", "Lease")
    assert await alive(found) is None
