"""One replica in a process of its own: caches, an election, and a writer that writes as fast as it may.

python candidate.py KUBECONFIG NAMESPACE IDENTITY AGENT SKEW — prints one JSON line for everything that happens, with the
system's monotonic time, which is the same in all processes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from datetime import UTC, datetime, timedelta

import structlog

from cotenant.api.builtin import Namespace
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError
from cotenant.kube.resource import CONFIG_MAPS
from cotenant.kube.transport import Transport
from cotenant.runtime.controller import DONE, Controller, Result
from cotenant.runtime.leader import Leader, NotLeadingError
from cotenant.runtime.manager import Manager
from cotenant.runtime.reflector import Reflector
from cotenant.runtime.store import Store

DURATION, DEADLINE, RETRY = 3.0, 2.0, 0.4


def say(what: str, **more: object) -> None:
    sys.stdout.write(json.dumps({"at": time.monotonic(), "what": what} | more) + "\n")
    sys.stdout.flush()


async def main(kubeconfig: str, namespace: str, identity: str, agent: str, skew: float) -> None:
    transport = await Transport.from_kubeconfig(kubeconfig)
    client = Client(transport, user_agent=agent)
    election = Client(transport, user_agent=f"{agent}-election")
    leader = Leader(
        election,
        namespace=namespace,
        identity=identity,
        duration=DURATION,
        renew_deadline=DEADLINE,
        retry=RETRY,
        now=lambda: datetime.now(UTC) + timedelta(seconds=skew),
    )
    client.guard = leader.guard
    store: Store[Namespace] = Store()

    async def reconcile(_: str) -> Result:
        return DONE

    controller = Controller("test", reconcile)
    controller.watches(store, lambda item: [item.metadata.key])

    async def write() -> None:
        say("leads", cached=len(store))
        try:
            count = 0
            while True:
                count += 1
                body = {"metadata": {"name": "written", "namespace": namespace}, "data": {identity: str(count)}}
                body |= {"apiVersion": "v1", "kind": "ConfigMap"}
                try:
                    await client.apply(CONFIG_MAPS, body, manager=agent)
                    say("wrote")
                except NotLeadingError:
                    say("held back")
                except ApiError:
                    say("refused")
                await asyncio.sleep(0.02)
        finally:
            say("stops")

    manager = Manager(
        reflectors=[Reflector(client, CONFIG_MAPS, Namespace, store=store, namespace=namespace)],
        controllers=[controller],
        leader=leader,
        while_leading=[write],
    )
    run = asyncio.create_task(manager.run(signals=True))
    await manager.wait_synced(20)
    say("ready")
    await run
    await client.close()
    say("ends")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    asyncio.run(main(*sys.argv[1:5], float(sys.argv[5])))
