"""An Explanation on one screen, or as a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cotenant.cli.view.output import age, table
from cotenant.judge.pod import Explanation, counted
from cotenant.judge.room import Room
from cotenant.model.case import Case

COLUMNS = ("RESOURCE", "ASKED", "HERE", "POOL", "IDLE ELSEWHERE", "KEPT ELSEWHERE", "USED", "LIMIT", "VERDICT")


def lines(case: Case, found: Explanation) -> Iterator[str]:
    """For a person."""
    yield f"{found.summary}."
    if case.refusal and case.missing:
        when = f", {age(case.refusal.when.isoformat(), case.accounts.now)} ago" if case.refusal.when else ""
        yield f"Last refusal{when} ({case.refusal.by}): {case.refusal.text}"
    if found.rooms:
        yield f"\n{asked(case, found)}\n{amounts(found)}\n"
    for text in found.reasons:
        yield f"- {text}"
    for one in found.rooms:
        if one.verdict != "fits" and one.where:
            yield f"- {one.key}: {one.where}"
    if found.rolling:
        yield f"Update: {found.rolling}"
    for at, text in enumerate(found.advice):
        yield f"{'You can:' if not at else '       '} {text}"


def amounts(found: Explanation) -> str:
    """The table of resources."""
    if found.verdict == "admitted":
        return table(("RESOURCE", "CHARGED"), [(one.key, one.said(one.asked)) for one in found.rooms])
    return table(COLUMNS, [(one.key, *map(one.said, figures(one).values()), one.verdict) for one in found.rooms])


def asked(case: Case, found: Explanation) -> str:
    """What the table is about."""
    if found.verdict == "admitted":
        return "It is charged for these:"
    return f"{counted(max(1, case.missing))}{'' if case.missing else ' more'} would take:"


def plain(found: Explanation) -> dict[str, Any]:
    """For -o json."""

    def rows(rooms: tuple[Room, ...]) -> list[dict[str, str]]:
        return [
            {"resource": one.key, "verdict": one.verdict}
            | {name: one.exact(value) for name, value in (figures(one) | own(one)).items() if value is not None}
            | ({"left": one.where} if one.where else {})
            for one in rooms
        ]

    return {
        "verdict": found.verdict,
        "summary": found.summary,
        "resources": rows(found.rooms),
        "rollingUpdate": (
            {"message": found.rolling, "stuck": found.stuck, "resources": rows(found.surge)} if found.rolling else None
        ),
        "reasons": list(found.reasons),
        "advice": list(found.advice),
        "remarks": [{"topic": one.topic, "message": one.text} for one in found.remarks],
    }


def own(one: Room) -> dict[str, int | None]:
    """What of this the space itself has, which the table has no room for."""
    return {"usedHere": one.used, "hardHere": one.hard, "allocatedHere": one.allocated}


def figures(one: Room) -> dict[str, int | None]:
    """A Room's amounts by name."""
    return {
        "asked": one.asked,
        "here": one.here,
        "pool": one.pool,
        "idleElsewhere": one.idle,
        "keptElsewhere": one.reserved,
        "used": one.total,
        "limit": one.limit if one.limit is not None else one.ceiling,
    }
