from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.keys import CHECKED
from cotenant.controllers.quota import OTHERS, QUIET
from cotenant.kube.errors import Conflict
from cotenant.model.allowance import SPACES
from unit.controllers.play import Play
from unit.specimens import GONE

HOME, DEV = "home-red", "red-dev"


def quota(play: Play, at: str = DEV) -> dict[str, Any]:
    return play.cluster.there("ResourceQuota", "cotenant", at)


def used(play: Play) -> str:
    found: str = quota(play, HOME)["status"]["used"][SPACES]
    return found


async def test_a_space_gets_its_quota_by_create_and_its_changes_by_put_with_the_version(play: Play) -> None:
    await play.opened(quota={"space": {"max": {"secrets": 5}}})
    assert quota(play)["spec"]["hard"]["secrets"] == "5"
    play.cluster.change("Tenant", "red", spec={"quota": {"space": {"max": {"secrets": 3}}}})
    await play.one("quota", DEV)
    [(verb, _, _, body)] = play.cluster.calls
    assert verb == "replace"
    assert body["metadata"]["resourceVersion"]
    assert quota(play)["spec"]["hard"]["secrets"] == "3"


async def test_a_quota_is_born_with_nothing_of_what_is_shared(play: Play) -> None:
    play.tenant(quota={"hard": {"pods": 5, "requests.cpu": "4"}, "space": {"min": {"pods": 2}, "max": {"secrets": 3}}})
    await play.one("tenant", "red")
    play.space()
    await play.one("space", "home-red/dev")
    await play.one("quota", DEV)
    born = {"pods": "0", "requests.cpu": "0", "secrets": "3", "services.loadbalancers": "0", "services.nodeports": "0"}
    assert quota(play)["spec"]["hard"] == born


async def test_a_quota_that_limits_nothing_is_not_empty(play: Play) -> None:
    # The API server would never count it, and nothing may run before its quota is counted.
    await play.opened(services={"types": ["ClusterIP", "NodePort", "LoadBalancer"]})
    assert quota(play)["spec"]["hard"]
    assert play.ready()["status"] == "True"


async def test_a_quota_that_was_charged_meanwhile_is_not_overwritten(play: Play) -> None:
    await play.opened(quota={"space": {"max": {"pods": 5}}})
    play.cluster.change("Tenant", "red", spec={"quota": {"space": {"max": {"pods": 3}}}})
    play.sync()
    play.cluster.change("ResourceQuota", "cotenant", DEV, status={"used": {"pods": "4"}})
    with pytest.raises(Conflict):
        await play.quotas.reconcile(DEV)
    assert quota(play)["spec"]["hard"]["pods"] == "5"


async def test_a_quota_in_another_form_is_left_alone(play: Play) -> None:
    await play.opened(quota={"hard": {"requests.cpu": "1000m"}})
    play.cluster.change("ResourceQuota", "cotenant", DEV, spec={"hard": {"requests.cpu": "1"}})
    await play.one("quota", DEV)
    assert play.cluster.writes() == []


async def test_labels_that_somebody_stripped_come_back_and_those_of_others_stay(play: Play) -> None:
    await play.opened()
    play.cluster.change(
        "ResourceQuota", "cotenant", DEV, metadata={"labels": {"cotenant.dev/tenant": None, "team": "x"}}
    )
    await play.one("quota", DEV)
    labels = quota(play)["metadata"]["labels"]
    assert (labels["cotenant.dev/tenant"], labels["team"]) == ("red", "x")


async def test_who_lowers_a_limit_says_so_until_what_is_in_force_has_followed(play: Play) -> None:
    await play.opened(quota={"space": {"max": {"pods": 5}}})
    play.cluster.change("ResourceQuota", "cotenant", DEV, status={"hard": {"pods": "5"}, "used": {"pods": "0"}})
    play.cluster.change("Tenant", "red", spec={"quota": {"space": {"max": {"pods": 3}}}})
    assert (await play.one("quota", DEV)).after
    assert CHECKED in quota(play)["metadata"]["labels"]
    # Kubernetes brings it down, and knows nothing of labels.
    play.cluster.change("ResourceQuota", "cotenant", DEV, status={"hard": {"pods": "3"}, "used": {"pods": "0"}})
    assert not (await play.one("quota", DEV)).after
    assert CHECKED not in quota(play)["metadata"]["labels"]


async def test_a_home_that_is_lowered_is_marked_by_one_write_and_unmarked_by_the_next(play: Play) -> None:
    await play.opened(spaces={"limit": 5})
    play.cluster.change("Tenant", "red", spec={"spaces": {"limit": 3}})
    await play.one("quota", HOME)
    first, second = [body for verb, _, _, body in play.cluster.calls if verb.startswith("replace")]
    assert CHECKED in first["metadata"]["labels"]
    assert CHECKED not in second["metadata"]["labels"]
    assert second["status"]["hard"][SPACES] == "3"


async def test_a_quota_that_the_store_does_not_know_is_read_not_doubled(play: Play) -> None:
    play.tenant(quota={"hard": {"pods": 5}})
    await play.one("tenant", "red")
    play.space()
    await play.one("space", "home-red/dev")
    play.cluster.put("ResourceQuota", "cotenant", DEV, spec={"hard": {"pods": "100"}})
    await play.quotas.reconcile(DEV)
    play.counts(DEV)
    await play.one("ledger", "red")
    assert quota(play)["spec"]["hard"]["pods"] == "5"


@pytest.mark.parametrize("namespace", ["kube-system", "nowhere"])
async def test_a_namespace_that_is_not_ours_gets_no_quota(play: Play, namespace: str) -> None:
    await play.opened()
    play.cluster.put("Namespace", "kube-system")
    await play.one("quota", namespace)
    assert play.cluster.calls == []


async def test_a_namespace_that_goes_is_left_alone(play: Play) -> None:
    await play.opened(quota={"hard": {"pods": 5}})
    play.cluster.change("Namespace", DEV, metadata={"deletionTimestamp": GONE})
    play.cluster.change("Tenant", "red", spec={"quota": {"hard": {"pods": 3}}})
    await play.one("quota", DEV)
    assert play.cluster.writes() == []


async def test_a_second_namespace_of_a_space_gets_none(play: Play) -> None:
    await play.opened()
    labels = play.cluster.there("Namespace", DEV)["metadata"]["labels"]
    play.cluster.put("Namespace", "red-dev-2", about={"labels": labels})
    await play.one("quota", "red-dev-2")
    assert play.cluster.writes() == []


async def test_a_home_counts_its_spaces_though_kubernetes_does_not(play: Play) -> None:
    play.tenant(spaces={"limit": 3})
    await play.one("tenant", "red")
    play.space("a")
    play.space("b")
    assert (await play.quotas.reconcile(HOME)).after == OTHERS
    play.wait(OTHERS)
    result = await play.quotas.reconcile(HOME)
    assert quota(play, HOME)["spec"]["hard"] == {SPACES: "3", "pods": "0"}
    assert quota(play, HOME)["status"]["hard"] == {SPACES: "3", "pods": "0"}
    assert quota(play, HOME)["status"]["used"] == {SPACES: "2", "pods": "0"}
    assert result.after == QUIET


async def test_the_status_put_keeps_labels_and_is_bound_to_the_version(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    await play.one("quota", HOME)
    body = next(body for verb, _, _, body in play.cluster.calls if verb == "replace/status")
    assert body["metadata"]["labels"]["cotenant.dev/tenant"] == "red"
    assert body["metadata"]["resourceVersion"]


async def counted(play: Play, have: int, said: int) -> None:
    """A home with so many Spaces whose quota says another number."""
    play.tenant()
    await play.one("tenant", "red")
    await play.one("quota", HOME)
    for number in range(have):
        play.space(f"s{number}")
    play.cluster.change("ResourceQuota", "cotenant", HOME, status={"used": {SPACES: str(said)}})
    play.sync()
    play.cluster.calls.clear()


async def test_a_right_count_costs_nothing(play: Play) -> None:
    await counted(play, 2, 2)
    assert (await play.one("quota", HOME)).after is None
    assert play.cluster.calls == []


async def test_a_home_is_counted_at_once_after_the_first_write_of_kubernetes(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    await play.quotas.reconcile(HOME)
    play.found(HOME)
    await play.quotas.reconcile(HOME)
    assert used(play) == "0"


async def test_a_count_that_stays_too_low_is_raised(play: Play) -> None:
    await counted(play, 3, 1)
    assert (await play.one("quota", HOME)).after == OTHERS
    play.wait(OTHERS)
    await play.one("quota", HOME)
    assert used(play) == "3"


async def test_a_count_that_is_too_high_is_lowered_only_after_quiet(play: Play) -> None:
    await counted(play, 1, 4)
    assert (await play.one("quota", HOME)).after == QUIET
    play.wait(QUIET - 0.1)
    await play.one("quota", HOME)
    assert used(play) == "4"
    play.wait(0.1)
    await play.one("quota", HOME)
    assert used(play) == "1"


async def test_a_charge_begins_the_quiet_anew(play: Play) -> None:
    await counted(play, 1, 4)
    await play.one("quota", HOME)
    play.wait(QUIET)
    play.cluster.change("ResourceQuota", "cotenant", HOME, status={"used": {SPACES: "5"}})
    await play.one("quota", HOME)
    assert used(play) == "5"
    play.wait(QUIET)
    await play.one("quota", HOME)
    assert used(play) == "1"


async def test_a_count_is_taken_from_the_server_not_from_the_store(play: Play) -> None:
    await counted(play, 1, 0)
    await play.one("quota", HOME)
    play.wait(OTHERS)
    play.cluster.put("Space", "late", HOME)
    await play.quotas.reconcile(HOME)  # the store has not heard of it
    assert used(play) == "2"


async def test_a_store_that_is_late_lowers_nothing(play: Play) -> None:
    await counted(play, 1, 2)
    await play.one("quota", HOME)
    play.wait(QUIET)
    play.cluster.put("Space", "late", HOME)
    assert (await play.quotas.reconcile(HOME)).after == QUIET
    assert used(play) == "2"


async def test_a_home_that_went_is_forgotten(play: Play) -> None:
    await counted(play, 1, 4)
    await play.one("quota", HOME)
    play.cluster.vanish("Namespace", HOME)
    await play.one("quota", HOME)
    assert play.quotas.quiet == {}
