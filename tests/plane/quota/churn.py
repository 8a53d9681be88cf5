"""Clients that create and delete pods as fast as they can, and a witness that counts what exists, revision by revision."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
from typing import Any

from cotenant.kube.resource import NAMESPACES, PODS, RESOURCE_QUOTAS
from cotenant.local.handle import Handle
from cotenant.local.wire import Wire, strict_context
from vocabulary import eventually

NOW = {"gracePeriodSeconds": 0}
POD = {
    "spec": {
        "nodeSelector": {"is": "nowhere"},
        "automountServiceAccountToken": False,
        "containers": [{"name": "c", "image": "x"}],
    }
}


def connect(plane: Handle, server: int = 0) -> Wire:
    pki = plane.ca_file.parent
    return Wire(
        plane.urls[server % len(plane.urls)], strict_context(plane.ca_file, pki / "admin.crt", pki / "admin.key")
    )


class Field:
    """A namespace with one ResourceQuota."""

    def __init__(self, plane: Handle, hard: dict[str, str], labels: dict[str, str]) -> None:
        self.plane, self.wire, self.name = plane, connect(plane), f"field-{uuid.uuid4().hex[:6]}"
        self.wire.expect("POST", NAMESPACES.path(), {"metadata": {"name": self.name}})
        quota = {"metadata": {"name": "cotenant", "labels": labels}, "spec": {"hard": hard}}
        self.wire.expect("POST", RESOURCE_QUOTAS.path(self.name), quota)
        eventually(lambda: self.quota()["status"].get("used"))
        account = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        eventually(lambda: self.wire.json("GET", account)[0] == 200)
        self.witnesses: list[Witness] = []

    def witness(self, limit: int) -> Witness:
        self.witnesses.append(Witness(self, limit))
        return self.witnesses[-1]

    def close(self) -> None:
        for one in self.witnesses:
            one.close()
        self.wire.json("DELETE", NAMESPACES.path(name=self.name))
        self.wire.close()

    def quota(self) -> dict[str, Any]:
        return self.wire.expect("GET", RESOURCE_QUOTAS.path(self.name, "cotenant"))

    def used(self, key: str = "pods") -> str:
        return self.quota()["status"]["used"][key]

    def create(self, name: str, wire: Wire | None = None) -> tuple[int, str]:
        """HTTP status and, of a refusal, its text."""
        body = POD | {"metadata": {"name": name}}
        status, answer = (wire or self.wire).json("POST", PODS.path(self.name), body)
        return status, "" if status == 201 else answer["message"]

    def delete(self, name: str, wire: Wire | None = None) -> None:
        (wire or self.wire).json("DELETE", PODS.path(self.name, name), NOW)

    def pods(self) -> list[str]:
        return [one["metadata"]["name"] for one in self.wire.expect("GET", PODS.path(self.name))["items"]]


class Witness:
    """Counts pods in the order of etcd: `most` at once, and revisions `above` the limit."""

    def __init__(self, field: Field, limit: int) -> None:
        self.limit, self.most, self.above, self.count, self.ended = limit, 0, 0, 0, False
        self.field = field
        self.version = field.wire.expect("GET", PODS.path(field.name))["metadata"]["resourceVersion"]
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self) -> None:
        with closing(connect(self.field.plane)) as wire:
            while not self.ended:
                query = f"watch=1&allowWatchBookmarks=true&timeoutSeconds=2&resourceVersion={self.version}"
                for line in wire.watch(f"{PODS.path(self.field.name)}?{query}", idle=60):
                    self.take(json.loads(line))

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
