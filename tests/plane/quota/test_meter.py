"""The quota in /metrics of a running operator."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from vocabulary import deployment, eventually, expect_created, expect_ready, given_tenant

pytestmark = pytest.mark.cluster


def told(cluster, name: str, **labels: str) -> float:
    """The sum of all samples of a metric that have these labels."""
    status, text = cluster.operator.http("/metrics")
    assert status == 200
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_amounts_transfers_and_refusals_are_told(cluster):
    team = given_tenant(cluster, "meter", spaces=["a", "b"], quota={"hard": {"pods": 12}})
    expect_ready(team, "a", "b")
    before = {name: told(cluster, f"cotenant_quota_{name}") for name in ("transfers_total", "refusals_total")}

    expect_created(team.owner.apply(deployment("web", team.namespace("a"), replicas=20)))

    def amounts() -> list[float]:
        names = ("limit", "allocated", "headroom", "used", "hard")
        return [told(cluster, f"cotenant_quota_{name}", tenant=team.name, resource="pods") for name in names]

    eventually(lambda: amounts() == [12, 12, 0, 12, 12], within=20)
    assert told(cluster, "cotenant_quota_transfers_total") > before["transfers_total"]
    assert told(cluster, "cotenant_quota_transfer_duration_seconds_count", kind="grow") > 0
    # Twelve of twenty: the rest is refused, and rightly.
    eventually(lambda: told(cluster, "cotenant_quota_refusals_total") > before["refusals_total"])

    cluster.delete("Tenant", team.name)
    eventually(lambda: amounts() == [0] * 5, within=20)
