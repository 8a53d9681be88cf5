"""Walkthrough 1, nodes: who runs where, by the real scheduler; priorities, dedicated nodes, and the ways onto nodes of others."""

from __future__ import annotations

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cotenant.api.keys import DEDICATED, POOL
from cotenant.render.install import deny, force
from cotenant.render.nodes import runtime_class
from installation import PLATFORM, Cluster, Manifest
from seeds.pools import HUGE, SMALL, Pool, given_node, given_pool, run, waits, workload
from seeds.test_lint_workloads import POD as PRINTED
from vocabulary import (
    Team,
    deployment,
    eventually,
    expect_denied,
    expect_ready,
    given_tenant,
    gone,
    pod,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def pools(installation) -> Iterator[tuple[Pool, Pool, Team]]:
    """Tenants A and B with a pool each, C without."""
    a, b = given_pool(installation, "a"), given_pool(installation, "b")
    c = given_tenant(installation, "c", spaces=["main"], ready=False)
    for team in (a.team, b.team, c):
        expect_ready(team, "main")
    yield a, b, c
    for one in (a, b):
        installation.delete("Node", one.node)


@pytest.fixture
def a(cluster, pools) -> Pool:
    return pools[0]


@pytest.fixture
def b(cluster, pools) -> Pool:
    return pools[1]


@pytest.fixture
def c(cluster, pools) -> Team:
    return pools[2]


def test_s1_09_s1_10_an_administrator_taints_and_labels_the_nodes_of_a_tenant(cluster, a):
    node = cluster.there("Node", a.node)

    assert {"key": DEDICATED, "value": a.team.name, "effect": "NoSchedule"} in node["spec"]["taints"]
    assert node["metadata"]["labels"][POOL] == a.name
    for verb in ("update", "patch", "delete"):
        assert not any(a.team.owner.may(verb, "nodes", name=a.node).values())


def test_s1_11_a_pod_of_the_tenant_runs_on_its_node(cluster, a):
    assert run(cluster, a.team, pod("plain", a.space, **a.way)) == a.node


def test_s1_11_the_pod_as_it_is_printed_is_refused_for_its_quotes(cluster, a):
    expect_denied(a.team.owner.apply(PRINTED.replace("tenant-a", a.space)), by="validation", saying='Unsupported value: "“NoSchedule”"')  # fmt: skip


def test_s1_12_a_pod_of_another_tenant_waits_although_only_that_node_has_room(cluster, a, c):
    namespace = c.namespace("main")
    eventually(lambda: c.owner.apply(pod("large", namespace, resources=HUGE)).ok)

    assert "had untolerated taint" in waits(cluster, "large", namespace)
    assert run(cluster, a.team, pod("large", a.space, resources=HUGE, **a.way)) == a.node
    for where in (namespace, a.space):
        cluster.delete("Pod", "large", where)  # nothing of the later tests is to wait for room


def test_s1_13_a_toleration_without_a_selector_leads_to_no_shared_node(cluster, a):
    toleration = {"key": DEDICATED, "operator": "Equal", "value": a.team.name, "effect": "NoSchedule"}

    assert run(cluster, a.team, pod("tolerant", a.space, tolerations=[toleration], **a.way)) == a.node
    assert cluster.there("Pod", "tolerant", a.space)["spec"]["nodeSelector"] == {POOL: a.name}


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet", "Job", "DaemonSet"])
def test_s1_13_every_kind_of_workload_runs_there_and_the_daemons_nowhere_else(cluster, a, kind):
    name = f"w-{kind.lower()}"
    way = a.daemons if kind == "DaemonSet" else a.way
    eventually(lambda: a.team.owner.apply(workload(kind, name, a.space, **way)).ok)

    def placed() -> bool:
        found = [one for one in cluster.list("Pod", a.space) if one["metadata"]["name"].startswith(name)]
        assert found and all(one["spec"].get("nodeName") for one in found)
        assert {one["spec"]["nodeName"] for one in found} == {a.node}
        return True

    eventually(placed)
    if kind == "DaemonSet":
        eventually(lambda: cluster.there("DaemonSet", name, a.space)["status"]["desiredNumberScheduled"] == 1)


def ways(to: Pool) -> dict[str, tuple[Manifest, str, str]]:
    """How somebody may try to get onto the nodes of a tenant: what, which rule, and what the message names."""
    tolerations: dict[str, Manifest] = {
        "taint": {"key": DEDICATED, "operator": "Equal", "value": to.team.name, "effect": "NoSchedule"},
        "any tenant": {"key": DEDICATED, "operator": "Exists"},
        "pool": {"key": POOL, "operator": "Equal", "value": to.name},
        "everything": {"operator": "Exists"},
        "one effect": {"operator": "Exists", "effect": "NoSchedule"},
    }
    expression = {"key": POOL, "operator": "In", "values": [to.name]}
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}
    found: dict[str, tuple[Manifest, str, str]] = {
        name: ({"tolerations": [one]}, "COTENANT-POD-5", one.get("key", "every taint"))
        for name, one in tolerations.items()
    }
    return found | {
        "selector": ({"nodeSelector": {POOL: to.name}}, "COTENANT-POD-4", POOL),
        "affinity": ({"affinity": affinity}, "COTENANT-POD-9", POOL),
        "name": ({"nodeName": to.node}, "COTENANT-POD-1", to.node),
    }


WAYS = ("taint", "any tenant", "pool", "everything", "one effect", "selector", "affinity", "name")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("whose", ["b", "c"])
def test_s1_14_no_other_tenant_names_the_nodes_of_one(cluster, a, b, c, way, whose):
    team, namespace = (b.team, b.space) if whose == "b" else (c, c.namespace("main"))
    spec, rule, named = ways(a)[way]
    own = b.way if whose == "b" and way != "selector" else {}
    answer = team.owner.apply(pod("intruder", namespace, **own, **spec))

    expect_denied(answer, by="policy", saying=f"{rule}: ")
    assert named in answer.err
    assert team.name in answer.err or way == "name"


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job", "DaemonSet"])
def test_s1_14_nor_does_a_workload_of_another_tenant(cluster, a, b, kind):
    manifest = workload(kind, "intruder", b.space, **b.way, **ways(a)["everything"][0])

    expect_denied(b.team.owner.apply(manifest), by="policy", saying="COTENANT-POD-5: ")


def test_s1_14_nobody_binds_a_pod_to_a_node_by_hand(cluster, a, c):
    namespace = c.namespace("main")
    eventually(lambda: c.owner.apply(pod("loose", namespace, schedulingGates=[{"name": "example.com/wait"}])).ok)
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "loose", "namespace": namespace},
        "target": {"apiVersion": "v1", "kind": "Node", "name": a.node},
    }

    expect_denied(
        c.owner.kubectl("create", "--validate=false", "-f", "-", stdin=binding), saying="cannot create resource"
    )
    assert not any(c.owner.may("create", "pods/binding", namespace=namespace).values())


@pytest.mark.parametrize("way", ["selector", "taint"])
def test_s1_14_nor_does_a_pod_get_there_that_waited_at_a_gate(cluster, a, c, way):
    namespace, name = c.namespace("main"), f"gated-{way}"
    eventually(lambda: c.owner.apply(pod(name, namespace, schedulingGates=[{"name": "example.com/wait"}])).ok)
    change, rule, _ = ways(a)[way]
    if way == "taint":
        change = {
            "tolerations": [*cluster.there("Pod", name, namespace)["spec"]["tolerations"], *change["tolerations"]]
        }
    text = str({"spec": change | {"schedulingGates": None}}).replace("'", '"').replace("None", "null")

    expect_denied(
        c.owner.kubectl("patch", "pod", name, "-n", namespace, "--type=merge", "-p", text),
        by="policy",
        saying=f"{rule}: ",
    )


def test_s1_15_pods_of_each_tenant_are_on_its_own_nodes_and_nothing_else_is(cluster, a, b, c):
    shared = c.namespace("main")
    for team, namespace, way in ((a.team, a.space, a.way), (b.team, b.space, b.way), (c, shared, {})):
        many = workload("Deployment", "many", namespace, **way)
        many["spec"]["replicas"] = 6
        eventually(lambda it=team, what=many: it.owner.apply(what).ok)
    # Of the platform, and not meant for anybody's pool: it waits rather than go there.
    cluster.apply(deployment("platform", "default", replicas=1, resources=HUGE))
    try:

        def placed() -> bool:
            for namespace in (a.space, b.space, shared):
                found = [one for one in cluster.list("Pod", namespace) if one["metadata"]["name"].startswith("many")]
                assert len(found) == 6 and all(one["spec"].get("nodeName") for one in found)
            return True

        eventually(placed, 20)
        mine = [one for one in cluster.list("Pod", "default") if one["metadata"]["name"].startswith("platform")]
        assert "had untolerated taint" in waits(cluster, mine[0]["metadata"]["name"], "default")
        tenants = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in cluster.list("Namespace")}
        for one in cluster.list("Pod"):
            for pool in (a, b):
                there = one["spec"].get("nodeName") == pool.node
                own = tenants[one["metadata"]["namespace"]].get("cotenant.dev/tenant") == pool.team.name
                assert there == (own and "nodeName" in one["spec"]), one["metadata"]
    finally:
        cluster.delete("Deployment", "platform", "default")


def test_s1_15_a_second_tenant_that_names_the_pool_does_not_come_in(cluster, a):
    """A mistake of the administrator. The taint has room for one tenant."""
    other = given_tenant(cluster, "late", spaces=["main"], nodes={"pool": a.name, "dedicated": True})
    expect_ready(other, "main")
    namespace = other.namespace("main")
    eventually(lambda: other.owner.apply(pod("plain", namespace, nodeSelector={POOL: a.name})).ok)

    try:
        assert "had untolerated taint" in waits(cluster, "plain", namespace)
        ((_, said, _),) = pools_found(cluster, other.name)
        assert said.startswith(f"pool {a.name} is meant for one tenant, and {a.team.name}, {other.name} name it")
    finally:
        cluster.delete("Pod", "plain", namespace)
        other.change(nodes=None)


@contextmanager
def without(cluster: Cluster, *names: str) -> Iterator[None]:
    """These policies are not bound meanwhile."""
    bindings = [one for one in (*deny(PLATFORM), *force(PLATFORM)) if one["kind"].endswith("Binding")]
    wanted = [one for one in bindings if one["spec"]["policyName"] in names]
    found = [one for one in wanted if cluster.get(one["kind"], one["metadata"]["name"])]
    assert found
    try:
        for one in found:
            cluster.delete(one["kind"], one["metadata"]["name"])
        yield
    finally:
        for one in found:
            cluster.apply(one, manager="cotenant-install")


def pools_found(cluster: Cluster, *tenants: str) -> list[tuple[str, str, str]]:
    """What `cotenant doctor` says about the pools of these tenants: level, detail, fix."""
    command = [sys.executable, "-m", "cotenant", "doctor", "-o", "json", "--kubeconfig", str(cluster.plane.kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    found = [one for one in json.loads(done.stdout)["findings"] if one["what"] == "node pools"]
    return [
        (one["level"], one["detail"], one["fix"]) for one in found if any(name in one["detail"] for name in tenants)
    ]


def test_s1_15_doctor_sees_where_everybodys_pods_are_and_whether_the_nodes_keep_others_out(cluster, a, c):
    assert pools_found(cluster, a.team.name) == []
    taint = f"{DEDICATED}={a.team.name}"
    assert cluster.admin.kubectl("taint", "nodes", a.node, f"{taint}:NoSchedule-").ok
    try:
        loose = pod("guest", c.namespace("main"), resources=HUGE)
        run(cluster, c, loose)
        found = pools_found(cluster, a.team.name)
    finally:
        assert cluster.admin.kubectl("taint", "nodes", a.node, f"{taint}:NoSchedule").ok
        cluster.delete("Pod", "guest", c.namespace("main"))
        eventually(gone(cluster, "Pod", "guest", c.namespace("main")))
    where = f"pod {c.namespace('main')}/guest runs on node {a.node}, which is of tenant {a.team.name}"
    assert [(level, fix) for level, _, fix in found] == [
        ("WARN", f"kubectl taint nodes {a.node} {taint}:NoExecute"),
        ("FAIL", f"kubectl delete pod guest -n {c.namespace('main')}"),
    ]
    assert found[1][1] == where


def test_s1_14_without_the_policies_the_same_pods_run_where_they_should_not(cluster, a, b, c):
    """What the other tests show is these policies' doing, and nobody else's."""
    namespace = c.namespace("main")
    spec, _, _ = ways(a)["everything"]
    intruder = pod("intruder", namespace, resources=HUGE, **spec)
    with without(cluster, "cotenant-pods", "cotenant-pools"):
        assert run(cluster, c, intruder) in (a.node, b.node)
        astray = pod("astray", a.space)
        # Each API server forgets a binding within a second, each its own way.
        eventually(lambda: "nodeSelector" not in a.team.owner.apply(astray, "--dry-run=server", "-o", "json").out)
        assert run(cluster, a.team, astray) != a.node
    for one, where in (("intruder", namespace), ("astray", a.space)):
        cluster.delete("Pod", one, where)
    eventually(lambda: "COTENANT-POD-5" in c.owner.apply(intruder, "--dry-run=server").err, 20)


@pytest.fixture(scope="module")
def classes(installation) -> Iterator[str]:
    name = f"premium-{secrets.token_hex(2)}"
    body: Manifest = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": name}}
    assert installation.admin.apply(body | {"value": 100000}).ok
    yield name
    installation.admin.kubectl("delete", "priorityclass", name)


@pytest.fixture(scope="module")
def shared(installation, classes) -> Iterator[tuple[Team, Team, str, Manifest]]:
    """A regular and a premium tenant on one pool of one node with room for two pods; they name it by its RuntimeClass."""
    pool = f"shared-{secrets.token_hex(2)}"
    node = given_node(installation, f"node-{pool}", cpu="2", labels={POOL: pool})
    assert installation.admin.kubectl("taint", "nodes", node, f"{POOL}={pool}:NoSchedule").ok
    installation.admin.apply(runtime_class(pool, None))
    nodes: dict[str, Any] = {"nodes": {"pool": pool}}
    pods = {"security": "baseline", "priorityClasses": []}
    regular = given_tenant(installation, "regular", spaces=["main"], ready=False, pods=pods, **nodes)
    pods = pods | {"priorityClasses": [classes]}
    premium = given_tenant(installation, "premium", spaces=["main"], ready=False, pods=pods, **nodes)
    for team in (regular, premium):
        expect_ready(team, "main")
    yield regular, premium, node, {"runtimeClassName": f"cotenant-pool-{pool}"}
    installation.delete("Node", node)


@pytest.mark.parametrize("which", ["premium", "system-cluster-critical", "system-node-critical"])
def test_s1_06_a_regular_tenant_has_no_premium_priority(cluster, shared, classes, which):
    regular, *_ = shared
    name = classes if which == "premium" else which
    manifest = pod("important", regular.namespace("main"), priorityClassName=name)

    said = (
        f"-2: PriorityClass {name} is not allowed"
        if which == "premium"
        else f"-16: PriorityClass {name} is the platform's"
    )
    expect_denied(regular.owner.apply(manifest), by="policy", saying=f"COTENANT-POD{said}")


def test_s1_08_a_premium_pod_takes_the_place_of_a_regular_one_on_a_full_node(cluster, shared, classes):
    regular, premium, node, way = shared
    namespace = regular.namespace("main")
    web = workload("Deployment", "web", namespace, **way)
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = SMALL
    eventually(lambda: regular.owner.apply(web).ok)

    def running() -> set[str]:
        return {
            one["metadata"]["name"] for one in cluster.list("Pod", namespace) if one["spec"].get("nodeName") == node
        }

    before = eventually(lambda: len(running()) == 2 and running())

    urgent = pod("urgent", premium.namespace("main"), resources=SMALL, priorityClassName=classes, **way)
    assert run(cluster, premium, urgent) == node
    eventually(lambda: len(running()) == 1)
    assert running() < before
    plain = pod("plain", premium.namespace("main"), resources=SMALL, **way)
    eventually(lambda: premium.owner.apply(plain).ok)
    waits(cluster, "plain", premium.namespace("main"))
    assert len(running()) == 1
