"""The composition root: settings become one running operator, wired by hand."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

from cotenant.api.keys import HEARTBEAT
from cotenant.aws.associations import Associations
from cotenant.aws.calls import Calls
from cotenant.aws.desk import EntryDesk
from cotenant.aws.eks import Eks, Iam
from cotenant.controllers.assist import Assist
from cotenant.controllers.awsauth import AwsAuthWatch
from cotenant.controllers.fence import Fence, StrictFence
from cotenant.controllers.iam import KEY as ENTRIES
from cotenant.controllers.iam import IamController
from cotenant.controllers.inspection import Inspection
from cotenant.controllers.leash import Leash
from cotenant.controllers.ledger import LedgerController
from cotenant.controllers.meter import QuotaGauges
from cotenant.controllers.refunds import StrictAccounting
from cotenant.controllers.refusals import Refusals
from cotenant.controllers.wiring import controllers, iam_controller, look_again, reflectors
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.resource import LEASES, Resource
from cotenant.kube.transport import Transport
from cotenant.runtime.controller import Controller, Result
from cotenant.runtime.events import Recorder
from cotenant.runtime.heartbeat import Heartbeat
from cotenant.runtime.identity import identity
from cotenant.runtime.leader import Leader
from cotenant.runtime.manager import Manager, Part
from cotenant.runtime.metrics import Metrics
from cotenant.runtime.queue import URGENT
from cotenant.runtime.recognition import Recognition
from cotenant.runtime.rights import Right, require
from cotenant.serve import assist
from cotenant.serve.health import serve
from cotenant.serve.keyring import Keyring
from cotenant.settings import Settings


def clock() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


async def run(settings: Settings, kubeconfig: str | None = None, context: str | None = None) -> None:
    """Runs the operator until SIGTERM or SIGINT. RightsMissing where this identity may not even look."""
    transport = await Transport.load(kubeconfig, context)
    metrics = Metrics()
    known = Recognition(metrics.request_observer(transport.host))
    client = Client(transport, qps=settings.qps, burst=settings.burst, observe=known)
    try:
        with identity(f"{transport.host} {settings.platform.namespace}/{settings.lease}") as name:
            manager = compose(settings, client, Client(transport, observe=known.heard), metrics, name, known)
            await manager.run(signals=True)
    finally:
        await client.close()


def compose(
    settings: Settings,
    client: Client,
    election: Client,
    metrics: Metrics,
    name: str = "cotenant-operator",
    known: Recognition | None = None,
) -> Manager:
    """Every part of the operator and how they hang together.

    election: a client without rate limit; name: this process in the Lease and in events; known: what both tell of answers.
    """
    world, platform = World(), settings.platform
    recorder = Recorder(client, component="cotenant", instance=name, metrics=metrics)
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
    leading = leader.leading if leader else lambda: True
    metrics.registry.register(QuotaGauges(world, leading))
    Refusals(world, platform, metrics, clock, leading)
    watching = reflectors(client, world, metrics)
    found = controllers(client, world, settings, clock, recorder, metrics)
    eyes: list[Part] = []
    if settings.eks_cluster:
        mapping, watch = entries(settings, client, world, metrics, recorder)
        found.append(mapping)
        eyes.append(watch.run)
    manager = Manager(
        reflectors=watching,
        controllers=found,
        leader=leader,
        while_leading=[recorder.run, *eyes],
        requirement=partial(require, Client(election.transport), needed(settings, [one.resource for one in watching])),
    )
    leash = Leash(Client(election.transport), platform, metrics)
    fence = Fence(Client(election.transport), world, lambda: look_again(found, world))

    def changed() -> None:
        fence.again()
        look_again(found, world)

    inspection = Inspection(Client(election.transport), world, platform, changed)
    manager.services += [leash.run, fence.run, inspection.run]
    if platform.strict_accounting:
        beat = Heartbeat(
            Client(election.transport),
            namespace=platform.namespace,
            name=HEARTBEAT,
            identity=name,
            now=clock,
            barred=lambda: ",".join(world.barred) if leading() else None,
        )

        def barred(kinds: tuple[str, ...]) -> None:
            world.barred = kinds
            look_again(found, world)

        quiet = StrictFence(Client(election.transport), world, lambda: look_again(found, world))
        # Without rate limit: who waits for room waits for this.
        strict = StrictAccounting(
            Client(election.transport, observe=client.observe), clock, metrics=metrics, changed=barred, leading=leading
        )
        manager.services += [beat.run, quiet.run, strict.run]
    if settings.http:
        proofs = [leash.problems, *([known.problems] if known else [])]
        manager.services.append(lambda: serve(settings.http, manager, metrics, proofs))
    if settings.assist:
        manager.services += assisting(settings, Client(election.transport), world, manager, found, metrics)
    return manager


def assisting(
    settings: Settings, client: Client, world: World, manager: Manager, found: list[Controller], metrics: Metrics
) -> list[Part]:
    """What serves the assist, in every replica.

    The API server keeps its connection to one of them, whoever leads. One that does not lead moves quota by itself: the
    protocol is safe with any number of operators that do not know of each other, so nothing has to be passed on.
    """
    leading = next(one for one in found if one.name == "ledger")
    ledger = LedgerController(client, world, settings.platform, clock, lambda: world.fenced is True)

    async def move(tenant: str) -> Result:
        await ledger.move(tenant)
        return Result()

    standby = Controller("assist", move, workers=settings.workers, metrics=metrics)

    def wake(tenant: str) -> None:
        (leading if manager.working else standby).queue.add(tenant, priority=URGENT)

    keyring = Keyring(
        client,
        settings.platform.namespace,
        clock,
        timedelta(seconds=settings.assist_lifetime),
        lambda end: metrics.certificate_expiry.set(end.timestamp()),
    )
    helper = Assist(world, settings.platform, clock, wake)
    return [keyring.run, standby.run, partial(assist.serve, settings.assist, helper, metrics, keyring)]


def entries(
    settings: Settings, client: Client, world: World, metrics: Metrics, recorder: Recorder
) -> tuple[Controller, AwsAuthWatch]:
    """The controller of access entries, and the watch of aws-auth. Only what it needs imports anything of AWS, and that when it first calls."""
    calls = Calls(settings.aws_region, observe=lambda action, result: metrics.aws_calls.labels(action, result).inc())
    desk = EntryDesk(Eks(calls, settings.eks_cluster), Iam(calls), time.monotonic)
    watch = AwsAuthWatch(client, metrics, lambda: found.queue.add(ENTRIES), recorder)
    iam = IamController(
        client,
        world,
        settings.platform,
        clock,
        desk,
        settings.resync,
        recorder,
        lambda: watch.data,
        lambda: watch.unread,
        Associations(desk.eks, time.monotonic),
    )
    found = iam_controller(world, iam.reconcile, metrics)
    return found, watch


def needed(settings: Settings, watched: Iterable[Resource]) -> list[Right]:
    """Without these nothing at all happens; what only some objects need is told by their conditions."""
    rights = [Right(verb, resource) for resource in watched for verb in ("list", "watch")]
    if settings.leader_election:
        namespace = settings.platform.namespace
        rights += [Right(verb, LEASES, namespace, settings.lease) for verb in ("get", "update")]
        rights.append(Right("create", LEASES, namespace))
    return rights
