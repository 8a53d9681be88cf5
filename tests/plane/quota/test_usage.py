"""What we reckon against what the API server charges and the quota controller counts, key for key."""

from __future__ import annotations

import itertools
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cotenant.kube.resource import PERSISTENT_VOLUME_CLAIMS, PODS, RESOURCE_QUOTAS, SECRETS, SERVICES, Resource
from cotenant.model.quantity import parse
from cotenant.model.usage.amounts import added, of, read
from cotenant.model.usage.objects import kind_of, usage
from installation import Manifest
from vocabulary import BUSY, TooLate, eventually

pytestmark = pytest.mark.cluster
KEYS = [
    "pods",
    "count/pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "requests.example.com/gpu",
    "hugepages-2Mi",
    "requests.hugepages-2Mi",
    "services",
    "services.nodeports",
    "services.loadbalancers",
    "count/services",
    "persistentvolumeclaims",
    "requests.storage",
    "count/persistentvolumeclaims",
    "gold.storageclass.storage.k8s.io/persistentvolumeclaims",
    "gold.storageclass.storage.k8s.io/requests.storage",
    "secrets",
    "count/secrets",
]
COUNTED: dict[str, Resource] = {
    "pods": PODS,
    "services": SERVICES,
    "persistentvolumeclaims": PERSISTENT_VOLUME_CLAIMS,
    "secrets": SECRETS,
}
numbers = itertools.count(1)
accepted: set[str] = set()
amounts = {
    "cpu": st.sampled_from(["1m", "250m", "1", "1500m"]),
    "memory": st.sampled_from(["1", "64Mi", "1Gi", "128e6"]),
    "ephemeral-storage": st.sampled_from(["1Mi", "2G"]),
}
UNSCHEDULED = {"nodeSelector": {"is": "nowhere"}}
"""No node touches these pods: what they report is said by the tests."""
huge = st.sampled_from(["2Mi", "4Mi"])


@st.composite
def resources(draw: Any) -> dict[str, Any]:
    """Of a container. Where quota wants requests and limits of cpu and memory, there are some."""
    limits = {name: draw(one) for name, one in amounts.items()}
    requests = {
        name: draw(st.sampled_from([limits[name], "1m" if name == "cpu" else "1", "0"]))
        for name in draw(st.sets(st.sampled_from(list(amounts))))
    }
    if draw(st.booleans()):
        limits["example.com/gpu"] = draw(st.sampled_from(["1", "3"]))
    if draw(st.booleans()):
        limits["hugepages-2Mi"] = draw(huge)
    return {"requests": requests, "limits": limits}


@st.composite
def pods(draw: Any) -> dict[str, Any]:
    containers = [
        {"name": f"c{number}", "image": "x", "resources": draw(resources())}
        for number in range(draw(st.integers(1, 3)))
    ]
    init = [
        {"name": f"i{number}", "image": "x", "resources": draw(resources())}
        | ({"restartPolicy": "Always"} if draw(st.booleans()) else {})
        for number in range(draw(st.integers(0, 3)))
    ]
    spec = {"containers": containers, "initContainers": init, **UNSCHEDULED}
    if draw(st.booleans()):
        spec["runtimeClassName"] = "heavy"
    if draw(st.booleans()):
        spec["resources"] = {"requests": {"cpu": "20", "memory": "40Gi"}, "limits": {"cpu": "20", "memory": "40Gi"}}
    return spec


@pytest.fixture(scope="module")
def place(control_plane):
    """A namespace with a generous quota of every key, ready."""
    wire, name = control_plane.wire(), f"usage-{uuid.uuid4().hex[:6]}"
    wire.expect("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    runtime = {
        "metadata": {"name": "heavy"},
        "handler": "x",
        "overhead": {"podFixed": {"cpu": "120m", "memory": "7Mi"}},
    }
    wire.json("POST", "/apis/node.k8s.io/v1/runtimeclasses", runtime)
    body = {"metadata": {"name": "q"}, "spec": {"hard": dict.fromkeys(KEYS, "100T")}}
    wire.expect("POST", RESOURCE_QUOTAS.path(name), body)
    deadline = time.monotonic() + 30 * BUSY
    while (
        set(charged(wire, name)) != set(KEYS)
        or wire.json("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] != 200
    ):
        if time.monotonic() > deadline:
            raise TooLate("the quota is not counted")
        time.sleep(0.2)
    return wire, name


def charged(wire, name: str) -> dict[str, Any]:
    return read(wire.expect("GET", RESOURCE_QUOTAS.path(name, "q")).get("status", {}).get("used"))


def now() -> datetime:
    return datetime.now(UTC)


def ours(wire, name: str) -> dict[str, Any]:
    """The sum of what we reckon for everything that is there."""
    total = [
        usage(kind, found, now())
        for kind, one in COUNTED.items()
        for found in wire.expect("GET", one.path(name))["items"]
    ]
    return of(added(*total), KEYS)


def recount(wire, name: str) -> dict[str, Any]:
    """What the quota controller finds: a change of spec.hard makes it look."""
    hard = f"{next(numbers) + 10**15}"
    wire.expect("PATCH", RESOURCE_QUOTAS.path(name, "q"), {"spec": {"hard": {"pods": hard}}})
    deadline = time.monotonic() + 20 * BUSY
    while True:
        found = wire.expect("GET", RESOURCE_QUOTAS.path(name, "q"))
        if parse(found["status"]["hard"]["pods"]) == parse(hard):
            return read(found["status"]["used"])
        if time.monotonic() > deadline:
            raise TooLate("the quota is not counted again")
        time.sleep(0.1)


def test_every_key_of_this_test_is_reckoned_by_us() -> None:
    assert {kind_of(key) for key in KEYS} == set(COUNTED)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(spec=pods())
def test_a_pod_of_any_shape_is_charged_what_we_reckon(place, spec) -> None:
    wire, name = place
    before = charged(wire, name)
    status, made = wire.json("POST", PODS.path(name), {"metadata": {"name": f"p{next(numbers)}"}, "spec": spec})
    if status != 201:
        # Not every combination is a valid pod (a limit of the pod below one of a container); what is refused is not charged.
        assert status in (403, 422), made
        return
    accepted.add(made["metadata"]["name"])
    after = charged(wire, name)
    assert {key: after[key] - before[key] for key in KEYS} == of(usage("pods", made, now()), KEYS)


def test_most_of_these_pods_were_pods() -> None:
    assert len(accepted) > 20


SERVICES_OF = [
    {},
    {"type": "NodePort"},
    {"type": "LoadBalancer"},
    {"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False},
]


def test_services_claims_and_secrets_are_charged_what_we_reckon(place) -> None:
    wire, name = place
    port = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
    bodies = [(SERVICES, {"spec": {"ports": port, **spec}}) for spec in SERVICES_OF]
    storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    bodies += [(PERSISTENT_VOLUME_CLAIMS, {"spec": storage | {"storageClassName": one}}) for one in ("gold", "tin")]
    bodies += [(SECRETS, {"data": {}})]
    kinds = {one: kind for kind, one in COUNTED.items()}
    for resource, body in bodies:
        before = charged(wire, name)
        made = wire.expect("POST", resource.path(name), body | {"metadata": {"name": f"o{next(numbers)}"}})
        after = charged(wire, name)
        assert {key: after[key] - before[key] for key in KEYS} == of(usage(kinds[resource], made, now()), KEYS)
    eventually(lambda: recount(wire, name) == ours(wire, name), every=0.5)


def test_a_claim_whose_expansion_failed_is_charged_what_we_reckon(place) -> None:
    """At each step of a recovery. What the resizer writes is charged by the status, without regard to the limit."""
    wire, name = place
    body = {"metadata": {"name": "wide"}, "provisioner": "example.com/x", "allowVolumeExpansion": True}
    wire.json("POST", "/apis/storage.k8s.io/v1/storageclasses", body)
    spec = {"accessModes": ["ReadWriteOnce"], "storageClassName": "wide", "resources": {"requests": {"storage": "1Gi"}}}
    claim = f"o{next(numbers)}"
    wire.expect("POST", PERSISTENT_VOLUME_CLAIMS.path(name), {"metadata": {"name": claim}, "spec": spec})
    asked: Manifest = {"resources": {"requests": {"storage": "5Gi"}}}
    less: Manifest = {"resources": {"requests": {"storage": "2Gi"}}}
    steps: list[tuple[str | None, Manifest, int]] = [
        ("status", {"status": {"phase": "Bound", "capacity": {"storage": "1Gi"}}}, 1),
        (None, {"spec": asked}, 5),
        ("status", {"status": {"allocatedResources": {"storage": "5Gi"}}}, 5),
        (None, {"spec": less}, 5),
        ("status", {"status": {"allocatedResources": {"storage": "2Gi"}}}, 2),
        ("status", {"status": {"allocatedResources": {"storage": "4Gi"}}}, 4),
    ]
    key = "requests.storage"
    others = ours(wire, name)[key] - 2**30
    for part, patch, size in steps:
        wire.expect("PATCH", PERSISTENT_VOLUME_CLAIMS.path(name, claim, part), patch)
        # More is left over from before until the quota controller looks again.
        assert charged(wire, name)[key] >= others + size * 2**30
        wanted = others + size * 2**30
        eventually(lambda it=wanted: recount(wire, name)[key] == ours(wire, name)[key] == it, every=0.5)


def test_an_update_charges_more_and_never_less(place) -> None:
    """Whatever shrinks is left to be refunded: the rule our refunds stand on."""
    wire, name = place
    service = f"o{next(numbers)}"
    body = {"metadata": {"name": service}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
    wire.expect("POST", SERVICES.path(name), body)
    before = charged(wire, name)
    wire.expect("PATCH", SERVICES.path(name, service), {"metadata": {"labels": {"touched": "yes"}}})
    assert charged(wire, name) == before
    pod = f"p{next(numbers)}"
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}
    box = {"name": "c", "image": "x", "resources": resources}
    wire.expect("POST", PODS.path(name), {"metadata": {"name": pod}, "spec": {"containers": [box], **UNSCHEDULED}})
    smaller = {"requests": {"cpu": "500m"}, "limits": {"cpu": "500m"}}
    patch = {"spec": {"containers": [box | {"resources": {key: resources[key] | one for key, one in smaller.items()}}]}}
    before = charged(wire, name)
    status, answer = wire.json(
        "PATCH", PODS.path(name, pod, "resize"), patch, **{"Content-Type": "application/strategic-merge-patch+json"}
    )
    assert status == 200, answer["message"]
    assert charged(wire, name)["requests.cpu"] == before["requests.cpu"]
    eventually(lambda: recount(wire, name) == ours(wire, name), every=0.5)


def test_terminal_and_resized_pods_are_counted_as_we_reckon(place) -> None:
    wire, name = place
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
    box = {"name": "c", "image": "x", "resources": resources}
    names = [f"p{next(numbers)}" for _ in range(4)]
    for one in names:
        wire.expect("POST", PODS.path(name), {"metadata": {"name": one}, "spec": {"containers": [box], **UNSCHEDULED}})
    state = {"name": "c", "image": "x", "imageID": "", "ready": True, "restartCount": 0}
    larger = {"resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}, "allocatedResources": {"cpu": "5"}}
    pending = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}
    statuses = [
        {"phase": "Failed"},
        {"phase": "Succeeded"},
        {"containerStatuses": [state | larger]},
        {"containerStatuses": [state | larger], "conditions": [pending]},
    ]
    for one, status in zip(names, statuses, strict=True):
        wire.expect("PATCH", PODS.path(name, one, "status"), {"status": status})
    wanted = ours(wire, name)
    # Its informers may be a moment behind: looked at until it has heard of all.
    eventually(lambda: recount(wire, name) == wanted, every=0.5)
