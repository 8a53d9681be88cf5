"""Events of refusals as the operator keeps them: few, small, and the last of a workload is what counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.api.workload import Denial
from cotenant.controllers.denials import ALL, EACH, Denials, lean

SAID = 'Error creating: pods "j-x" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=1, limited: pods=1'
SECURED = 'Error creating: pods "j-x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
ABOUT = {"kind": "Job", "namespace": "red-dev", "name": "j", "uid": "uid-j"}


def event(name: str = "one", namespace: str = "red-dev", version: int = 1, **content: Any) -> Denial:
    metadata = {"name": name, "namespace": namespace, "uid": name, "resourceVersion": str(version)}
    about = ABOUT | {"namespace": namespace}
    wire = {"metadata": metadata | {"labels": {"a": "b"}}, "regarding": about, "note": SAID} | content
    return lean(msgspec.json.encode(wire))


def test_a_refusal_by_a_quota_is_known_by_the_uid_of_the_workload() -> None:
    found = Denials()
    found.upsert(event())
    assert (found.said("uid-j"), found.said("uid-k")) == ("quota", "")
    # What it said is not kept.
    assert [one.note for one in found.items()] == [""]
    found.remove("red-dev/one")
    assert found.said("uid-j") == ""


def test_what_was_refused_last_counts_in_whatever_order_it_is_heard() -> None:
    found = Denials()
    found.upsert(event("later", version=10, note=SECURED))
    found.upsert(event("sooner", version=9))
    assert found.said("uid-j") == "other"
    # Told again: its next try met the quota.
    found.upsert(event("sooner", version=11))
    assert found.said("uid-j") == "quota"


def test_what_was_said_before_is_known_when_it_changes() -> None:
    found, heard = Denials(), list[tuple[str, str]]()
    found.subscribe(lambda change: heard.append(found.turn(change)))
    found.upsert(event("one", version=1))
    found.upsert(event("one", version=2))
    found.upsert(event("two", version=3, note=SECURED))
    found.upsert(event("one", version=4))
    assert heard == [("", "quota"), ("quota", "quota"), ("quota", "other"), ("other", "quota")]


def test_however_many_hear_of_an_event_what_it_changes_is_found_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found, heard, asked = Denials(), list[tuple[str, str]](), list[str]()
    there = found.by
    monkeypatch.setattr(found, "by", lambda index, value: asked.append(index) or there(index, value))
    for _ in range(3):
        found.subscribe(lambda change: heard.append(found.turn(change)))
    found.upsert(event("one", version=1))
    found.upsert(event("one", version=2, note=SECURED))
    assert heard == [("", "quota")] * 3 + [("quota", "other")] * 3
    assert asked.count("uid") == 4


def test_an_event_about_another_namespace_is_about_nobody() -> None:
    found = Denials()
    found.upsert(event("two", regarding=ABOUT | {"namespace": "elsewhere"}))
    assert len(found) == 0
    # One that says nothing any more is forgotten.
    found.upsert(event("three"))
    found.upsert(event("three", version=2, note=""))
    assert len(found) == 0


def test_of_many_events_the_newest_are_kept_and_one_namespace_cannot_push_out_the_others() -> None:
    found = Denials()
    found.upsert(event("calm", "calm"))
    for number in range(EACH + 10):
        found.upsert(event(f"e{number}", "storm"))
    # One that is told again counts as new.
    found.upsert(event("e10", "storm", version=2))
    found.upsert(event("last", "storm"))
    assert len(found) == EACH + 1 and found.get("calm", "calm")
    assert found.get("storm", "e10") and found.get("storm", "last") and not found.get("storm", "e11")
    for number in range(ALL + 5):
        found.upsert(event("one", f"space-{number}"))
    assert len(found) == ALL


def test_an_event_that_names_no_possible_workload_costs_no_memory() -> None:
    found = Denials()
    for field in ("kind", "name", "uid"):
        found.upsert(event(field, regarding=ABOUT | {field: "x" * 1_000_000}))
    assert len(found) == 0
