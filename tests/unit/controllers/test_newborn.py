"""A Space that vanishes while its namespace is made leaves nothing; whatever speaks against that keeps the namespace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cotenant.api.keys import ADOPT, COTENANT, DELETED, GROUP, SPACE
from cotenant.kube.errors import Conflict
from unit.controllers.play import Play
from unit.specimens import GONE, marks

DEV = "home-red/dev"


@pytest.fixture
async def born(play: Play) -> Play:
    """The namespace is made and closed; nobody has rights in it yet. Its Space is gone."""
    play.tenant()
    await play.one("tenant", "red")
    play.space()
    await play.one("space", DEV)
    await play.one("quota", "red-dev")
    play.counts("red-dev")
    play.cluster.vanish("Space", "dev", "home-red")
    play.cluster.calls.clear()
    return play


def going(play: Play) -> bool:
    return "deletionTimestamp" in play.cluster.there("Namespace", "red-dev")["metadata"]


async def test_a_namespace_whose_space_vanished_before_it_was_opened_goes(born: Play) -> None:
    await born.one("space", DEV)
    assert going(born)
    assert born.cluster.writes() == ["delete Namespace red-dev"]


async def test_the_deletion_is_bound_to_what_was_looked_at(born: Play) -> None:
    seen = born.cluster.there("Namespace", "red-dev")["metadata"]
    await born.one("space", DEV)
    [bound] = [body for verb, _, _, body in born.cluster.calls if verb == "delete"]
    assert bound == {"uid": seen["uid"], "resourceVersion": seen["resourceVersion"]}


def somebody_put(kind: str, name: str, labels: dict[str, str] | None = None) -> Callable[[Play], object]:
    return lambda play: play.cluster.put(kind, name, "red-dev", about={"labels": labels or {}})


KEPT: dict[str, Callable[[Play], object]] = {
    "a label": lambda play: play.cluster.change("Namespace", "red-dev", metadata={"labels": {"team": "x"}}),
    "a note": lambda play: play.cluster.change("Namespace", "red-dev", metadata={"annotations": {"a": "b"}}),
    "a release": lambda play: play.cluster.change("Namespace", "red-dev", metadata={"labels": {SPACE: None}}),
    "a deliberate deletion": lambda play: play.cluster.change(
        "Namespace", "red-dev", metadata={"annotations": {DELETED: GONE, ADOPT: None}}
    ),
    "another namespace": lambda play: play.cluster.put(
        "Namespace", "red-dev", about={"uid": "another", "labels": marks()}
    ),
    "a foreign quota": somebody_put("ResourceQuota", "theirs"),
    "a foreign policy": somebody_put("NetworkPolicy", "theirs"),
    "a right of somebody's": somebody_put("RoleBinding", "theirs"),
    "a right of ours": somebody_put("RoleBinding", "cotenant-owner", marks()),
    "a pod that was counted": lambda play: play.cluster.change(
        "ResourceQuota", COTENANT, "red-dev", status={"used": {"pods": "1"}}
    ),
    "a space again": lambda play: play.cluster.put("Space", "dev", "home-red", spec={}),
    "the kind goes": lambda play: play.cluster.change(
        "CustomResourceDefinition", f"spaces.{GROUP}", metadata={"deletionTimestamp": GONE}
    ),
    "the kind is gone": lambda play: play.cluster.vanish("CustomResourceDefinition", f"spaces.{GROUP}"),
    "the kind of tenants goes": lambda play: play.cluster.vanish("CustomResourceDefinition", f"tenants.{GROUP}"),
    "the home goes": lambda play: play.cluster.change("Namespace", "home-red", metadata={"deletionTimestamp": GONE}),
    "the home is gone": lambda play: play.cluster.vanish("Namespace", "home-red"),
}


@pytest.mark.parametrize("what", KEPT)
async def test_anything_that_speaks_against_it_keeps_the_namespace(born: Play, what: str) -> None:
    born.sync()  # the stores see none of this: only live reads can tell
    KEPT[what](born)
    await born.spaces.reconcile(DEV)
    assert not going(born)
    assert not [line for line in born.cluster.writes() if line.startswith("delete")]
    await born.spaces.reconcile(DEV)
    assert not [line for line in born.cluster.writes() if line.startswith("delete")]


async def test_a_namespace_that_was_opened_once_is_never_deleted_for_a_space_that_vanished(play: Play) -> None:
    await play.opened()
    play.cluster.vanish("Space", "dev", "home-red")
    for name in ("cotenant-owner", "cotenant-viewer"):
        play.cluster.vanish("RoleBinding", name, "red-dev")
    await play.one("space", DEV)
    assert not going(play)


async def test_where_nobody_is_a_member_a_complete_space_counts_as_opened(play: Play) -> None:
    play.tenant(members=[])
    await play.one("tenant", "red")
    play.space()
    await play.one("space", DEV)
    await play.one("quota", "red-dev")
    play.counts("red-dev")
    await play.one("space", DEV)
    play.cluster.vanish("Space", "dev", "home-red")
    await play.one("space", DEV)
    assert not going(play)


async def test_an_adopted_namespace_is_never_deleted_for_a_space_that_vanished(play: Play) -> None:
    play.tenant()
    await play.one("tenant", "red")
    play.cluster.put("Namespace", "legacy", about={"annotations": {ADOPT: "red/dev"}})
    play.space(namespace="legacy")
    await play.one("space", DEV)
    play.cluster.vanish("Space", "dev", "home-red")
    await play.one("space", DEV)
    assert "deletionTimestamp" not in play.cluster.there("Namespace", "legacy")["metadata"]


async def test_a_namespace_of_an_operator_before_us_is_not_deleted(born: Play) -> None:
    born.spaces.newborns.known.clear()
    await born.one("space", DEV)
    assert not going(born)


async def test_a_write_in_between_is_looked_at_again(born: Play) -> None:
    def noted(verb: str, kind: str, _: str) -> None:
        if (verb, kind) == ("delete", "Namespace"):
            born.cluster.change("Namespace", "red-dev", metadata={"annotations": {"a": "b"}})

    born.cluster.before = noted
    with pytest.raises(Conflict):
        await born.one("space", DEV)
    await born.one("space", DEV)
    assert not going(born)
