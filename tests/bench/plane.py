"""A plane with cotenant on it, and the operator as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from cotenant.api.space import Space
from cotenant.kube.client import Client
from cotenant.kube.resource import SPACES, TENANTS, resource_of
from cotenant.kube.transport import Transport
from cotenant.local import LocalControlPlane
from cotenant.local.audit import Mark, Request
from cotenant.render.install import InstallValues, render

ROBOT = "system:serviceaccount:cotenant-system:cotenant"


class Event(msgspec.Struct):
    """A watch event of a Space, or a bookmark."""

    type: str
    object: Space


EVENT = msgspec.json.Decoder(Event)


class Bench:
    """One fresh plane. `client` is an administrator's; close() leaves nothing behind."""

    def __init__(self) -> None:
        self.plane = LocalControlPlane(nodes=1)
        self.operator: subprocess.Popen[bytes] | None = None
        self.robot_name = ROBOT

    @staticmethod
    @asynccontextmanager
    async def fresh() -> AsyncIterator[Bench]:
        """A plane with the CRDs, roles and policies of cotenant, without operator."""
        bench = Bench()
        await asyncio.to_thread(bench.plane.start)
        try:
            bench.client = Client(await Transport.load(str(bench.plane.kubeconfig)))
            for manifest in render(InstallValues(), with_operator=False):
                await bench.client.apply(resource_of(manifest), manifest, manager="cotenant-install")
            await asyncio.sleep(2.1)  # writes to a new CRD are held for two seconds
            await bench.client.list(TENANTS)
            robot = bench.plane.service_account("cotenant-system", "cotenant")
            bench.robot = Client(await Transport.load(str(robot)))
            yield bench
            await bench.client.close()
            await bench.robot.close()
        finally:
            bench.kill()
            await asyncio.to_thread(bench.plane.stop)

    client: Client
    robot: Client
    """The operator's own identity, for the baseline: the same policies apply to it."""

    async def start_operator(self) -> float:
        """Starts the operator with a token of its own ServiceAccount; seconds until it is ready."""
        kubeconfig = self.plane.service_account("cotenant-system", "cotenant")
        self.port = unused_port()
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "cotenant",
            "operator",
            "--kubeconfig",
            str(kubeconfig),
        ]
        command += ["--http", f"127.0.0.1:{self.port}"]
        with Path("/dev/null").open("wb") as nowhere:
            self.operator = subprocess.Popen(
                command, stderr=nowhere, stdout=nowhere, env=os.environ | {"POD_NAME": "bench"}
            )
        while not await asyncio.to_thread(self.ready):
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def until_ready(self, spaces: int, report: Callable[[int], None]) -> None:
        """Returns when so many Spaces say that they are ready; asks a watch, so that asking costs nothing."""
        ready: set[str] = set()
        query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
        async for lines in self.client.stream(SPACES, query=query, idle=120.0):
            for line in lines:
                event = EVENT.decode(line)
                if event.type in ("ADDED", "MODIFIED") and event.object.status.phase == "Ready":
                    ready.add(event.object.metadata.key)
                    if len(ready) % 500 == 0:
                        report(len(ready))
            if len(ready) >= spaces:
                return

    def writes(self, mark: Mark) -> list[Request]:
        """Writes of the operator since the mark that changed something."""
        calls = self.plane.audit_since(mark, writes=True, user=ROBOT)
        return [call for call in calls if call.code < 400 and call.code != 0]

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def memory(self) -> float:
        """Resident memory of the operator, MiB."""
        assert self.operator
        return next(
            int(line.split()[1]) / 1024
            for line in Path(f"/proc/{self.operator.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )

    def cpu(self) -> float:
        """CPU seconds that the plane's programs, the operator and we have used so far."""
        pids = [one.pid for one in self.plane.state.programs] + [os.getpid()]
        return sum(map(cpu_of, [*pids, self.operator.pid] if self.operator else pids))

    def kill(self) -> None:
        """SIGKILL: no clean stop, the Lease stays taken."""
        if self.operator:
            self.operator.send_signal(signal.SIGKILL)
            self.operator.wait()
            self.operator = None


def cpu_of(pid: int) -> float:
    """CPU seconds of one process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def unused_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
