"""Clients that create and delete pods as fast as they can, and a witness that counts what exists, revision by revision."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from contextlib import closing
from typing import Any

from cotenant.api.keys import CHECKED, FROZEN
from cotenant.kube.resource import PODS, RESOURCE_QUOTAS, TENANT_LEDGERS
from cotenant.local.handle import Handle
from cotenant.local.wire import Wire, strict_context
from installation import Cluster
from vocabulary import Team, condition, eventually, expect_ready, given_tenant

NOW = {"gracePeriodSeconds": 0}
POD = {
    "spec": {
        "nodeSelector": {"is": "nowhere"},
        "automountServiceAccountToken": False,
        "containers": [{"name": "c", "image": "x"}],
    }
}
OPERATOR = {
    "Impersonate-User": "system:serviceaccount:cotenant-system:cotenant",
    "Impersonate-Group": "system:masters",
}


def connect(plane: Handle, server: int = 0) -> Wire:
    pki = plane.ca_file.parent
    return Wire(
        plane.urls[server % len(plane.urls)], strict_context(plane.ca_file, pki / "admin.crt", pki / "admin.key")
    )


class Field:
    """The one space of a tenant, which therefore holds the tenant's whole quota."""

    def __init__(self, cluster: Cluster, hard: dict[str, str], accounting: str = "strict", **spec: Any) -> None:
        self.cluster, self.plane, self.wire = cluster, cluster.plane, connect(cluster.plane)
        quota = {"hard": hard} | ({"accounting": accounting} if accounting != "strict" else {})
        self.team: Team = given_tenant(cluster, "field", spaces=["a"], quota=quota, **spec)
        expect_ready(self.team, "a", within=30)
        self.name = self.team.namespace("a")
        eventually(lambda: hard.items() <= self.quota()["spec"]["hard"].items(), within=30)
        account = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        eventually(lambda: self.wire.json("GET", account)[0] == 200)
        if accounting == "strict":
            self.proven()
        self.witnesses: list[Witness] = []

    def proven(self) -> None:
        """Waits until its condition says that it is in force."""
        eventually(lambda: condition(self.team.tenant(), "StrictAccounting")[:2] == ("True", "Strict"), within=20)

    def witness(self, limit: int) -> Witness:
        self.witnesses.append(Witness(self, limit))
        return self.witnesses[-1]

    def close(self) -> None:
        for one in self.witnesses:
            one.close()
        self.wire.close()

    def quota(self) -> dict[str, Any]:
        return self.wire.expect("GET", RESOURCE_QUOTAS.path(self.name, "cotenant"))

    def used(self, key: str = "pods") -> str:
        return self.quota()["status"]["used"][key]

    def leak(self, amount: int) -> None:
        """Charges what nobody has created, as if a create had failed, or an operator died."""

        def written() -> bool:
            quota = self.quota()
            quota["status"]["used"]["pods"] = str(amount)
            path = RESOURCE_QUOTAS.path(self.name, "cotenant", "status")
            return self.wire.json("PUT", path + "?fieldManager=cotenant-quota", quota, **OPERATOR)[0] == 200

        eventually(written)

    def closed(self) -> None:
        """Takes all room away for a recount that never comes, as if an operator died in the middle of it."""

        def written() -> bool:
            quota = self.quota()
            quota["metadata"].setdefault("annotations", {})[FROZEN] = "2026-01-01T00:00:00+00:00"
            quota["spec"]["hard"]["pods"] = "0"
            quota["metadata"]["labels"][CHECKED] = "true"
            path = RESOURCE_QUOTAS.path(self.name, "cotenant")
            return self.wire.json("PUT", path, quota, **OPERATOR)[0] == 200

        eventually(written)

    def ledger(self) -> dict[str, Any]:
        return self.wire.expect("GET", TENANT_LEDGERS.path(self.team.home, "pods"))

    def create(self, name: str, wire: Wire | None = None) -> tuple[int, str]:
        """HTTP status and, of a refusal, its text."""
        body = POD | {"metadata": {"name": name}}
        status, answer = (wire or self.wire).json("POST", PODS.path(self.name), body)
        return status, "" if status == 201 else answer["message"]

    def delete(self, name: str, wire: Wire | None = None) -> None:
        (wire or self.wire).json("DELETE", PODS.path(self.name, name), NOW)

    def fits(self) -> int:
        """How many pods one client can make before it is full. A write that another one overtook is asked for again."""
        made = 0
        while True:
            status, text = self.create(f"last{made}")
            if status == 403:
                assert "exceeded quota" in text
                return made
            assert status in (201, 409), text
            made += status == 201

    def pods(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.wire.expect("GET", PODS.path(self.name))["items"]]


class Witness:
    """Counts pods in the order of etcd: `most` at once, and revisions `above` the limit."""

    def __init__(self, field: Field, limit: int, path: str = "") -> None:
        self.limit, self.most, self.above, self.ended = limit, 0, 0, False
        self.path = path or PODS.path(field.name)
        self.plane = field.plane
        self.count, self.version = self.look(field.wire)
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def look(self, wire: Wire) -> tuple[int, str]:
        """How many there are, and the revision from which to watch."""
        there = wire.expect("GET", self.path)
        return len(there["items"]), there["metadata"]["resourceVersion"]

    def follow(self) -> None:
        with closing(connect(self.plane)) as wire:
            while not self.ended:
                query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds=2&resourceVersion={self.version}"
                for line in wire.watch(f"{self.path}?{query}", idle=60):
                    event = json.loads(line)
                    if event["type"] == "ERROR" and not self.most:
                        # An API server that began to watch a moment ago knows nothing older, and nothing was made yet.
                        self.count, self.version = self.look(wire)
                        break
                    self.take(event)

    def take(self, event: dict[str, Any]) -> None:
        assert event["type"] != "ERROR", event
        self.version = event["object"]["metadata"]["resourceVersion"]
        self.count += {"ADDED": 1, "DELETED": -1}.get(event["type"], 0)
        self.most = max(self.most, self.count)
        self.above += self.count > self.limit

    def close(self) -> None:
        self.ended = True
        self.thread.join(10)


def churn(field: Field, seconds: float, clients: int = 12) -> Counter[str]:
    """What became of the creates."""
    found: Counter[str] = Counter()
    end = time.monotonic() + seconds

    def client(number: int) -> None:
        mine: list[str] = []
        turn = 0
        with closing(connect(field.plane, number)) as wire:
            while time.monotonic() < end:
                name, turn = f"p{number}-{turn}", turn + 1
                status, text = field.create(name, wire)
                found["created" if status == 201 else "full" if "exceeded quota" in text else "other"] += 1
                if status == 201:
                    mine.append(name)
                if mine and (status != 201 or len(mine) > 1):
                    field.delete(mine.pop(0), wire)
            for name in mine:
                field.delete(name, wire)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


def trickle(field: Field, seconds: float) -> tuple[int, float]:
    """One create and delete a second: how many creates, and how long the longest wait for room was, in seconds."""
    waiting = longest = 0.0
    turn, begun = 0, time.monotonic()
    while time.monotonic() < begun + seconds:
        asked = time.monotonic()
        status, _ = field.create(f"t{turn}")
        turn += 1
        if status == 201:
            waiting = 0.0
            field.delete(f"t{turn - 1}")
        else:
            waiting = waiting or asked
            longest = max(longest, time.monotonic() - waiting + 1)
        time.sleep(max(0.0, 1 - (time.monotonic() - asked)))
    return turn, longest
