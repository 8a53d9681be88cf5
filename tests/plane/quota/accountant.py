"""Strict accounting in a process of its own, with its Lease: what can be killed.

python accountant.py KUBECONFIG NAMESPACE LEASE-OF-LEADERS HEARTBEAT IDENTITY — says `stands by`, then `leads`, and at its
end what it has written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from datetime import UTC, datetime

import structlog

from cotenant.controllers.refunds import StrictAccounting
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.runtime.heartbeat import Heartbeat
from cotenant.runtime.leader import Leader


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def now() -> datetime:
    return datetime.now(UTC)


async def main(kubeconfig: str, namespace: str, lease: str, heart: str, identity: str) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    transport = await Transport.from_kubeconfig(kubeconfig)
    leader = Leader(
        Client(transport),
        namespace=namespace,
        name=lease,
        identity=identity,
        duration=8.0,
        renew_deadline=5.0,
        retry=0.5,
    )
    work = StrictAccounting(Client(transport), now)

    async def lead() -> None:
        say("leads")
        await work.run()

    beat = Heartbeat(Client(transport), namespace=namespace, name=heart, identity=identity, now=now, every=1.0)
    alive = asyncio.create_task(beat.run())
    say("stands by")
    task = asyncio.create_task(leader.run(lead))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
    alive.cancel()
    await transport.close()
    say(f"written={work.written} conflicts={work.conflicts} recounts={work.recounts}")


asyncio.run(main(*sys.argv[1:]))
