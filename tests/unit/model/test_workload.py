from __future__ import annotations

from typing import Any

import msgspec
import pytest

from cotenant.api.limits import LimitItem
from cotenant.api.workload import PodSpec, Workload
from cotenant.model.workload import charge, coming

SMALL = {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "1Gi"}}


def pod(*containers: Any, init: Any = (), **more: Any) -> PodSpec:
    wire = {"containers": [{"resources": one} for one in containers], "initContainers": list(init), **more}
    return msgspec.convert(wire, PodSpec)


def workload(status: Any = None, **spec: Any) -> Workload:
    return msgspec.convert({"metadata": {"name": "w"}, "spec": spec, "status": status or {}}, Workload)


@pytest.mark.parametrize(
    ("key", "amount"),
    [
        ("pods", 1),
        ("count/pods", 1),
        ("cpu", 200),
        ("requests.cpu", 200),
        ("limits.cpu", 400),
        ("memory", 2 * 64 * 2**20),
        ("limits.memory", 2 * 2**30),
        ("requests.nvidia.com/gpu", 0),
        ("secrets", 0),
        ("requests.storage", 0),
        ("count/jobs.batch", 0),
        ("services.nodeports", 0),
    ],
)
def test_a_pod_is_charged_for_all_its_containers(key: str, amount: int) -> None:
    assert charge(pod(SMALL, SMALL), key) == amount


def test_a_device_is_charged_by_its_request() -> None:
    assert charge(pod({"limits": {"nvidia.com/gpu": 2}}), "requests.nvidia.com/gpu") == 2


def test_a_container_that_names_only_a_limit_requests_as_much() -> None:
    assert charge(pod({"limits": {"cpu": 1}}), "requests.cpu") == 1000


def test_what_a_container_leaves_out_is_filled_in() -> None:
    items = msgspec.convert(
        [{"type": "Container", "default": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}], list[LimitItem]
    )
    assert (charge(pod({}), "requests.cpu", items), charge(pod({}), "limits.cpu", items)) == (1000, 2000)


def test_the_largest_init_container_counts_where_it_is_more_and_sidecars_always() -> None:
    big, side = (
        {"resources": {"requests": {"cpu": "1"}}},
        {"resources": {"requests": {"cpu": "50m"}}, "restartPolicy": "Always"},
    )
    assert charge(pod(SMALL, init=[big]), "requests.cpu") == 1000
    assert charge(pod(SMALL, init=[side]), "requests.cpu") == 150
    assert charge(pod(SMALL, init=[side, big]), "requests.cpu") == 1050


def test_overhead_comes_on_top_and_resources_of_the_pod_come_first() -> None:
    assert charge(pod(SMALL, overhead={"cpu": "10m"}), "requests.cpu") == 110
    assert charge(pod(SMALL, resources={"requests": {"cpu": "3"}}), "requests.cpu") == 3000


def test_what_is_no_quantity_is_nothing() -> None:
    assert charge(pod({"requests": {"cpu": "lots"}}), "requests.cpu") == 0


def test_a_fraction_is_rounded_up() -> None:
    assert charge(pod({"requests": {"cpu": "0.5m"}}), "requests.cpu") == 1


@pytest.mark.parametrize(
    ("kind", "one", "pods"),
    [
        ("ReplicaSet", workload(replicas=5, status={"replicas": 2}), 3),
        ("ReplicaSet", workload(replicas=2, status={"replicas": 5}), 0),
        ("ReplicaSet", workload(replicas=0), 0),
        ("StatefulSet", workload(replicas=3), 3),
        ("StatefulSet", workload(), 1),
        ("ReplicationController", workload(replicas=5, status={"replicas": 2}), 3),
        ("ReplicationController", workload(), 1),
        ("DaemonSet", workload(status={"desiredNumberScheduled": 3, "currentNumberScheduled": 1}), 2),
        ("DaemonSet", workload(status={"desiredNumberScheduled": 1, "currentNumberScheduled": 3}), 0),
        # Its controller has not counted the nodes yet.
        ("DaemonSet", workload(), 0),
        ("Job", workload(), 1),
        ("Job", workload(parallelism=4, completions=10, status={"active": 1, "succeeded": 8}), 1),
        ("Job", workload(parallelism=4, status={"active": 4}), 0),
        ("Job", workload(parallelism=4, suspend=True), 0),
        *[
            ("Job", workload(parallelism=4, completions=9, status={"succeeded": 1, "conditions": [over]}), 0)
            for name in ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget")
            for over in ({"type": name, "status": "True", "reason": "r"},)
        ],
        ("Deployment", workload(replicas=50), 50),
    ],
)
def test_what_is_wanted_and_not_there_is_about_to_come(kind: str, one: Workload, pods: int) -> None:
    assert coming(kind, one).pods == pods


def test_the_pods_of_a_deployment_are_made_by_its_replica_sets() -> None:
    sets = [workload(replicas=3), workload(replicas=1)]
    assert coming("Deployment", workload(replicas=5), sets).pods == 1
    assert coming("Deployment", workload(replicas=3), sets).pods == 0


@pytest.mark.parametrize(
    ("status", "message", "refused"),
    [
        ("True", 'pods "x" is forbidden: exceeded quota: cotenant, requested: pods=1', True),
        ("True", 'pods "x" is forbidden: violates PodSecurity', False),
        ("False", "exceeded quota", False),
    ],
)
@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController"])
def test_a_replica_set_says_that_it_met_a_quota(kind: str, status: str, message: str, refused: bool) -> None:
    condition = {"type": "ReplicaFailure", "status": status, "reason": "FailedCreate", "message": message}
    assert coming(kind, workload(replicas=2, status={"conditions": [condition]})).refused is refused


FORBIDDEN = 'pods "w-x" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false'
MET = 'pods "w-x" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=5, limited: pods=5'


def failing(message: str, replicas: int = 50, has: int = 0) -> Workload:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    return workload(replicas=replicas, status={"replicas": has, "conditions": [condition]})


@pytest.mark.parametrize("kind", ["ReplicaSet", "ReplicationController"])
def test_who_was_refused_and_not_by_a_quota_holds_none_until_it_meets_one(kind: str) -> None:
    assert coming(kind, failing(FORBIDDEN)).pods == 0
    assert coming(kind, failing(FORBIDDEN, has=10)).pods == 0
    # Its next try meets a quota, or succeeds and the condition goes.
    assert coming(kind, failing(MET)).pods == 50
    assert coming(kind, workload(replicas=50)).pods == 50


def test_another_template_makes_another_replica_set_which_is_looked_ahead_for() -> None:
    # Until its ReplicaSet is there, the Deployment tells what became of the last one.
    assert coming("Deployment", failing(FORBIDDEN), [failing(FORBIDDEN, replicas=0)]).pods == 50
    assert coming("Deployment", failing(FORBIDDEN), [failing(FORBIDDEN, replicas=0), workload(replicas=50)]).pods == 0
    assert coming("ReplicaSet", workload(replicas=50)).pods == 50


CLAIMING = [
    {"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "gp3"}},
    {"metadata": {"name": "logs"}, "spec": {"resources": {"requests": {"storage": "1.5"}}}},
]


@pytest.mark.parametrize(
    ("key", "amount"),
    [
        ("pods", 1),
        ("persistentvolumeclaims", 2),
        ("count/persistentvolumeclaims", 2),
        ("requests.storage", 2**30 + 2),
        ("gp3.storageclass.storage.k8s.io/requests.storage", 2**30),
        ("gp3.storageclass.storage.k8s.io/persistentvolumeclaims", 1),
        ("gp2.storageclass.storage.k8s.io/persistentvolumeclaims", 0),
        ("count/secrets", 0),
    ],
)
def test_a_pod_of_a_statefulset_is_charged_with_its_claims(key: str, amount: int) -> None:
    found = coming("StatefulSet", workload(replicas=3, status={"replicas": 1}, volumeClaimTemplates=CLAIMING))
    assert (found.pods, found.charge(key)) == (2, amount)


@pytest.mark.parametrize("kind", ["Job", "StatefulSet", "DaemonSet", "ReplicaSet"])
def test_an_event_can_say_that_a_workload_was_refused(kind: str) -> None:
    one = workload()
    assert (coming(kind, one).refused, coming(kind, one, event="quota").refused) == (False, True)


@pytest.mark.parametrize(("kind", "pods"), [("Job", 1), ("StatefulSet", 1), ("DaemonSet", 2)])
def test_an_event_can_say_that_no_quota_helps(kind: str, pods: int) -> None:
    one = workload(status={"desiredNumberScheduled": 2})
    assert (coming(kind, one).pods, coming(kind, one, event="other").pods) == (pods, 0)


def test_a_statefulset_that_waits_for_its_claims_holds_no_pods_meanwhile() -> None:
    one = workload(replicas=3, volumeClaimTemplates=CLAIMING)
    found = coming("StatefulSet", one, event="claims")
    assert (found.pods, found.refused) == (3, True)
    assert [found.charge(key) for key in ("pods", "requests.cpu", "requests.storage")] == [0, 0, 2**30 + 2]
