"""What is measured of quotas, on a cluster in a dict."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.controllers import meter, reference
from cotenant.controllers.ledger import LedgerController
from cotenant.controllers.meter import QuotaGauges, transferred
from cotenant.controllers.refusals import Refusals
from cotenant.model.platform import Platform
from cotenant.runtime.metrics import Metrics
from unit.controllers.play import Play
from unit.controllers.test_ledger import denied, opened, sets, uses


@pytest.fixture
def play() -> Play:
    return Play()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def told(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_amounts_are_told_by_tenant_and_resource_in_whole_units(play: Play, metrics: Metrics) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 8, "requests.cpu": "2500m"}})
    await uses(play, "a", 2)
    metrics.registry.register(QuotaGauges(play.world, lambda: True))

    def of(name: str, resource: str) -> float | None:
        return told(metrics, f"cotenant_quota_{name}", tenant="red", resource=resource)

    assert (of("limit", "pods"), of("used", "pods"), of("limit", "requests.cpu")) == (8, 2, 2.5)
    allocated, headroom, hard = of("allocated", "pods"), of("headroom", "pods"), of("hard", "pods")
    assert allocated is not None and headroom is not None and allocated + headroom == 8
    assert hard == allocated
    text = metrics.expose().decode()
    assert 'cotenant_quota_used{resource="pods",tenant="red"} 2.0' in text


async def test_only_who_leads_tells_amounts(play: Play, metrics: Metrics) -> None:
    await opened(play, "a")
    leading = False
    metrics.registry.register(QuotaGauges(play.world, lambda: leading))
    assert 'tenant="red"' not in metrics.expose().decode()
    leading = True
    assert 'tenant="red"' in metrics.expose().decode()


async def test_beyond_the_bound_amounts_are_added_up(
    play: Play, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(play, "a", quota={"hard": {"pods": 8, "secrets": 5}})
    monkeypatch.setattr(meter, "MOST", 1)
    play.tenant("blue", about={"creationTimestamp": "2026-12-01T00:00:00Z"}, quota={"hard": {"secrets": 7}})
    for what, key in (("tenant", "blue"), ("quota", "home-blue"), ("tenant", "blue"), ("ledger", "blue")):
        await play.one(what, key)
    found = QuotaGauges(play.world, lambda: True).amounts()
    assert set(found) == {("red", "pods"), ("(others)", "secrets")}
    assert found["(others)", "secrets"]["limit"] == 12


async def test_a_transfer_is_counted_by_its_kind_and_end_with_its_time(play: Play, metrics: Metrics) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 20}})
    client: Any = play.cluster
    play.ledgers = LedgerController(
        client, play.world, Platform(), play.now, lambda: True, lambda deed: transferred(metrics, deed)
    )
    sets(play, "a", 15)
    await play.one("ledger", "red")
    assert told(metrics, "cotenant_quota_transfers_total", kind="grow", outcome="done") == 1
    assert told(metrics, "cotenant_quota_transfer_duration_seconds_count", kind="grow") == 1
    before = metrics.expose()
    await play.one("ledger", "red")
    assert metrics.expose() == before


@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController"])
async def test_a_refusal_is_false_where_the_tenant_had_room(play: Play, metrics: Metrics, kind: str) -> None:
    Refusals(play.world, Platform(), metrics, play.now, lambda: True)
    await opened(play, "a", "b", quota={"hard": {"pods": 8}})
    sets(play, "a", 3, kind=kind)
    play.sync()
    sets(play, "a", 3, refused=True, kind=kind)
    play.sync()
    assert told(metrics, "cotenant_quota_refusals_total") == 1
    assert told(metrics, "cotenant_quota_false_refusals_total") == 1
    # It goes on being refused: that is still the same one.
    sets(play, "a", 4, refused=True, kind=kind)
    play.sync()
    assert told(metrics, "cotenant_quota_refusals_total") == 1


async def test_a_refusal_at_the_tenants_limit_is_true(play: Play, metrics: Metrics) -> None:
    Refusals(play.world, Platform(), metrics, play.now, lambda: True)
    await opened(play, "a", quota={"hard": {"pods": 2}})
    await uses(play, "a", 2)
    sets(play, "a", 3)
    play.sync()
    sets(play, "a", 3, refused=True)
    play.sync()
    assert told(metrics, "cotenant_quota_refusals_total") == 1
    assert told(metrics, "cotenant_quota_false_refusals_total") == 0


@pytest.mark.parametrize("kind", ["Job", "DaemonSet"])
async def test_a_job_that_an_event_calls_refused_is_counted_once(play: Play, metrics: Metrics, kind: str) -> None:
    Refusals(play.world, Platform(), metrics, play.now, lambda: True)
    await opened(play, "a", quota={"hard": {"pods": 2}})
    await uses(play, "a", 2)
    play.cluster.put(kind, "j", "red-a", spec={"template": {"spec": {"containers": [{}]}}})
    play.sync()
    first = denied(kind, "red-a", "j")
    again = msgspec.structs.replace(first, metadata=msgspec.structs.replace(first.metadata, name="j.2"))
    # One that is found at the start was counted when it came.
    play.world.denials.upsert(first)
    assert told(metrics, "cotenant_quota_refusals_total") == 0
    play.world.denials.remove("red-a/j.1")
    play.world.denials.synced = True
    for one in (first, again, denied(kind, "red-a", "gone")):
        play.world.denials.upsert(one)
    assert told(metrics, "cotenant_quota_refusals_total") == 1
    assert told(metrics, "cotenant_quota_false_refusals_total") == 0


async def test_what_was_refused_before_or_is_nobodys_is_not_counted(play: Play, metrics: Metrics) -> None:
    Refusals(play.world, Platform(), metrics, play.now, lambda: True)
    await opened(play, "a", quota={"hard": {"pods": 2}})
    sets(play, "a", 3, refused=True)
    sets(play, "elsewhere", 3)
    play.sync()
    sets(play, "elsewhere", 3, refused=True)
    play.sync()
    assert told(metrics, "cotenant_quota_refusals_total") == 0


def test_the_page_of_metrics_names_them() -> None:
    text = reference.page()
    for name in ("cotenant_quota_used", "cotenant_quota_transfers_total", "workqueue_depth"):
        assert f"| `{name}` |" in text
