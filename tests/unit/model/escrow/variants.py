"""The protocol with one of its precautions taken out: each must be found broken by the same explorer."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow import protocol
from cotenant.model.escrow.drain import Draining
from cotenant.model.escrow.grow import Growing
from cotenant.model.escrow.merge import changes, joined
from cotenant.model.escrow.protocol import advance
from cotenant.model.escrow.rebuild import Rebuilding
from cotenant.model.escrow.values import Ledger


def without_announcement(task: Any, answer: Any) -> Any:
    """A drain keeps its intent to itself."""
    step = advance(task, answer)
    return advance(step, m.Written(step.request.ledger.version)) if announces(step) else step


def announces(step: Any) -> bool:
    return isinstance(step, Draining) and isinstance(step.request, m.PutLedger) and step.ledger is None


def without_unconditional_write(task: Any, answer: Any) -> Any:
    """A drain leaves a quota alone that is low enough."""
    step = advance(task, answer)
    idle = isinstance(step, Draining) and isinstance(step.request, m.PutQuota) and step.request.hard == step.quota.hard
    return advance(step, m.Written(step.request.version)) if idle else step


def without_fence(task: Any, answer: Any) -> Any:
    """A rebuild reads the quotas and leaves them as they are."""
    step = advance(task, answer)
    while isinstance(step, Rebuilding) and isinstance(step.request, m.PutQuota):
        step = advance(step, m.Written(step.request.version))
    return step


def without_closing(task: Any, answer: Any) -> Any:
    """A rebuild counts before it has made sure that the ledger is missing while it counts."""
    step = advance(task, answer)
    if isinstance(step, Rebuilding) and isinstance(step.request, m.PutLedger) and step.request.ledger.rebuilding:
        return replace(step, request=m.ListQuotas(), ledger=step.request.ledger)
    return step


def rebuilding_from_spec_hard_alone(task: Any, answer: Any) -> Any:
    """A rebuild forgets what a space uses beyond its spec.hard."""
    return advance(replace(task, used=0) if isinstance(task, Rebuilding) else task, answer)


def trusting_the_cache(task: Any, answer: Any) -> Any:
    """Raising the tenant's limit to what one believes it is."""
    step = advance(task, answer)
    return advance(step, m.Read(step.goal.limit)) if isinstance(getattr(step, "request", None), m.GetLimit) else step


class LedgerFirst(Struct, frozen=True):
    """A growing leader that reads the ledger before the quota, and holds on to it."""

    task: Growing
    request: m.GetLedger | m.GetQuota
    found: Ledger | None = None


def ledger_first(step: Any) -> Any:
    asks = isinstance(step, Growing) and isinstance(step.request, m.GetQuota)
    return LedgerFirst(step, m.GetLedger()) if asks else step


def begin_ledger_first(intent: Any) -> Any:
    return ledger_first(protocol.begin(intent))


def advance_ledger_first(task: Any, answer: Any) -> Any:
    if not isinstance(task, LedgerFirst):
        return ledger_first(advance(task, answer))
    match answer:
        case m.Read(Ledger() as found):
            return replace(task, request=task.task.request, found=found)
        case m.Read():
            return advance(advance(task.task, answer), m.Read(task.found))
    return ledger_first(advance(task.task, answer))


def merging_all_told_the_last_stored(base: Ledger, wanted: list[Ledger], within: int) -> Any:
    """One write for all, with what the last one of them wants, and each is told that its own is stored."""
    return wanted[-1], list(range(len(wanted)))


def merging_what_concerns_one_space(base: Ledger, wanted: list[Ledger], within: int) -> Any:
    """Also two changes of one space: the later one is stored, and both are told of it."""
    merged = wanted[0]
    for one in wanted[1:]:
        both = joined(merged, changes(base, one), min(merged.limit, one.limit))
        if both.allocated > both.limit or both == base:
            return merged, [0]
        merged = both
    return merged, list(range(len(wanted)))
