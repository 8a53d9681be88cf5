"""The rollout of the operator: waited for, and told why it does not come up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.render.install.values import NAME

Found = dict[str, Any]
PAUSE = 0.5
BEGINNING = ("ContainerCreating", "PodInitializing")
UNPULLED = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull")


class NotUp(Exception):
    """The operator's pods were not ready in time. The text says why, and what to do."""


async def rolled_out(client: Client, namespace: str, *, seconds: float, progress: Callable[[str], None]) -> None:
    """Returns when every replica is of the newest template and ready; NotUp after so many seconds."""
    clock = asyncio.get_running_loop().time
    deadline, told = clock() + seconds, ""
    while True:
        deployment = await client.get(resource.DEPLOYMENTS, NAME, namespace)
        ready, wanted = standing(deployment)
        if ready >= wanted:
            progress(f"operator: {ready} of {wanted} replicas ready")
            return
        selector = ",".join(f"{k}={v}" for k, v in deployment["spec"]["selector"]["matchLabels"].items())
        pods = (await client.list(resource.PODS, namespace, labels=selector)).items
        why = list(dict.fromkeys(reasons(deployment, pods)))
        line = f"operator: {ready} of {wanted} replicas ready{'; ' if why else ''}{'; '.join(why)}"
        if line != told:
            progress(line)
            told = line
        if clock() > deadline:
            raise NotUp(f"after {seconds:.0f} s {ready} of {wanted} replicas of the operator are ready: {advice(why)}")
        await asyncio.sleep(PAUSE)


def standing(deployment: Found) -> tuple[int, int]:
    """Replicas of the newest template that are ready, and how many there shall be."""
    spec, status = deployment["spec"], deployment.get("status", {})
    wanted = int(spec["replicas"])
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return 0, wanted
    updated, ready = int(status.get("updatedReplicas", 0)), int(status.get("availableReplicas", 0))
    # Old replicas are ready, too, until they go: nothing tells which of the ready ones are new.
    old = int(status.get("replicas", 0)) - updated
    return max(0, min(updated, ready - old)), wanted


def reasons(deployment: Found, pods: Sequence[Found]) -> Iterator[str]:
    """What keeps the Deployment, and each pod of its newest template, from being ready."""
    for condition in deployment.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            yield f"{condition.get('reason', 'ReplicaFailure')}: {condition.get('message', '')}"
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    for pod in pods:
        newest = pod["spec"]["containers"][0]["image"] == image
        if newest and not pod["metadata"].get("deletionTimestamp"):
            yield from _of_pod(pod)


def _of_pod(pod: Found) -> Iterator[str]:
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"no node takes the pod: {condition.get('message', condition.get('reason', ''))}"
    for container in status.get("containerStatuses", ()):
        state = container.get("state", {})
        ended = state.get("terminated") or container.get("lastState", {}).get("terminated")
        waiting = state.get("waiting", {})
        if ended and ended.get("exitCode"):
            last = (ended.get("message") or ended.get("reason", "")).strip().splitlines()[-1:]
            yield f"the container ended with code {ended['exitCode']}: {''.join(last)}"
        elif waiting and waiting.get("reason") not in BEGINNING:
            yield f"{waiting.get('reason')}: {waiting.get('message', '')}".rstrip(": ")
        elif state.get("running") and not container.get("ready"):
            yield "the container runs and is not ready"


def advice(why: Sequence[str]) -> str:
    """The reasons as a sentence, with the next step."""
    logs = f"look: kubectl logs -n cotenant-system deploy/{NAME}"
    text = "; ".join(why).rstrip(".") or "no pod says why"
    if any(one.startswith(UNPULLED) for one in why):
        return f"{text}. Push the image where the nodes may pull it, then: cotenant install --image REGISTRY/NAME:TAG"
    if any(one.startswith("the container ended") for one in why):
        return f"{text}. {logs} --previous"
    return f"{text}. {logs}, and kubectl describe pods -n cotenant-system"
