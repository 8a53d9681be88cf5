"""Sees every revision of a tenant's quotas, ledgers and objects, and has them judged in the order of etcd."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from cotenant.local.errors import ControlPlaneError
from cotenant.local.handle import Handle
from cotenant.model.escrow.units import limit_of
from soak.verdict import Change, Judge, Verdict

LEDGERS = "/apis/cotenant.dev/v1alpha1/namespaces/home-{tenant}/tenantledgers"
QUOTAS = "/api/v1/resourcequotas"
OBJECTS = {"pod": "/api/v1/pods", "service": "/api/v1/services"}
PATIENCE = 60.0
"""Seconds that a watch may be behind."""
IDLE = 2.0
"""Seconds without an event after which a watch is begun anew."""


class Witness:
    """Watches from the moment it is made, until `verdict`. `limits`: the largest that each key ever has, as quantities.

    `real`: whether accounting is strict. What exists must stay within the limit then too.
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
        judge = Judge(self.limits, real=self.real)
        for change in sorted((one for one in list(self.changes) if one.revision <= end), key=lambda one: one.revision):
            judge.take(change)
        return judge.found
