"""Every resource that a native quota knows, limited over all spaces of a tenant: what fits is admitted, one more is not."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest

from installation import Answer
from vocabulary import (
    Team,
    condition,
    deployment,
    eventually,
    expect_created,
    expect_denied,
    expect_ready,
    given_tenant,
    pod,
)

pytestmark = pytest.mark.cluster
Manifest = dict[str, Any]


def pod_of(**amounts: str) -> Manifest:
    """A pod with requests and limits of these resources; `_` stands for what a name may not hold."""
    named = {
        {"gpu": "nvidia.com/gpu", "ephemeral": "ephemeral-storage", "huge": "hugepages-2Mi"}.get(key, key): value
        for key, value in amounts.items()
    }
    return pod("", "", resources={"requests": named, "limits": named})


def claim(size: str, of: str = "tin") -> Manifest:
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": of, "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {}, "spec": spec}


def service(kind: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"type": kind, "ports": [{"port": 80}]}}


def thing(kind: str, version: str = "v1", **content: Any) -> Manifest:
    return {"apiVersion": version, "kind": kind, "metadata": {}, **content}


JOB = {
    "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "nginx"}]}},
    "suspend": True,
}
CRON = thing("CronJob", "batch/v1", spec={"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": JOB}})
GOLD = "gold.storageclass.storage.k8s.io/"


class Case(NamedTuple):
    """`small` fits so many times and then not once more, or `large` never does."""

    limits: Manifest
    small: Manifest
    times: int
    large: Manifest | None
    saying: str


CASES = {
    "pods": Case({"pods": 2}, pod_of(cpu="1"), 2, None, "requested: pods=1, used: pods=2, limited: pods=2"),
    "cpu": Case(
        {"requests.cpu": "1", "limits.cpu": "1"},
        pod_of(cpu="500m"),
        1,
        pod_of(cpu="600m"),
        "requested: limits.cpu=600m,requests.cpu=600m, used: limits.cpu=500m,requests.cpu=500m, "
        "limited: limits.cpu=1,requests.cpu=1",
    ),
    "memory": Case(
        {"requests.memory": "1Gi", "limits.memory": "1Gi"},
        pod_of(memory="512Mi"),
        2,
        pod_of(memory="1Mi"),
        "limited: limits.memory=1Gi,requests.memory=1Gi",
    ),
    "ephemeral storage": Case(
        {"requests.ephemeral-storage": "1Gi", "limits.ephemeral-storage": "2Gi"},
        pod_of(ephemeral="1Gi"),
        1,
        pod_of(ephemeral="1Mi"),
        "requested: requests.ephemeral-storage=1Mi, used: requests.ephemeral-storage=1Gi",
    ),
    "GPUs": Case(
        {"requests.nvidia.com/gpu": 2},
        pod_of(gpu="2"),
        1,
        pod_of(gpu="1"),
        "requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2",
    ),
    "huge pages": Case(
        {"requests.hugepages-2Mi": "4Mi"},
        pod_of(huge="4Mi", cpu="1"),
        1,
        pod_of(huge="2Mi", cpu="1"),
        "requested: requests.hugepages-2Mi=2Mi, used: requests.hugepages-2Mi=4Mi",
    ),
    "deployments": Case(
        {"count/deployments.apps": 1},
        deployment("", "", replicas=0),
        1,
        None,
        "requested: count/deployments.apps=1, used: count/deployments.apps=1, limited: count/deployments.apps=1",
    ),
    "cron jobs": Case({"count/cronjobs.batch": 1}, CRON, 1, None, "requested: count/cronjobs.batch=1"),
    "jobs": Case({"count/jobs.batch": 1}, thing("Job", "batch/v1", spec=JOB), 1, None, "requested: count/jobs.batch=1"),
    "config maps": Case({"configmaps": 3}, thing("ConfigMap"), 2, None, "used: configmaps=3, limited: configmaps=3"),
    "secrets": Case({"count/secrets": 1}, thing("Secret"), 1, None, "requested: count/secrets=1"),
    "services": Case({"services": 1}, service("ClusterIP"), 1, None, "used: services=1, limited: services=1"),
    "node ports": Case({"services.nodeports": 1}, service("NodePort"), 1, None, "requested: services.nodeports=1"),
    "load balancers": Case(
        {"services.loadbalancers": 1}, service("LoadBalancer"), 1, None, "requested: services.loadbalancers=1"
    ),
    "volumes": Case(
        {"persistentvolumeclaims": 1, "requests.storage": "10Gi"},
        claim("1Gi"),
        1,
        None,
        "requested: persistentvolumeclaims=1, used: persistentvolumeclaims=1",
    ),
    "storage": Case({"requests.storage": "10Gi"}, claim("8Gi"), 1, claim("3Gi"), "requested: requests.storage=3Gi"),
    "a storage class": Case(
        {f"{GOLD}requests.storage": "5Gi", f"{GOLD}persistentvolumeclaims": 1},
        claim("5Gi", "gold"),
        1,
        None,
        f"requested: {GOLD}persistentvolumeclaims=1,{GOLD}requests.storage=5Gi",
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_what_a_native_quota_knows_is_limited(cluster, name):
    case = CASES[name]
    team = given_tenant(
        cluster,
        name.replace(" ", "-").lower(),
        spaces=["a"],
        quota={"hard": case.limits},
        services={"types": ["ClusterIP", "NodePort", "LoadBalancer"]},
    )
    expect_ready(team, "a")
    eventually(lambda: "kube-root-ca.crt" in cluster.names("ConfigMap", team.namespace("a")))
    for number in range(case.times):
        eventually(lambda n=number: create(team, "a", case.small, f"fits-{n}").ok)

    expect_denied(
        create(team, "a", case.large or case.small, "beyond"),
        by="quota",
        saying="is forbidden: exceeded quota: cotenant, requested: ",
    )
    assert case.saying in create(team, "a", case.large or case.small, "beyond").err
    assert condition(team.tenant(), "QuotaSynced")[1] != "KeyNotCounted"
    for key in case.limits:
        there = cluster.there("TenantLedger", ledger_of(cluster, team, key), team.home)
        assert there["spec"]["resource"] == key


def create(team: Team, space: str, manifest: Manifest, name: str) -> Answer:
    """The manifest under a name, as the owner."""
    about = {"name": name, "namespace": team.namespace(space)}
    return team.owner.kubectl("create", "-f", "-", stdin=manifest | {"metadata": manifest["metadata"] | about})


def ledger_of(cluster, team: Team, key: str) -> str:
    found = {one["spec"]["resource"]: one["metadata"]["name"] for one in cluster.list("TenantLedger", team.home)}
    return found[key]


def test_gpus_move_to_the_space_that_asks_for_them(cluster):
    team = given_tenant(cluster, "gpus", spaces=["a", "b"], quota={"hard": {"requests.nvidia.com/gpu": 4}})
    expect_ready(team, "a", "b")
    for space in ("a", "b"):
        manifest = deployment("train", team.namespace(space), replicas=4, resources={"limits": {"nvidia.com/gpu": "1"}})
        expect_created(team.owner.apply(manifest))
        eventually(lambda here=space: len(cluster.names("Pod", team.namespace(here))) == 4, within=20)
        assert team.owner.kubectl("delete", "deployment", "train", "-n", team.namespace(space)).ok
        eventually(lambda here=space: not cluster.names("Pod", team.namespace(here)), within=20)


def test_a_pod_that_is_resized_in_place_is_counted(cluster):
    team = given_tenant(cluster, "resize", spaces=["a"], quota={"hard": {"requests.cpu": "1"}})
    expect_ready(team, "a")
    namespace = team.namespace("a")
    # One that waits: of one that runs the API server wants its kubelet's word that it can.
    waiting = pod(
        "one", namespace, resources={"requests": {"cpu": "500m"}}, schedulingGates=[{"name": "example.com/never"}]
    )
    expect_created(lambda: team.owner.apply(waiting))

    def resize(cpu: str) -> Answer:
        change = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}}
        words = ("patch", "pod", "one", "--subresource=resize", "-p", json.dumps(change), "-n", namespace)
        return team.owner.kubectl(*words)

    def used() -> str:
        return cluster.there("ResourceQuota", "cotenant", namespace)["status"]["used"]["requests.cpu"]

    assert resize("900m").ok, resize("900m")
    eventually(lambda: used() == "900m")
    expect_denied(
        resize("1100m"),
        by="quota",
        saying="exceeded quota: cotenant, requested: requests.cpu=200m, used: requests.cpu=900m, limited: requests.cpu=1",
    )
    # What a smaller size gives back is counted when its kubelet says so, or the pod goes.
    assert resize("200m").ok
    assert team.owner.kubectl("delete", "pod", "one", "--now", "-n", namespace).ok
    eventually(lambda: used() == "0", within=20)


@pytest.fixture
def grows(cluster):
    """A StorageClass whose volumes can be made larger."""
    name = "grows"
    about = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    assert cluster.admin.apply(about | {"provisioner": "example.com/none", "allowVolumeExpansion": True}).ok
    return name


def bound(cluster, namespace: str, name: str) -> None:
    """As if its volume had been made: nothing provisions and nothing binds here."""
    change = {"status": {"phase": "Bound", "capacity": {"storage": "2Gi"}, "accessModes": ["ReadWriteOnce"]}}
    told = ("patch", "pvc", name, "--subresource=status", "--type=merge", "-n", namespace, "-p", json.dumps(change))
    assert cluster.admin.kubectl(*told).ok


def test_vol_07_a_claim_does_not_grow_beyond_the_quota_nor_shrink_out_of_it(cluster, grows):
    team = given_tenant(cluster, "grows", spaces=["a"], quota={"hard": {"requests.storage": "10Gi"}})
    expect_ready(team, "a")
    namespace = team.namespace("a")
    eventually(lambda: create(team, "a", claim("2Gi", grows), "one").ok)
    bound(cluster, namespace, "one")

    def resize(size: str) -> Answer:
        change = json.dumps({"spec": {"resources": {"requests": {"storage": size}}}})
        return team.owner.kubectl("patch", "pvc", "one", "-p", change, "-n", namespace)

    def used() -> str:
        return cluster.there("ResourceQuota", "cotenant", namespace)["status"]["used"]["requests.storage"]

    expect_denied(resize("11Gi"), by="quota", saying="requested: requests.storage=9Gi")
    assert resize("8Gi").ok, resize("8Gi")
    eventually(lambda: used() == "8Gi")
    # What the driver was told to make is charged until it says otherwise, whatever the claim asks for by then.
    grown = {"status": {"allocatedResources": {"storage": "8Gi"}}}
    told = ("patch", "pvc", "one", "--subresource=status", "--type=merge", "-n", namespace, "-p")
    assert cluster.admin.kubectl(*told, json.dumps(grown)).ok
    assert resize("3Gi").ok, resize("3Gi")
    expect_denied(create(team, "a", claim("3Gi", grows), "two"), by="quota", saying="used: requests.storage=8Gi")
    assert used() == "8Gi"
    # Nor does its owner say it: the status of a claim is no right of members.
    for forged in ({"status": {"allocatedResources": None}}, {"status": {"capacity": {"storage": "1Gi"}}}):
        expect_denied(team.owner.kubectl(*told, json.dumps(forged)), by="RBAC", saying="persistentvolumeclaims/status")
