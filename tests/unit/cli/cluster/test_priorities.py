"""The default PriorityClass, and who may not have it."""

from __future__ import annotations

from typing import Any

from cotenant.cli.cluster.priorities import shut_out
from cotenant.controllers.world import World
from unit.cluster import Cluster
from unit.specimens import tenant


async def found(*classes: tuple[str, int, bool], **lists: list[str] | None) -> dict[str, list[str]]:
    cluster: Any = Cluster()
    for name, value, default in classes:
        cluster.put("PriorityClass", name, value=value, globalDefault=default)
    world = World()
    for name, allowed in lists.items():
        world.tenants.upsert(tenant(name, pods={"priorityClasses": allowed} if allowed is not None else {}))
    return await shut_out(cluster, world)


async def test_tenants_whose_list_leaves_out_the_default_are_named() -> None:
    usual, low = ("usual", 10, True), ("low", 1, False)

    assert await found(usual, low, red=["low"], blue=["low", "usual"], green=None, grey=[]) == {
        "usual": ["grey", "red"]
    }
    assert await found(low, red=["low"], grey=[]) == {}
    assert await found(usual, blue=["usual"]) == {}


async def test_of_two_defaults_kubernetes_takes_the_lower_one() -> None:
    assert await found(("usual", 10, True), ("low", 1, True), red=["usual"], blue=["low"]) == {"low": ["red"]}
