"""What is written beside plans: status, finalizers, deletions, and what the stores remember of it."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cotenant.api.keys import GROUP, SPACE_FINALIZER
from cotenant.api.space import SpaceStatus
from cotenant.controllers.finalizer import hold, release
from cotenant.controllers.guard import Guard
from cotenant.controllers.status import Patience, moment, report
from cotenant.controllers.world import World, observed, older
from cotenant.kube.errors import Conflict
from cotenant.kube.resource import SPACES
from cotenant.model.finding import Ref
from unit.cluster import Cluster
from unit.controllers.play import Play
from unit.specimens import GONE, NOW, meta, namespace, space


@pytest.fixture
def cluster() -> Cluster:
    found = Cluster()
    found.put("Space", "dev", "home-red", spec={})
    return found


def client(cluster: Cluster) -> Any:
    return cluster


def about(cluster: Cluster) -> Any:
    return observed("Space", cluster.there("Space", "dev", "home-red")).metadata


READY = SpaceStatus(observed_generation=1, phase="Ready", namespace="red-dev")


async def test_a_status_that_is_equal_is_not_written(cluster: Cluster) -> None:
    assert await report(client(cluster), SPACES, about(cluster), READY, READY) is None
    assert cluster.calls == []


async def test_a_status_is_one_put_bound_to_the_version_that_was_seen_and_without_spec(cluster: Cluster) -> None:
    seen = about(cluster)
    written = await report(client(cluster), SPACES, seen, SpaceStatus(), READY)
    assert written is not None
    [(verb, _, _, body)] = cluster.calls
    assert verb == "replace/status"
    where = {"name": "dev", "namespace": "home-red", "uid": "uid-dev", "resourceVersion": seen.resource_version}
    assert body["metadata"] == where
    assert body["status"] == {"observedGeneration": 1, "namespace": "red-dev", "phase": "Ready"}
    assert "spec" not in body


async def test_a_status_never_overtakes_somebody_elses_write(cluster: Cluster) -> None:
    seen = about(cluster)
    cluster.change("Space", "dev", "home-red", metadata={"annotations": {"a": "b"}})
    with pytest.raises(Conflict):
        await report(client(cluster), SPACES, seen, SpaceStatus(), READY)
    assert "status" not in cluster.there("Space", "dev", "home-red")


async def test_a_status_of_what_is_gone_is_nothing(cluster: Cluster) -> None:
    metadata = about(cluster)
    cluster.vanish("Space", "dev", "home-red")
    assert await report(client(cluster), SPACES, metadata, SpaceStatus(), READY) is None


async def test_a_status_of_another_object_of_that_name_is_refused(cluster: Cluster) -> None:
    with pytest.raises(Conflict):
        await report(client(cluster), SPACES, meta("dev", namespace="home-red", uid="former"), SpaceStatus(), READY)
    assert "status" not in cluster.there("Space", "dev", "home-red")


def test_times_are_written_in_whole_seconds() -> None:
    assert moment(NOW.replace(microsecond=999_999)) == "2026-01-01T12:00:00Z"


def test_patience_begins_anew_for_the_next_object_of_that_name() -> None:
    now = [NOW]
    patience = Patience(lambda: now[0], seconds=3.0)
    patience.left("a")
    patience.over("a")
    patience.over("a")
    now[0] = NOW.replace(second=9)
    assert patience.left("a") == 3.0


def test_patience_is_over_after_its_seconds_and_when_the_clock_goes_back() -> None:
    now = [NOW]
    patience = Patience(lambda: now[0], seconds=3.0)
    assert patience.left("a") == 3.0
    now[0] = NOW.replace(second=2)
    assert patience.left("a") == 1.0
    now[0] = NOW.replace(second=3)
    assert patience.left("a") == 0.0
    now[0] = NOW.replace(hour=11)
    assert patience.left("a") == 0.0


async def test_an_object_is_held_once(cluster: Cluster) -> None:
    assert await hold(client(cluster), SPACES, about(cluster), SPACE_FINALIZER)
    assert cluster.there("Space", "dev", "home-red")["metadata"]["finalizers"] == [SPACE_FINALIZER]
    cluster.calls.clear()
    assert await hold(client(cluster), SPACES, about(cluster), SPACE_FINALIZER) is None
    assert cluster.calls == []


async def test_what_is_being_deleted_is_not_held_any_more(cluster: Cluster) -> None:
    cluster.change("Space", "dev", "home-red", metadata={"deletionTimestamp": GONE, "finalizers": ["x/y"]})
    assert await hold(client(cluster), SPACES, about(cluster), SPACE_FINALIZER) is None


async def test_finalizers_of_others_stay(cluster: Cluster) -> None:
    cluster.change("Space", "dev", "home-red", metadata={"finalizers": ["x/y"]})
    await hold(client(cluster), SPACES, about(cluster), SPACE_FINALIZER)
    assert cluster.there("Space", "dev", "home-red")["metadata"]["finalizers"] == ["x/y", SPACE_FINALIZER]
    await release(client(cluster), SPACES, about(cluster), SPACE_FINALIZER)
    assert cluster.there("Space", "dev", "home-red")["metadata"]["finalizers"] == ["x/y"]


async def test_a_finalizer_that_somebody_added_meanwhile_is_not_lost(cluster: Cluster) -> None:
    stale = about(cluster)
    cluster.change("Space", "dev", "home-red", metadata={"finalizers": ["x/y"]})
    with pytest.raises(Conflict):
        await hold(client(cluster), SPACES, stale, SPACE_FINALIZER)
    stale = about(cluster)
    stale.finalizers.append(SPACE_FINALIZER)
    cluster.change("Space", "dev", "home-red", metadata={"annotations": {"a": "b"}})
    with pytest.raises(Conflict):
        await release(client(cluster), SPACES, stale, SPACE_FINALIZER)


async def test_releasing_what_is_gone_or_was_never_held_is_fine(cluster: Cluster) -> None:
    await release(client(cluster), SPACES, about(cluster), SPACE_FINALIZER)
    assert cluster.calls == []
    held = meta("none", namespace="home-red", finalizers=[SPACE_FINALIZER])
    await release(client(cluster), SPACES, held, SPACE_FINALIZER)


async def test_a_guard_asks_the_server(cluster: Cluster) -> None:
    guard = Guard(client(cluster))
    cluster.put("Namespace", "red-dev")
    assert not await guard.namespace_leaves("red-dev")
    assert await guard.namespace_leaves("nowhere")
    assert not await guard.kind_leaves(SPACES)
    cluster.change("Namespace", "red-dev", metadata={"deletionTimestamp": GONE})
    cluster.change("CustomResourceDefinition", f"spaces.{GROUP}", metadata={"deletionTimestamp": GONE})
    assert await guard.namespace_leaves("red-dev")
    assert await guard.kind_leaves(SPACES)
    cluster.vanish("CustomResourceDefinition", f"spaces.{GROUP}")
    assert await guard.kind_leaves(SPACES)


async def test_a_namespace_is_deleted_as_it_was_seen_or_not_at_all(cluster: Cluster) -> None:
    guard = Guard(client(cluster))
    cluster.put("Namespace", "red-dev")
    seen = await guard.namespace("red-dev")
    assert seen is not None
    cluster.calls.clear()
    cluster.change("Namespace", "red-dev", metadata={"labels": {"a": "b"}})
    with pytest.raises(Conflict):
        await guard.delete(seen)
    cluster.put("Namespace", "red-dev", about={"uid": "another"})
    with pytest.raises(Conflict):
        await guard.delete(seen)
    assert all(body == {"uid": seen.uid, "resourceVersion": seen.resource_version} for *_, body in cluster.calls)
    current = await guard.namespace("red-dev")
    assert current is not None
    await guard.delete(current)
    assert "deletionTimestamp" in cluster.there("Namespace", "red-dev")["metadata"]
    cluster.vanish("Namespace", "red-dev")
    await guard.delete(current)


async def test_what_goes_already_is_not_deleted_again(cluster: Cluster) -> None:
    await Guard(client(cluster)).delete(meta("red-dev", deletionTimestamp=GONE))
    assert cluster.calls == []


def answer(version: str, uid: str = "u", **labels: str) -> dict[str, Any]:
    return {"kind": "Namespace", "metadata": {"name": "x", "uid": uid, "resourceVersion": version, "labels": labels}}


REF = Ref("v1", "Namespace", "", "x")


def test_our_own_write_is_seen_before_the_watch_brings_it_and_is_no_news() -> None:
    world, news = World(), []
    world.namespaces.subscribe(lambda change: news.append(world.news(change)))
    world.remember(REF, answer("5"))
    assert world.namespaces.get(None, "x") is not None
    world.namespaces.upsert(observed("Namespace", answer("6")))
    assert news == [False, True]
    assert world.echoing is False


def test_the_answer_to_a_write_never_hides_what_the_watch_brought_since() -> None:
    world = World()
    world.namespaces.upsert(observed("Namespace", answer("10", of="watch")))
    world.remember(REF, answer("9", of="write"))
    assert world.namespaces.at("x").metadata.labels == {"of": "watch"}  # type: ignore[union-attr]  # it is there
    world.remember(REF, answer("11", of="write"))
    assert world.namespaces.at("x").metadata.labels == {"of": "write"}  # type: ignore[union-attr]  # it is there


def test_an_object_made_anew_is_never_older() -> None:
    known = namespace("x", uid="former", resourceVersion="100")
    assert not older(meta("x", uid="later", resourceVersion="5"), known)
    assert not older(meta("x", resourceVersion="5"), None)


def test_what_no_store_keeps_is_not_remembered() -> None:
    world = World()
    world.remember(Ref("v1", "ConfigMap", "a", "b"), {"metadata": {"name": "b"}})
    assert [kind for kind, store in world.stores().items() if len(store)] == []


def test_children_are_found_by_namespace() -> None:
    world = World()
    for kind, where in itertools.product(("LimitRange", "RoleBinding"), ("red-dev", "blue-dev")):
        made = {"kind": kind, "metadata": {"name": "cotenant", "namespace": where, "uid": kind + where}}
        world.stores()[kind].upsert(observed(kind, made))
    assert sorted(str(ref) for ref in world.children_of("red-dev")) == [
        "LimitRange red-dev/cotenant",
        "RoleBinding red-dev/cotenant",
    ]


async def test_what_we_wrote_is_never_written_twice_by_a_watch_that_is_late(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    play.cluster.calls.clear()
    await play.spaces.reconcile("home-red/dev")
    first = play.cluster.writes()
    await play.spaces.reconcile("home-red/dev")  # nothing was synced in between
    assert "create NetworkPolicy cotenant-default-deny" in first
    assert play.cluster.writes() == []


def test_a_world_reads_spaces_as_their_type() -> None:
    assert observed("Space", {"kind": "Space", "metadata": {"name": "dev"}, "spec": {}}).spec == space().spec
