"""The fake kubelet: one process for all nodes. Runs as `python -I -S`, standard library only.

A Pod bound to a node gets an IP and runs; one that belongs to a Job succeeds; a deleted one goes. One watch over
all bound Pods and a few connections for the writes carry thousands of Pods.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from cotenant.local.errors import ControlPlaneError
from cotenant.local.wire import Refused, Wire, strict_context

_PODS = "/api/v1/pods"
_BOUND = "fieldSelector=spec.nodeName!%3D"
_FIRST_IP = 10 << 24 | 128 << 16 | 1
_LAST_IP = 10 << 24 | 255 << 16 | 255 << 8 | 254
_WORKERS = 3
_BOOKMARKS = "allowWatchBookmarks=true&timeoutSeconds=540"
_IDLE = 600.0

Pod = dict[str, Any]


class Kubelet:
    """`connect` gives a new connection each time it is called."""

    def __init__(self, url: str, pki: Path) -> None:
        self._url, self._pki = url, pki
        self._work: queue.SimpleQueue[tuple[str, Pod]] = queue.SimpleQueue()
        self._addresses = count(_FIRST_IP)
        self._seen: dict[str, str] = {}  # uid -> what was done about it: a watch repeats itself after our own writes

    def run(self) -> None:
        for _ in range(_WORKERS):
            threading.Thread(target=self._labour, daemon=True).start()
        while True:
            try:
                self._follow()
            except (OSError, ControlPlaneError, ValueError) as error:
                log(f"watch of pods ended: {error}; again in 0.5 s")
                time.sleep(0.5)

    def _connect(self) -> Wire:
        context = strict_context(self._pki / "ca.crt", self._pki / "kubelet.crt", self._pki / "kubelet.key")
        return Wire(self._url, context, agent="fake-kubelet")

    def _follow(self) -> None:
        wire = self._connect()
        listing = wire.expect("GET", f"{_PODS}?{_BOUND}")
        version = listing["metadata"]["resourceVersion"]
        present = {pod["metadata"]["uid"] for pod in listing["items"]}
        for uid in self._seen.keys() - present:
            del self._seen[uid]
        for pod in listing["items"]:
            self._consider(pod)
        while True:
            path = f"{_PODS}?{_BOUND}&watch=1&{_BOOKMARKS}&resourceVersion={version}"
            for line in wire.watch(path, idle=_IDLE):
                event = json.loads(line)
                if event["type"] == "ERROR":
                    raise ControlPlaneError(event["object"].get("message", "watch error"))
                version = event["object"]["metadata"]["resourceVersion"]
                if event["type"] == "DELETED":
                    self._seen.pop(event["object"]["metadata"]["uid"], None)
                elif event["type"] != "BOOKMARK":
                    self._consider(event["object"])

    def _consider(self, pod: Pod) -> None:
        need = wanted(pod)
        uid = pod["metadata"]["uid"]
        if need is not None and self._seen.get(uid) != need:
            self._seen[uid] = need
            self._work.put((need, pod))

    def _labour(self) -> None:
        wire = self._connect()
        while True:
            need, pod = self._work.get()
            try:
                self._act(wire, need, pod)
            except Refused as refused:
                if refused.status not in (404, 409):
                    self._again(need, pod, refused)
            except OSError as error:
                self._again(need, pod, error)

    def _again(self, need: str, pod: Pod, error: Exception) -> None:
        log(f"{need} {pod['metadata']['namespace']}/{pod['metadata']['name']}: {error}; again")
        later = threading.Timer(0.5, self._work.put, ((need, pod),))
        later.daemon = True
        later.start()

    def _act(self, wire: Wire, need: str, pod: Pod) -> None:
        meta = pod["metadata"]
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"
        if need == "remove":
            body = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
            wire.expect("DELETE", path, body)
            return
        address = next(self._addresses)
        if address >= _LAST_IP:
            self._addresses = count(_FIRST_IP)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        text = ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))
        status = succeeded(pod, text, now) if need == "succeed" else running(pod, text, now)
        wire.expect("PATCH", f"{path}/status", {"metadata": {"uid": meta["uid"]}, "status": status})


def log(line: str) -> None:
    sys.stdout.write(f"{datetime.now(UTC).isoformat(timespec='milliseconds')} {line}\n")
    sys.stdout.flush()


def wanted(pod: Pod) -> str | None:
    """What a kubelet would do next about this Pod: `remove`, `run`, `succeed` or nothing."""
    if "deletionTimestamp" in pod["metadata"]:
        return "remove"
    if pod.get("status", {}).get("phase", "Pending") != "Pending":
        return None
    owners = pod["metadata"].get("ownerReferences", [])
    return "succeed" if any(owner["kind"] == "Job" for owner in owners) else "run"


def running(pod: Pod, address: str, now: str) -> dict[str, Any]:
    return _status(pod, address, now, phase="Running", state={"running": {"startedAt": now}}, ready=True)


def succeeded(pod: Pod, address: str, now: str) -> dict[str, Any]:
    done = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    return _status(pod, address, now, phase="Succeeded", state=done, ready=False)


def _status(pod: Pod, address: str, now: str, *, phase: str, state: dict[str, Any], ready: bool) -> dict[str, Any]:
    truth = "True" if ready else "False"
    reason = {} if ready else {"reason": "PodCompleted"}
    kinds = {"PodReadyToStartContainers": truth, "Initialized": "True", "Ready": truth, "ContainersReady": truth}
    scheduled = [c for c in pod.get("status", {}).get("conditions", []) if c["type"] == "PodScheduled"]
    gone = {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}}
    spec = pod["spec"]
    return {
        "phase": phase,
        "hostIP": "127.0.0.1",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "startTime": now,
        "conditions": scheduled
        + [{"type": kind, "status": status, "lastTransitionTime": now, **reason} for kind, status in kinds.items()],
        "containerStatuses": [_container(each, state, ready=ready) for each in spec["containers"]],
        "initContainerStatuses": [_container(each, gone, ready=True) for each in spec.get("initContainers", [])],
    }


def _container(container: dict[str, Any], state: dict[str, Any], *, ready: bool) -> dict[str, Any]:
    image = container.get("image", "")
    return {
        "name": container["name"],
        "image": image,
        "imageID": f"fake://{image}",
        "containerID": "fake://0",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": state,
    }


def main() -> None:
    """Arguments: the URL of the API server and the folder of the certificates."""
    url, pki = sys.argv[1:3]
    Kubelet(url, Path(pki)).run()


if __name__ == "__main__":
    main()
