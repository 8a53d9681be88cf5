"""Two operators that do not know of each other, clients at the limit, and what goes wrong meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cotenant.local.plane import LocalControlPlane
from installation import PLATFORM, Cluster, free_port
from soak.acts import ACTS
from soak.witness import Verdict, Witness
from vocabulary import Team, eventually, expect_ready, given_tenant, pod

SPACES = ("a", "b", "c", "d")
LIMIT = 12
HARD = {"pods": str(LIMIT), "requests.cpu": "3", "count/services": "6"}
LOW = {"pods": "4", "requests.cpu": "1", "count/services": "2"}
LESS = {"pods": "8", "requests.cpu": "2", "count/services": "4"}
"""What the tenant's limit comes down to, now and then."""
CPU = {"requests": {"cpu": "250m"}}
POLICIES = {"law": "cotenant-quota-law", "lease": "cotenant-strict"}
"""The binding that goes, where a run is without one of these."""


@dataclass
class Soaked:
    """What one run saw: the random part, what the clients did, the acts, and what one client gets at last."""

    verdict: Verdict
    counts: Counter[str]
    starts: int
    left: int | None
    """Of LIMIT, after the load; None where a precaution was missing."""
    acts: dict[str, Verdict] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)

    @property
    def violations(self) -> Counter[str]:
        found = Counter(self.verdict.violations)
        for name, verdict in self.acts.items():
            found.update({f"{name}: {what}": count for what, count in verdict.violations.items()})
        return found

    @property
    def broken(self) -> list[str]:
        acts = [f"{name}: {line}" for name, verdict in self.acts.items() for line in verdict.broken]
        return self.verdict.broken + acts


class Replica:
    """One operator on one of the API servers, without election: nothing keeps it from acting beside the other one."""

    def __init__(self, cluster: Cluster, server: int, without: str) -> None:
        self.cluster, self.server, self.without = cluster, server, without
        self.folder = cluster.folder / f"replica-{server}"
        self.folder.mkdir(exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.port = 0

    def start(self) -> None:
        path = self.cluster.plane.service_account(PLATFORM.namespace, PLATFORM.service_account, server=self.server)
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), "operator", "--kubeconfig", str(path)]
        self.port = free_port()
        command += ["--no-leader-election", "--http", f"127.0.0.1:{self.port}"]
        with (self.folder / "log").open("ab") as log:
            environment = {**os.environ, "SOAK_WITHOUT": self.without}
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=environment)
        self.starts += 1

    def ready(self) -> bool:
        """Whether its caches are filled."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def wild(self, *, on: bool) -> None:
        """Whether it hangs and dies between the steps of its tasks."""
        mark = self.folder / "wild"
        if on:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


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


def changer(team: Team, stop: threading.Event, *, often: bool) -> None:
    """The platform lowers the tenant's limit, and raises it again."""
    while not stop.wait(moment() if often else random.uniform(2, 6)):
        team.change(quota={"hard": LOW if often else LESS})
        stop.wait(2 * moment() if often else random.uniform(1, 5))
        team.change(quota={"hard": HARD})


def killer(replicas: list[Replica], stop: threading.Event, every: float) -> None:
    """One operator at a time, at a moment that nobody chose; the next when it is back, however long that takes."""
    while not stop.wait(random.expovariate(1 / every)):
        victim = random.choice(replicas)
        victim.kill()
        if stop.wait(random.uniform(0, 1)):
            return
        victim.start()
        while not victim.ready():
            if stop.wait(0.2):
                return


def freezer(cluster: Cluster, stop: threading.Event, *, often: bool) -> None:
    """Stops the controller manager for a moment now and then: status.hard does not follow by itself."""
    manager = next(one for one in cluster.plane.state.programs if "controller-manager" in one.name)
    while not stop.wait(random.uniform(0.1, 0.3) if often else random.uniform(0.5, 2)):
        os.kill(manager.pid, signal.SIGSTOP)
        stop.wait(random.uniform(0.5 if often else 0.2, FROZEN))
        os.kill(manager.pid, signal.SIGCONT)


def soak(seconds: float, without: str, clients: int, every: float, keep: Path, *, strict: bool) -> Soaked:
    """One run on a plane of its own."""
    with LocalControlPlane(apiservers=2) as plane:
        cluster = Cluster(plane, keep)
        cluster.install()
        for name in without.split(","):
            if name in POLICIES:
                path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{POLICIES[name]}"
                plane.wire().expect("PATCH", path, {"spec": {"validationActions": ["Audit"]}})
        replicas = [Replica(cluster, server, without) for server in (0, 1)]
        for one in replicas:
            one.start()
        try:
            acts = play(cluster, replicas, ACTS)
            if without:
                found = hunt(cluster, replicas, clients, every, storms="lease" in without)
            else:
                found = run(cluster, replicas, seconds, clients, every, strict=strict)
        finally:
            for one in replicas:
                one.kill()
    for name, (verdict, said) in acts.items():
        found.acts[name], found.said[name] = verdict, said
    return found


def play(cluster: Cluster, replicas: Sequence[Replica], names: Sequence[str] | dict[str, Any]) -> dict[str, Any]:
    """These acts, one after the other. Who stops the operators starts one again: what it lacks is the same for all."""

    def stop() -> None:
        for one in replicas:
            one.kill()

    def start() -> None:
        replicas[0].start()

    found = {name: ACTS[name](cluster, stop, start) for name in names}
    for one in replicas:
        if one.process is None:
            one.start()
    return found


@dataclass
class Load:
    """What is under way: the tenant, who watches it, and what its clients were answered."""

    team: Team
    witness: Witness
    counts: Counter[str]


@contextmanager
def under_load(
    cluster: Cluster,
    replicas: list[Replica],
    clients: int,
    every: float,
    *,
    strict: bool,
    storms: bool = True,
    wild: bool = True,
) -> Iterator[Load]:
    """The random part, until the end of the block."""
    quota = {"hard": HARD, "accounting": "strict" if strict else "native"}
    team = given_tenant(cluster, "soak", spaces=SPACES, quota=quota, limits=LIMITS, ready=False)
    expect_ready(team, *SPACES, within=90)
    witness = Witness(cluster.plane, team.name, HARD, real=strict)
    stop, counts = threading.Event(), Counter[str]()
    tide = Tide()
    if wild:
        threads = [threading.Thread(target=client, args=(team, one, tide, stop, counts)) for one in range(clients)]
        threads.append(threading.Thread(target=tide.turn, args=(stop,)))
    else:
        threads = [threading.Thread(target=resident, args=(team, one, stop, counts)) for one in range(clients)]
    if strict and storms:
        # Natively more may exist then than the limit, and the quota controller says so in `used` when it notices.
        threads.append(threading.Thread(target=storm, args=(team, stop, counts, clients)))
    threads.append(threading.Thread(target=changer, args=(team, stop), kwargs={"often": wild}))
    threads.append(threading.Thread(target=killer, args=(replicas, stop, every)))
    threads.append(threading.Thread(target=freezer, args=(cluster, stop), kwargs={"often": wild}))
    for one in replicas:
        one.wild(on=wild)
    for thread in threads:
        thread.start()
    try:
        yield Load(team, witness, counts)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for one in replicas:
            one.wild(on=False)
            if one.process is None:
                one.start()


def run(
    cluster: Cluster, replicas: list[Replica], seconds: float, clients: int, every: float, *, strict: bool
) -> Soaked:
    """The random part, for so long; then what one client gets."""
    with under_load(cluster, replicas, clients, every, strict=strict) as load:
        time.sleep(seconds)
    left = whole_again(load.team)
    return Soaked(load.witness.verdict(), load.counts, sum(one.starts for one in replicas), left)


def hunt(
    cluster: Cluster, replicas: list[Replica], clients: int, every: float, *, storms: bool, within: float = 60
) -> Soaked:
    """The random part with strict accounting until something overshoots; `within`: seconds, on a quiet machine."""
    # Storms need a quota controller that works, and what else hunts needs one that does not.
    with (
        under_load(cluster, replicas, clients, every, strict=True, storms=storms, wild=not storms) as load,
        suppress(AssertionError),
    ):
        eventually(lambda: load.witness.so_far().violations, within=within, every=2)
    return Soaked(load.witness.verdict(), load.counts, sum(one.starts for one in replicas), left=None)


FROZEN = 1.5
"""Seconds at most. After two the quota controller would write what it counted before."""
LIMITS = [{"type": "Container", "defaultRequest": {"cpu": "250m"}}]


def whole_again(team: Team, within: float = 90) -> int:
    """How many pods one client gets into one space, once everything else is gone: nothing must have leaked.

    And not one more than the limit.
    """
    wire, space, deadline = team.cluster.plane.wire(1), team.namespace("a"), time.monotonic() + within
    path = f"/api/v1/namespaces/{space}/pods"
    made = 0
    while made < LIMIT and time.monotonic() < deadline:
        status, _ = wire.json("POST", path, pod(f"last-{made}", space, resources=CPU))
        made += status == 201
        if status != 201:
            time.sleep(0.2)
    if made == LIMIT:
        # Without a transfer under way, which also is refused by a conflict.
        status, _ = eventually(
            lambda: next(
                (one for one in [wire.json("POST", path, pod("more", space, resources=CPU))] if one[0] != 409), 0
            )
        )
        made += status == 201
    return made
