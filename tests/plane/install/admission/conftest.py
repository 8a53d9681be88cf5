"""Two spaces of tenant acme, one with every rule and one with none; eve, to whom RBAC refuses nothing in them."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from plane.install.admission.place import RBAC, Manifest, Place, bare, pod

STRICT: Manifest = {
    "pods": {
        "registries": ["registry.example.com/acme/", "public.ecr.aws/"],
        "priorityClasses": ["standard"],
        "runtimeClasses": ["gvisor"],
        "schedulers": ["volcano"],
        "csiDrivers": ["s3.csi.example.com"],
        "userNamespaces": True,
        "allowExec": False,
    },
    "nodes": {"pool": "gold"},
    "services": {"types": ["ClusterIP", "LoadBalancer"]},
    "ingress": {"classes": ["alb"], "hosts": ["*.acme.example.com", "acme.example.org"]},
    "storage": {"classes": ["gp3"]},
    "serviceAccounts": {"iamRoles": ["arn:aws:iam::111122223333:role/acme-*", "arn:aws:iam::111122223333:role/one"]},
}
FREE: Manifest = {
    "pods": {"allowExec": True},
    "services": {"types": ["ClusterIP"]},
    "ingress": {"hosts": []},
    "storage": {},
    "serviceAccounts": {"iamRoles": []},
}


@pytest.fixture(scope="session")
async def eve(control_plane):
    client = Client(await Transport.from_kubeconfig(control_plane.user("eve")))
    yield client
    await client.close()


def policy_of(namespace: str, rules: Manifest) -> Manifest:
    spec = {"tenant": "acme", "space": "dev", "network": {"isolation": "tenant", "internet": True}} | rules
    pool = rules.get("nodes", {}).get("pool")
    metadata = {"name": "policy", "namespace": namespace, "labels": {"cotenant.dev/pool": pool} if pool else {}}
    body = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "SpacePolicy", "metadata": metadata}
    return body | {"spec": {"enforcement": "enforce"} | spec}


@pytest.fixture(scope="session")
def make_place(admin, operator, eve):
    """Makes a space of acme with a SpacePolicy; with none if `rules` is None."""

    async def make(namespace: str, rules: Manifest | None) -> Place:
        place = Place(namespace, eve, admin, operator)
        marks = {"cotenant.dev/tenant": "acme", "cotenant.dev/space": "dev"}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": marks}}
        await admin.create(resource.NAMESPACES, body)
        if rules is not None:
            await operator.create(resource.SPACE_POLICIES, policy_of(namespace, rules))
        all_ = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}], "metadata": {"name": "all"}}
        bound = {
            "metadata": {"name": "all"},
            "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": "all"},
            "subjects": [{"kind": "User", "name": "eve", "apiGroup": RBAC}],
        }
        for what, content in (("roles", all_), ("rolebindings", bound)):
            assert (await place.ask(what, content, by=admin, dry=False)).ok
        await quota(place, marks)
        return place

    return make


async def quota(place: Place, marks: Manifest) -> None:
    """The space's ResourceQuota, counted: without it a strict quota lets nothing begin."""
    labels = marks | {"app.kubernetes.io/managed-by": "cotenant"}
    body = {"metadata": {"name": "cotenant", "labels": labels}, "spec": {"hard": {"pods": "1000"}}}
    assert (await place.ask("resourcequotas", body, by=place.operator, dry=False)).ok
    async with asyncio.timeout(20):
        while True:
            found = await place.ask("resourcequotas", name="cotenant", method="GET", dry=False, by=place.admin)
            if found.body.get("status", {}).get("used"):
                return
            await asyncio.sleep(0.05)


async def ready(place: Place, *, pooled: bool = False) -> Place:
    """Once the policies act, and the ServiceAccount for pods is there. `pooled`: its tenant has pool gold."""
    good = pod() if pooled else bare()
    async with asyncio.timeout(20):
        while not (
            "COTENANT-POD-1" in (await place.ask("pods", pod(nodeName="nowhere"))).message
            and (await place.ask("pods", good)).ok
        ):
            await asyncio.sleep(0.1)
    return place


@pytest.fixture(scope="session")
async def strict(make_place):
    """Every rule says something."""
    return await ready(await make_place("admission-strict", STRICT), pooled=True)


@pytest.fixture(scope="session")
async def free(make_place):
    """No rule says more than what is built in."""
    return await ready(await make_place("admission-free", FREE))


@pytest.fixture(scope="session")
async def standing(strict):
    """A pod of the strict space that exists."""
    answer = await strict.ask("pods", pod() | {"metadata": {"name": "standing"}}, dry=False)
    assert answer.ok, answer.message
    return "standing"


@pytest.fixture(scope="session")
async def classes(admin):
    """PriorityClasses and RuntimeClasses that the table names."""
    for name, value in (("standard", 10), ("urgent", 100000)):
        body = {
            "metadata": {"name": name},
            "value": value,
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
        }
        status, text = await admin.raw(
            "POST", "/apis/scheduling.k8s.io/v1/priorityclasses", body=_json(body), content_type="application/json"
        )
        assert status in (201, 409), text
    for name in ("gvisor", "kata"):
        body = {"metadata": {"name": name}, "handler": "runc", "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass"}
        status, text = await admin.raw(
            "POST", "/apis/node.k8s.io/v1/runtimeclasses", body=_json(body), content_type="application/json"
        )
        assert status in (201, 409), text


def _json(body: Manifest) -> bytes:
    import json

    return json.dumps(body).encode()
