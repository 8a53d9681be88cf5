"""The ledger controller on a cluster in a dict: who gets how much, and what it costs in requests."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from cotenant.api.keys import EPOCH
from cotenant.api.workload import Denial
from cotenant.controllers.denials import lean
from cotenant.model.quantity import parse
from unit.controllers.play import Play
from unit.controllers.shares import allocated, hard, ledger, opened, sets, total, uses


async def test_where_all_is_given_away_it_looks_again_when_the_next_space_has_been_quiet_for_a_while(
    play: Play,
) -> None:
    await opened(play, "a", "b", "c")
    for count in range(1, 7):
        await uses(play, "a", count)
    assert sum(allocated(play).values()) == 8

    there = play.cluster.there("ResourceQuota", "cotenant", "red-b")
    play.cluster.change("ResourceQuota", "cotenant", "red-b", status={"used": {"pods": there["spec"]["hard"]["pods"]}})
    result = await play.one("ledger", "red")

    assert result.after is not None
    assert 0 < result.after <= 3.0


async def test_the_only_space_holds_all_there_is(play: Play) -> None:
    await opened(play, "dev")
    assert hard(play, "dev") == 8
    assert (ledger(play)["limit"], allocated(play)) == (8, {"red-dev": 8})


async def test_several_spaces_never_hold_more_than_there_is(play: Play) -> None:
    await opened(play, "a", "b", "c")
    assert 0 < total(play) <= 8
    assert all(hard(play, name) > 0 for name in "abc")


async def test_a_space_finds_its_first_share_before_it_is_opened(play: Play) -> None:
    await opened(play, "dev")
    assert play.ready()["status"] == "True"
    assert play.cluster.there("ResourceQuota", "cotenant", "red-dev")["status"]["hard"]["pods"] == "8"


async def test_one_space_can_use_the_whole_limit_pod_by_pod(play: Play) -> None:
    await opened(play, "a", "b", "c")
    for count in range(1, 9):
        await uses(play, "a", count)
        play.wait(4)
        assert total(play) <= 8
    assert hard(play, "a") == 8


async def test_what_is_left_idle_comes_back_where_others_work(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "a", 1)
    for count in range(2, 8):
        play.wait(1)
        await uses(play, "a", count)
    assert hard(play, "a") >= 7
    assert total(play) <= 8


async def test_nothing_is_written_while_nothing_changes(play: Play) -> None:
    await opened(play, "a", "b", "c")
    for _ in range(5):
        play.wait(120)
        await play.one("ledger", "red")
    assert play.cluster.writes() == []


async def test_a_restart_writes_nothing(play: Play) -> None:
    await opened(play, "a", "b")
    again = Play()
    again.cluster, again.time = play.cluster, play.time
    fresh = Play.__new__(Play)
    fresh.__dict__ |= again.__dict__
    play.ledgers.pulse.seen.clear()
    play.ledgers.pulse.started = play.now().timestamp()
    for _ in range(3):
        await play.one("ledger", "red")
        play.wait(31)
    assert play.cluster.writes() == []


async def test_a_new_space_costs_one_write_of_the_ledger_and_one_of_its_quota(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 20, "secrets": 20, "requests.cpu": "8"}})
    play.space("c")
    await play.one("space", "home-red/c")
    await play.one("quota", "red-c")
    play.counts("red-c")
    await play.one("ledger", "red")
    writes = [one for one in play.cluster.writes() if "ResourceQuota" in one or "TenantLedger" in one]
    assert writes == [
        "create ResourceQuota cotenant",
        "replace TenantLedger pods",
        "replace TenantLedger requests.cpu",
        "replace TenantLedger secrets",
        "replace ResourceQuota cotenant",
    ]


async def test_several_new_spaces_are_one_write_of_the_ledger(play: Play) -> None:
    await opened(play, "a", quota={"hard": {"pods": 40}, "space": {"max": {"pods": 10}}})
    for name in "bcd":
        play.space(name)
        await play.one("space", f"home-red/{name}")
        await play.one("quota", f"red-{name}")
        play.counts(f"red-{name}")
    play.cluster.calls.clear()
    await play.one("ledger", "red")
    writes = play.cluster.writes()
    assert writes.count("replace TenantLedger pods") == 1
    assert writes.count("replace ResourceQuota cotenant") == 3


async def test_a_lowered_limit_takes_back_at_once_what_is_not_used(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "a", 2)
    play.cluster.change("Tenant", "red", spec={"quota": {"hard": {"pods": 3}}}, metadata={"generation": 2})
    await play.one("ledger", "red")
    assert total(play) <= 3
    assert ledger(play)["limit"] == 3


async def test_a_limit_below_use_evicts_nothing_and_gives_nothing(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "a", 3)
    play.cluster.change("Tenant", "red", spec={"quota": {"hard": {"pods": 1}}}, metadata={"generation": 2})
    await play.one("ledger", "red")
    # With what it uses as its limit, whatever goes would be replaced.
    assert (hard(play, "a"), hard(play, "b")) == (1, 0)
    assert ledger(play)["limit"] == 3
    await play.one("tenant", "red")
    assert play.condition("Tenant", "red", "QuotaSynced")["reason"] == "Converging"


async def test_a_space_above_its_ceiling_is_pressed_to_it_and_follows_what_goes(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "a", 4)
    play.cluster.change("Space", "a", "home-red", spec={"quota": {"max": {"pods": 2}}})
    await play.one("ledger", "red")
    assert (hard(play, "a"), allocated(play)["red-a"]) == (2, 4)
    for left, share in ((3, 3), (2, 2), (1, 2)):
        play.cluster.change("ResourceQuota", "cotenant", "red-a", status={"used": {"pods": str(left)}})
        await play.one("ledger", "red")
        assert (hard(play, "a"), allocated(play)["red-a"]) == (2, share)


async def test_a_share_comes_back_only_when_the_namespace_is_gone(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "b", 2)
    held = allocated(play)["red-b"]
    play.cluster.change("Namespace", "red-b", metadata={"deletionTimestamp": "2026-11-21T10:00:00Z"})
    await play.one("ledger", "red")
    assert allocated(play)["red-b"] == held
    play.cluster.vanish("ResourceQuota", "cotenant", "red-b")
    await play.one("ledger", "red")
    assert allocated(play)["red-b"] == held
    play.cluster.vanish("Namespace", "red-b")
    await play.one("ledger", "red")
    assert "red-b" not in allocated(play)


async def test_a_store_that_missed_a_namespace_gives_nothing_away(play: Play) -> None:
    await opened(play, "a", "b")
    there = play.world.namespaces.get(None, "red-b")
    assert there is not None
    play.world.namespaces.remove("red-b")
    await play.ledgers.reconcile("red")
    assert "red-b" in allocated(play)


async def test_a_lost_ledger_is_rebuilt_from_what_the_quotas_hold(play: Play) -> None:
    await opened(play, "a", "b")
    await uses(play, "a", 2)
    before = allocated(play)
    play.cluster.vanish("TenantLedger", "pods", "home-red")
    await play.one("ledger", "red")
    assert allocated(play) == before
    assert ledger(play)["limit"] == 8


async def test_a_quota_that_somebody_raised_is_brought_back(play: Play) -> None:
    await opened(play, "a", "b")
    before = hard(play, "a")
    play.cluster.change("ResourceQuota", "cotenant", "red-a", spec={"hard": {"pods": "99"}})
    await play.one("ledger", "red")
    assert hard(play, "a") == before


async def test_floors_are_kept_and_ceilings_not_exceeded(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 8}, "space": {"min": {"pods": 2}, "max": {"pods": 4}}})
    for count in range(1, 5):
        await uses(play, "a", count)
        play.wait(4)
    assert (hard(play, "a"), hard(play, "b") >= 2) == (4, True)


async def test_a_key_that_is_dropped_takes_its_ledger_along(play: Play) -> None:
    await opened(play, "a", quota={"hard": {"pods": 8, "secrets": 4}})
    play.cluster.change("Tenant", "red", spec={"quota": {"hard": {"secrets": None}}}, metadata={"generation": 2})
    await play.one("quota", "red-a")
    await play.one("ledger", "red")
    assert play.cluster.names("TenantLedger", "home-red") == ["pods"]
    assert "secrets" not in play.cluster.there("ResourceQuota", "cotenant", "red-a")["spec"]["hard"]


async def test_a_key_is_not_dropped_by_rules_that_are_old(play: Play) -> None:
    await opened(play, "a", quota={"hard": {"pods": 8, "secrets": 4}})
    play.cluster.change("Tenant", "red", spec={"quota": {"hard": {"secrets": None}}}, metadata={"generation": 2})
    play.sync()
    play.cluster.change("Tenant", "red", spec={"quota": {"hard": {"secrets": 4}}}, metadata={"generation": 3})
    await play.quotas.reconcile("red-a")
    await play.ledgers.reconcile("red")
    assert "secrets" in play.cluster.there("ResourceQuota", "cotenant", "red-a")["spec"]["hard"]
    assert play.cluster.names("TenantLedger", "home-red") == ["pods", "secrets"]


async def test_nothing_is_moved_while_the_profile_is_missing(play: Play) -> None:
    await opened(play, "a")
    play.cluster.change("Tenant", "red", spec={"profile": "gone"}, metadata={"generation": 2})
    await play.one("ledger", "red")
    assert play.cluster.writes() == []


@pytest.mark.parametrize("verb", ["replace", "replace/status"])
async def test_a_write_that_fails_leaves_nothing_that_the_next_look_does_not_finish(play: Play, verb: str) -> None:
    await opened(play, "a", "b")
    play.cluster.refuse(verb, "ResourceQuota")
    with pytest.raises(Exception, match="webhook said no"):
        await uses(play, "a", hard(play, "a"))
    play.cluster.allow()
    await play.one("ledger", "red")
    assert hard(play, "a") == allocated(play)["red-a"] > 2
    there = play.cluster.there("ResourceQuota", "cotenant", "red-a")
    assert there["status"]["hard"]["pods"] == there["spec"]["hard"]["pods"]


WANTS = {
    "Job": ("spec", "parallelism"),
    "StatefulSet": ("spec", "replicas"),
    "DaemonSet": ("status", "desiredNumberScheduled"),
}
"""Where each kind says how many pods it wants."""


async def test_a_workload_finds_its_quota_before_its_pods_come(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 60}})
    sets(play, "a", 50)
    await play.one("ledger", "red")
    assert hard(play, "a") >= 50
    assert total(play) <= 60


async def test_who_was_refused_is_served_before_who_may_come(play: Play) -> None:
    await opened(play, "a", "b", "c", quota={"hard": {"pods": 6}})
    sets(play, "b", 20)
    sets(play, "a", 3, refused=True)
    await play.one("ledger", "red")
    assert hard(play, "a") >= 3
    assert total(play) == 6


@pytest.mark.parametrize("kind", ["Job", "StatefulSet", "DaemonSet"])
async def test_who_was_refused_by_its_events_is_served_before_who_may_come(play: Play, kind: str) -> None:
    await opened(play, "a", "b", "c", quota={"hard": {"pods": 6}})
    # What a DaemonSet wants its controller says.
    part, name = WANTS[kind]
    size = {"spec": {"template": {"spec": {"containers": [{}]}}}, "status": {}}
    size[part][name] = 3
    play.cluster.put(kind, "j", "red-a", **size)
    sets(play, "b", 20)
    await play.one("ledger", "red")
    # Alike so far: who asks for more gets no less.
    assert hard(play, "b") >= hard(play, "a") == 3
    play.cluster.change(kind, "j", "red-a", **{part: {name: 5}})
    await play.one("ledger", "red")
    assert hard(play, "a") < 5
    play.world.denials.upsert(denied(kind, "red-a", "j"))
    await play.one("ledger", "red")
    assert hard(play, "a") == 5
    assert total(play) <= 6


async def test_claims_of_a_statefulset_find_their_quota_before_they_are_made(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"requests.storage": "100Gi"}})
    claim = {"spec": {"resources": {"requests": {"storage": "30Gi"}}}}
    play.cluster.put("StatefulSet", "db", "red-a", spec={"replicas": 3, "volumeClaimTemplates": [claim]})
    await play.one("ledger", "red")
    there = play.cluster.there("ResourceQuota", "cotenant", "red-a")
    assert parse(there["spec"]["hard"]["requests.storage"]) >= 90 * 2**30


async def test_a_replication_controller_is_looked_ahead_for_and_heard_as_a_replica_set_is(play: Play) -> None:
    await opened(play, "a", "b", "c", quota={"hard": {"pods": 6}})
    sets(play, "b", 20)
    sets(play, "a", 3, kind="ReplicationController")
    await play.one("ledger", "red")
    assert hard(play, "a") == 3
    sets(play, "a", 5, kind="ReplicationController", refused=True)
    await play.one("ledger", "red")
    assert hard(play, "a") == 5
    assert total(play) <= 6


def denied(kind: str, namespace: str, name: str) -> Denial:
    """The Event of a workload whose pods a quota refused."""
    wire = {
        "metadata": {"name": f"{name}.1", "namespace": namespace, "uid": "event", "resourceVersion": "7"},
        "regarding": {"kind": kind, "namespace": namespace, "name": name, "uid": f"uid-{name}"},
        "note": 'Error creating: pods "j-x" is forbidden: exceeded quota: cotenant',
    }
    return lean(msgspec.json.encode(wire))


async def test_a_workload_that_was_scaled_down_leaves_its_quota_to_others(play: Play) -> None:
    await opened(play, "a", "b", quota={"hard": {"pods": 10}})
    sets(play, "a", 9)
    await play.one("ledger", "red")
    assert hard(play, "a") >= 9
    sets(play, "a", 0)
    sets(play, "b", 9)
    await play.one("ledger", "red")
    assert hard(play, "b") >= 9
    assert total(play) <= 10


async def test_a_tenant_without_a_limit_has_no_ledger(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space("dev")
    await play.settle()
    assert play.cluster.names("TenantLedger", "home-red") == []
    assert play.ready()["status"] == "True"


async def test_a_ledger_of_many_spaces_is_rebuilt_in_one_go(play: Play) -> None:
    names = [f"s{number}" for number in range(16)]
    await opened(play, *names, quota={"hard": {"pods": 100}}, spaces={"limit": 16})
    before = allocated(play)
    play.cluster.vanish("TenantLedger", "pods", "home-red")
    await play.one("ledger", "red")
    assert allocated(play) == before
    assert len(before) == 16


async def raised_while(play: Play, happens: Callable[[], None]) -> list[str]:
    """What is asked of quotas for a workload that the pool has room for, while this happens just before the raise."""
    await opened(play, "a", "b", quota={"hard": {"pods": 400}})
    waiting = [happens]

    def meanwhile(verb: str, kind: str, name: str) -> None:
        if (verb, kind) == ("edit", "ResourceQuota") and waiting:
            waiting.pop()()

    play.cluster.before = meanwhile
    sets(play, "a", 150)
    await play.one("ledger", "red")
    assert hard(play, "a") >= 150
    assert not waiting
    return [verb for verb, kind, _, _ in play.cluster.calls if kind == "ResourceQuota"]


async def test_pods_that_are_charged_meanwhile_do_not_send_a_raise_back(play: Play) -> None:
    def charge() -> None:
        play.cluster.change("ResourceQuota", "cotenant", "red-a", status={"used": {"pods": "3"}})

    asked = await raised_while(play, charge)
    assert asked[0] == "edit"
    assert asked.count("edit") == 1


async def test_a_drain_by_somebody_else_sends_a_raise_back(play: Play) -> None:
    def drained() -> None:
        play.cluster.change("ResourceQuota", "cotenant", "red-a", metadata={"annotations": {EPOCH: "7"}})

    asked = await raised_while(play, drained)
    assert asked[:3] == ["edit", "get", "edit"]


async def test_where_there_is_too_little_a_space_gets_by_its_weight(play: Play) -> None:
    await opened(play, "a", "b", "c", quota={"hard": {"pods": 12}})
    play.cluster.change("Space", "a", "home-red", spec={"quota": {"weight": 3}})
    play.cluster.change("Space", "c", "home-red", spec={"quota": {"weight": 2, "max": {"pods": 1}}})
    for name in "abc":
        sets(play, name, 20)
    await play.one("ledger", "red")
    # What c may not have goes to the others, three to one.
    assert [hard(play, name) for name in "abc"] == [8, 3, 1]
    assert total(play) == 12
