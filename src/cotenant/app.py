"""The composition root: settings become one running operator, wired by hand."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from cotenant.controllers.fence import Fence
from cotenant.controllers.leash import Leash
from cotenant.controllers.wiring import controllers, look_again, reflectors
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.runtime.events import Recorder
from cotenant.runtime.leader import Leader
from cotenant.runtime.manager import Manager
from cotenant.runtime.metrics import Metrics
from cotenant.serve.health import serve
from cotenant.settings import Settings


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def identity() -> str:
    """Who we are in the Lease: the pod's name, or host and working directory, so that a restart knows its own Lease."""
    return os.environ.get("POD_NAME") or f"{socket.gethostname()}{Path.cwd().as_posix().replace('/', '-')}"


async def run(settings: Settings, kubeconfig: str | None = None, context: str | None = None) -> None:
    """Runs the operator until SIGTERM or SIGINT."""
    transport = await Transport.load(kubeconfig, context)
    metrics = Metrics()
    observe = metrics.request_observer(transport.host)
    client = Client(transport, qps=settings.qps, burst=settings.burst, observe=observe)
    try:
        manager = compose(settings, client, Client(transport), metrics)
        await manager.run(signals=True)
    finally:
        await client.close()


def compose(settings: Settings, client: Client, election: Client, metrics: Metrics) -> Manager:
    """Every part of the operator and how they hang together. `election` is a client without rate limit."""
    world, platform = World(), settings.platform
    recorder = Recorder(client, component="cotenant", instance=identity())
    leader = None
    if settings.leader_election:
        leader = Leader(
            election,
            namespace=platform.namespace,
            identity=identity(),
            name=settings.lease,
            duration=settings.lease_duration,
            renew_deadline=settings.renew_deadline,
            retry=settings.retry_period,
            metrics=metrics,
        )
        client.guard = leader.guard
    found = controllers(client, world, settings, clock, recorder, metrics)
    manager = Manager(
        reflectors=reflectors(client, world, metrics),
        controllers=found,
        leader=leader,
        while_leading=[recorder.run],
    )
    leash = Leash(Client(election.transport), platform)
    fence = Fence(Client(election.transport), world, lambda: look_again(found, world))
    manager.services += [leash.run, fence.run]
    if settings.http:
        manager.services.append(lambda: serve(settings.http, manager, metrics, [leash.problems]))
    return manager
