"""An audit log is counted by tenant, rule and what came of it; whatever else is in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cotenant.model.trail import Break, tally


def event(
    code: int = 201, uri: str = "/api/v1/namespaces/a/pods", stage: str = "ResponseComplete", **notes: str
) -> str:
    annotations = {f"cotenant-pods/{name}": text for name, text in {"tenant": "acme", "space": "dev", **notes}.items()}
    body = {"kind": "Event", "auditID": "1", "stage": stage, "requestURI": uri, "annotations": annotations}
    return json.dumps(body | {"responseStatus": {"code": code}})


OBSERVED = event(rule="COTENANT-POD-8", mode="observe")


def counted(*lines: str | bytes) -> dict[tuple[str, str], int]:
    found = tally(lines)
    assert all((one.tenant, one.space) == ("acme", "dev") for one in found.counts)
    return {(one.rule, one.outcome): times for one, times in found.counts.items()}


def test_each_mode_is_told_from_the_others() -> None:
    lines = (
        OBSERVED,
        OBSERVED.encode(),
        event(rule="COTENANT-POD-8", mode="warn"),
        event(403, rule="COTENANT-POD-8", mode="enforce"),
        event(200, rule="COTENANT-POD-8", mode="enforce", breakglass="2026-01-01T00:00:00Z"),
        event(403, rule="COTENANT-RIGHT-4"),
        event(201, rule="COTENANT-RIGHT-6"),  # of the scheduler, who is above it
        event(200),
    )
    assert counted(*lines) == {
        ("COTENANT-POD-8", "observed"): 2,
        ("COTENANT-POD-8", "warned"): 1,
        ("COTENANT-POD-8", "refused"): 1,
        ("COTENANT-POD-8", "lifted"): 1,
        ("COTENANT-RIGHT-4", "refused"): 1,
    }


def test_what_several_bindings_say_of_one_request_is_taken_apart() -> None:
    line = event(403, rule="COTENANT-POD-4, COTENANT-POD-8", mode="enforce, warn")
    assert counted(line) == {("COTENANT-POD-4", "refused"): 1, ("COTENANT-POD-8", "warned"): 1}


def test_dry_runs_and_earlier_stages_are_no_requests() -> None:
    found = tally([event(uri="/x?dryRun=All", rule="R"), event(stage="ResponseStarted", rule="R")])
    assert (found.events, found.counts) == (2, {})


def test_lists_time_stamps_and_messages_of_log_readers_are_read() -> None:
    one = json.loads(OBSERVED)
    lines = (
        json.dumps({"kind": "EventList", "items": [one, one]}),
        f"2026-11-22T00:00:00+00:00 {OBSERVED}",
        json.dumps({"timestamp": 1, "message": OBSERVED}),
    )
    assert counted(*lines) == {("COTENANT-POD-8", "observed"): 4}


BROKEN: tuple[Any, ...] = (
    "no event", "{", "{}", "[]", "null", b"\xff\xfe{\xff}", "{" * 100_000, '{"message": "text"}', '{"auditID": ',
)  # fmt: skip


@pytest.mark.parametrize("line", BROKEN, ids=range(len(BROKEN)))
def test_a_line_that_is_no_event_is_counted_as_such(line: Any) -> None:
    found = tally([OBSERVED, "", line, line, OBSERVED])
    assert (found.events, found.unread, found.first_unread) == (2, 2, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"annotations": []},
        {"annotations": {"cotenant-x/rule": 7}},
        {"responseStatus": "x"},
        {"requestURI": None},
        {"items": 3},
    ],
)
def test_an_event_of_another_shape_ends_nothing(wrong: dict[str, Any]) -> None:
    found = tally([json.dumps(json.loads(OBSERVED) | wrong), OBSERVED])
    assert found.events == 2
    assert found.counts[Break("acme", "dev", "COTENANT-POD-8", "observed")] >= 1
