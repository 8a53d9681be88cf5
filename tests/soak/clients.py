"""Who works in the spaces: clients that make and delete pods, all at once or each for itself, and workloads that want room."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

from vocabulary import Team, deployment, pod

SPACES = ("a", "b", "c", "d")
CPU = {"requests": {"cpu": "250m"}}
MOST = 6
"""Pods that one of the workloads wants."""


class Tide:
    """What everybody does for a while: rush into one space, or leave. What a space does not use then is drained."""

    def __init__(self) -> None:
        self.space, self.rush = random.choice(SPACES), True

    def turn(self, stop: threading.Event) -> None:
        while not stop.wait(moment()):
            self.space, self.rush = random.choice(SPACES), not self.rush


def moment() -> float:
    """Seconds, as likely to be some tenths as some whole ones: no machine is too slow or too quick for all of them."""
    return float(0.2 * 20 ** random.random())


class Maker:
    """One client: what it made, by the API server that it asks."""

    def __init__(self, team: Team, number: int, counts: Counter[str]) -> None:
        plane = team.cluster.plane
        self.team, self.number, self.counts = team, number, counts
        self.dice, self.wire = random.Random(number), plane._connect(plane.urls[number % 2])
        self.mine: list[str] = []
        self.serial = 0

    def make(self, space: str) -> None:
        """A pod; now and then a service."""
        self.serial += 1
        namespace = self.team.namespace(space)
        name, kind = f"p{self.number}-{self.serial}", "services" if self.dice.random() < 0.1 else "pods"
        body = service(name) if kind == "services" else pod(name, namespace, resources=CPU)
        status, _ = self.wire.json("POST", f"/api/v1/namespaces/{namespace}/{kind}", body)
        self.counts[f"create {status}"] += 1
        if status == 201:
            self.mine.append(f"/api/v1/namespaces/{namespace}/{kind}/{name}")

    def delete(self) -> None:
        """One of them."""
        path = self.mine.pop(self.dice.randrange(len(self.mine)))
        status, _ = self.wire.json("DELETE", f"{path}?gracePeriodSeconds=0")
        self.counts[f"delete {status}"] += 1

    def leave(self) -> None:
        """All of them, uncounted."""
        for path in self.mine:
            self.wire.json("DELETE", f"{path}?gracePeriodSeconds=0")
        self.wire.close()


def client(team: Team, number: int, tide: Tide, stop: threading.Event, counts: Counter[str]) -> None:
    """Makes something, mostly where the others do, or deletes something."""
    maker = Maker(team, number, counts)
    dice = maker.dice
    while not stop.is_set():
        if dice.random() < (0.15 if tide.rush else 0.5):
            if maker.mine:
                maker.delete()
        elif tide.rush:
            maker.make(tide.space if dice.random() < 0.6 else dice.choice(SPACES))
        time.sleep(dice.uniform(0, 0.12))
    maker.leave()


def resident(team: Team, number: int, stop: threading.Event, counts: Counter[str]) -> None:
    """Makes something, or deletes something, somewhere; and it works in one space for a while."""
    maker = Maker(team, number, counts)
    dice, favourite = maker.dice, maker.dice.choice(SPACES)
    while not stop.is_set():
        if dice.random() < 0.02:
            favourite = dice.choice(SPACES)
        if maker.mine and dice.random() < 0.45:
            maker.delete()
        else:
            maker.make(favourite if dice.random() < 0.8 else dice.choice(SPACES))
        time.sleep(dice.uniform(0, 0.06))
    maker.leave()


def service(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}


def storm(team: Team, stop: threading.Event, counts: Counter[str], clients: int) -> None:
    """Now and then everybody at once, in one space and without a pause: what the quota controller counts then is old."""

    def one(number: int, space: str, end: float) -> None:
        wire = team.cluster.plane._connect(team.cluster.plane.urls[number % 2])
        path = f"/api/v1/namespaces/{space}/pods"
        mine: list[str] = []
        serial = 0
        while time.monotonic() < end:
            name, serial = f"s{number}-{end:.0f}-{serial}", serial + 1
            status, _ = wire.json("POST", path, pod(name, space, resources=CPU))
            counts[f"storm {status}"] += 1
            if status == 201:
                mine.append(name)
            if mine and (status != 201 or len(mine) > 1):
                wire.json("DELETE", f"{path}/{mine.pop(0)}?gracePeriodSeconds=0")
        for name in mine:
            wire.json("DELETE", f"{path}/{name}?gracePeriodSeconds=0")
        wire.close()

    while not stop.wait(random.uniform(1, 6)):
        space, end = team.namespace(random.choice(SPACES)), time.monotonic() + random.uniform(1, 4)
        threads = [threading.Thread(target=one, args=(number, space, end)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def planner(team: Team, stop: threading.Event) -> None:
    """Workloads that want more here and less there, and never get to it: spaces are raised and drained without a pod."""
    spaces = [team.namespace(one) for one in SPACES]
    for space in spaces:
        workload = deployment("plan", space, replicas=0, resources=CPU)
        team.cluster.apply(workload | {"spec": workload["spec"] | {"paused": True}})
    while not stop.wait(moment() / 4):
        team.cluster.patch("Deployment", "plan", {"spec": {"replicas": random.randint(0, MOST)}}, random.choice(spaces))
    for space in spaces:
        team.cluster.delete("Deployment", "plan", space)
