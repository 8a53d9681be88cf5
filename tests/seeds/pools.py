"""Pools, and what is put on them: tenants with nodes of their own, pods and workloads that the real scheduler places."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from cotenant.api.keys import DEDICATED, POOL
from cotenant.kube.resource import MUTATING_POLICIES
from cotenant.local.node import Node, register
from cotenant.render.nodes import runtime_class
from installation import Cluster, Manifest
from vocabulary import Team, deployment, eventually, expect_created, given_tenant

HUGE = {"requests": {"cpu": "10000"}}
"""More than an ordinary node of the plane has, and less than one of the pools here."""
SMALL = {"requests": {"cpu": "1"}}


@dataclass
class Pool:
    """A tenant with a pool of its own of one node."""

    team: Team
    name: str
    node: str
    mutating: bool

    @property
    def space(self) -> str:
        return self.team.namespace("main")

    @property
    def way(self) -> Manifest:
        """What a pod has to say: nothing, from Kubernetes 1.36 on."""
        return {} if self.mutating else {"runtimeClassName": f"cotenant-pool-{self.name}"}

    @property
    def daemons(self) -> Manifest:
        """The same for the template of a DaemonSet, whose controller knows no RuntimeClass."""
        scheduling = runtime_class(self.name, self.team.name)["scheduling"]
        return {} if self.mutating else dict(scheduling)


def given_node(cluster: Cluster, name: str, *, cpu: str = "20000", labels: Manifest | None = None) -> str:
    register(cluster.plane.wire(), Node(name, cpu=cpu, labels=labels or {}))
    return name


def given_pool(cluster: Cluster, base: str) -> Pool:
    """As the walkthrough has it: an administrator taints and labels a node."""
    name = f"{base}-{secrets.token_hex(2)}"
    node = given_node(cluster, f"node-{name}")
    for command, said in (
        (("taint", "nodes", node, f"{DEDICATED}={name}:NoSchedule"), f"node/{node} tainted\n"),
        (("label", "nodes", node, f"{POOL}={name}-pool"), f"node/{node} labeled\n"),
    ):
        assert cluster.admin.kubectl(*command).out == said
    team = given_tenant(
        cluster, "", named=name, spaces=["main"], nodes={"pool": f"{name}-pool", "dedicated": True}, ready=False
    )
    cluster.admin.apply(runtime_class(f"{name}-pool", name))
    mutating = cluster.plane.wire().json("GET", MUTATING_POLICIES.path())[0] == 200
    return Pool(team, f"{name}-pool", node, mutating)


def run(cluster: Cluster, team: Team, manifest: Manifest) -> str:
    """The node that the owner's pod runs on."""
    name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
    answer = eventually(lambda: (said := team.owner.apply(manifest)).ok and said)
    expect_created(answer, f"pod/{name}")
    eventually(lambda: cluster.there("Pod", name, namespace)["status"].get("phase") == "Running")
    return str(cluster.there("Pod", name, namespace)["spec"]["nodeName"])


def waits(cluster: Cluster, name: str, namespace: str) -> str:
    """What the scheduler says of a pod that it cannot place."""

    def said() -> str:
        found = cluster.there("Pod", name, namespace)
        assert "nodeName" not in found["spec"], f"it runs on {found['spec']['nodeName']}"
        conditions = {one["type"]: one for one in found["status"].get("conditions", [])}
        return str(conditions.get("PodScheduled", {}).get("message", ""))

    return eventually(said)


def workload(kind: str, name: str, namespace: str, **more: Any) -> Manifest:
    """With two pods where the kind has a number."""
    found = deployment(name, namespace, replicas=2)
    spec: Manifest = found["spec"]
    spec["template"]["spec"] |= more
    found |= {"kind": kind}
    if kind in ("DaemonSet", "Job"):
        del spec["replicas"]
    if kind == "StatefulSet":
        spec["serviceName"] = name
    if kind == "Job":
        del spec["selector"]
        spec["template"]["spec"]["restartPolicy"] = "Never"
        found["apiVersion"] = "batch/v1"
    return found
