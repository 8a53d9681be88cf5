"""What refuses without an operator: a charge above spec.hard, a workload before its quota, a second quota."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube import resource
from cotenant.kube.errors import ApiError, Forbidden, Invalid
from cotenant.render.install.quotas import CANARY
from soak import acts

pytestmark = pytest.mark.cluster
OURS = {"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": "acme", "cotenant.dev/space": "dev"}
LIMITS = {"apiVersion": "v1", "kind": "LimitRange", "spec": {"limits": [{"type": "Container"}]}}


def quota(namespace: str, name: str = "cotenant", **hard: str) -> dict:
    metadata = {"name": name, "namespace": namespace, "labels": OURS}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": hard}}


def pod(namespace: str, name: str = "p") -> dict:
    containers = [{"name": "c", "image": "nginx"}]
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


async def denied(call, *words: str, by: type[ApiError] = Forbidden) -> str:
    with pytest.raises(by) as refusal:
        await call
    assert all(word in refusal.value.message for word in words), refusal.value.message
    return refusal.value.message


async def counted(admin, namespace: str) -> dict:
    """The quota once the quota controller has counted it."""
    async with asyncio.timeout(120):
        while (
            not (found := await admin.get(resource.RESOURCE_QUOTAS, "cotenant", namespace))
            .get("status", {})
            .get("used")
        ):
            await asyncio.sleep(0.05)
    return found


@pytest.fixture
async def space(in_force, make_place, operator, admin):
    """A namespace with its rules and our quota `pods: 2`, in force."""
    namespace = await make_place()
    await operator.create(resource.RESOURCE_QUOTAS, quota(namespace, pods="2"))
    await counted(admin, namespace)
    return namespace


@pytest.fixture
def make_place(make_namespace, operator):
    """Makes a namespace of acme that has its rules, and no quota yet."""

    async def make() -> str:
        namespace = await make_namespace("acme")
        spec = {"tenant": "acme", "space": "dev", "network": {"isolation": "tenant", "internet": True}}
        spec |= {
            "pods": {},
            "services": {"types": ["ClusterIP"]},
            "ingress": {},
            "storage": {},
            "serviceAccounts": {},
            "enforcement": "enforce",
        }
        metadata = {"name": "policy", "namespace": namespace}
        body = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "SpacePolicy", "metadata": metadata, "spec": spec}
        await operator.create(resource.SPACE_POLICIES, body)
        return namespace

    return make


@pytest.fixture
async def in_force(admin, installed, make_place):
    """Returns when the policies of quotas have reached the API server."""
    namespace = await make_place()
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": namespace}}
    async with asyncio.timeout(120):
        while True:
            try:
                await admin.create(resource.SERVICES, service | {"spec": {"ports": [{"port": 80}]}}, dry_run=True)
            except Invalid as error:
                if "cotenant-quota-first" in error.message:
                    return
            await asyncio.sleep(0.05)


@pytest.fixture
def frozen(control_plane):
    """The quota controller stands still: nothing brings status.hard down but what the test writes."""
    with acts.frozen(control_plane):
        yield


CLAIMS = resource.Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", namespaced=True)
WORKLOADS = {
    resource.PODS: pod("x"),
    resource.SERVICES: {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 80}]},
    },
    CLAIMS: {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "c"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "c",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    },
}


@pytest.mark.parametrize("kind", WORKLOADS, ids=lambda one: one.kind)
async def test_nothing_runs_in_a_tenants_namespace_without_its_quota(in_force, admin, make_place, kind):
    workload = WORKLOADS[kind]
    namespace = await make_place()
    wanted = workload | {"metadata": {"name": workload["metadata"]["name"], "namespace": namespace}}
    # 422: a missing parameter is no denial in words of ours (KEP-3488).
    await denied(admin.create(kind, wanted), "cotenant-quota-first", by=Invalid)


async def test_what_has_nothing_to_do_with_a_tenant_is_not_asked(admin, make_namespace):
    namespace = await make_namespace()
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": namespace}}
    await admin.create(resource.SERVICES, service | {"spec": {"ports": [{"port": 80}]}})
    await admin.create(resource.RESOURCE_QUOTAS, quota(namespace, "theirs", pods="2"))
    await admin.merge(resource.RESOURCE_QUOTAS, "theirs", {"spec": {"hard": {"pods": "5"}}}, namespace)
    await admin.delete(resource.RESOURCE_QUOTAS, "theirs", namespace)


async def test_pods_run_once_the_quota_is_counted(admin, space):
    async with asyncio.timeout(120):
        while True:
            try:
                await admin.create(resource.PODS, pod(space))
                return
            except Forbidden:  # there is no default ServiceAccount yet
                await asyncio.sleep(0.05)


async def test_the_operators_rehearsals_are_refused_so_that_it_knows_that_the_policies_act(
    operator, space, make_namespace
):
    there = await operator.get(resource.RESOURCE_QUOTAS, "cotenant", space)
    over = there | {"status": there["status"] | {"used": {"pods": "3"}}}
    message = await denied(
        operator.replace(resource.RESOURCE_QUOTAS, over, subresource="status", dry_run=True), "COTENANT-QUOTA-1"
    )
    assert f"tenant acme: pods 3 > 2 in namespace {space}; " in message
    assert "cotenant top acme" in message

    home = await make_namespace("acme")
    canary = LIMITS | {"metadata": {"name": CANARY, "namespace": home}}
    await denied(operator.create(resource.LIMIT_RANGES, canary, dry_run=True), "cotenant-quota-first", by=Invalid)
    await operator.create(resource.LIMIT_RANGES, LIMITS | {"metadata": {"name": "cotenant", "namespace": home}})


async def test_use_that_falls_or_stays_above_the_limit_may_be_written(operator, admin, space):
    server = admin.as_user("system:apiserver", ["system:masters"])
    there = await operator.get(resource.RESOURCE_QUOTAS, "cotenant", space)
    await operator.replace(
        resource.RESOURCE_QUOTAS,
        there | {"status": {"hard": {"pods": "2"}, "used": {"pods": "9"}}},
        subresource="status",
    )
    there = await operator.get(resource.RESOURCE_QUOTAS, "cotenant", space)
    for used in ("9", "8"):
        there = await server.replace(
            resource.RESOURCE_QUOTAS,
            there | {"status": {"hard": {"pods": "2"}, "used": {"pods": used}}},
            subresource="status",
        )
    body = there | {"status": {"hard": {"pods": "2"}, "used": {"pods": "9"}}}
    await denied(server.replace(resource.RESOURCE_QUOTAS, body, subresource="status"), "COTENANT-QUOTA-1", "9 > 2")


async def test_nobody_but_cotenant_writes_the_quota_of_a_space_or_adds_one(admin, space):
    hard = {"spec": {"hard": {"pods": "3"}}}
    await denied(admin.create(resource.RESOURCE_QUOTAS, quota(space, "second", pods="9")), "COTENANT-QUOTA-3")
    await denied(admin.merge(resource.RESOURCE_QUOTAS, "cotenant", hard, space), "COTENANT-QUOTA-4")
    await denied(
        admin.merge(
            resource.RESOURCE_QUOTAS, "cotenant", {"metadata": {"labels": {"cotenant.dev/space": None}}}, space
        ),
        "COTENANT-QUOTA-4",
    )
    used = {"status": {"used": {"pods": "0"}}}
    await denied(
        admin.merge(resource.RESOURCE_QUOTAS, "cotenant", used, space, subresource="status"), "COTENANT-QUOTA-4"
    )
    await denied(admin.delete(resource.RESOURCE_QUOTAS, "cotenant", space), "COTENANT-QUOTA-5")
    await admin.merge(resource.RESOURCE_QUOTAS, "cotenant", {"metadata": {"annotations": {"note": "x"}}}, space)


LABEL = "cotenant.dev/checked"


async def test_nobody_lowers_a_limit_without_the_label_by_which_charges_are_bound_to_it(operator, space):
    kind, less = resource.RESOURCE_QUOTAS, {"spec": {"hard": {"pods": "1"}}}
    message = await denied(operator.merge(kind, "cotenant", less, space), "COTENANT-QUOTA-6", LABEL)
    assert "ResourceQuota cotenant limits storage, or would have a lower limit than is in force" in message
    await operator.merge(kind, "cotenant", less | {"metadata": {"labels": {LABEL: "true"}}}, space)


async def test_nor_limits_storage_without_it_whose_claims_are_charged_by_their_status_without_a_limit(
    operator, make_place
):
    namespace, kind = await make_place(), resource.RESOURCE_QUOTAS
    wanted = quota(namespace, **{"requests.storage": "1Gi"})
    await denied(operator.create(kind, wanted), "COTENANT-QUOTA-6", "limits storage")
    wanted["metadata"]["labels"] = OURS | {LABEL: "true"}
    await operator.create(kind, wanted)


async def test_the_label_stays_on_until_the_lower_limit_is_in_force(operator, admin, space, frozen):
    kind, lowered = resource.RESOURCE_QUOTAS, {"metadata": {"labels": {LABEL: "true"}}, "spec": {"hard": {"pods": "1"}}}
    bare = {"metadata": {"labels": {LABEL: None}}}
    await operator.merge(kind, "cotenant", lowered, space)
    for subresource in ("", "status"):
        change = operator.merge(kind, "cotenant", bare, space, subresource=subresource)
        await denied(change, "COTENANT-QUOTA-6")
        await denied(admin.merge(kind, "cotenant", bare, space, subresource=subresource), "COTENANT-QUOTA-")
    enforced = bare | {"status": {"hard": {"pods": "1"}, "used": {"pods": "0"}}}
    await operator.merge(kind, "cotenant", enforced, space, subresource="status")


@pytest.mark.parametrize("accounting", ["native", "strict"])
async def test_a_charge_is_bound_to_a_lowered_limit_that_is_not_in_force_yet(
    operator, admin, space, frozen, accounting
):
    """Frozen, the quota controller lets us see how it is in the moment between the two writes."""
    labels = {LABEL: "true"} | ({"cotenant.dev/accounting": "strict"} if accounting == "strict" else {})
    await operator.merge(
        resource.RESOURCE_QUOTAS, "cotenant", {"metadata": {"labels": labels}, "spec": {"hard": {"pods": "1"}}}, space
    )
    server = admin.as_user("system:apiserver", ["system:masters"])
    for used in ("1", "2"):
        there = await admin.get(resource.RESOURCE_QUOTAS, "cotenant", space)
        charge = there | {"status": {"hard": {"pods": "2"}, "used": {"pods": used}}}
        call = server.replace(resource.RESOURCE_QUOTAS, charge, subresource="status")
        if used == "1":
            await call
        else:
            await denied(call, "COTENANT-QUOTA-1: tenant acme: pods 2 > 1")


async def test_the_charges_of_a_strict_quota_that_is_not_lowered_are_left_to_the_api_server(operator, admin, space):
    """What the law would refuse natively goes through: it is not asked. Who changes how it is counted is."""
    kind, marked = resource.RESOURCE_QUOTAS, {"metadata": {"labels": {"cotenant.dev/accounting": "strict"}}}
    there = await operator.merge(kind, "cotenant", marked, space)
    server = admin.as_user("system:apiserver", ["system:masters"])
    over = {"status": {"hard": {"pods": "2"}, "used": {"pods": "3"}}}
    await server.replace(kind, there | over, subresource="status", dry_run=True)
    stripped = {"metadata": {"labels": {"cotenant.dev/accounting": None}}}
    await denied(admin.merge(kind, "cotenant", stripped, space, subresource="status"), "COTENANT-QUOTA-4")


async def test_nothing_runs_where_the_quota_is_not_that_of_a_space(in_force, operator, admin, make_place):
    namespace = await make_place()
    theirs = quota(namespace, pods="2")
    theirs["metadata"] = {"name": "cotenant", "namespace": namespace}
    await operator.create(resource.RESOURCE_QUOTAS, theirs)
    await counted(admin, namespace)
    await denied(admin.create(resource.PODS, pod(namespace)), "COTENANT-QUOTA-2", "is not that of a space")


MARKS = {
    "lowered": {"labels": {"cotenant.dev/checked": "true"}},
    "label": {"labels": {"cotenant.dev/accounting": "strict"}},
    "refunded": {"annotations": {"cotenant.dev/refunded": "pods=999999999"}},
    "frozen": {"annotations": {"cotenant.dev/frozen": "2026-01-01T00:00:00+00:00"}},
}


@pytest.mark.parametrize("mark", MARKS)
async def test_marks_of_strict_accounting_are_set_and_taken_off_by_cotenant_alone(admin, operator, space, mark):
    change = {"metadata": MARKS[mark]}
    gone = {"metadata": {field: dict.fromkeys(found) for field, found in MARKS[mark].items()}}
    await denied(admin.merge(resource.RESOURCE_QUOTAS, "cotenant", change, space), "COTENANT-QUOTA-4")
    await operator.merge(resource.RESOURCE_QUOTAS, "cotenant", change, space)
    await denied(admin.merge(resource.RESOURCE_QUOTAS, "cotenant", gone, space), "COTENANT-QUOTA-4")
    note = {"metadata": {"annotations": {"note": "x"}, "labels": {"note": "x"}}}
    await admin.merge(resource.RESOURCE_QUOTAS, "cotenant", note, space)
    # The quota controller, no stranger, goes on counting.
    found = await admin.get(resource.RESOURCE_QUOTAS, "cotenant", space)
    counter = admin.as_user("system:serviceaccount:kube-system:resourcequota-controller", ["system:masters"])
    await counter.replace(resource.RESOURCE_QUOTAS, found, subresource="status")
    await operator.merge(resource.RESOURCE_QUOTAS, "cotenant", gone, space)


async def test_a_finalizer_on_the_quota_of_a_space_is_put_on_by_nobody_and_taken_off_by_anybody(admin, operator, space):
    held, free = ({"metadata": {"finalizers": found}} for found in (["example.com/mine"], None))
    await denied(admin.merge(resource.RESOURCE_QUOTAS, "cotenant", held, space), "COTENANT-QUOTA-4")
    await operator.merge(resource.RESOURCE_QUOTAS, "cotenant", held, space)
    await admin.merge(resource.RESOURCE_QUOTAS, "cotenant", {"metadata": {"annotations": {"note": "y"}}}, space)
    await admin.merge(resource.RESOURCE_QUOTAS, "cotenant", free, space)


async def test_marks_on_a_quota_that_is_not_ours_mean_nothing_and_are_nobodys_business(admin, operator, space):
    theirs = quota(space, "theirs", pods="9") | {"metadata": {"name": "theirs", "namespace": space}}
    await operator.create(resource.RESOURCE_QUOTAS, theirs)
    for found in MARKS.values():
        await admin.merge(resource.RESOURCE_QUOTAS, "theirs", {"metadata": found}, space)


async def test_a_namespace_with_its_quota_can_be_deleted(admin, space):
    from cotenant.kube.errors import NotFound

    await admin.delete(resource.NAMESPACES, space)
    async with asyncio.timeout(120):
        while True:
            try:
                await admin.get(resource.NAMESPACES, space)
            except NotFound:
                return
            await asyncio.sleep(0.2)
