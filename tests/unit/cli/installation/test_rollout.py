"""What a Deployment and its pods say, as an API server writes it, in words."""

from __future__ import annotations

from typing import Any

import pytest

from cotenant.cli.installation.rollout import advice, reasons, standing

IMAGE = "r.example.com/cotenant:2"


def deployment(generation: int = 2, replicas: int = 2, **status: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "operator", "image": IMAGE}]}}
    spec = {"replicas": replicas, "template": template}
    return {"metadata": {"generation": generation}, "spec": spec, "status": {"observedGeneration": 2, **status}}


def pod(
    state: dict[str, Any] | None = None, *, image: str = IMAGE, deleted: bool = False, **more: Any
) -> dict[str, Any]:
    containers = [{"name": "operator", "ready": False, "state": state or {}, **more.pop("container", {})}]
    metadata = {"name": "x", **({"deletionTimestamp": "now"} if deleted else {})}
    status = {"containerStatuses": containers, **more}
    return {"metadata": metadata, "spec": {"containers": [{"image": image}]}, "status": status}


@pytest.mark.parametrize(
    ("found", "ready"),
    [
        (deployment(), 0),
        (deployment(replicas=2, updatedReplicas=2, availableReplicas=2), 2),
        # All three are ready, and which of them is the old one nobody tells.
        (
            deployment()
            | {"status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}},
            2,
        ),
        (
            deployment()
            | {"status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2}},
            0,
        ),
        # The figures are those of the template before.
        (deployment(generation=3, updatedReplicas=2, availableReplicas=2), 0),
    ],
)
def test_only_ready_replicas_of_the_newest_template_count(found, ready):
    found["status"].setdefault("replicas", found["status"].get("updatedReplicas", 0))

    assert standing(found) == (ready, 2)


def test_a_pull_that_fails_names_the_image_and_what_to_do():
    message = f'Back-off pulling image "{IMAGE}": not found'
    why = list(reasons(deployment(), [pod({"waiting": {"reason": "ImagePullBackOff", "message": message}})]))

    assert why == [f"ImagePullBackOff: {message}"]
    assert "Push the image where the nodes may pull it" in advice(why)


def test_a_container_that_ends_is_told_with_its_last_words():
    last = {"terminated": {"exitCode": 2, "message": "starting\nerror: the operator's identity lacks rights: x\n"}}
    crashed = pod({"waiting": {"reason": "CrashLoopBackOff"}}, container={"lastState": last})
    why = list(reasons(deployment(), [crashed]))

    assert why == ["the container ended with code 2: error: the operator's identity lacks rights: x"]
    assert "--previous" in advice(why)


def test_a_pod_that_no_node_takes_and_a_replica_set_that_may_make_none_say_so():
    unscheduled = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q"}
    found = reasons(deployment(conditions=[failed]), [pod(conditions=[unscheduled])])

    assert list(found) == ["FailedCreate: exceeded quota: q", "no node takes the pod: 0/3 nodes are available"]


def test_what_has_only_begun_and_what_is_on_its_way_out_is_no_reason():
    pods = [
        pod({"waiting": {"reason": "ContainerCreating"}}),
        pod({"waiting": {"reason": "ImagePullBackOff"}}, deleted=True),
        pod({"waiting": {"reason": "ImagePullBackOff"}}, image="r.example.com/cotenant:1"),
    ]

    assert list(reasons(deployment(), pods)) == []
    assert "kubectl logs" in advice([])
