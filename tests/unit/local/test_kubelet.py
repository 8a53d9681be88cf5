from __future__ import annotations

import pytest

from cotenant.local.kubelet import running, succeeded, wanted
from cotenant.local.node import Node, _manifest, _status, _taint

NOW = "2026-11-21T10:00:00Z"


def pod(phase="Pending", **metadata):
    containers = [{"name": "app", "image": "nginx"}, {"name": "side", "image": "envoy"}]
    return {
        "metadata": {"uid": "u", **metadata},
        "spec": {"containers": containers, "initContainers": [{"name": "first", "image": "busybox"}]},
        "status": {"phase": phase, "conditions": [{"type": "PodScheduled", "status": "True"}]},
    }


@pytest.mark.parametrize(
    ("seen", "need"),
    [
        (pod(), "run"),
        (pod(ownerReferences=[{"kind": "Job"}]), "succeed"),
        (pod(ownerReferences=[{"kind": "ReplicaSet"}]), "run"),
        (pod("Running"), None),
        (pod("Succeeded"), None),
        (pod("Running", deletionTimestamp=NOW), "remove"),
        (pod(deletionTimestamp=NOW), "remove"),
    ],
)
def test_what_a_kubelet_does_next(seen, need):
    assert wanted(seen) == need


def test_a_running_pod_is_ready_in_every_container():
    status = running(pod(), "10.128.0.1", NOW)
    assert status["phase"] == "Running"
    assert status["podIPs"] == [{"ip": "10.128.0.1"}]
    assert [c["name"] for c in status["containerStatuses"] if c["ready"]] == ["app", "side"]
    assert "terminated" in status["initContainerStatuses"][0]["state"]
    assert {c["type"]: c["status"] for c in status["conditions"]}["PodScheduled"] == "True"


def test_a_finished_pod_has_exit_code_0_and_is_not_ready():
    status = succeeded(pod(), "10.128.0.1", NOW)
    assert status["phase"] == "Succeeded"
    assert all(c["state"]["terminated"]["exitCode"] == 0 for c in status["containerStatuses"])
    assert {c["type"]: c["status"] for c in status["conditions"]}["Ready"] == "False"


@pytest.mark.parametrize(
    ("text", "taint"),
    [
        ("a=b:NoSchedule", {"key": "a", "value": "b", "effect": "NoSchedule"}),
        ("a:NoExecute", {"key": "a", "effect": "NoExecute"}),
    ],
)
def test_taints_are_written_as_for_kubectl(text, taint):
    assert _taint(text) == taint


@pytest.mark.parametrize("text", ["a=b", "a=b:Sometimes", ""])
def test_a_wrong_taint_says_how_to_write_it(text):
    with pytest.raises(ValueError, match="key=value:Effect"):
        _taint(text)


def test_a_node_has_its_own_labels_and_the_usual_ones():
    labels = _manifest(Node("n", labels={"pool": "a"}), [])["metadata"]["labels"]
    assert labels == {
        "kubernetes.io/hostname": "n",
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "pool": "a",
    }
    assert _status(Node("n", cpu="3", extra={"x/y": "1"}))["status"]["capacity"]["x/y"] == "1"
