from __future__ import annotations

from typing import Any

import pytest

from cotenant.api.keys import ADOPT, CONFIRM_DELETE, DELETED, GROUP, SPACE, TENANT
from cotenant.controllers.space import SOON, WAITING
from cotenant.controllers.status import Unfinished
from cotenant.kube.errors import Conflict
from unit.controllers.play import HELD, MEMBERS, Play
from unit.specimens import GONE

DEV = "home-red/dev"
CONFIRM = {"annotations": {CONFIRM_DELETE: "dev"}}


async def test_a_space_is_open_once_its_quota_is_in_force(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    await play.one("space", DEV)
    assert play.bindings() == {}
    await play.one("quota", "red-dev")
    play.counts("red-dev")
    await play.one("space", DEV)
    assert play.bindings() == {"cotenant-owner": ["ann"], "cotenant-viewer": ["bob"]}
    assert play.ready()["status"] == "True"
    assert play.events.said == [("SpaceCreated", "namespace red-dev is ready")]


async def test_an_unchanged_space_costs_no_request_at_all(play: Play) -> None:
    await play.opened()
    result = await play.one("space", DEV)
    assert play.cluster.calls == []
    assert result.after == 600


async def test_a_space_is_held_before_its_namespace_is_made(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    play.cluster.calls.clear()
    await play.one("space", DEV)
    assert play.cluster.writes()[:2] == ["merge Space dev", "create Namespace red-dev"]
    assert play.finalizers() == HELD["finalizers"]


async def test_a_space_that_can_have_no_namespace_is_not_held(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space(namespace="kube-system")
    await play.one("space", DEV)
    assert play.finalizers() == []
    assert play.ready()["reason"] == "NameReserved"


async def test_a_new_space_gets_a_moment_before_its_status_says_that_it_waits(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    assert (await play.one("space", DEV)).after == 3
    play.wait(0.4)
    assert (await play.one("space", DEV)).after == pytest.approx(2.6)
    assert play.ready() == {}
    play.wait(2.6)
    assert (await play.one("space", DEV)).after == SOON
    assert play.ready()["reason"] == "Creating"
    assert play.ready()["message"] == "the ResourceQuota is not in force yet"


async def test_a_clock_that_is_set_back_costs_nobody_a_status(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    await play.one("space", DEV)
    play.wait(-3600)
    assert (await play.one("space", DEV)).after == SOON
    assert play.ready()["reason"] == "Creating"


async def test_trouble_is_told_at_once_and_tried_again(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    play.cluster.refuse("create", "NetworkPolicy")
    with pytest.raises(Unfinished, match="webhook said no"):
        await play.one("space", DEV)
    assert play.ready()["reason"] == "ApplyFailed"
    assert "webhook" in play.ready()["message"]
    assert play.bindings() == {}


async def test_a_space_that_waits_for_something_unseen_is_looked_at_again_soon(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.cluster.put("Namespace", "red-dev")
    play.space()
    assert (await play.one("space", DEV)).after == SOON
    assert play.ready()["reason"] == "NamespaceTaken"


async def test_a_member_who_expires_loses_its_spaces_at_that_moment(play: Play) -> None:
    soon = {"role": "editor", "user": "temp", "expires": "2026-01-01T12:00:30Z"}
    await play.opened(members=[*MEMBERS, soon])
    assert "cotenant-editor" in play.bindings()
    assert (await play.one("space", DEV)).after == pytest.approx(30.05)
    play.wait(30.05)
    assert (await play.one("space", DEV)).after == 600
    assert "cotenant-editor" not in play.bindings()


async def test_a_member_who_left_is_out_although_something_else_is_refused(play: Play) -> None:
    await play.opened()
    play.cluster.refuse("create", "NetworkPolicy")
    play.cluster.change(
        "Tenant", "red", spec={"members": [{"role": "owner", "user": "eve"}], "network": {"isolation": "space"}}
    )
    with pytest.raises(Unfinished):
        await play.one("space", DEV)
    assert play.bindings() == {"cotenant-owner": ["eve"]}


async def test_a_cordon_holds_although_something_else_is_refused(play: Play) -> None:
    await play.opened()
    play.cluster.refuse("replace", "SpacePolicy")
    play.cluster.change("Tenant", "red", spec={"cordoned": True})
    with pytest.raises(Unfinished):
        await play.one("space", DEV)
    assert play.bindings() == {"cotenant-viewer": ["ann", "bob"]}


@pytest.mark.parametrize(
    ("kind", "name", "edit"),
    [
        ("NetworkPolicy", "cotenant-default-deny", {"spec": {"podSelector": {"matchLabels": {"app": "none"}}}}),
        ("NetworkPolicy", "cotenant-allow-tenant", {"spec": {"ingress": [{}]}}),
        ("RoleBinding", "cotenant-viewer", {"subjects": [{"kind": "User", "name": "eve"}]}),
        ("LimitRange", "cotenant", {"spec": {"limits": []}}),
        ("SpacePolicy", "policy", {"spec": {"cordoned": True}}),
    ],
)
async def test_drift_is_repaired(play: Play, kind: str, name: str, edit: dict[str, Any]) -> None:
    await play.opened()
    before = {key: play.cluster.there(kind, name, "red-dev").get(key) for key in ("spec", "subjects")}
    play.cluster.change(kind, name, "red-dev", **edit)
    await play.one("space", DEV)
    assert {key: play.cluster.there(kind, name, "red-dev").get(key) for key in ("spec", "subjects")} == before


@pytest.mark.parametrize("stripped", [{TENANT: None}, {SPACE: None}, {TENANT: None, SPACE: None}])
async def test_labels_that_somebody_stripped_are_put_back(play: Play, stripped: dict[str, Any]) -> None:
    await play.opened()
    play.cluster.change("Namespace", "red-dev", metadata={"labels": stripped})
    await play.one("space", DEV)
    found = play.cluster.there("Namespace", "red-dev")["metadata"]["labels"]
    assert (found[TENANT], found[SPACE]) == ("red", "dev")


async def test_a_space_in_a_namespace_that_is_no_home_is_ignored(play: Play) -> None:
    play.tenant()
    play.cluster.put("Namespace", "elsewhere")
    play.space(home="elsewhere")
    play.cluster.calls.clear()
    await play.one("space", "elsewhere/dev")
    assert play.cluster.writes() == ["replace/status Space dev"]
    assert play.ready(namespace="elsewhere")["reason"] == "TenantNotFound"


@pytest.mark.parametrize("labels", [{}, {TENANT: "blue"}, {TENANT: "red-two"}])
async def test_a_space_in_a_home_that_somebody_made_before_the_tenant_is_ignored(
    play: Play, labels: dict[str, str]
) -> None:
    play.cluster.put("Namespace", "home-red", about={"labels": labels})
    play.tenant()
    play.space()
    await play.one("space", DEV)
    assert play.ready()["reason"] == "TenantNotFound"
    assert play.cluster.names("Namespace") == ["home-red"]


async def test_a_namespace_is_adopted_only_when_it_was_offered(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.cluster.put("Namespace", "legacy")
    play.space(namespace="legacy")
    await play.one("space", DEV)
    assert play.ready()["reason"] == "NamespaceNotOffered"
    assert "labels" not in play.cluster.there("Namespace", "legacy")["metadata"]
    play.cluster.change("Namespace", "legacy", metadata={"annotations": {ADOPT: "red/dev"}})
    await play.settle()
    assert play.ready()["status"] == "True"
    assert ("SpaceAdopted", "namespace legacy is ready") in play.events.said


class Leaving:
    """A Space that somebody deletes."""

    def __init__(self, play: Play) -> None:
        self.play = play

    def delete(self, **edit: Any) -> None:
        metadata = {"deletionTimestamp": GONE, **edit.pop("metadata", {})}
        self.play.cluster.change("Space", "dev", "home-red", metadata=metadata, **edit)

    @property
    def gone(self) -> bool:
        return ("Space", "home-red", "dev") not in self.play.cluster.objects

    @property
    def namespace(self) -> dict[str, Any]:
        found: dict[str, Any] = self.play.cluster.there("Namespace", "red-dev")["metadata"]
        return found


@pytest.fixture
async def leaving(play: Play) -> Leaving:
    await play.opened()
    return Leaving(play)


async def test_a_deleted_space_stays_and_counts_until_its_namespace_is_released(play: Play, leaving: Leaving) -> None:
    leaving.delete()
    await play.one("space", DEV)
    assert play.ready()["reason"] == "WaitsForRelease"
    assert play.cluster.there("Space", "dev", "home-red")["status"]["phase"] == "Terminating"
    assert "deletionTimestamp" not in leaving.namespace
    assert DELETED in leaving.namespace["annotations"]
    assert ADOPT not in leaving.namespace["annotations"]
    play.cluster.change("Namespace", "red-dev", metadata={"labels": {TENANT: None, SPACE: None}})
    await play.one("space", DEV)
    assert leaving.gone


async def test_waiting_for_release_is_quiet(play: Play, leaving: Leaving) -> None:
    leaving.delete()
    await play.one("space", DEV)
    play.cluster.calls.clear()
    result = await play.one("space", DEV)
    assert play.cluster.writes() == []
    assert result.after == WAITING


async def test_a_member_cannot_keep_its_rights_by_deleting_the_space(play: Play, leaving: Leaving) -> None:
    leaving.delete()
    await play.one("space", DEV)
    play.cluster.change("Tenant", "red", spec={"members": MEMBERS[1:]})
    await play.one("space", DEV)
    assert play.bindings() == {"cotenant-viewer": ["bob"]}
    play.cluster.change("ResourceQuota", "cotenant", "red-dev", spec={"hard": {"pods": "1000"}})
    await play.one("quota", "red-dev")
    assert "pods" not in play.cluster.there("ResourceQuota", "cotenant", "red-dev")["spec"]["hard"]


async def test_deletion_that_is_not_confirmed_says_how(play: Play, leaving: Leaving) -> None:
    leaving.delete(spec={"deletionPolicy": "Delete"})
    await play.one("space", DEV)
    assert play.ready()["reason"] == "DeletionNotConfirmed"
    assert f"kubectl annotate cosp dev -n home-red {CONFIRM_DELETE}=dev" in play.ready()["message"]
    assert "deletionTimestamp" not in leaving.namespace


async def test_a_confirmed_deletion_takes_the_namespace_then_the_space(play: Play, leaving: Leaving) -> None:
    leaving.delete(spec={"deletionPolicy": "Delete"}, metadata=CONFIRM)
    await play.one("space", DEV)
    assert leaving.namespace["deletionTimestamp"]
    assert play.ready()["reason"] == "DeletingNamespace"
    assert not leaving.gone
    play.cluster.vanish("Namespace", "red-dev")
    await play.one("space", DEV)
    assert leaving.gone


async def test_a_deletion_is_bound_to_the_namespace_that_was_looked_at(play: Play, leaving: Leaving) -> None:
    leaving.delete(spec={"deletionPolicy": "Delete"}, metadata=CONFIRM)

    def released_meanwhile(verb: str, kind: str, name: str) -> None:
        if (verb, kind) == ("delete", "Namespace"):
            play.cluster.change("Namespace", name, metadata={"labels": {TENANT: None, SPACE: None}})

    play.cluster.before = released_meanwhile
    with pytest.raises(Conflict):
        await play.one("space", DEV)
    assert "deletionTimestamp" not in leaving.namespace


@pytest.mark.parametrize("what", ["definition goes", "definition gone", "home goes", "home gone"])
async def test_a_space_that_goes_with_its_kind_or_home_leaves_its_namespace_alone(
    play: Play, leaving: Leaving, what: str
) -> None:
    thing = ("CustomResourceDefinition", f"spaces.{GROUP}") if "definition" in what else ("Namespace", "home-red")
    if what.endswith("goes"):
        play.cluster.change(*thing, metadata={"deletionTimestamp": GONE})
    leaving.delete(spec={"deletionPolicy": "Delete"}, metadata=CONFIRM)
    play.sync()
    if what.endswith("gone"):
        play.cluster.vanish(*thing)  # the store still has the home: only a live read can tell
    await play.spaces.reconcile(DEV)
    assert leaving.gone
    assert "deletionTimestamp" not in leaving.namespace
    assert leaving.namespace["labels"][TENANT] == "red"
    assert DELETED not in leaving.namespace["annotations"]


async def test_a_store_that_is_late_deletes_nobody_elses_namespace(play: Play, leaving: Leaving) -> None:
    leaving.delete(spec={"deletionPolicy": "Delete"}, metadata=CONFIRM)
    play.sync()
    play.cluster.change("Namespace", "red-dev", metadata={"labels": {TENANT: "blue", SPACE: "dev"}})
    await play.spaces.reconcile(DEV)
    assert "deletionTimestamp" not in leaving.namespace
    assert leaving.gone


async def test_a_space_that_we_do_not_hold_goes_by_itself(play: Play) -> None:
    play.tenant()
    play.space(about={"deletionTimestamp": GONE, "finalizers": ["example.com/other"]})
    play.cluster.calls.clear()
    await play.one("space", DEV)
    assert play.cluster.calls == []


async def test_a_space_that_is_gone_is_forgotten(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    await play.one("space", DEV)
    play.cluster.vanish("Space", "dev", "home-red")
    await play.one("space", DEV)
    assert play.spaces.patience.begun == {}
