"""Sees every revision of a tenant's quotas, ledgers and objects, in the order of etcd, and says where a promise was broken."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cotenant.local.errors import ControlPlaneError
from cotenant.local.handle import Handle
from cotenant.model.escrow.units import limit_of, use_of

LEDGERS = "/apis/cotenant.dev/v1alpha1/namespaces/home-{tenant}/tenantledgers"
QUOTAS = "/api/v1/resourcequotas"
OBJECTS = {"pod": "/api/v1/pods", "service": "/api/v1/services"}
PATIENCE = 60.0
"""Seconds that a watch may be behind."""
IDLE = 2.0
"""Seconds without an event after which a watch is begun anew."""


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


class Witness:
    """Watches from the moment it is made, until `verdict`. `limits`: the largest that each key ever has, as quantities.

    `real`: whether accounting is strict. What exists must stay within the limit then too, and no charge go over spec.hard:
    natively the quota controller may find more than that.
    """

    def __init__(self, plane: Handle, tenant: str, limits: Mapping[str, str], *, real: bool = False) -> None:
        self.plane, self.tenant, self.real = plane, tenant, real
        self.limits = {key: limit_of(key, amount) for key, amount in limits.items()}
        self.changes: list[Change] = []
        self.stop = threading.Event()
        self.failed: list[str] = []
        self.paths = {"ledger": LEDGERS.format(tenant=tenant), "quota": QUOTAS} | (OBJECTS if real else {})
        self.threads: list[threading.Thread] = []
        self.wires: list[Any] = []
        for kind, path in self.paths.items():
            wire = plane._connect(plane.urls[0])
            self.wires.append(wire)
            version = self.take(kind, wire.expect("GET", path))
            self.threads.append(threading.Thread(target=self.follow, args=(wire, kind, path, version), daemon=True))
        for thread in self.threads:
            thread.start()

    def take(self, kind: str, listing: dict[str, Any]) -> str:
        for one in listing["items"]:
            self.see(kind, "ADDED", one)
        version: str = listing["metadata"]["resourceVersion"]
        return version

    def see(self, kind: str, event: str, one: dict[str, Any]) -> None:
        if change := self.change(kind, event, one):
            self.changes.append(change)

    def change(self, kind: str, event: str, one: dict[str, Any]) -> Change | None:
        """None for what is none of the tenant's."""
        metadata = one["metadata"]
        namespace, name = metadata["namespace"], metadata["name"]
        if kind == "quota":
            if metadata.get("labels", {}).get("cotenant.dev/tenant") != self.tenant or namespace.startswith("home-"):
                return None
            name = namespace
        elif kind in OBJECTS:
            if not namespace.startswith(f"{self.tenant}-"):
                return None
            name = f"{namespace}/{name}"
        gone = event == "DELETED"
        return Change(int(metadata["resourceVersion"]), kind, name, None if gone else one)

    def follow(self, wire: Any, kind: str, path: str, version: str) -> None:
        while not self.stop.is_set():
            try:
                for line in wire.watch(f"{path}?watch=1&resourceVersion={version}&allowWatchBookmarks=true", idle=IDLE):
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        self.failed.append(f"{kind}: {event['object'].get('message')}")
                        return
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        self.see(kind, event["type"], event["object"])
                    if self.stop.is_set():
                        return
            except (OSError, ControlPlaneError):
                continue

    def verdict(self) -> Verdict:
        """Of all revisions until now; nothing is watched any more."""
        end = self.caught_up()
        self.stop.set()
        for thread in self.threads:
            thread.join()
        for wire in self.wires:
            wire.close()
        return self.until(end)

    def so_far(self) -> Verdict:
        """Of all revisions until now, while more are watched."""
        return self.until(self.caught_up())

    def caught_up(self) -> int:
        """A revision up to which every stream has told what is there: cut off anywhere, one would know more than another."""
        wire = self.plane._connect(self.plane.urls[0])
        listings = {kind: wire.expect("GET", path) for kind, path in self.paths.items()}
        wire.close()
        end = min(int(one["metadata"]["resourceVersion"]) for one in listings.values())
        found = [self.change(kind, "ADDED", one) for kind, listing in listings.items() for one in listing["items"]]
        wanted = {(one.kind, one.name, one.revision) for one in found if one and one.revision <= end}
        deadline = time.monotonic() + PATIENCE
        while wanted - {(one.kind, one.name, one.revision) for one in list(self.changes)}:
            assert not self.failed, self.failed
            assert time.monotonic() < deadline, "a watch is behind"
            time.sleep(0.1)
        return end

    def until(self, end: int) -> Verdict:
        """Of all revisions until that one, the streams merged by revision: the order in which etcd stored them."""
        assert not self.failed, self.failed
        found = Verdict()
        there: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        seen = [one for one in list(self.changes) if one.revision <= end]
        for change in sorted(seen, key=lambda one: one.revision):
            found.revisions += 1
            if change.found is None:
                there[change.kind].pop(change.name, None)
            else:
                if change.kind == "quota" and self.real:
                    self.judge_charge(found, change.revision, there["quota"].get(change.name), change.found)
                there[change.kind][change.name] = change.found
            for key in self.limits:
                self.judge(found, change.revision, key, there)
        return found

    def judge_charge(self, found: Verdict, revision: int, old: dict[str, Any] | None, new: dict[str, Any]) -> None:
        """One quota's step: what is used never rises above spec.hard, however much more is allowed by status.hard."""
        for key in self.limits:
            before, after = (
                use_of(key, one.get("status", {}).get("used", {}).get(key, "0")) if one else 0 for one in (old, new)
            )
            if after > before and after > limit_of(key, new["spec"]["hard"].get(key, "0")):
                name, hard = new["metadata"]["namespace"], new["spec"]["hard"].get(key)
                found.note(revision, "charged over spec.hard", f"{key} {name}: {after} > {hard}")

    def judge(self, found: Verdict, revision: int, key: str, there: Mapping[str, Mapping[str, Any]]) -> None:
        """The sums of one key at one revision, against the ledger's limit; against the largest while there is none."""
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
