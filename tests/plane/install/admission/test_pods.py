"""What a pod may be: refused by rule, by every verb and subresource, and from every kind that makes pods."""

from __future__ import annotations

import pytest

from plane.install.admission.conftest import FREE, STRICT, ready
from plane.install.admission.place import bare, image, passes, pod, refused, template

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"
POOL = "node-restriction.kubernetes.io/cotenant-pool"
WORKLOADS = (
    "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "replicationcontrollers", "podtemplates",
)  # fmt: skip


def affinity(kind: str, when: str, **term) -> dict:
    one = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {}, **term}
    weighed = {"weight": 1, "podAffinityTerm": one}
    name = f"{when}DuringSchedulingIgnoredDuringExecution"
    return {kind: {name: [weighed if when == "preferred" else one]}}


BAD = {
    "NODE-01 nodeName": (pod(nodeName="node-0"), "COTENANT-POD-1", "node-0"),
    "NODE-06 a class of the system": (pod(priorityClassName="system-node-critical"), "COTENANT-POD-16", "system-node"),
    "NODE-06 a class of others": (pod(priorityClassName="urgent"), "COTENANT-POD-2", "allowed: standard"),
    "NODE-09 a runtime class of others": (pod(runtimeClassName="kata"), "COTENANT-POD-3", "kata", "gvisor"),
    "NODE-02 every taint": (pod(tolerations=[{"operator": "Exists"}]), "COTENANT-POD-5", "every taint"),
    "NODE-02 no effect": (pod(tolerations=[{"key": POOL, "value": "silver"}]), "COTENANT-POD-5", "silver"),
    "NODE-02 any pool": (pod(tolerations=[{"key": POOL, "operator": "Exists"}]), "COTENANT-POD-5", POOL),
    "NODE-02 another key": (
        pod(tolerations=[{"key": "gpu", "operator": "Exists"}]),
        "COTENANT-POD-5",
        "toleration of gpu is",
    ),
    "NODE-02 after a good one": (
        pod(tolerations=[{"key": POOL, "value": "gold"}, {"key": POOL, "value": "silver"}]),
        "COTENANT-POD-5",
        "silver",
    ),
    "NODE-07 all namespaces": (
        pod(affinity=affinity("podAntiAffinity", "required", namespaceSelector={})),
        "COTENANT-POD-6",
    ),
    "NODE-07 one namespace": (
        pod(affinity=affinity("podAntiAffinity", "preferred", namespaces=["kube-system"])),
        "COTENANT-POD-6",
    ),
    "NODE-07 to be near": (pod(affinity=affinity("podAffinity", "required", namespaces=["b"])), "COTENANT-POD-6"),
    "POD-09 gitRepo": (
        pod(volumes=[{"name": "v", "gitRepo": {"repository": "https://example.com/x"}}]),
        "COTENANT-POD-7",
    ),
    "POD-11 another registry": (pod(containers=image("evil.example.com/x")), "COTENANT-POD-8", "evil.example.com/x"),
    "POD-11 no registry": (pod(containers=image("nginx")), "COTENANT-POD-8", "nginx", "registry.example.com/acme/"),
    "POD-11 by address": (pod(containers=image("203.0.113.7:5000/acme/app")), "COTENANT-POD-8"),
    "POD-11 a longer name": (pod(containers=image("registry.example.com.evil.io/acme/app")), "COTENANT-POD-8"),
    "POD-11 the path of others": (pod(containers=image("registry.example.com/acme2/app")), "COTENANT-POD-8"),
    "POD-11 a digest": (pod(containers=image("sha256:" + "a" * 64)), "COTENANT-POD-8"),
    "POD-11 capitals": (pod(containers=image("Registry.Example.com/acme/app")), "COTENANT-POD-8"),
    "POD-11 an init container": (pod(initContainers=[{"name": "i", "image": "nginx"}]), "COTENANT-POD-8", "nginx"),
    "POD-11 the second container": (
        pod(containers=[{"name": "a", "image": "public.ecr.aws/x"}, {"name": "b", "image": "nginx"}]),
        "COTENANT-POD-8",
        "nginx",
    ),
    "a name as long as may be": (pod(containers=image("e/" + "x" * 900)), "COTENANT-POD-8"),
}
GOOD = {
    "everything kept": pod(),
    "the other registry, by digest": pod(containers=image("public.ecr.aws/x/y@sha256:" + "a" * 64)),
    "an allowed priority": pod(priorityClassName="standard"),
    "an allowed sandbox": pod(runtimeClassName="gvisor"),
    "the taint of its own pool": pod(tolerations=[{"key": POOL, "operator": "Equal", "value": "gold"}]),
    "taints of Kubernetes": pod(tolerations=[{"key": "node.kubernetes.io/not-ready", "operator": "Exists"}]),
    "anti-affinity among its own": pod(affinity=affinity("podAntiAffinity", "required")),
    "its own namespace by name": pod(affinity=affinity("podAffinity", "preferred", namespaces=["admission-strict"])),
    "a volume of an allowed image": pod(volumes=[{"name": "v", "image": {"reference": "public.ecr.aws/x:1"}}]),
    "gates": pod(schedulingGates=[{"name": "example.com/wait"}]),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_pod_that_breaks_a_rule_is_refused(strict, classes, case):
    body, rule, *words = BAD[case]

    refused(await strict.ask("pods", body), rule, *words)


async def test_pod_10_a_volume_of_an_image_comes_from_an_allowed_registry(strict):
    """Kubernetes 1.33 drops the field, which is as good as a refusal."""
    answer = await strict.ask("pods", pod(volumes=[{"name": "v", "image": {"reference": "evil.example.com/x:1"}}]))

    if not answer.ok or "evil.example.com" in str(answer.body["spec"]):
        refused(answer, "COTENANT-POD-8", "evil.example.com/x:1")


@pytest.mark.parametrize("case", GOOD)
async def test_its_legitimate_neighbour_passes(strict, classes, case):
    passes(await strict.ask("pods", GOOD[case]))


@pytest.mark.parametrize("case", [name for name in BAD if "system" not in name])
async def test_a_tenant_without_rules_has_only_those_that_are_built_in(free, classes, case):
    body, rule, *_ = BAD[case]
    answer = await free.ask(
        "pods", {"spec": {key: value for key, value in body["spec"].items() if key != "nodeSelector"}}
    )

    allowed = {"COTENANT-POD-2", "COTENANT-POD-3", "COTENANT-POD-8"}
    if rule in allowed:
        passes(answer)
    else:
        refused(answer, rule)


@pytest.mark.parametrize("key", ["node-role.kubernetes.io/control-plane", "CriticalAddonsOnly", POOL])
async def test_node_02_without_a_pool_nobody_tolerates_a_pool_or_the_control_plane(free, key):
    refused(await free.ask("pods", bare(tolerations=[{"key": key, "operator": "Exists"}])), "COTENANT-POD-5", key)


async def test_a_name_that_external_dns_is_asked_for_by_a_pod_or_template_is_the_tenants(strict):
    """external-dns reads pods with --source=pod."""
    note = "external-dns.alpha.kubernetes.io/hostname"
    for name, ours in (
        ("www.example.com", False),
        ("a.acme.example.com, www.example.com", False),
        ("a.acme.example.com", True),
    ):
        named = {"metadata": {"annotations": {note: name}}}
        deployed = template("deployments", pod())
        deployed["spec"]["template"]["metadata"] |= named["metadata"]
        for what, body in (("pods", pod() | named), ("deployments", deployed)):
            answer = await strict.ask(what, body)
            passes(answer) if ours else refused(answer, "COTENANT-POD-20", "www.example.com", "*.acme.example.com")
    passes(await strict.ask("pods", pod() | {"metadata": {"name": "named"}}, dry=False))
    for name in ("www.example.com", "a.acme.example.com"):
        noted = {"metadata": {"annotations": {note: name}}}
        answer = await strict.ask("pods", noted, name="named", method="PATCH", content_type=MERGE)
        passes(answer) if name.startswith("a.") else refused(answer, "COTENANT-POD-20")


async def test_node_06_without_a_list_the_classes_of_the_system_stay_closed(free, classes):
    refused(await free.ask("pods", bare(priorityClassName="system-cluster-critical")), "COTENANT-POD-16")
    passes(await free.ask("pods", bare(priorityClassName="urgent")))


@pytest.mark.parametrize("plural", WORKLOADS)
@pytest.mark.parametrize(
    "case", ["POD-11 another registry", "NODE-01 nodeName", "NODE-02 every taint", "NODE-07 all namespaces"]
)
async def test_pod_05_the_author_of_a_workload_hears_of_it_too(strict, plural, case):
    body, rule, *words = BAD[case]

    refused(await strict.ask(plural, template(plural, body)), rule, *words)


@pytest.mark.parametrize("plural", WORKLOADS)
async def test_a_workload_that_keeps_the_rules_passes(strict, plural):
    passes(await strict.ask(plural, template(plural, pod())))


async def test_a_name_that_the_server_makes_up_changes_nothing(strict):
    bad = pod(containers=image("nginx")) | {"metadata": {"generateName": "x-"}}

    refused(await strict.ask("pods", bad), "COTENANT-POD-8")
    passes(await strict.ask("pods", pod() | {"metadata": {"generateName": "x-"}}))


PATCHES = {
    "application/merge-patch+json": lambda containers: {"spec": {"containers": containers}},
    "application/strategic-merge-patch+json": lambda _: {"spec": {"containers": image("nginx")}},
    "application/json-patch+json": lambda _: [{"op": "replace", "path": "/spec/containers/0/image", "value": "nginx"}],
    "application/apply-patch+yaml": lambda _: {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "standing"},
        "spec": {"containers": image("nginx")},
    },
}


@pytest.mark.parametrize("kind", PATCHES)
async def test_pod_11_an_image_is_not_changed_afterwards_by_any_patch(strict, standing, kind):
    found = (await strict.ask("pods", name=standing, method="GET", dry=False)).body
    patch = PATCHES[kind]([found["spec"]["containers"][0] | {"image": "nginx"}])
    query = {"fieldManager": "eve", "force": "true"} if "apply" in kind else {}
    answer = await strict.ask("pods", patch, name=standing, method="PATCH", content_type=kind, query=query)

    refused(answer, "COTENANT-POD-8", "nginx")


async def test_pod_11_nor_does_a_pod_come_into_being_by_apply(strict):
    body = pod(containers=image("nginx")) | {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "applied"}}
    how = {"name": "applied", "method": "PATCH", "content_type": "application/apply-patch+yaml"}

    refused(await strict.ask("pods", body, query={"fieldManager": "eve"}, **how), "COTENANT-POD-8")


async def test_pod_04_a_resize_brings_no_other_image_with_it(strict, standing):
    patch = {"spec": {"containers": image("nginx")}}
    merge = "application/strategic-merge-patch+json"

    answer = await strict.ask("pods/resize", patch, name=standing, method="PATCH", content_type=merge)

    # Kubernetes itself: a resize changes resources alone, and leaves the rest as it was.
    assert not answer.ok or answer.body["spec"]["containers"][0]["image"] == "registry.example.com/acme/app:1"


async def test_pod_11_nor_by_put(strict, standing):
    replaced = await strict.replace("pods", standing, lambda it: it["spec"]["containers"][0].update(image="nginx"))

    refused(replaced, "COTENANT-POD-8")
    passes(await strict.replace("pods", standing, lambda it: it["metadata"].update(labels={"team": "blue"})))


async def test_pod_04_an_ephemeral_container_has_an_allowed_image(make_place, strict, standing):
    patch = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "public.ecr.aws/busybox"}]}}
    merge = "application/strategic-merge-patch+json"

    answer = await strict.ask("pods/ephemeralcontainers", patch, name=standing, method="PATCH", content_type=merge)
    refused(answer, "COTENANT-EXEC-1", "ephemeralcontainers")
    open_ = STRICT | {"pods": STRICT["pods"] | {"allowExec": True}}
    place = await ready(await make_place("admission-ephemeral", open_), pooled=True)
    passes(await place.ask("pods", pod() | {"metadata": {"name": "standing"}}, dry=False))
    how = {"name": "standing", "method": "PATCH", "content_type": merge}
    passes(await place.ask("pods/ephemeralcontainers", patch, **how))
    patch["spec"]["ephemeralContainers"][0]["image"] = "busybox"
    refused(await place.ask("pods/ephemeralcontainers", patch, **how), "COTENANT-POD-8", "busybox")


async def test_node_10_a_gated_pod_cannot_be_given_other_nodes(strict):
    gated = pod(schedulingGates=[{"name": "example.com/wait"}]) | {"metadata": {"name": "gated"}}
    passes(await strict.ask("pods", gated, dry=False))
    merge = "application/merge-patch+json"
    there = (await strict.ask("pods", name="gated", method="GET", dry=False)).body["spec"]["tolerations"]
    spec = {"tolerations": [*there, {"key": POOL, "operator": "Exists", "effect": "NoSchedule"}]}

    answer = await strict.ask("pods", {"spec": spec}, name="gated", method="PATCH", content_type=merge)

    refused(answer, "COTENANT-POD-5")
    passes(
        await strict.ask(
            "pods", {"spec": {"nodeSelector": {"disk": "ssd"}}}, name="gated", method="PATCH", content_type=merge
        )
    )


async def test_what_runs_already_keeps_its_image_when_the_rule_is_tightened(make_place, admin, operator):
    place = await ready(await make_place("admission-tightened", FREE))
    body = bare(containers=image("nginx")) | {"metadata": {"name": "old", "finalizers": ["example.com/mine"]}}
    passes(await place.ask("pods", body, dry=False, by=admin))
    tight = {"spec": {"pods": {"registries": ["public.ecr.aws/"], "allowExec": True}}}
    merge = "application/merge-patch+json"
    passes(
        await place.ask(
            "spacepolicies", tight, name="policy", method="PATCH", content_type=merge, by=operator, dry=False
        )
    )

    for patch in ({"metadata": {"finalizers": None}}, {"spec": {"activeDeadlineSeconds": 600}}):
        passes(await place.ask("pods", patch, name="old", method="PATCH", content_type=merge))
    other = {"spec": {"containers": [{"name": "c", "image": "nginx:2"}]}}
    refused(
        await place.ask(
            "pods",
            other,
            name="old",
            method="PATCH",
            content_type="application/strategic-merge-patch+json",
        ),
        "COTENANT-POD-8",
        "nginx:2",
    )


@pytest.mark.parametrize("what", ["pods/exec", "pods/attach", "pods/portforward"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rbac_14_where_exec_is_off_nobody_enters_a_pod(strict, standing, what, method):
    query = {"ports": "80"} if "port" in what else {"command": "id", "container": "c", "stdout": "true"}
    answer = await strict.ask(what, name=standing, method=method, query=query, dry=False)

    refused(answer, "COTENANT-EXEC-1", what.partition("/")[2])


async def test_where_exec_is_on_admission_has_nothing_to_say(free):
    passes(await free.ask("pods", bare() | {"metadata": {"name": "open"}}, dry=False))

    answer = await free.ask("pods/exec", name="open", method="POST", query={"command": "id"}, dry=False)

    assert "COTENANT" not in answer.message
    assert answer.status != 403
