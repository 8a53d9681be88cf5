"""Chains of checks: the first link that answers is the condition's reason and message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Generic, TypeVar

from cotenant.api.meta import Condition
from cotenant.judge.reasons import REASONS
from cotenant.model.finding import Finding

F = TypeVar("F")
Check = Callable[[F], Finding | None]
ALSO = "; also "
"""Between what is wrong and what is wrong besides."""


class Chain(Generic[F]):
    """A condition: its type, its checks in order, and what to say when none of them answers.

    `also`: those of the checks that are named beside another that is wrong and does not pass by itself.
    """

    def __init__(self, condition: str, *checks: Check[F], good: Finding, also: Collection[Check[F]] = ()) -> None:
        self.condition, self.checks, self.good, self.also = condition, checks, good, also

    def judge(self, facts: F) -> Finding:
        """The first answer, with what else is wrong behind its message; or the good one."""
        found = next((one for check in self.checks if (one := check(facts)) is not None), self.good)
        if found.status == "False" and found.reason not in MOVING:
            more = [one for check in self.also if (one := check(facts)) is not None and one != found]
            named = (found.message, *(f"{one.reason}: {one.message}" for one in more))
            found = Finding(found.reason, ALSO.join(named), found.status)
        if found.reason not in REASONS:
            raise KeyError(f"condition reason {found.reason} is not in judge.reasons.REASONS")
        return found


def conditions(
    findings: Iterable[tuple[str, Finding]], before: Iterable[Condition], generation: int, now: str
) -> list[Condition]:
    """Conditions with the time at which each last changed its status. `now` is RFC 3339.

    Those of types that we do not judge are somebody else's and stay, as far as there is room.
    """
    old = {one.type: one for one in before}
    judged = list(findings)
    own = {name for name, _ in judged} | SOMETIMES
    others = [one for one in old.values() if one.type not in own]
    return [
        Condition(
            type=name,
            status=found.status,
            reason=found.reason,
            message=found.message,
            observed_generation=generation,
            last_transition_time=old[name].last_transition_time
            if name in old and old[name].status == found.status
            else now,
        )
        for name, found in judged
    ] + others[: MOST - len(judged)]


def progress(ready: Finding) -> list[tuple[str, Finding]]:
    """kstatus: the abnormal-true condition that says why Ready is not True yet; none when it is."""
    if ready.status == "True":
        return []
    moving = ready.reason in MOVING
    return [("Reconciling" if moving else "Stalled", Finding(ready.reason, ready.message, "True"))]


SOMETIMES = {"Reconciling", "Stalled", "StrictAccounting"}
"""Conditions that are there only while they are True, or while somebody asks for what they are about."""
MOST = 16
"""Conditions that the API server takes, see api.meta.Conditions."""
MOVING = {
    "Creating",
    "HomeNotReady",
    "SpacesNotReady",
    "Terminating",
    "DeletingNamespace",
    "NamespaceTerminating",
    "ApplyFailed",
    "QuotaPending",
}
"""Reasons that pass by themselves; with any other one somebody has to act."""
