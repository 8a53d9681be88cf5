"""A Space belongs to its team, except for its finalizers, our labels and its status."""

from __future__ import annotations

import pytest

from cotenant.kube import resource
from cotenant.kube.errors import Forbidden, NotFound
from plane.install.test_roles import heard

pytestmark = pytest.mark.cluster


def space_in(namespace: str, name: str = "dev", **metadata) -> dict:
    return {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Space",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "spec": {},
    }


def policy_in(namespace: str) -> dict:
    rules = {"network": {"isolation": "tenant", "internet": True}, "enforcement": "enforce", "tenant": "acme"}
    rules |= {"pods": {}, "services": {}, "ingress": {}, "storage": {}, "serviceAccounts": {}}
    metadata = {"name": "policy", "namespace": namespace}
    return {"apiVersion": "cotenant.dev/v1alpha1", "kind": "SpacePolicy", "metadata": metadata, "spec": rules}


@pytest.fixture
async def home(make_namespace, admin, installed):
    """A home in which ann is an owner."""
    namespace = await make_namespace("acme")
    await admin.create(
        resource.ROLE_BINDINGS,
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "owner", "namespace": namespace},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cotenant:home-owner"},
            "subjects": [{"kind": "User", "name": "ann", "apiGroup": "rbac.authorization.k8s.io"}],
        },
    )
    await heard(admin, "ann", namespace)
    return namespace


@pytest.fixture
async def ann(client_of):
    return await client_of("ann")


async def denied(call, *words: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        await call
    assert all(word in refusal.value.message for word in words), refusal.value.message


@pytest.mark.parametrize(
    ("metadata", "rule"),
    [
        ({"finalizers": ["cotenant.dev/space"]}, "COTENANT-GUARD-1"),
        ({"finalizers": ["example.com/mine"]}, "COTENANT-GUARD-1"),
        ({"labels": {"cotenant.dev/tenant": "other"}}, "COTENANT-GUARD-2"),
        ({"labels": {"cotenant.dev/declared": "true"}}, "COTENANT-GUARD-2"),
    ],
)
async def test_nobody_is_born_with_what_cotenant_sets(admin, ann, home, metadata, rule):
    for who in (ann, admin):
        await denied(who.create(resource.SPACES, space_in(home, **metadata)), rule)


async def test_an_owner_has_everything_else_of_a_space(ann, home):
    labels = {"team": "blue", "cotenant.dev.example.com/x": "y"}
    await ann.create(resource.SPACES, space_in(home, labels=labels, annotations={"note": "ours"}))

    patch = {
        "metadata": {"labels": {"team": "red", "more": "x"}, "annotations": {"cotenant.dev/confirm-delete": "dev"}}
    }
    await ann.merge(resource.SPACES, "dev", patch | {"spec": {"quota": {"max": {"pods": 5}}}}, home)
    await ann.delete(resource.SPACES, "dev", home)
    with pytest.raises(NotFound):
        await ann.get(resource.SPACES, "dev", home)


async def test_finalizers_labels_and_status_stay_as_the_operator_set_them(admin, operator, ann, home):
    ours = {"finalizers": ["cotenant.dev/space"], "labels": {"cotenant.dev/tenant": "acme"}}
    await operator.create(resource.SPACES, space_in(home, **ours))
    await operator.merge(resource.SPACES, "dev", {"status": {"phase": "Ready"}}, home, subresource="status")

    for patch, rule in (
        ({"metadata": {"finalizers": None}}, "COTENANT-GUARD-1"),
        ({"metadata": {"finalizers": ["cotenant.dev/space", "x.example.com/y"]}}, "COTENANT-GUARD-1"),
        ({"metadata": {"labels": {"cotenant.dev/tenant": None}}}, "COTENANT-GUARD-2"),
        ({"metadata": {"labels": {"cotenant.dev/tenant": "b"}}}, "COTENANT-GUARD-2"),
        ({"metadata": {"labels": {"cotenant.dev/space": "b"}}}, "COTENANT-GUARD-2"),
    ):
        await denied(ann.merge(resource.SPACES, "dev", patch, home), rule)
        await denied(admin.merge(resource.SPACES, "dev", patch, home), rule)
    status = admin.merge(resource.SPACES, "dev", {"status": {"phase": "X"}}, home, subresource="status")
    await denied(status, "COTENANT-GUARD-3")
    await denied(
        ann.merge(resource.SPACES, "dev", {"status": {"phase": "X"}}, home, subresource="status"),
        'cannot patch resource "spaces/status"',
    )
    await ann.merge(resource.SPACES, "dev", {"metadata": {"labels": {"team": "blue"}}}, home)
    await operator.merge(resource.SPACES, "dev", {"metadata": {"finalizers": None}}, home)


async def test_the_garbage_collector_ends_a_foreground_deletion_but_takes_nothing_of_ours(admin, operator, home):
    collector = admin.as_user("system:serviceaccount:kube-system:generic-garbage-collector", ["system:masters"])
    await operator.create(resource.SPACES, space_in(home, finalizers=["cotenant.dev/space"]))
    await admin.delete(resource.SPACES, "dev", home, propagation="Foreground")
    waiting = (await admin.get(resource.SPACES, "dev", home))["metadata"]["finalizers"]
    # Once the collector knows the kind, it is quicker than we are; until then its finalizer is there.
    assert waiting in (["cotenant.dev/space", "foregroundDeletion"], ["cotenant.dev/space"])

    await denied(collector.merge(resource.SPACES, "dev", {"metadata": {"finalizers": None}}, home), "COTENANT-GUARD-1")
    await collector.merge(resource.SPACES, "dev", {"metadata": {"finalizers": ["cotenant.dev/space"]}}, home)
    await operator.merge(resource.SPACES, "dev", {"metadata": {"finalizers": None}}, home)

    await gone(admin, resource.SPACES, "dev", home)


async def test_only_the_operator_writes_the_policy_of_a_space(admin, operator, home):
    await denied(admin.create(resource.SPACE_POLICIES, policy_in(home)), "COTENANT-GUARD-4")

    await operator.create(resource.SPACE_POLICIES, policy_in(home))

    await denied(admin.delete(resource.SPACE_POLICIES, "policy", home), "COTENANT-GUARD-4")
    loose = {"spec": {"enforcement": "observe"}}
    await denied(admin.merge(resource.SPACE_POLICIES, "policy", loose, home), "COTENANT-GUARD-4")


async def test_a_namespace_with_a_policy_in_it_can_be_deleted(admin, operator, make_namespace):
    namespace = await make_namespace("acme")
    await operator.create(resource.SPACE_POLICIES, policy_in(namespace))
    await operator.create(resource.SPACES, space_in(namespace))

    await admin.delete(resource.NAMESPACES, namespace)

    await gone(admin, resource.NAMESPACES, namespace)


async def gone(admin, kind, name: str, namespace: str | None = None) -> None:
    import asyncio

    async with asyncio.timeout(120):
        while True:
            try:
                await admin.get(kind, name, namespace)
            except NotFound:
                return
            await asyncio.sleep(0.2)
