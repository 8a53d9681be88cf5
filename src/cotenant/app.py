"""The composition root: settings become one running operator, wired by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial

from cotenant.api.keys import HEARTBEAT
from cotenant.controllers.fence import Fence, StrictFence
from cotenant.controllers.leash import Leash
from cotenant.controllers.refunds import StrictAccounting
from cotenant.controllers.wiring import controllers, look_again, reflectors
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.resource import LEASES, Resource
from cotenant.kube.transport import Transport
from cotenant.runtime.events import Recorder
from cotenant.runtime.heartbeat import Heartbeat
from cotenant.runtime.identity import identity
from cotenant.runtime.leader import Leader
from cotenant.runtime.manager import Manager
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.rights import Right, require
from cotenant.serve.health import serve
from cotenant.settings import Settings


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


async def run(settings: Settings, kubeconfig: str | None = None, context: str | None = None) -> None:
    """Runs the operator until SIGTERM or SIGINT. RightsMissing where this identity may not even look."""
    transport = await Transport.load(kubeconfig, context)
    metrics = Metrics()
    observe = metrics.request_observer(transport.host)
    client = Client(transport, qps=settings.qps, burst=settings.burst, observe=observe)
    try:
        with identity(f"{transport.host} {settings.platform.namespace}/{settings.lease}") as name:
            manager = compose(settings, client, Client(transport), metrics, name)
            await manager.run(signals=True)
    finally:
        await client.close()


def compose(
    settings: Settings, client: Client, election: Client, metrics: Metrics, name: str = "cotenant-operator"
) -> Manager:
    """Every part of the operator and how they hang together.

    election: a client without rate limit; name: this process in the Lease and in events.
    """
    world, platform = World(), settings.platform
    recorder = Recorder(client, component="cotenant", instance=name)
    leader = None
    if settings.leader_election:
        leader = Leader(
            election,
            namespace=platform.namespace,
            identity=name,
            name=settings.lease,
            duration=settings.lease_duration,
            renew_deadline=settings.renew_deadline,
            retry=settings.retry_period,
            metrics=metrics,
        )
        client.guard = leader.guard
    watching = reflectors(client, world, metrics)
    found = controllers(client, world, settings, clock, recorder, metrics)
    manager = Manager(
        reflectors=watching,
        controllers=found,
        leader=leader,
        while_leading=[recorder.run],
        requirement=partial(require, Client(election.transport), needed(settings, [one.resource for one in watching])),
    )
    leash = Leash(Client(election.transport), platform, metrics)
    fence = Fence(Client(election.transport), world, lambda: look_again(found, world))
    manager.services += [leash.run, fence.run]
    if platform.strict_accounting:
        beat = Heartbeat(
            Client(election.transport), namespace=platform.namespace, name=HEARTBEAT, identity=name, now=clock
        )
        quiet = StrictFence(Client(election.transport), world, lambda: look_again(found, world))
        manager.services += [beat.run, quiet.run]
        # Without rate limit: who waits for room waits for this.
        strict = StrictAccounting(
            Client(election.transport, observe=client.observe, guard=client.guard), clock, metrics=metrics
        )
        manager.while_leading.append(strict.run)
    if settings.http:
        manager.services.append(lambda: serve(settings.http, manager, metrics, [leash.problems]))
    return manager


def needed(settings: Settings, watched: Iterable[Resource]) -> list[Right]:
    """Without these nothing at all happens; what only some objects need is told by their conditions."""
    rights = [Right(verb, resource) for resource in watched for verb in ("list", "watch")]
    if settings.leader_election:
        namespace = settings.platform.namespace
        rights += [Right(verb, LEASES, namespace, settings.lease) for verb in ("get", "update")]
        rights.append(Right("create", LEASES, namespace))
    return rights
