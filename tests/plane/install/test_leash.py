"""The operator's own ServiceAccount, with a real token: what it may do, and that it cannot get further."""

from __future__ import annotations

import asyncio
import base64
from datetime import UTC, datetime, timedelta

import pytest

from cotenant.kube import resource
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.render import install as objects
from cotenant.render.install import InstallValues
from cotenant.serve.certificates import issue

pytestmark = pytest.mark.cluster
PAIR = issue(["localhost"], datetime.now(UTC), timedelta(days=1))
QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": {"pods": "1"}}}


def quota_in(namespace: str) -> dict:
    return QUOTA | {"metadata": {"name": "q", "namespace": namespace}}


def binding(namespace: str, role: str, kind: str = "ClusterRole") -> dict:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "b", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": [{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}],
    }


async def denied(call, *words: str) -> str:
    with pytest.raises(Forbidden) as refusal:
        await call
    message = refusal.value.message
    assert all(word in message for word in words), message
    return message


async def test_the_operator_works_in_a_namespace_with_the_tenant_label(operator, make_namespace):
    namespace = await make_namespace("acme")

    await operator.create(resource.RESOURCE_QUOTAS, quota_in(namespace))
    await operator.create(resource.ROLE_BINDINGS, binding(namespace, "cotenant:owner"))
    await operator.merge(resource.NAMESPACES, namespace, {"metadata": {"labels": {"a": "b"}}})


@pytest.mark.parametrize("namespace", ["default", "kube-system", "kube-node-lease"])
async def test_the_operator_changes_nothing_in_namespaces_of_kubernetes(operator, namespace):
    await denied(operator.create(resource.RESOURCE_QUOTAS, quota_in(namespace)), "COTENANT-LEASH-2", namespace)


@pytest.mark.parametrize("namespace", ["default", "kube-system", "cotenant-system"])
async def test_the_operator_cannot_take_a_reserved_namespace_by_labelling_it(operator, admin, namespace):
    offer = {"metadata": {"annotations": {"cotenant.dev/adopt": "acme/dev"}}}
    await admin.merge(resource.NAMESPACES, namespace, offer)
    label = {"metadata": {"labels": {"cotenant.dev/tenant": "acme"}}}

    await denied(operator.merge(resource.NAMESPACES, namespace, label), "COTENANT-LEASH-1", namespace)

    await admin.merge(resource.NAMESPACES, namespace, {"metadata": {"annotations": {"cotenant.dev/adopt": None}}})


async def test_a_strangers_namespace_is_closed_to_the_operator(operator, make_namespace):
    namespace = await make_namespace()
    label = {"metadata": {"labels": {"cotenant.dev/tenant": "acme"}}}
    offer = {"metadata": {"annotations": {"cotenant.dev/adopt": "acme/dev"}}}

    await denied(operator.create(resource.RESOURCE_QUOTAS, quota_in(namespace)), "COTENANT-LEASH-2")
    await denied(operator.merge(resource.NAMESPACES, namespace, label), "COTENANT-LEASH-1")
    await denied(operator.merge(resource.NAMESPACES, namespace, offer), "COTENANT-LEASH-1")
    await denied(operator.merge(resource.NAMESPACES, namespace, {"metadata": offer["metadata"] | label["metadata"]}))
    await denied(operator.delete(resource.NAMESPACES, namespace), "COTENANT-LEASH-1")


async def test_a_namespace_offered_to_one_tenant_cannot_become_anothers(operator, make_namespace):
    namespace = await make_namespace(adopt="acme/dev")

    wrong = operator.merge(resource.NAMESPACES, namespace, {"metadata": {"labels": {"cotenant.dev/tenant": "other"}}})
    await denied(wrong, "COTENANT-LEASH-1")
    await operator.merge(resource.NAMESPACES, namespace, {"metadata": {"labels": {"cotenant.dev/tenant": "acme"}}})


async def test_a_namespace_that_the_operator_makes_carries_the_label_from_birth(operator):
    bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "install-bare"}}

    await denied(operator.create(resource.NAMESPACES, bare), "COTENANT-LEASH-1", "install-bare")
    labelled = bare | {"metadata": {"name": "install-bare", "labels": {"cotenant.dev/tenant": "acme"}}}
    await operator.create(resource.NAMESPACES, labelled, dry_run=True)
    for name in ("kube-mine", "default"):
        taken = labelled | {"metadata": labelled["metadata"] | {"name": name}}
        await denied(operator.create(resource.NAMESPACES, taken, dry_run=True), "COTENANT-LEASH-1")


async def test_stripping_the_label_gives_nothing_and_takes_the_namespace_away(operator, make_namespace):
    namespace = await make_namespace("acme")

    await operator.merge(resource.NAMESPACES, namespace, {"metadata": {"labels": {"cotenant.dev/tenant": None}}})

    again = operator.merge(resource.NAMESPACES, namespace, {"metadata": {"labels": {"cotenant.dev/tenant": "acme"}}})
    await denied(again, "COTENANT-LEASH-1")


@pytest.mark.parametrize("role", ["cluster-admin", "admin", "edit", "cotenant-operator", "view"])
async def test_the_operator_binds_no_role_but_those_of_the_installation(operator, make_namespace, role):
    namespace = await make_namespace("acme")

    await denied(operator.create(resource.ROLE_BINDINGS, binding(namespace, role)))


async def test_the_leash_holds_where_rbac_would_not(admin, installed, make_namespace):
    almighty = admin.as_user("system:serviceaccount:cotenant-system:cotenant", ["system:masters"])
    namespace = await make_namespace("acme")
    cluster_role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": "cotenant-system"}}

    bind = almighty.create(resource.ROLE_BINDINGS, binding(namespace, "cluster-admin"), dry_run=True)
    await denied(bind, "COTENANT-LEASH-4", "cluster-admin")
    await denied(almighty.create(resource.CLUSTER_ROLES, cluster_role, dry_run=True), "COTENANT-LEASH-3")
    await denied(almighty.create(resource.SECRETS, secret, dry_run=True), "COTENANT-LEASH-2")
    await denied(
        almighty.merge(resource.NODES, "node-1", {"metadata": {"labels": {"a": "b"}}}, dry_run=True), "LEASH-3"
    )
    # What is busy is looked at outside of tenants' namespaces alone; what is done to pods that run, everywhere.
    foreign = await make_namespace()
    spec = {"containers": [{"name": "c", "image": "registry.example.com/c:1"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "namespace": "kube-system"}, "spec": spec}
    await denied(almighty.create(resource.PODS, pod, dry_run=True), "COTENANT-LEASH-2", "CREATE pods")
    await admin.create(resource.RESOURCE_QUOTAS, quota_in(foreign))
    charge = almighty.merge(
        resource.RESOURCE_QUOTAS, "q", {"status": {"used": {"pods": "0"}}}, foreign, subresource="status"
    )
    await denied(charge, "COTENANT-LEASH-2", "UPDATE resourcequotas")
    shell = almighty.create(resource.PODS, {}, "kube-system", subresource="exec", name="any")
    await denied(shell, "COTENANT-LEASH-2", "CONNECT pods")


@pytest.mark.parametrize(
    ("kind", "verb"),
    [
        (resource.SECRETS, "list"),
        (resource.NODES, "list"),
        (resource.CLUSTER_ROLE_BINDINGS, "list"),
        (resource.CONFIG_MAPS, "list"),
    ],
)
async def test_the_operator_does_not_even_see_what_it_does_not_need(operator, kind, verb):
    await denied(operator.list(kind, limit=1), f"cannot {verb} resource")


async def test_the_operator_cannot_become_somebody_else(operator):
    await denied(operator.as_user("kubernetes-admin", ["system:masters"]).list(resource.NODES), "cannot impersonate")


async def test_the_operator_cannot_widen_its_own_rights(operator):
    wider = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}
    await denied(operator.merge(resource.CLUSTER_ROLES, "cotenant-operator", wider), "cannot patch resource")


async def test_the_operator_has_its_lease_its_settings_and_events_about_tenants(operator, admin):
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "cotenant", "namespace": "cotenant-system"},
    }
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"generateName": "acme-", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "cotenant",
        "reportingInstance": "test",
        "action": "Test",
        "reason": "Test",
        "type": "Normal",
        "regarding": {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "name": "acme"},
    }

    await operator.create(resource.LEASES, lease, dry_run=True)
    await operator.create(resource.EVENTS, event)
    assert (
        "platform"
        in (await operator.get(resource.CONFIG_MAPS, "cotenant-settings", "cotenant-system"))["data"]["settings.json"]
    )
    await denied(operator.get(resource.CONFIG_MAPS, "kube-root-ca.crt", "cotenant-system"), "cannot get resource")


async def test_the_operator_writes_tenants_and_their_status(operator, admin):
    tenant = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": "leashed"}}
    await admin.create(resource.TENANTS, tenant)

    await operator.merge(resource.TENANTS, "leashed", {"status": {"home": "home-leashed"}}, subresource="status")
    await operator.merge(resource.TENANTS, "leashed", {"metadata": {"finalizers": ["cotenant.dev/tenant"]}})
    await operator.merge(resource.TENANTS, "leashed", {"metadata": {"finalizers": None}})
    await denied(operator.delete(resource.TENANTS, "leashed"), "cannot delete resource")

    await admin.delete(resource.TENANTS, "leashed")
    with pytest.raises(NotFound):
        await admin.get(resource.TENANTS, "leashed")


@pytest.fixture
async def assist(admin):
    """The objects of the assist, as an installation makes them."""
    manifests = objects.assist(InstallValues(assist=True))
    for one in manifests:
        await admin.apply(resource.resource_of(one), one)
    yield
    for one in reversed(manifests):
        metadata = one["metadata"]
        await admin.delete(resource.resource_of(one), metadata["name"], metadata.get("namespace"))


async def granted(call) -> dict:
    """A right that was given just now is in force a moment later."""
    for _ in range(100):
        try:
            return await call()
        except Forbidden:
            await asyncio.sleep(0.05)
    return await call()


async def test_of_its_webhook_the_operator_changes_the_bundle_alone(operator, assist):
    there = await granted(lambda: operator.get(resource.MUTATING_WEBHOOKS, objects.ASSIST))
    (hook,) = there["webhooks"]
    bundle = base64.b64encode(PAIR.authority).decode()

    async def put(**change) -> dict:
        return await operator.replace(resource.MUTATING_WEBHOOKS, there | {"webhooks": [hook | change]}, dry_run=True)

    await put(clientConfig=hook["clientConfig"] | {"caBundle": bundle})
    everything = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    for change in (
        {"rules": [everything]},
        {"failurePolicy": "Fail"},
        {"namespaceSelector": {}},
        {"matchConditions": []},
        {"timeoutSeconds": 30},
        {"reinvocationPolicy": "IfNeeded"},
        {"clientConfig": {"url": "https://attacker.example/"}},
        {"clientConfig": hook["clientConfig"] | {"service": {"namespace": "default", "name": "mine"}}},
    ):
        await denied(put(**change), "COTENANT-LEASH-3")
    await denied(
        operator.replace(resource.MUTATING_WEBHOOKS, there | {"webhooks": [hook, hook | {"name": "b.c.d"}]}),
        "COTENANT-LEASH-3",
    )


async def test_the_operator_keeps_one_secret_and_makes_none(operator, admin, assist):
    there = await granted(lambda: operator.get(resource.SECRETS, objects.ASSIST, "cotenant-system"))
    await operator.replace(resource.SECRETS, there | {"data": {"current.crt": "eA=="}})
    other = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "other", "namespace": "cotenant-system"}}
    await denied(operator.create(resource.SECRETS, other))
    await admin.create(resource.SECRETS, other)
    for call in (operator.get(resource.SECRETS, "other", "cotenant-system"), operator.replace(resource.SECRETS, other)):
        await denied(call)
    await denied(operator.list(resource.SECRETS, "cotenant-system"))
    await admin.delete(resource.SECRETS, "other", "cotenant-system")
