"""Sees every revision of a tenant's quotas and ledger, in the order of etcd, and says where the promise was broken."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from cotenant.local.errors import ControlPlaneError
from cotenant.local.handle import Handle
from cotenant.model.escrow.units import limit_of, use_of

LEDGERS = "/apis/cotenant.dev/v1alpha1/namespaces/home-{tenant}/tenantledgers"
QUOTAS = "/api/v1/resourcequotas"
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
    """What was seen. `broken` has the first lines of what must not be."""

    revisions: int = 0
    most_hard: int = 0
    most_allocated: int = 0
    most_used: int = 0
    violations: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def note(self, revision: int, what: str, detail: str) -> None:
        self.violations[what] += 1
        if self.violations[what] <= 3:
            self.broken.append(f"revision {revision}: {what}: {detail}")


class Witness:
    """Watches from the moment it is made, until `verdict`."""

    def __init__(self, plane: Handle, tenant: str, key: str = "pods") -> None:
        self.plane, self.tenant, self.key = plane, tenant, key
        self.changes: list[Change] = []
        self.stop = threading.Event()
        self.failed: list[str] = []
        paths = {"ledger": LEDGERS.format(tenant=tenant), "quota": QUOTAS}
        self.threads: list[threading.Thread] = []
        self.wires: list[Any] = []
        for kind, path in paths.items():
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
        metadata = one["metadata"]
        if kind == "quota":
            labels = metadata.get("labels", {})
            if labels.get("cotenant.dev/tenant") != self.tenant or metadata["namespace"] == f"home-{self.tenant}":
                return
        elif metadata["name"] != self.key:
            return
        name = metadata["namespace"] if kind == "quota" else metadata["name"]
        gone = event == "DELETED"
        self.changes.append(Change(int(metadata["resourceVersion"]), kind, name, None if gone else one))

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

    def verdict(self, limit: int) -> Verdict:
        """Of all revisions; nothing is watched any more."""
        self.stop.set()
        for thread in self.threads:
            thread.join()
        for wire in self.wires:
            wire.close()
        return self.so_far(limit)

    def so_far(self, limit: int) -> Verdict:
        """Of all revisions so far, the two streams merged by revision: the order in which etcd stored them."""
        assert not self.failed, self.failed
        found = Verdict()
        quotas: dict[str, dict[str, Any]] = {}
        ledger: dict[str, Any] | None = None
        for change in sorted(self.changes, key=lambda one: one.revision):
            found.revisions += 1
            if change.kind == "ledger":
                ledger = change.found
            elif change.found is None:
                quotas.pop(change.name, None)
            else:
                quotas[change.name] = change.found
            self.judge(found, change.revision, ledger, quotas, limit)
        return found

    def judge(
        self, found: Verdict, revision: int, ledger: dict[str, Any] | None, quotas: dict[str, Any], limit: int
    ) -> None:
        hard = {name: limit_of(self.key, one["spec"]["hard"].get(self.key, "0")) for name, one in quotas.items()}
        used = {
            name: use_of(self.key, one.get("status", {}).get("used", {}).get(self.key, "0"))
            for name, one in quotas.items()
        }
        found.most_hard = max(found.most_hard, sum(hard.values()))
        found.most_used = max(found.most_used, sum(used.values()))
        if sum(used.values()) > limit:
            found.note(revision, "use over the limit", f"{used} > {limit}")
        if sum(hard.values()) > limit:
            found.note(revision, "hard over the limit", f"{hard} > {limit}")
        if ledger is None or ledger["spec"].get("rebuilding"):
            return
        entries = {one["space"]: one["allocation"] for one in ledger["spec"].get("entries", ())}
        found.most_allocated = max(found.most_allocated, sum(entries.values()))
        if sum(entries.values()) > ledger["spec"]["limit"]:
            found.note(revision, "allocated over the ledger's limit", f"{entries}")
        for name, amount in hard.items():
            if amount > entries.get(name, 0):
                found.note(revision, "hard over the allocation", f"{name}: {amount} > {entries.get(name, 0)}")
