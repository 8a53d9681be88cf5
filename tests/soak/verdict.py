"""Judges every revision of a tenant's quotas, ledgers and objects: where a promise was broken, and how much there was at most."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cotenant.model.escrow.units import limit_of, use_of

COUNTER = "kube-controller-manager"
"""Whose name the writes of the quota controller bear. The API servers charge as `kube-apiserver`."""


@dataclass
class Change:
    """One object at one revision; None when it is gone."""

    revision: int
    kind: str
    name: str
    found: dict[str, Any] | None


@dataclass
class Verdict:
    """What was seen, amounts by key. `broken` has the first lines of what must not be."""

    revisions: int = 0
    most_hard: Counter[str] = field(default_factory=Counter)
    most_allocated: Counter[str] = field(default_factory=Counter)
    most_used: Counter[str] = field(default_factory=Counter)
    most_real: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def note(self, revision: int, what: str, detail: str) -> None:
        self.violations[what] += 1
        if self.violations[what] <= 3:
            self.broken.append(f"revision {revision}: {what}: {detail}")


class Judge:
    """Takes change after change. `limits`: the largest that each key ever has; `real`: what exists must be within it too."""

    def __init__(self, limits: Mapping[str, int], *, real: bool) -> None:
        self.limits, self.real = limits, real
        self.there: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.found = Verdict()

    def take(self, change: Change) -> None:
        self.found.revisions += 1
        there = self.there[change.kind]
        if change.found is None:
            there.pop(change.name, None)
        else:
            if change.kind == "quota":
                self.judge_charge(change.revision, there.get(change.name), change.found)
            there[change.name] = change.found
        for key in self.limits:
            self.judge_sums(change.revision, key)

    def judge_charge(self, revision: int, old: dict[str, Any] | None, new: dict[str, Any]) -> None:
        """One quota's step: no charge leaves more in use than spec.hard, however much more is allowed by status.hard."""
        for key in self.limits:
            before, after = (
                use_of(key, one.get("status", {}).get("used", {}).get(key, "0")) if one else 0 for one in (old, new)
            )
            hard = limit_of(key, new["spec"]["hard"].get(key, "0"))
            if after > before and after > hard and not counted(key, new):
                name = new["metadata"]["namespace"]
                self.found.note(revision, "charged over spec.hard", f"{key} {name}: {after} > {hard}")

    def judge_sums(self, revision: int, key: str) -> None:
        """The sums of one key at one revision, against the ledger's limit; against the largest while there is none."""
        found, there = self.found, self.there
        quotas = there["quota"]
        hard = {name: limit_of(key, one["spec"]["hard"].get(key, "0")) for name, one in quotas.items()}
        used = {name: use_of(key, one.get("status", {}).get("used", {}).get(key, "0")) for name, one in quotas.items()}
        ledger = next((one["spec"] for one in there["ledger"].values() if one["spec"]["resource"] == key), None)
        open_ = ledger is not None and not ledger.get("rebuilding")
        limit = ledger["limit"] if ledger is not None and open_ else self.limits[key]
        real = existing(key, there)
        for most, amount in (
            (found.most_hard, sum(hard.values())),
            (found.most_used, sum(used.values())),
            (found.most_real, real),
        ):
            most[key] = max(most[key], amount)
        if sum(used.values()) > limit:
            found.note(revision, "use over the limit", f"{key} {used} > {limit}")
        if sum(hard.values()) > limit:
            found.note(revision, "hard over the limit", f"{key} {hard} > {limit}")
        if self.real and real > limit:
            found.note(revision, "objects over the limit", f"{key} {real} > {limit}, {used} used")
        if ledger is None or not open_:
            return
        entries = {one["space"]: one["allocation"] for one in ledger.get("entries", ())}
        found.most_allocated[key] = max(found.most_allocated[key], sum(entries.values()))
        if sum(entries.values()) > limit:
            found.note(revision, "allocated over the ledger's limit", f"{key} {entries}")
        for name, amount in hard.items():
            if amount > entries.get(name, 0):
                found.note(revision, "hard over the allocation", f"{key} {name}: {amount} > {entries.get(name, 0)}")


def counted(key: str, quota: dict[str, Any]) -> bool:
    """Whether the quota controller wrote what is used now. It finds what there is, and spec.hard may be below that.

    Each update takes over the ownership of what it changes, so who raised `used` is who owns it. Unknown is not counted.
    """
    owners = {
        one["manager"]
        for one in quota["metadata"].get("managedFields", ())
        if f"f:{key}" in one["fieldsV1"].get("f:status", {}).get("f:used", {})
    }
    return owners == {COUNTER}


def existing(key: str, there: Mapping[str, Mapping[str, Any]]) -> int:
    """What exists of a key; pods name their requests in thousandths of a CPU."""
    if key == "count/services":
        return len(there.get("service", ()))
    pods = there.get("pod", {}).values()
    if key == "pods":
        return len(pods)
    assert key == "requests.cpu", key
    requests = [c["resources"].get("requests", {}).get("cpu", "0m") for one in pods for c in one["spec"]["containers"]]
    return sum(int(one.removesuffix("m")) for one in requests)
