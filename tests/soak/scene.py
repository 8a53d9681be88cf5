"""Two operators that do not know of each other, clients at the limit, and what goes wrong meanwhile."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from cotenant.local.plane import LocalControlPlane
from installation import PLATFORM, Cluster, free_port
from soak.witness import Verdict, Witness
from vocabulary import Team, expect_ready, given_tenant, pod

SPACES = ("a", "b", "c", "d")
LIMIT = 12


class Replica:
    """One operator on one of the API servers, without election: nothing keeps it from acting beside the other one."""

    def __init__(self, cluster: Cluster, server: int, without: str) -> None:
        self.cluster, self.server, self.without = cluster, server, without
        self.folder = cluster.folder / f"replica-{server}"
        self.folder.mkdir(exist_ok=True)
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start(self) -> None:
        path = self.cluster.plane.service_account(PLATFORM.namespace, PLATFORM.service_account, server=self.server)
        command = [sys.executable, str(Path(__file__).with_name("worker.py")), "operator", "--kubeconfig", str(path)]
        command += ["--no-leader-election", "--http", f"127.0.0.1:{free_port()}"]
        with (self.folder / "log").open("ab") as log:
            environment = {**os.environ, "SOAK_WITHOUT": self.without}
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=environment)
        self.starts += 1

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def client(team: Team, number: int, stop: threading.Event, counts: Counter[str]) -> None:
    """Makes a pod, or deletes one, somewhere; now and then it works in one space for a while."""
    dice = random.Random(number)
    plane = team.cluster.plane
    wire = plane._connect(plane.urls[number % 2])
    mine: list[str] = []
    favourite, serial = dice.choice(SPACES), 0
    while not stop.is_set():
        if dice.random() < 0.02:
            favourite = dice.choice(SPACES)
        space = team.namespace(favourite if dice.random() < 0.8 else dice.choice(SPACES))
        if mine and dice.random() < 0.45:
            path = mine.pop(dice.randrange(len(mine)))
            status, _ = wire.json("DELETE", f"{path}?gracePeriodSeconds=0")
            counts[f"delete {status}"] += 1
        else:
            serial += 1
            body = pod(f"p{number}-{serial}", space)
            status, _ = wire.json("POST", f"/api/v1/namespaces/{space}/pods", body)
            counts[f"create {status}"] += 1
            if status == 201:
                mine.append(f"/api/v1/namespaces/{space}/pods/p{number}-{serial}")
        time.sleep(dice.uniform(0, 0.06))
    for path in mine:
        wire.json("DELETE", f"{path}?gracePeriodSeconds=0")
    wire.close()


def killer(replicas: list[Replica], stop: threading.Event, every: float) -> None:
    """One operator at a time, at a moment that nobody chose."""
    while not stop.wait(random.expovariate(1 / every)):
        victim = random.choice(replicas)
        victim.kill()
        if stop.wait(random.uniform(0, 1)):
            return
        victim.start()


def freezer(cluster: Cluster, stop: threading.Event) -> None:
    """Stops the controller manager for a moment now and then: status.hard does not follow by itself."""
    manager = next(one for one in cluster.plane.state.programs if "controller-manager" in one.name)
    while not stop.wait(random.uniform(0.5, 2)):
        os.kill(manager.pid, signal.SIGSTOP)
        stop.wait(random.uniform(0.2, 1.5))
        os.kill(manager.pid, signal.SIGCONT)


def soak(
    seconds: float, without: str, clients: int, every: float, keep: Path
) -> tuple[Verdict, Counter[str], int, int]:
    """One run; what the witness saw, what the clients did, how often an operator was started, what one client gets at last."""
    with LocalControlPlane(apiservers=2) as plane:
        cluster = Cluster(plane, keep)
        cluster.install()
        if "law" in without:
            wire = plane.wire()
            wire.expect(
                "DELETE", "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/cotenant-quota-law"
            )
        replicas = [Replica(cluster, server, without) for server in (0, 1)]
        for one in replicas:
            one.start()
        try:
            return run(cluster, replicas, seconds, clients, every)
        finally:
            for one in replicas:
                one.kill()


def run(
    cluster: Cluster, replicas: list[Replica], seconds: float, clients: int, every: float
) -> tuple[Verdict, Counter[str], int, int]:
    team = given_tenant(cluster, "soak", spaces=SPACES, quota={"hard": {"pods": LIMIT}}, ready=False)
    expect_ready(team, *SPACES, within=90)
    witness = Witness(cluster.plane, team.name)
    stop, counts = threading.Event(), Counter[str]()
    threads = [threading.Thread(target=client, args=(team, number, stop, counts)) for number in range(clients)]
    threads.append(threading.Thread(target=killer, args=(replicas, stop, every)))
    threads.append(threading.Thread(target=freezer, args=(cluster, stop)))
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join()
    for one in replicas:
        if one.process is None:
            one.start()
    left = whole_again(team)
    verdict = witness.verdict(LIMIT)
    return verdict, counts, sum(one.starts for one in replicas), left


def whole_again(team: Team, within: float = 90) -> int:
    """How many pods one client gets into one space, once everything else is gone: nothing must have leaked."""
    wire, space, deadline = team.cluster.plane.wire(1), team.namespace("a"), time.monotonic() + within
    made = 0
    while made < LIMIT and time.monotonic() < deadline:
        status, _ = wire.json("POST", f"/api/v1/namespaces/{space}/pods", pod(f"last-{made}", space))
        made += status == 201
        if status != 201:
            time.sleep(0.2)
    return made
