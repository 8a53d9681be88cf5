from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from cotenant.controllers.inspection import LATER, SOON, Inspection, lapsed, within
from cotenant.controllers.world import World
from cotenant.kube.client import Listing
from cotenant.kube.errors import NotFound, Unavailable
from cotenant.model.platform import Platform
from cotenant.render.install import deny, force
from cotenant.render.install.admission import glass

WANTED = [*deny(Platform()), *force(Platform())]


class Server:
    """Has these policies and bindings, or does not answer; `old` knows no mutating ones."""

    def __init__(self, found: list[dict[str, Any]] | None, *, old: bool = False) -> None:
        self.found, self.old = found, old

    async def list(self, resource: Any, *, labels: str) -> Listing[Any]:
        if self.found is None:
            raise Unavailable(503, "ServiceUnavailable", "down")
        if self.old and resource.kind.startswith("Mutating"):
            raise NotFound(404, "NotFound", "the server could not find the requested resource")
        assert labels == "app.kubernetes.io/managed-by=cotenant,app.kubernetes.io/part-of=cotenant"
        items = [{k: v for k, v in one.items() if k != "kind"} for one in self.found if one["kind"] == resource.kind]
        return Listing(items, "1")


def installed() -> list[dict[str, Any]]:
    """As the API server gives it back: with defaults."""
    found = copy.deepcopy(WANTED)
    for one in found:
        if "matchConstraints" in one["spec"]:
            one["spec"]["matchConstraints"].setdefault("objectSelector", {})
            one["spec"]["matchConstraints"].setdefault("matchPolicy", "Equivalent")
        one["status"] = {"observedGeneration": 1}
    return found


async def look(found: list[dict[str, Any]] | None, before: str = "") -> tuple[str, int]:
    """What the world says afterwards, and how often somebody was told."""
    world, told = World(), []
    world.lapse = before
    server: Any = Server(found)
    await Inspection(server, world, Platform(), lambda: told.append(1)).look()
    return world.lapse, len(told)


async def test_an_installation_as_it_was_made_has_no_lapse() -> None:
    assert await look(installed()) == ("", 0)


async def test_an_api_server_without_mutating_policies_misses_none_and_the_world_knows() -> None:
    world, told = World(), []
    server: Any = Server(deny(Platform()), old=True)
    inspection = Inspection(server, world, Platform(), lambda: told.append(1))
    assert await inspection.look() == ""
    assert (world.mutates, len(told)) == (False, 1)
    server.old, server.found = False, WANTED
    assert await inspection.look() == ""
    assert (world.mutates, len(told)) == (True, 2)


async def test_what_was_missing_and_is_back_is_told() -> None:
    assert await look(installed(), "policy x is missing") == ("", 1)


@pytest.mark.parametrize("number", range(len(WANTED)))
async def test_each_policy_and_each_binding_is_missed(number: int) -> None:
    found = installed()
    gone = found.pop(number)

    lapse, told = await look(found)

    assert lapse.endswith(f"{gone['metadata']['name']} is missing")
    assert told == 1


@pytest.mark.parametrize(
    "change",
    [
        {"validationActions": ["Audit"]},
        {"failurePolicy": "Ignore"},
        {"validations": []},
        {"mutations": []},
        {"matchConditions": [{"name": "never", "expression": "false"}]},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_policy_that_was_loosened_is_noticed(change: dict[str, Any]) -> None:
    for one in installed():
        if not change.keys() & {"matchConditions", *one["spec"]} or one["kind"].endswith("Binding") is not (
            "validationActions" in change
        ):
            continue
        if one["spec"].get("validationActions") == ["Audit"]:
            continue  # it never did more
        found = installed()
        next(each for each in found if each["metadata"] == one["metadata"] and each["kind"] == one["kind"])["spec"] |= (
            change
        )
        lapse, _ = await look(found)
        assert lapse.endswith("was changed"), one["metadata"]["name"]


@pytest.mark.parametrize("number", range(len(WANTED)))
async def test_a_selector_that_was_added_is_noticed(number: int) -> None:
    found = installed()
    spec = found[number]["spec"]
    place = "matchConstraints" if "matchConstraints" in spec else "matchResources"
    spec[place] = {**spec.get(place, {}), "excludeResourceRules": [{"resources": ["pods"]}]}
    assert (await look(found))[0].endswith("was changed")


async def test_without_an_answer_what_was_seen_last_stays_true() -> None:
    assert await look(None, "policy x is missing") == ("policy x is missing", 0)
    assert await look(None) == ("", 0)


async def test_it_looks_again_soon_while_something_is_missing() -> None:
    assert SOON < LATER


def test_blanks_that_helm_leaves_out_are_no_change() -> None:
    assert within({"a": '["x", "y"]'}, {"a": '["x","y"]', "b": {}})
    assert not within({"a": "x"}, {"a": "x", "b": 1})
    assert not within({"a": "x"}, {"a": "xy"})
    assert not within(["a"], ["a", "b"])
    assert lapsed([], []) == ""


def glazed(until: datetime) -> list[dict[str, Any]]:
    """Somebody broke the glass of every policy that has one."""
    notes = {glass.REASON: "registry down"}
    return [glass.broken(one, until, notes) if glass.breakable(one) else one for one in installed()]


async def test_a_broken_glass_is_no_lapse_and_is_told_until_it_is_whole_again() -> None:
    until, times = datetime(2026, 1, 1, 12, 30, tzinfo=UTC), [datetime(2026, 1, 1, 12, tzinfo=UTC)]
    world, told = World(), []
    server: Any = Server(glazed(until))
    inspection = Inspection(server, world, Platform(), lambda: told.append(1), lambda: times[-1])

    assert await inspection.look() == world.glass == "7 policies only audit until 2026-01-01T12:30:00Z: registry down"
    assert world.lapse == ""
    times.append(until)

    assert await inspection.look() == world.glass == ""
    assert len(told) == 2


async def test_a_glass_of_another_shape_is_a_change() -> None:
    found = installed()
    policy = next(one for one in found if glass.breakable(one))
    for one in policy["spec"]["variables"]:
        if one["name"] == glass.UNTIL:
            one["name"], one["expression"] = "other", "'9999-01-01T00:00:00Z'"
    assert (await look(found))[0] == f"policy {policy['metadata']['name']} was changed"
