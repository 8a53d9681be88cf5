from __future__ import annotations

from typing import Any

import pytest

from cotenant.model.usage.amounts import write
from cotenant.model.usage.objects import kind_of, usage
from unit.specimens import NOW


def of(kind: str, **spec: Any) -> dict[str, str]:
    annotations = spec.pop("annotations", {})
    charged = usage(kind, {"metadata": {"name": "x", "annotations": annotations}, "spec": spec, "status": {}}, NOW)
    return {key: write(amount) for key, amount in charged.items() if amount}


@pytest.mark.parametrize(
    ("spec", "nodeports", "loadbalancers"),
    [
        ({}, None, None),
        ({"type": "ExternalName"}, None, None),
        ({"type": "NodePort"}, "2", None),
        ({"type": "LoadBalancer"}, "2", "1"),
        ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False}, "1", "1"),
    ],
)
def test_a_service_is_charged_for_the_node_ports_it_may_get(spec, nodeports, loadbalancers) -> None:
    found = of("services", ports=[{"port": 80, "nodePort": 30080}, {"port": 81}], **spec)
    assert (found.get("services.nodeports"), found.get("services.loadbalancers")) == (nodeports, loadbalancers)
    assert found["services"] == found["count/services"] == "1"


def test_a_claim_is_charged_for_its_class_too() -> None:
    wanted = {"requests": {"storage": "1500m"}}
    found = of("persistentvolumeclaims", resources=wanted, storageClassName="gp3")
    assert found == {
        "count/persistentvolumeclaims": "1",
        "persistentvolumeclaims": "1",
        "requests.storage": "2",
        "gp3.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gp3.storageclass.storage.k8s.io/requests.storage": "2",
    }
    old = of(
        "persistentvolumeclaims", storageClassName="gp3", annotations={"volume.beta.kubernetes.io/storage-class": "io"}
    )
    assert "io.storageclass.storage.k8s.io/persistentvolumeclaims" in old
    assert "requests.storage" not in old


def test_a_claim_that_grew_and_was_cut_is_charged_for_what_is_allocated() -> None:
    spec = {"resources": {"requests": {"storage": "1Gi"}}}
    found = {"metadata": {"name": "x"}, "spec": spec, "status": {"allocatedResources": {"storage": "2Gi"}}}
    assert usage("persistentvolumeclaims", found, NOW)["requests.storage"] == 2**31


def test_other_kinds_are_counted() -> None:
    assert of("deployments.apps") == {"count/deployments.apps": "1"}
    assert of("secrets") == {"count/secrets": "1", "secrets": "1"}


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("pods", "pods"),
        ("cpu", "pods"),
        ("limits.memory", "pods"),
        ("requests.ephemeral-storage", "pods"),
        ("requests.nvidia.com/gpu", "pods"),
        ("hugepages-2Mi", "pods"),
        ("requests.hugepages-1Gi", "pods"),
        ("count/pods", "pods"),
        ("services.nodeports", "services"),
        ("requests.storage", "persistentvolumeclaims"),
        ("gp3.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims"),
        ("secrets", "secrets"),
        ("count/jobs.batch", "jobs.batch"),
        ("gpu.deviceclass.resource.k8s.io/devices", None),
        ("count/resourceclaims.resource.k8s.io", None),
        ("requests.deviceclass.resource.kubernetes.io/gpu", None),
        ("nvidia.com/gpu", None),
        ("nonsense", None),
    ],
)
def test_a_key_belongs_to_one_kind(key: str, kind: str | None) -> None:
    assert kind_of(key) == kind
