"""What the policies wrote into an audit log: which rules of which tenants were broken, and what came of it.

Kubernetes counts by policy and binding, not by rule. Each policy annotates the audit event of a request with the tenant,
the rule that is broken and the mode in which it was evaluated; where several bindings of one policy say different
things the API server joins them by ", ", rules and modes in the same order.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field

ENFORCE = "enforce"
OUTCOMES = ("refused", "warned", "observed", "lifted")
"""lifted: let through because the glass was broken."""
_SOFT = {"warn": "warned", "observe": "observed"}
_PREFIX, _RULE = "cotenant-", "/rule"
_FORBIDDEN = 403


class Break(Struct, frozen=True, order=True):
    """A rule that a request broke, and what came of it, one of OUTCOMES."""

    tenant: str
    space: str
    rule: str
    outcome: str


class Tally(Struct):
    """How often each was broken; lines that hold no audit event, and the number of the first of them."""

    counts: Counter[Break] = field(default_factory=Counter)
    events: int = 0
    unread: int = 0
    first_unread: int = 0

    def rows(self) -> list[tuple[str, str, str, int]]:
        """Tenant, rule, outcome and how often, over all spaces."""
        found: Counter[tuple[str, str, str]] = Counter()
        for one, times in self.counts.items():
            found[one.tenant, one.rule, one.outcome] += times
        return [(*one, times) for one, times in sorted(found.items())]


def tally(lines: Iterable[bytes | str]) -> Tally:
    """Counts an audit log, one event a line. Text before the first brace is a time stamp that a log reader put there."""
    found = Tally()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        events = list(_events(line))
        if not events:
            found.unread += 1
            found.first_unread = found.first_unread or number
        for event in events:
            found.events += 1
            found.counts.update(breaks(event))
    return found


def breaks(event: dict[str, Any]) -> Iterator[Break]:
    """What one audit event tells; nothing for dry runs, for stages before the answer, and for who is above the rule.

    The scheduler and the kubelets are above rules with every pod.
    """
    if event.get("stage") != "ResponseComplete" or "dryRun=" in str(event.get("requestURI", "")):
        return
    notes = event.get("annotations")
    if not isinstance(notes, dict):
        return
    status = event.get("responseStatus")
    refused = isinstance(status, dict) and status.get("code") == _FORBIDDEN
    for key in notes:
        if not (key.startswith(_PREFIX) and key.endswith(_RULE)):
            continue
        policy = key.removesuffix(_RULE)
        said = {
            name: str(notes.get(f"{policy}/{name}", "")) for name in ("tenant", "space", "rule", "mode", "breakglass")
        }
        rules, modes = said["rule"].split(", "), said["mode"].split(", ")
        for place, rule in enumerate(rules):
            # Policies without parameters know no mode: they refuse.
            mode = modes[place] if len(modes) == len(rules) and modes[place] else ENFORCE
            outcome = _SOFT.get(mode) or ("refused" if refused else "lifted" if said["breakglass"] else "")
            if outcome:
                yield Break(said["tenant"], said["space"], rule, outcome)


def _events(line: bytes | str) -> Iterator[dict[str, Any]]:
    """The events of a line: one, a list of them, or one in the message of a log reader's own object."""
    brace: Any = b"{" if isinstance(line, bytes) else "{"
    start = line.find(brace)
    if start < 0:
        return
    try:
        found = json.loads(line[start:])
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return
    if isinstance(found.get("message"), str) and "auditID" not in found:
        yield from _events(found["message"])
    elif found.get("kind") == "EventList" and isinstance(found.get("items"), list):
        yield from (one for one in found["items"] if isinstance(one, dict))
    elif "auditID" in found:
        yield found
