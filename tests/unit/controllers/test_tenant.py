from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cotenant.api.keys import ADOPT, CONFIRM_DELETE, GROUP, TENANT
from cotenant.controllers.status import Unfinished
from unit.controllers.play import MEMBERS, TENANT_HELD, Play
from unit.specimens import GONE


async def test_a_tenant_becomes_a_home_and_members_enter_once_spaces_are_counted(play: Play) -> None:
    play.tenant(spaces={"declared": ["dev"]})
    await play.one("tenant", "red")
    assert play.finalizers("Tenant") == TENANT_HELD["finalizers"]
    assert play.cluster.there("Namespace", "home-red")["metadata"]["labels"][TENANT] == "red"
    assert play.bindings("home-red") == {}
    assert play.cluster.names("Space", "home-red") == []
    await play.one("quota", "home-red")
    await play.one("tenant", "red")
    assert play.cluster.names("Space", "home-red") == ["dev"]
    assert play.bindings("home-red") == {"cotenant-create": ["ann"], "cotenant-read": ["ann", "bob"]}


async def test_an_unchanged_tenant_costs_no_request_at_all(play: Play) -> None:
    await play.opened(spaces={"declared": ["dev"]})
    result = await play.one("tenant", "red")
    assert play.cluster.calls == []
    assert result.after == 600
    assert play.ready("Tenant", "red")["status"] == "True"


async def test_the_home_mirrors_the_status_after_it_has_changed(play: Play) -> None:
    await play.opened()
    mirror = play.cluster.there("SpacePolicy", "policy", "home-red")["status"]
    status = play.cluster.there("Tenant", "red")["status"]
    assert mirror["conditions"] == status["conditions"]
    assert (mirror["spaces"]["ready"], mirror["spaces"]["total"]) == (1, 1)


async def test_a_new_tenant_keeps_silent_for_a_moment(play: Play) -> None:
    play.tenant()
    assert (await play.one("tenant", "red")).after == 3
    assert play.ready("Tenant", "red") == {}
    play.wait(3)
    await play.one("tenant", "red")
    assert play.ready("Tenant", "red")["reason"] == "HomeNotReady"


async def test_how_far_a_tenant_is_is_told_every_few_seconds_and_that_it_is_ready_at_once(play: Play) -> None:
    play.tenant(spaces={"declared": ["dev", "build"]})
    await play.one("tenant", "red")
    play.wait(3)
    await play.one("tenant", "red")
    await play.one("quota", "home-red")
    assert (await play.one("tenant", "red")).after == 3
    assert play.ready("Tenant", "red")["reason"] == "HomeNotReady"
    play.wait(3)
    await play.one("tenant", "red")
    assert play.ready("Tenant", "red")["reason"] == "SpacesNotReady"
    await play.settle()
    assert play.ready("Tenant", "red")["status"] == "True"


async def test_a_new_tenant_costs_one_status_and_one_mirror_of_it(play: Play) -> None:
    play.tenant(spaces={"declared": ["dev"]})
    await play.one("tenant", "red")
    await play.one("quota", "home-red")
    await play.one("tenant", "red")
    await play.one("space", "home-red/dev")
    await play.one("quota", "red-dev")
    play.counts("red-dev")
    await play.one("space", "home-red/dev")
    assert play.cluster.names("SpacePolicy", "home-red") == []
    play.cluster.calls.clear()
    assert (await play.one("tenant", "red")).after == 0
    await play.one("tenant", "red")
    assert play.cluster.writes() == ["replace/status Tenant red", "create SpacePolicy policy"]
    assert play.cluster.there("SpacePolicy", "policy", "home-red")["status"]["spaces"]["ready"] == 1


async def test_a_condition_of_somebody_else_stays(play: Play) -> None:
    play.tenant()
    theirs = {"type": "Audited", "status": "True", "reason": "Checked", "lastTransitionTime": LATER}
    play.cluster.change("Tenant", "red", status={"conditions": [theirs]})
    await play.settle()
    assert play.condition("Tenant", "red", "Audited")["reason"] == "Checked"
    assert play.ready("Tenant", "red")["status"] == "True"
    await play.one("tenant", "red")
    assert play.cluster.writes() == []


async def test_a_tenant_that_somebody_has_to_mend_says_so_at_once(play: Play) -> None:
    play.cluster.put("Namespace", "home-red")
    play.tenant()
    await play.one("tenant", "red")
    assert play.ready("Tenant", "red")["reason"] == "HomeNamespaceTaken"
    assert "labels" not in play.cluster.there("Namespace", "home-red")["metadata"]


async def test_trouble_is_told_and_tried_again(play: Play) -> None:
    play.tenant()
    play.cluster.refuse("create", "Namespace")
    with pytest.raises(Unfinished):
        await play.one("tenant", "red")
    assert play.ready("Tenant", "red")["reason"] == "ApplyFailed"
    play.cluster.allow()
    await play.settle()
    assert play.ready("Tenant", "red")["status"] == "True"


async def test_a_tenant_is_looked_at_when_its_next_member_expires(play: Play) -> None:
    soon = {"role": "editor", "user": "temp", "expires": "2026-01-01T12:00:30Z"}
    await play.opened(members=[*MEMBERS, soon])
    assert (await play.one("tenant", "red")).after == pytest.approx(30.05)
    play.wait(30.05)
    await play.one("tenant", "red")
    assert "temp" not in str(play.bindings("home-red"))


async def test_a_home_whose_labels_were_stripped_is_mended(play: Play) -> None:
    await play.opened()
    play.cluster.change("Namespace", "home-red", metadata={"labels": {TENANT: None}})
    await play.one("tenant", "red")
    assert play.cluster.there("Namespace", "home-red")["metadata"]["labels"][TENANT] == "red"


LATER = "2026-11-21T13:00:00Z"


def aged(play: Play, name: str, born: str) -> None:
    play.cluster.change("Namespace", name, metadata={"creationTimestamp": born})
    play.sync()


async def test_rights_go_where_a_space_vanished_and_nothing_of_it_is_brought_back(play: Play) -> None:
    """An API server that began a deletion before our finalizer was on ends it all the same."""
    await play.opened()
    definition = f"spaces.{GROUP}"
    play.cluster.change("CustomResourceDefinition", definition, metadata={"creationTimestamp": "2026-01-01T00:00:00Z"})
    aged(play, "red-dev", LATER)
    play.cluster.vanish("Space", "dev", "home-red")
    await play.one("tenant", "red")
    assert play.bindings() == {}
    assert play.cluster.names("Space", "home-red") == []
    assert play.condition("Tenant", "red", "AccessSynced")["reason"] == "NamespaceAstray"


async def test_while_the_definition_of_spaces_is_missing_nobody_loses_rights(play: Play) -> None:
    await play.opened()
    aged(play, "red-dev", LATER)
    play.cluster.vanish("Space", "dev", "home-red")
    play.cluster.vanish("CustomResourceDefinition", f"spaces.{GROUP}")
    await play.one("tenant", "red")
    assert play.bindings() != {}


async def test_spaces_come_back_after_all_definitions_were_lost(play: Play) -> None:
    await play.opened()
    aged(play, "red-dev", "2026-01-01T00:00:00Z")
    definition = f"spaces.{GROUP}"
    play.cluster.change("CustomResourceDefinition", definition, metadata={"creationTimestamp": LATER})
    play.cluster.vanish("Space", "dev", "home-red")
    play.cluster.vanish("Tenant", "red")
    play.sync()
    play.cluster.put("Tenant", "red", about={"uid": "another"}, spec={"members": MEMBERS})
    await play.settle()
    assert play.ready()["status"] == "True"
    assert play.cluster.there("Space", "dev", "home-red")["status"]["namespace"] == "red-dev"


class Leaving:
    """Tenant red goes; it has the space dev."""

    def __init__(self, play: Play) -> None:
        self.play = play

    def delete(self, policy: str = "Orphan", confirm: str = "") -> None:
        notes = {"annotations": {CONFIRM_DELETE: confirm}} if confirm else {}
        self.play.cluster.change(
            "Tenant", "red", metadata={"deletionTimestamp": GONE, **notes}, spec={"deletionPolicy": policy}
        )

    @property
    def gone(self) -> bool:
        return ("Tenant", "", "red") not in self.play.cluster.objects

    async def ended(self) -> bool:
        """After the last look there is another one, a moment later."""
        await self.play.one("tenant", "red")
        assert not self.gone
        self.play.wait(1)
        await self.play.one("tenant", "red")
        return self.gone

    def going(self, name: str) -> bool:
        return "deletionTimestamp" in self.play.cluster.there("Namespace", name)["metadata"]


@pytest.fixture
async def leaving(play: Play) -> Leaving:
    await play.opened()
    return Leaving(play)


async def test_a_tenant_that_goes_takes_rights_along_and_leaves_namespaces(play: Play, leaving: Leaving) -> None:
    leaving.delete()
    assert (await play.one("tenant", "red")).after == 5
    assert play.bindings() == play.bindings("home-red") == {}
    assert play.ready("Tenant", "red")["reason"] == "Terminating"
    assert await leaving.ended()
    assert not leaving.going("red-dev")
    assert not leaving.going("home-red")


async def test_the_space_controller_gives_no_rights_back_while_its_tenant_goes(play: Play, leaving: Leaving) -> None:
    leaving.delete()
    await play.one("space", "home-red/dev")
    assert play.bindings() == {}


@pytest.mark.parametrize("confirm", ["", "yes", "dev"])
async def test_namespaces_stay_without_the_typed_name(play: Play, leaving: Leaving, confirm: str) -> None:
    leaving.delete("Delete", confirm)
    await play.one("tenant", "red")
    assert play.ready("Tenant", "red")["reason"] == "DeletionNotConfirmed"
    assert await leaving.ended()
    assert not leaving.going("red-dev")


async def test_a_confirmed_deletion_takes_spaces_then_namespaces_then_the_home(play: Play, leaving: Leaving) -> None:
    leaving.delete("Delete", "red")
    await play.one("tenant", "red")
    assert play.cluster.there("Space", "dev", "home-red")["metadata"]["deletionTimestamp"]
    assert not leaving.going("home-red")
    await play.one("space", "home-red/dev")
    assert leaving.going("red-dev")
    await play.one("tenant", "red")
    assert not leaving.going("home-red")
    play.cluster.vanish("Namespace", "red-dev")
    await play.one("space", "home-red/dev")
    await play.one("tenant", "red")
    assert leaving.going("home-red")
    assert not leaving.gone
    play.cluster.vanish("Namespace", "home-red")
    assert await leaving.ended()


@pytest.mark.parametrize("gone", [True, False])
async def test_a_tenant_that_goes_with_its_kind_changes_nothing_at_all(
    play: Play, leaving: Leaving, gone: bool
) -> None:
    leaving.delete("Delete", "red")
    if gone:
        play.cluster.vanish("CustomResourceDefinition", f"tenants.{GROUP}")
    else:
        play.cluster.change("CustomResourceDefinition", f"tenants.{GROUP}", metadata={"deletionTimestamp": GONE})
    play.cluster.calls.clear()
    await play.one("tenant", "red")
    assert play.cluster.writes() == ["merge Tenant red"]
    assert leaving.gone
    assert play.bindings() != {}


async def test_a_home_that_is_not_ours_is_not_deleted(play: Play) -> None:
    play.cluster.put("Namespace", "home-red")
    play.tenant()
    await play.one("tenant", "red")
    Leaving(play).delete("Delete", "red")
    assert await Leaving(play).ended()
    assert "deletionTimestamp" not in play.cluster.there("Namespace", "home-red")["metadata"]


async def test_a_tenant_that_we_do_not_hold_goes_by_itself(play: Play) -> None:
    play.tenant(about={"deletionTimestamp": GONE, "finalizers": ["example.com/other"]})
    await play.one("tenant", "red")
    assert play.cluster.calls == []


async def test_a_tenant_without_its_profile_changes_nothing(play: Play) -> None:
    await play.opened()
    play.cluster.change("Tenant", "red", spec={"profile": "gold"})
    await play.one("tenant", "red")
    assert play.cluster.writes() == ["replace/status Tenant red"]
    await play.one("space", "home-red/dev")
    assert play.cluster.writes() == ["replace/status Space dev"]
    assert play.ready()["reason"] == "ProfileNotFound"
    assert play.bindings() != {}


async def test_members_expire_on_time_also_while_the_profile_is_missing(play: Play) -> None:
    await play.opened()
    soon = (play.now() + timedelta(seconds=5)).isoformat()
    members = [*MEMBERS, {"role": "viewer", "user": "eve", "expires": soon}]
    play.cluster.change("Tenant", "red", spec={"profile": "gold", "members": members})
    assert (await play.one("tenant", "red")).after == pytest.approx(5.05)
    assert (await play.one("space", "home-red/dev")).after == pytest.approx(5.05)


async def test_one_tenant_never_touches_anothers(play: Play) -> None:
    await play.opened()
    play.tenant("blue", members=[{"role": "owner", "user": "eve"}])
    play.cluster.calls.clear()
    await play.one("tenant", "blue")
    touched: list[Any] = [call for call in play.cluster.calls if "red" in str(call)]
    assert touched == []
    assert ADOPT in play.cluster.there("Namespace", "home-blue")["metadata"]["annotations"]
