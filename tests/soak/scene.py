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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cotenant.local.plane import LocalControlPlane
from installation import PLATFORM, Cluster, free_port
from soak.acts import ACTS
from soak.clients import CPU, SPACES, Tide, client, moment, planner, resident, storm
from soak.verdict import Verdict
from soak.witness import Witness
from vocabulary import Team, eventually, expect_ready, given_tenant, pod

LIMIT = 12
HARD = {"pods": str(LIMIT), "requests.cpu": "3", "count/services": "6"}
LOW = {"pods": "4", "requests.cpu": "1", "count/services": "2"}
LESS = {"pods": "8", "requests.cpu": "2", "count/services": "4"}
"""What the tenant's limit comes down to, now and then."""
POLICIES = {"law": ["cotenant-quota-law-native", "cotenant-quota-law-checked"], "lease": ["cotenant-strict"]}
"""The bindings that go, where a run is without one of these."""


@dataclass(frozen=True)
class Scene:
    """What is played, beside clients and SIGKILLs.

    `wild`: everybody rushes in and leaves, the limit changes often, operators hang, and the quota controller mostly stands
    still. `storms`, under strict accounting: now and then everybody at once, without a pause. `late`: raises arrive when
    their operator has given them up, and clients are few: workloads change what they want, for which there is no pod ever.
    """

    strict: bool = True
    storms: bool = True
    wild: bool = True
    late: bool = False
    hard: Mapping[str, str] = field(default_factory=lambda: HARD)


HUNTS = {
    # Storms need a quota controller that works, and what else hunts needs one that does not.
    "lease": Scene(wild=False),
    # Whatever is written of a quota sends back a raise that is late: for another key, or the refund of a pod.
    "bump": Scene(storms=False, late=True, hard={"pods": str(LIMIT)}),
    "law": Scene(storms=False),
}
"""The scene that finds best what is missing."""
OVERSHOOTS = {
    "lease": {"objects over the limit", "use over the limit"},
    "bump": {"hard over the allocation", "hard over the limit"},
    "law": {"charged over spec.hard", "use over the limit", "objects over the limit"},
}
"""What it sees then."""


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

    def trouble(self, what: str) -> None:
        """What it meets between the steps of its tasks: `hangs`, raises that arrive `late`, or nothing."""
        mark = self.folder / "trouble"
        if what:
            mark.write_text(what)
        else:
            mark.unlink(missing_ok=True)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


def changer(team: Team, scene: Scene, stop: threading.Event) -> None:
    """The platform lowers the tenant's limit, and raises it again."""
    while not stop.wait(moment() if scene.wild else random.uniform(2, 6)):
        team.change(quota={"hard": slightly() if scene.late else LOW if scene.wild else LESS})
        stop.wait(random.uniform(1, 5) if not scene.wild else moment() if scene.late else 2 * moment())
        team.change(quota={"hard": scene.hard})


def slightly() -> dict[str, str]:
    """Less by one pod or by more: who is drained of what was never raised is then often left alone for a while."""
    return {"pods": str(random.randrange(int(LOW["pods"]), LIMIT))}


def killer(replicas: list[Replica], stop: threading.Event, every: float) -> None:
    """One operator at a time, at a moment that nobody chose; the next when it is back, however long that takes.

    Once in 400 runs of six times `every` nobody would have been killed at all.
    """
    while not stop.wait(min(random.expovariate(1 / every), 3 * every)):
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
        stop.wait(random.uniform(0.5, FROZEN) if often else random.uniform(0.2, FROZEN / 2))
        os.kill(manager.pid, signal.SIGCONT)


def soak(seconds: float, without: str, clients: int, every: float, keep: Path, *, strict: bool) -> Soaked:
    """One run on a plane of its own."""
    with LocalControlPlane(apiservers=2) as plane:
        cluster = Cluster(plane, keep)
        cluster.install()
        for name in without.split(","):
            if name in POLICIES:
                for binding in POLICIES[name]:
                    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/{binding}"
                    plane.wire().expect("PATCH", path, {"spec": {"validationActions": ["Audit"]}})
        replicas = [Replica(cluster, server, without) for server in (0, 1)]
        for one in replicas:
            one.start()
        try:
            acts = play(cluster, replicas, ACTS)
            if without:
                name = next(one for one in HUNTS if one in without)
                found = hunt(cluster, replicas, clients, every, name)
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
def under_load(cluster: Cluster, replicas: list[Replica], clients: int, every: float, scene: Scene) -> Iterator[Load]:
    """The random part, until the end of the block."""
    quota = {"hard": scene.hard, "accounting": "strict" if scene.strict else "native"}
    team = given_tenant(cluster, "soak", spaces=SPACES, quota=quota, limits=LIMITS, ready=False)
    expect_ready(team, *SPACES, within=90)
    witness = Witness(cluster.plane, team.name, scene.hard, real=scene.strict)
    stop, counts = threading.Event(), Counter[str]()
    tide = Tide()
    clients = clients // 3 if scene.late else clients
    if scene.wild:
        threads = [threading.Thread(target=client, args=(team, one, tide, stop, counts)) for one in range(clients)]
        threads.append(threading.Thread(target=tide.turn, args=(stop,)))
    else:
        threads = [threading.Thread(target=resident, args=(team, one, stop, counts)) for one in range(clients)]
    if scene.strict and scene.storms:
        # Natively more may exist then than the limit, and the quota controller says so in `used` when it notices.
        threads.append(threading.Thread(target=storm, args=(team, stop, counts, clients)))
    threads.append(threading.Thread(target=changer, args=(team, scene, stop)))
    threads.append(threading.Thread(target=killer, args=(replicas, stop, every)))
    if scene.late:
        threads.append(threading.Thread(target=planner, args=(team, stop)))
    else:
        threads.append(threading.Thread(target=freezer, args=(cluster, stop), kwargs={"often": scene.wild}))
    for one in replicas:
        one.trouble("" if not scene.wild else "late" if scene.late else "hangs")
    for thread in threads:
        thread.start()
    try:
        yield Load(team, witness, counts)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        for one in replicas:
            one.trouble("")
            if one.process is None:
                one.start()


def run(
    cluster: Cluster, replicas: list[Replica], seconds: float, clients: int, every: float, *, strict: bool
) -> Soaked:
    """The random part, for so long; then what one client gets."""
    with under_load(cluster, replicas, clients, every, Scene(strict=strict)) as load:
        time.sleep(seconds)
    left = whole_again(load.team)
    return Soaked(load.witness.verdict(), load.counts, sum(one.starts for one in replicas), left)


def hunt(
    cluster: Cluster, replicas: list[Replica], clients: int, every: float, name: str, within: float = 60
) -> Soaked:
    """The random part until it overshoots as it does without that; `within`: seconds, on a quiet machine."""
    with under_load(cluster, replicas, clients, every, HUNTS[name]) as load, suppress(AssertionError):
        eventually(lambda: load.witness.so_far().violations.keys() & OVERSHOOTS[name], within=within, every=2)
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
