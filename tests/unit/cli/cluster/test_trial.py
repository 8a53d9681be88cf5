"""What is asked for once more: the object as somebody would ask for it."""

from __future__ import annotations

import pytest

from cotenant.cli.cluster.trial import KINDS, again, controlled
from cotenant.cli.plan import tightened
from cotenant.controllers.world import WORKLOADS

BY_KIND = {one.kind: one for one in KINDS}
METADATA = {
    "name": "x",
    "namespace": "red-dev",
    "labels": {"a": "b"},
    "uid": "1",
    "resourceVersion": "2",
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "managedFields": [],
    "ownerReferences": [],
}


@pytest.mark.parametrize(
    ("kind", "spec", "asked"),
    [
        ("Pod", {"nodeName": "n1", "containers": []}, {"containers": []}),
        (
            "Service",
            {"type": "NodePort", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": 30000}]},
            {"type": "NodePort", "ports": [{"port": 80}]},
        ),
        ("PersistentVolumeClaim", {"volumeName": "pv", "storageClassName": "gp3"}, {"storageClassName": "gp3"}),
        (
            "Job",
            {"selector": {}, "template": {"metadata": {"labels": {"a": "b", "batch.kubernetes.io/controller-uid": "1"}}}},
            {"template": {"metadata": {"labels": {"a": "b"}}}},
        ),
    ],
)  # fmt: skip
def test_what_the_control_plane_wrote_into_an_object_is_not_asked_for(kind, spec, asked):
    found = again(BY_KIND[kind], {"metadata": METADATA, "spec": spec, "status": {"phase": "Running"}})

    assert found["spec"] == asked
    assert found["metadata"] == {"name": "x", "namespace": "red-dev", "labels": {"a": "b"}}
    assert "status" not in found
    assert (found["apiVersion"], found["kind"]) == (BY_KIND[kind].api_version, kind)


def test_every_workload_that_cotenant_looks_ahead_for_is_asked_for():
    assert set(WORKLOADS) <= BY_KIND.keys()


def test_an_object_without_a_spec_is_asked_for_as_it_is():
    found = again(BY_KIND["ServiceAccount"], {"metadata": METADATA | {"annotations": {"a": "b"}}, "secrets": []})
    assert found["secrets"] == []
    assert found["metadata"]["annotations"] == {"a": "b"}


def test_what_a_controller_made_is_judged_by_its_template():
    assert controlled({"metadata": {"ownerReferences": [{"kind": "ReplicaSet", "controller": True}]}})
    assert not controlled({"metadata": {"ownerReferences": [{"kind": "ConfigMap"}]}})
    assert not controlled({"metadata": {}})


def test_a_rule_is_tightened_when_it_refuses_then_and_does_not_now():
    before = {"A": "observe", "B": "warn", "C": "enforce", "D": "observe"}
    after = {"A": "enforce", "B": "enforce", "C": "enforce", "D": "warn"}
    assert tightened(before, after) == {"A", "B"}
