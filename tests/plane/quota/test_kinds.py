"""Who gives back what under strict accounting: the operator what it reads, the quota controller what nobody else counts."""

from __future__ import annotations

import time
from contextlib import closing

import pytest

from cotenant.kube.resource import PODS, SECRETS, SERVICES
from plane.quota.churn import Field
from vocabulary import eventually, expect_condition

pytestmark = pytest.mark.cluster
CLAIMS = "/apis/resource.k8s.io/v1"


def test_every_kind_gives_back_what_it_was_charged(cluster) -> None:
    hard = {"pods": "5", "count/pods": "5", "services": "5", "services.loadbalancers": "5"}
    kinds = {"types": ["ClusterIP", "NodePort", "LoadBalancer"]}
    with closing(Field(cluster, hard, services=kinds)) as field:
        service = {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
        field.wire.expect("POST", SERVICES.path(field.name), service)
        field.create("p")
        time.sleep(1)
        field.wire.expect("PATCH", SERVICES.path(field.name, "s"), {"spec": {"type": "ClusterIP"}})
        field.wire.expect("PATCH", PODS.path(field.name, "p", "status"), {"status": {"phase": "Succeeded"}})
        want = {"pods": "0", "count/pods": "1", "services": "1", "services.loadbalancers": "0"}
        # Before the quota controller may: that is two seconds after the last charge.
        eventually(lambda: want.items() <= field.quota()["status"]["used"].items(), within=1.0)


def test_what_nobody_but_the_quota_controller_reads_comes_back_beside_pods_that_come_and_go(cluster) -> None:
    devices = "gpu.deviceclass.resource.k8s.io/devices"
    shared = {"shared": ["DeviceClass/gpu"]}
    with closing(Field(cluster, {"pods": "5", "secrets": "5", devices: "5"}, addons=shared)) as field:
        path = f"{CLAIMS}/namespaces/{field.name}/resourceclaims"
        made = {SECRETS.path(field.name): {"metadata": {"name": "x"}}}
        if field.wire.json("GET", CLAIMS)[0] == 200:
            wanted = {"name": "one", "exactly": {"deviceClassName": "gpu", "count": 2}}
            made[path] = {"metadata": {"name": "x"}, "spec": {"devices": {"requests": [wanted]}}}
        for where, body in made.items():
            field.wire.expect("POST", where, body)
        eventually(lambda: field.used("secrets") == "1" and (path not in made or field.used(devices) == "2"))
        for where in made:
            field.wire.expect("DELETE", f"{where}/x")

        def back() -> bool:
            field.create("restless")
            field.delete("restless")
            return field.used("secrets") == field.used(devices) == "0"

        eventually(back, every=0.2)
        told = f"counted by Kubernetes alone, as ever: {devices}, secrets"
        expect_condition(field.team.tenant, "Strict", told, of="StrictAccounting")
