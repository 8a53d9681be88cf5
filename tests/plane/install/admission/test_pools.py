"""On which nodes a tenant's pods run: what the API server writes into them, and what it refuses of what others wrote."""

from __future__ import annotations

import asyncio
import copy

import pytest

from cotenant.kube import resource
from cotenant.kube.errors import NotFound
from cotenant.model.platform import Platform
from cotenant.render.install import force
from cotenant.render.install.admission.mode import TRIAL
from plane.install.admission.conftest import FREE, STRICT, policy_of, ready
from plane.install.admission.place import Manifest, bare, passes, pod, refused, template

pytestmark = pytest.mark.cluster
POOL = "node-restriction.kubernetes.io/cotenant-pool"
TENANT = "node-restriction.kubernetes.io/cotenant-tenant"
MERGE = "application/merge-patch+json"
GOLD = {"key": POOL, "operator": "Equal", "value": "gold"}
MINE = {"key": TENANT, "operator": "Equal", "value": "acme"}


@pytest.fixture(scope="session")
async def mutates(admin, strict) -> bool:
    """Whether this API server serves mutating policies, ours in force; Kubernetes before 1.36 does not."""
    try:
        await admin.list(resource.MUTATING_POLICIES, limit=1)
    except NotFound:
        return False
    async with asyncio.timeout(20):
        while not (await strict.ask("pods", bare())).ok:
            await asyncio.sleep(0.1)
    return True


@pytest.fixture
def forced(mutates):
    """For what only a mutating policy can do."""
    if not mutates:
        pytest.skip("this API server serves no MutatingAdmissionPolicy")


@pytest.fixture(scope="session")
async def dedicated(make_place):
    """A space of a tenant that has pool gold for itself."""
    rules = STRICT | {"nodes": {"pool": "gold", "dedicated": True}}
    return await ready(await make_place("admission-dedicated", rules), pooled=True)


def own(answer) -> list[Manifest]:
    """Tolerations that Kubernetes itself did not write."""
    passes(answer)
    return [one for one in answer.body["spec"].get("tolerations", []) if "node.kubernetes.io" not in one.get("key", "")]


async def test_without_mutating_policies_a_pod_names_its_pool_itself(strict, mutates):
    answer = await strict.ask("pods", bare())

    if mutates:
        assert answer.body["spec"]["nodeSelector"] == {POOL: "gold"}
    else:
        refused(answer, "COTENANT-POD-4", "tenant acme runs on pool gold", "says nothing")


async def test_a_pod_gets_selector_and_toleration_of_its_pool(strict, forced):
    answer = await strict.ask("pods", bare())

    assert own(answer) == [GOLD]
    assert answer.body["spec"]["nodeSelector"] == {POOL: "gold"}


async def test_a_pod_of_a_dedicated_pool_gets_the_key_to_the_taint_of_the_tenant_too(dedicated, forced):
    assert own(await dedicated.ask("pods", bare())) == [GOLD, MINE]


async def test_what_somebody_wrote_stays_beside_it(dedicated, forced):
    theirs = {
        "key": "node.kubernetes.io/not-ready",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 5,
    }
    selector = {"disk": "ssd"}
    answer = await dedicated.ask("pods", pod(nodeSelector=selector, tolerations=[theirs]))

    assert own(answer) == [GOLD, MINE]
    assert theirs in answer.body["spec"]["tolerations"]
    assert answer.body["spec"]["nodeSelector"] == {"disk": "ssd", POOL: "gold"}


@pytest.mark.parametrize("written", [[GOLD], [GOLD, MINE], [MINE], [{"key": POOL, "value": "gold"}]])
async def test_nothing_is_written_twice(dedicated, forced, written):
    found = own(await dedicated.ask("pods", bare(tolerations=written)))

    assert len(found) == 2
    assert {one["value"] for one in found} == {"gold", "acme"}


async def test_a_toleration_for_one_effect_does_not_keep_the_one_for_all_away(dedicated, forced):
    found = own(await dedicated.ask("pods", bare(tolerations=[MINE | {"effect": "NoSchedule"}])))

    assert MINE in found


async def test_a_tenant_without_a_pool_gets_nothing(free, forced):
    answer = await free.ask("pods", bare())

    assert own(answer) == []
    assert "nodeSelector" not in answer.body["spec"]


def node_affinity(operator: str, *values: str, when: str = "required") -> Manifest:
    expression = {"key": POOL, "operator": operator} | ({"values": list(values)} if values else {})
    term = {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}, expression]}
    if when == "required":
        found: Manifest = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    else:
        found = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "preference": term}]}
    return {"nodeAffinity": found}


ELSEWHERE = {
    "NODE-03 selector": ({"nodeSelector": {POOL: "silver"}}, "COTENANT-POD-4", "silver"),
    "NODE-03 empty": ({"nodeSelector": {POOL: ""}}, "COTENANT-POD-4", "nothing"),
    "NODE-03 affinity": ({"affinity": node_affinity("In", "silver")}, "COTENANT-POD-9", POOL),
    "NODE-03 one of two": ({"affinity": node_affinity("In", "gold", "silver")}, "COTENANT-POD-9", POOL),
    "NODE-03 preferred": ({"affinity": node_affinity("In", "silver", when="preferred")}, "COTENANT-POD-9", POOL),
    "NODE-03 any pool": ({"affinity": node_affinity("Exists")}, "COTENANT-POD-9", POOL),
    "NODE-03 in order": ({"affinity": node_affinity("Gt", "1")}, "COTENANT-POD-9", POOL),
    "NODE-02 tenant": ({"tolerations": [MINE | {"value": "beta"}]}, "COTENANT-POD-5", "=beta is not for tenant acme"),
    "NODE-02 any tenant": ({"tolerations": [{"key": TENANT, "operator": "Exists"}]}, "COTENANT-POD-5", TENANT),
    "NODE-02 every taint": ({"tolerations": [{"operator": "Exists"}]}, "COTENANT-POD-5", "every taint"),
    "NODE-02 one effect": (
        {"tolerations": [{"operator": "Exists", "effect": "NoExecute"}]},
        "COTENANT-POD-5",
        "every taint",
    ),
    "NODE-02 other pool": ({"tolerations": [GOLD | {"value": "silver"}]}, "COTENANT-POD-5", "silver"),
    "NODE-01 nodeName": ({"nodeName": "node-1"}, "COTENANT-POD-1", "node-1"),
}


# Without a pool an empty selector names none.
@pytest.mark.parametrize(
    ("whose", "case"),
    [
        (whose, case)
        for whose in ("dedicated", "free")
        for case in ELSEWHERE
        if (whose, case) != ("free", "NODE-03 empty")
    ],
)
async def test_the_way_to_other_nodes_is_refused_with_and_without_a_pool(dedicated, free, whose, case):
    spec, rule, *words = ELSEWHERE[case]
    if whose == "free":
        answer = await free.ask("pods", bare(**spec))
    else:
        answer = await dedicated.ask("pods", pod(**spec))
    refused(answer, rule, *words)


@pytest.mark.parametrize("plural", ["deployments", "daemonsets", "jobs", "cronjobs", "statefulsets"])
@pytest.mark.parametrize("case", ["NODE-03 selector", "NODE-03 affinity", "NODE-02 tenant", "NODE-02 every taint"])
async def test_pod_05_templates_too(dedicated, plural, case):
    spec, rule, *words = ELSEWHERE[case]

    refused(await dedicated.ask(plural, template(plural, pod(**spec))), rule, *words)


async def test_a_shared_pool_is_no_key_to_one_that_is_dedicated(strict):
    refused(await strict.ask("pods", pod(tolerations=[MINE])), "COTENANT-POD-5", TENANT)


@pytest.mark.parametrize("how", ["NotIn", "DoesNotExist"])
async def test_to_keep_off_a_pool_is_nobodys_business(free, how):
    values = ("silver",) if how == "NotIn" else ()

    passes(await free.ask("pods", bare(affinity=node_affinity(how, *values))))


async def test_affinity_to_the_own_pool_passes(strict):
    passes(await strict.ask("pods", pod(affinity=node_affinity("In", "gold"))))


async def test_a_daemon_that_the_controller_binds_to_one_node_passes(dedicated):
    """As the DaemonSet controller makes its pods."""
    fields = [{"key": "metadata.name", "operator": "In", "values": ["node-1"]}]
    terms = {"nodeSelectorTerms": [{"matchFields": fields}]}
    kinds = ("not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable")
    body = pod(
        affinity={"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
        tolerations=[{"key": f"node.kubernetes.io/{kind}", "operator": "Exists"} for kind in kinds],
    )

    passes(await dedicated.ask("pods", body))


async def test_the_template_of_a_daemonset_gets_them_for_its_controller_decides_by_it(dedicated, forced):
    answer = await dedicated.ask("daemonsets", template("daemonsets", bare()))

    passes(answer)
    spec = answer.body["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {POOL: "gold"}
    assert spec["tolerations"] == [GOLD, MINE]


@pytest.mark.parametrize("plural", ["deployments", "replicasets", "statefulsets", "jobs", "cronjobs", "podtemplates"])
async def test_other_templates_stay_as_they_were_written(dedicated, plural):
    answer = await dedicated.ask(plural, template(plural, bare()))

    passes(answer)
    assert POOL not in str(answer.body.get("spec", answer.body.get("template")))


async def test_a_daemonset_of_which_only_a_label_changes_starts_no_rollout(make_place, operator, forced):
    place = await ready(await make_place("admission-pool-later", FREE))
    passes(await place.ask("daemonsets", template("daemonsets", bare()), dry=False))
    now = policy_of(place.namespace, FREE | {"nodes": {"pool": "gold"}})
    await operator.merge(resource.SPACE_POLICIES, "policy", now, place.namespace)
    async with asyncio.timeout(10):
        while (await place.ask("pods", bare())).body.get("spec", {}).get("nodeSelector") != {POOL: "gold"}:
            await asyncio.sleep(0.05)

    labels = {"metadata": {"labels": {"team": "blue"}}}
    answer = await place.ask("daemonsets", labels, name="x", method="PATCH", content_type=MERGE)
    assert "nodeSelector" not in answer.body["spec"]["template"]["spec"]
    image = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "other"}]}}}}
    answer = await place.ask("daemonsets", image, name="x", method="PATCH", content_type=MERGE)
    assert answer.body["spec"]["template"]["spec"]["nodeSelector"] == {POOL: "gold"}


async def test_what_runs_stays_changeable_when_its_tenant_gets_a_pool_and_what_waits_at_a_gate_does_not(
    make_place, admin, operator
):
    place = await ready(await make_place("admission-pool-given", FREE | {"nodes": {"tolerations": ["gpu"]}}))
    toleration = {"key": "gpu", "operator": "Exists"}
    passes(await place.ask("pods", bare(tolerations=[toleration]) | {"metadata": {"name": "old"}}, dry=False))
    gates = [{"name": "example.com/wait"}]
    passes(await place.ask("pods", bare(schedulingGates=gates) | {"metadata": {"name": "gated"}}, dry=False))
    async with asyncio.timeout(20):
        while not (await admin.get(resource.PODS, "old", place.namespace))["spec"].get("nodeName"):
            await asyncio.sleep(0.05)
    now = policy_of(place.namespace, FREE | {"nodes": {"pool": "gold", "tolerations": None}})
    await operator.merge(resource.SPACE_POLICIES, "policy", now, place.namespace)
    async with asyncio.timeout(10):
        while (await place.ask("pods", bare(tolerations=[toleration]))).ok:
            await asyncio.sleep(0.05)

    deadline = {"spec": {"activeDeadlineSeconds": 600}}
    passes(await place.ask("pods", deadline, name="old", method="PATCH", content_type=MERGE))
    more = {"spec": {"tolerations": [toleration, {"key": "other", "operator": "Exists"}]}}
    found = (await place.ask("pods", name="old", method="GET", dry=False)).body["spec"]["tolerations"]
    more["spec"]["tolerations"] = [*found, {"key": "other", "operator": "Exists"}]
    answer = await place.ask("pods", more, name="old", method="PATCH", content_type=MERGE)
    refused(answer, "COTENANT-POD-5", "other")
    open_ = {"spec": {"schedulingGates": None}}
    answer = await place.ask("pods", open_, name="gated", method="PATCH", content_type=MERGE)
    refused(answer, "COTENANT-POD-4", "tenant acme runs on pool gold")
    through = {"spec": {"schedulingGates": None, "nodeSelector": {POOL: "gold"}}}
    passes(await place.ask("pods", through, name="gated", method="PATCH", content_type=MERGE))


@pytest.mark.parametrize("plural", ["deployments", "jobs"])
async def test_so_it_does_in_a_template_that_names_limits_alone_or_an_init_container(strict, plural):
    container = {"image": "registry.example.com/acme/app:1", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    keys = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}

    passes(await strict.ask(plural, template(plural, pod(containers=[container | {"name": "c"}], **keys))))
    passes(await strict.ask(plural, template(plural, pod(initContainers=[container | {"name": "i"}], **keys))))
    none = container | {"name": "c", "resources": {"limits": {"nvidia.com/gpu": 0}}}
    refused(await strict.ask(plural, template(plural, pod(containers=[none], **keys))), "COTENANT-POD-5")


@pytest.mark.parametrize(
    "key", ["dedicated", "infra.example.com/only", "nvidia.com/gpu", "eks.amazonaws.com/compute-type"]
)
async def test_node_02_without_a_pool_a_tenant_tolerates_what_it_was_given_and_no_other_taint(free, make_place, key):
    body = bare(tolerations=[{"key": key, "operator": "Exists"}])

    refused(await free.ask("pods", body), "COTENANT-POD-5", key)


async def test_a_taint_that_the_tenant_lists_is_tolerated(make_place):
    place = await ready(
        await make_place("admission-tolerant", FREE | {"nodes": {"tolerations": ["infra.example.com/only"]}})
    )

    passes(await place.ask("pods", bare(tolerations=[{"key": "infra.example.com/only", "operator": "Exists"}])))
    refused(await place.ask("pods", bare(tolerations=[{"key": "infra", "operator": "Exists"}])), "COTENANT-POD-5")


async def test_a_toleration_for_the_gpu_that_a_pod_asks_for_passes(strict):
    """ExtendedResourceToleration, which EKS runs, writes it."""
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    gpu = {"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "1"}}
    container = pod()["spec"]["containers"][0]

    passes(await strict.ask("pods", pod(containers=[container | {"resources": gpu}], tolerations=[toleration])))
    refused(await strict.ask("pods", pod(tolerations=[toleration])), "COTENANT-POD-5", "nvidia.com/gpu")


async def test_the_runtime_class_of_the_pool_is_the_way_where_nothing_is_mutated(dedicated, admin):
    scheduling = {"nodeSelector": {POOL: "gold"}, "tolerations": [GOLD, MINE]}
    for name, rules in (("gold", scheduling), ("silver", {"nodeSelector": {POOL: "silver"}})):
        body = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": f"cotenant-pool-{name}"}}
        status, text = await admin.raw(
            "POST",
            "/apis/node.k8s.io/v1/runtimeclasses",
            body=_bytes(body | {"handler": "runc", "scheduling": rules}),
            content_type="application/json",
        )
        assert status in (201, 409), text
    answer = await dedicated.ask("pods", bare(runtimeClassName="cotenant-pool-gold"))
    async with asyncio.timeout(10):
        while not answer.ok and "not found" in answer.message:  # the API server reads them from a cache
            await asyncio.sleep(0.1)
            answer = await dedicated.ask("pods", bare(runtimeClassName="cotenant-pool-gold"))

    assert own(answer) == [GOLD, MINE]
    assert answer.body["spec"]["nodeSelector"] == {POOL: "gold"}
    refused(await dedicated.ask("pods", bare(runtimeClassName="cotenant-pool-silver")), "COTENANT-POD-3")


def _bytes(body: Manifest) -> bytes:
    import json

    return json.dumps(body).encode()


@pytest.mark.parametrize("number", [20, 10_000])
async def test_however_many_tolerations_a_pod_has_it_is_on_the_pool_or_refused(dedicated, forced, number):
    many = [{"key": f"node.kubernetes.io/x{one}", "operator": "Exists"} for one in range(number)]

    answer = await dedicated.ask("pods", bare(tolerations=many))

    assert answer.status == 403 or answer.body["spec"]["nodeSelector"] == {POOL: "gold"}, answer.message
    assert answer.ok or number > 20
    passes(await dedicated.ask("pods", bare()))


async def test_where_the_pool_is_only_observed_nothing_is_written_but_in_a_rehearsal(make_place, operator, forced):
    place = await ready(await make_place("admission-pool-observed", FREE | {"nodes": {"tolerations": ["gpu"]}}))
    soft = FREE | {"nodes": {"pool": "gold", "tolerations": None}, "rules": {"COTENANT-POD-4": "observe"}}
    await operator.merge(resource.SPACE_POLICIES, "policy", policy_of(place.namespace, soft), place.namespace)
    body = bare(tolerations=[{"key": "gpu", "operator": "Exists"}])
    async with asyncio.timeout(10):
        while (await place.ask("pods", body)).ok:
            await asyncio.sleep(0.05)

    assert own(await place.ask("pods", bare())) == []
    rehearsed = await place.ask("pods", bare(), query={"fieldManager": TRIAL})
    assert own(rehearsed) == [GOLD]
    assert rehearsed.body["spec"]["nodeSelector"] == {POOL: "gold"}


async def test_without_the_mutation_its_twin_refuses_and_the_operator_says_that_it_is_gone(
    strict, admin, operator, forced
):
    from cotenant.controllers.inspection import Inspection
    from cotenant.controllers.world import World

    world = World()
    inspection = Inspection(operator, world, Platform(), lambda: None)
    assert await inspection.look() == ""
    assert world.mutates
    (binding,) = (copy.deepcopy(one) for one in force(Platform()) if one["kind"].endswith("Binding"))
    await admin.delete(resource.MUTATING_POLICY_BINDINGS, "cotenant-pools")
    try:
        async with asyncio.timeout(10):
            while (answer := await strict.ask("pods", bare())).ok:
                await asyncio.sleep(0.1)
        refused(answer, "COTENANT-POD-4", "says nothing")
        assert await inspection.look() == "binding of policy cotenant-pools is missing"
    finally:
        await admin.create(resource.MUTATING_POLICY_BINDINGS, binding)
    assert await inspection.look() == ""
    async with asyncio.timeout(10):
        while not (await strict.ask("pods", bare())).ok:
            await asyncio.sleep(0.1)


def test_there_is_one_mutating_policy_with_one_binding_whatever_the_number_of_tenants():
    assert [one["kind"] for one in force(Platform())] == ["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"]
