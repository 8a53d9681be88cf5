"""Bindings that only audit: nobody hears of them but the API server's own counters.

They are counted by the API server that was asked, and nowhere else: so what is asked, and the counters before and after
it, go over one connection. A page of metrics is large, and nothing is let through for want of a count: three connections.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from cotenant.cli.cluster.proof import PAUSE, Canary, NotProven
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError

CONNECTIONS = 3
PATH = "/metrics"
_COUNT = re.compile(rb"^apiserver_validating_admission_policy_check_total\{([^}]*)\} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="([^"]*)"')


async def observed(
    client: Client,
    bindings: Collection[str],
    canaries: Callable[[Client], Sequence[Canary]],
    *,
    seconds: float = 30.0,
) -> None:
    """Returns once all of these bindings have counted what the canaries ask, over three connections in a row.

    NotProven after so many seconds, or where the caller may not read the counters.
    """
    streak, missing = 0, sorted(bindings)
    try:
        async with asyncio.timeout(seconds):
            while streak < CONNECTIONS:
                missing = await _silent(client, bindings, canaries)
                streak = 0 if missing else streak + 1
                if missing:
                    await asyncio.sleep(PAUSE)
    except TimeoutError:
        raise NotProven(f"after {seconds:.0f} s {', '.join(missing)} still do not audit", tried=True) from None


async def _silent(
    client: Client, bindings: Collection[str], canaries: Callable[[Client], Sequence[Canary]]
) -> list[str]:
    """The bindings that counted nothing while all canaries asked once, over a connection of its own."""
    alone = client.apart()
    try:
        before = await _counted(alone)
        for canary in canaries(alone):
            with suppress(ApiError):  # it is to be refused
                await canary.attempt()
        after = await _counted(alone)
    finally:
        await alone.close()
    return sorted(name for name in bindings if after.get(name, 0) <= before.get(name, 0))


async def _counted(client: Client) -> dict[str, float]:
    status, text = await client.raw("GET", PATH, accept="text/plain")
    if status != 200:
        raise NotProven(f"only {PATH} of the API server tells, and it answers this user {status}")
    return audits(text)


def audits(page: bytes) -> dict[str, float]:
    """By binding, how often it audited, out of a page of metrics."""
    found: dict[str, float] = {}
    for labels, value in _COUNT.findall(page):
        named = dict(_LABEL.findall(labels.decode()))
        if named.get("enforcement_action") == "audit":
            name = named.get("policy_binding", "")
            found[name] = found.get(name, 0.0) + float(value)
    return found
