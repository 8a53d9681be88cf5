"""Strict accounting holds in every interleaving of small worlds, and not without any of its precautions.

What was found, and how long it took: designs/2026-11-21-strict-accounting.md. COTENANT_EXPLORE=all takes them all.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
from msgspec.structs import replace

from cotenant.model.refund import book as books
from cotenant.model.refund import recount as recounts
from cotenant.model.refund.book import Book
from cotenant.model.refund.recount import Recounting
from cotenant.model.refund.values import Refund, Stored
from unit.model.refund.explorer import KIND, Explorer, Leader, Rules, World

ONE_LEADER = Rules(creates=2, crashes=1, recounts=1, leaders=1)
TWO_LEADERS = Rules(creates=2, crashes=0, recounts=0)
WORLDS = {
    "an operator that crashes and recounts": ONE_LEADER,
    "two operators": TWO_LEADERS,
    "two operators, one crashes": replace(TWO_LEADERS, crashes=1),
    "an operator that freezes to recount": replace(ONE_LEADER, freeze=True),
    "pods that are overdue before they are gone": replace(ONE_LEADER, ends=True, recounts=0),
    "a recount that waited while refunds were written": replace(ONE_LEADER, informed=True),
}
FULL = {
    "three creates, a crash, a recount": replace(ONE_LEADER, creates=3),
    "three creates, two operators": replace(TWO_LEADERS, creates=3),
    "room for two": replace(ONE_LEADER, limit=2, creates=3, crashes=0),
    "two operators, one recounts": replace(TWO_LEADERS, recounts=1),
    "it freezes twice": replace(ONE_LEADER, freeze=True, recounts=2),
    "it freezes, three creates": replace(ONE_LEADER, freeze=True, creates=3),
    "two operators, one freezes": replace(TWO_LEADERS, freeze=True, recounts=1),
    "overdue pods and a recount": replace(ONE_LEADER, ends=True),
    "overdue pods and two operators": replace(TWO_LEADERS, ends=True),
    "two operators, one waited": replace(TWO_LEADERS, informed=True, recounts=1),
    "three creates, one that waited": replace(ONE_LEADER, informed=True, creates=3, crashes=0),
}
if os.environ.get("COTENANT_EXPLORE") == "all":
    WORLDS |= FULL


def over(limit: int) -> Any:
    """More objects than the limit."""
    return lambda world: f"{world.exists} objects" if world.exists > limit else None


def unsound(limit: int) -> Any:
    """More objects than the limit, or than are charged, those included that may still come to be."""

    def check(world: World) -> str | None:
        return over(limit)(world) or (
            "less is charged than may exist" if world.exists + len(world.coming) > world.used else None
        )

    return check


@pytest.mark.parametrize("name", WORLDS)
def test_real_objects_stay_within_the_limit(name: str, record_property) -> None:
    states, found, way = Explorer(WORLDS[name]).run(unsound(WORLDS[name].limit))
    record_property("states", states)
    assert found is None, (found, way)
    assert states > 1000


def blind_to_the_controller(book: Book) -> Refund | None:
    """Gives back also what the quota controller may have taken off."""
    return books.plan(replace(book, lowered=()))


def remembering(book: Book, found: Stored, **more: Any) -> Book:
    """Keeps its refunds to itself and does not ask what the other has decided."""
    return replace(books.watched(book, found, **more), pending=book.pending)


def unmarked(book: Book) -> Refund | None:
    return books.plan(replace(book, stored=replace(book.stored, refunded=()))) if book.stored else None


def trusting_a_gap(book: Book, found: Stored, **more: Any) -> Book:
    """Begins in the middle, and takes it that nobody has lowered anything before."""
    after = books.watched(book, found, **more)
    return after if book.stored else replace(after, lowered=())


def uncharged_by_a_gap(book: Book, found: Stored, **more: Any) -> Book:
    """Begins in the middle, and takes it that nobody was admitted before."""
    after = books.watched(book, found, **more)
    return after if book.stored else replace(after, charged=0)


def unaware_of_charges(book: Book, found: Stored, **more: Any) -> Book:
    return replace(books.watched(book, found, **more), charged=0)


VARIANTS = {
    "a policy that forgets charges when something is given back": replace(
        ONE_LEADER, forgetful=True, recounts=0, crashes=0, creates=4, limit=2
    ),
    "without the policy": replace(ONE_LEADER, quiet=False, recounts=0, crashes=0),
    "a refund that skips nothing": replace(ONE_LEADER, plan=blind_to_the_controller, recounts=0, creates=3),
    "no marks in the quota": replace(TWO_LEADERS, plan=unmarked, watched=remembering, creates=3),
    "an operator that trusts a gap": replace(ONE_LEADER, watched=trusting_a_gap, recounts=0, creates=3),
    "a recount that does not wait": replace(ONE_LEADER, patient=False, crashes=0),
    "a recount that is not bound": replace(ONE_LEADER, bound=False, crashes=0),
    "a recount that has missed a charge": replace(ONE_LEADER, informed=True, watched=uncharged_by_a_gap),
    "a recount that waits for no charge": replace(ONE_LEADER, informed=True, watched=unaware_of_charges, crashes=0),
    "a frozen recount that does not wait": replace(ONE_LEADER, freeze=True, patient=False, crashes=0),
    "a frozen recount that is not bound": replace(ONE_LEADER, freeze=True, bound=False, crashes=0),
    "an overdue pod that counts as charged until it is gone": replace(
        ONE_LEADER, ends=True, prompt=True, recounts=0, crashes=0, creates=3
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_without_one_precaution_there_are_too_many(name: str, record_property) -> None:
    limit = VARIANTS[name].limit
    states, found, way = Explorer(VARIANTS[name]).run(over(limit))
    record_property("states", states)
    record_property("steps", len(way))
    assert found == f"{limit + 1} objects", states


def closing(world: World) -> int:
    """What is charged after one operator has heard everything and recounted."""
    explorer = Explorer(ONE_LEADER)
    world = replace(world, coming=(), leaders=(Leader(),), budget=(0.0, 0.0, 1.0))
    task: Any = recounts.begin(recounts.Recount())
    while isinstance(task, Recounting):
        answer, world = explorer.perform(world, task)
        task = recounts.advance(task, answer)
    assert task.done
    return world.used


def test_nothing_leaks_for_ever() -> None:
    leaks = []

    def check(world: World) -> str | None:
        if world.exists + len(world.coming) < world.used:
            leaks.append(world)
        return None if closing(world) == world.exists else "a leak that no recount finds"

    _, found, way = Explorer(ONE_LEADER).run(check)
    assert found is None, way
    assert leaks, "there was nothing to repair"


def test_one_operator_that_is_left_alone_leaks_nothing() -> None:
    """No crash, no create that fails: what is charged is what exists, once everything is heard."""

    class Kind(Explorer):
        def pods(self, world: World) -> Any:
            return ((word, after) for word, after in super().pods(world) if word != "lose")

        def controller(self, world: World) -> Any:
            return iter(())

    def check(world: World) -> str | None:
        (me,) = world.leaders
        heard = not (me.deletions or me.quotas or me.book.pending)
        return None if not heard or world.used == world.exists + len(world.coming) else "a leak"

    assert Kind(replace(ONE_LEADER, creates=4, crashes=0, recounts=0)).run(check)[1] is None
    assert KIND == "pods"
