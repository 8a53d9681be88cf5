"""Pods created in several namespaces by turns: how long one takes, and how long the API server works for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from statistics import median
from typing import Any

import msgspec
from tests.bench.plane import Bench, cpu_of

from cotenant.kube.resource import PODS, VALIDATING_POLICY_BINDINGS
from cotenant.render.install.policies import LEASH

Manifest = dict[str, Any]
TURN = 50
"""Pods in a row: what one namespace leaves to the garbage collector is not to be the next one's."""


class Cost(msgspec.Struct):
    """Milliseconds of one create: the median that its client waits, and the API server's CPU time, which load changes little."""

    wall: float
    cpu: float

    def over(self, other: Cost) -> Cost:
        """How many times the other."""
        return Cost(self.wall / other.wall, self.cpu / other.cpu)


async def by_turns(bench: Bench, order: tuple[str, ...], body: Callable[[], Manifest], pods: int) -> list[Cost]:
    """So many pods in each namespace, in the order of the names given."""
    server = next(one.pid for one in bench.plane.state.programs if "apiserver" in one.name)
    times: dict[str, list[float]] = {name: [] for name in order}
    worked = dict.fromkeys(order, 0.0)
    for warm in order:
        for _ in range(TURN):  # which pay for caches, and for what a fresh API server still does
            await bench.client.create(PODS, body(), warm)
    for turn in _turns(order, pods):
        before = cpu_of(server)
        for _ in range(TURN):
            began = time.perf_counter()
            await bench.client.create(PODS, body(), turn)
            times[turn].append(1000 * (time.perf_counter() - began))
        worked[turn] += 1000 * (cpu_of(server) - before)
    return [Cost(median(times[name]), worked[name] / len(times[name])) for name in order]


@asynccontextmanager
async def unleashed(bench: Bench, namespace: str) -> AsyncIterator[None]:
    """Without the leash there, the one policy of ours that looks at requests of every namespace: a native one has none."""
    here = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": [namespace]}
    found = {name: await bench.client.get(VALIDATING_POLICY_BINDINGS, name) for name in (LEASH, f"{LEASH}-busy")}
    for name, one in found.items():
        chosen = one["spec"]["matchResources"].get("namespaceSelector", {}).get("matchExpressions", [])
        await _select(bench, name, {"matchExpressions": [*chosen, here]})
    await asyncio.sleep(3)  # an API server looks for changed bindings once a second
    try:
        yield
    finally:
        for name, one in found.items():
            await _select(bench, name, one["spec"]["matchResources"].get("namespaceSelector", {}))


async def _select(bench: Bench, name: str, chosen: Manifest) -> None:
    """The namespaces in which a binding acts."""
    change = {
        "spec": {"matchResources": {"namespaceSelector": {"matchLabels": None, "matchExpressions": None} | chosen}}
    }
    await bench.client.merge(VALIDATING_POLICY_BINDINGS, name, change)


def _turns(order: tuple[str, ...], pods: int) -> Iterator[str]:
    """Each namespace as often as it takes, and each as often first."""
    for number in range(pods // TURN):
        at = number % len(order)
        yield from (*order[at:], *order[:at])
