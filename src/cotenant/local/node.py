"""Fake nodes: registered through the API like a kubelet does it, with labels, taints and capacity of choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cotenant.local import versions
from cotenant.local.wire import Wire


@dataclass(frozen=True)
class Node:
    """A node that runs nothing and says it does.

    `taints` are `key=value:Effect` or `key:Effect`, as `kubectl taint` takes them.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[str] = ()
    # Room for that many pods: what stays behind of one trial is not to keep the next one waiting.
    cpu: str = "5000"
    memory: str = "20000Gi"
    pods: int = 5000
    extra: Mapping[str, str] = field(default_factory=dict)


def nodes(count: int) -> tuple[Node, ...]:
    return tuple(Node(f"node-{number}") for number in range(1, count + 1))


def register(wire: Wire, node: Node) -> None:
    """Create the Node, make it Ready, and take off the taint that admission put on it."""
    taints = [_taint(text) for text in node.taints]
    wire.expect("POST", "/api/v1/nodes", _manifest(node, taints))
    path = f"/api/v1/nodes/{node.name}"
    wire.expect("PATCH", f"{path}/status", _status(node))
    # TaintNodesByCondition adds not-ready:NoSchedule at birth; only node-lifecycle or we take it off again.
    wire.expect("PATCH", path, {"spec": {"taints": taints}})


def _manifest(node: Node, taints: list[dict[str, str]]) -> dict[str, Any]:
    labels = {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        **node.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "labels": labels},
        "spec": {"taints": taints},
    }


def _status(node: Node) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    capacity = {
        "cpu": node.cpu,
        "memory": node.memory,
        "pods": str(node.pods),
        "ephemeral-storage": "500Gi",
        **node.extra,
    }

    def condition(kind: str, status: str, reason: str) -> dict[str, str]:
        return {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": "fake node of the local control plane",
            "lastHeartbeatTime": now,
            "lastTransitionTime": now,
        }

    return {
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [{"type": "Hostname", "address": node.name}],
            "conditions": [
                condition("Ready", "True", "KubeletReady"),
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            ],
            "nodeInfo": {
                "kubeletVersion": f"v{versions.KUBERNETES}",
                "kubeProxyVersion": "",
                "osImage": "none (fake)",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "containerRuntimeVersion": "fake://1",
                "kernelVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        }
    }


def _taint(text: str) -> dict[str, str]:
    head, separator, effect = text.rpartition(":")
    if not separator or effect not in {"NoSchedule", "PreferNoSchedule", "NoExecute"}:
        raise ValueError(f"taint {text!r}: write key=value:Effect with NoSchedule, PreferNoSchedule or NoExecute")
    key, _, value = head.partition("=")
    return {"key": key, "effect": effect} | ({"value": value} if value else {})
