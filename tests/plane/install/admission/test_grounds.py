"""Namespaces of tenants, and what holds where there is no SpacePolicy."""

from __future__ import annotations

import asyncio
import json

import pytest

from cotenant.kube import resource
from cotenant.kube.errors import NotFound
from plane.install.admission.conftest import FREE, STRICT, policy_of
from plane.install.admission.place import bare, image, passes, pod, refused

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"


async def patched(place, who, labels=None, *, sub="", **metadata):
    """A patch of the namespace itself."""
    body = {"metadata": {**({"labels": labels} if labels else {}), **metadata}}
    path = f"/api/v1/namespaces/{place.namespace}" + (f"/{sub}" if sub else "")
    status, text = await who.raw(
        "PATCH", path, query={"dryRun": "All"}, body=json.dumps(body).encode(), content_type=MERGE
    )
    from plane.install.admission.place import Answer

    found = json.loads(text)
    return Answer(status, str(found.get("message", "")), found)


@pytest.mark.parametrize(
    "labels",
    [
        {"cotenant.dev/tenant": None},
        {"cotenant.dev/tenant": "b"},
        {"cotenant.dev/space": None, "cotenant.dev/tenant": None},
        {"cotenant.dev/of-tomorrow": "x"},
        {"pod-security.kubernetes.io/enforce": "privileged"},
        {"resource.kubernetes.io/admin-access": "true"},
        {"app.kubernetes.io/managed-by": "me"},
    ],
    ids=str,
)
@pytest.mark.parametrize("sub", ["", "status"])
async def test_labels_that_carry_the_rules_stay(strict, labels, sub):
    answer = await patched(strict, strict.eve, labels, sub=sub)

    refused(answer, "COTENANT-NAMESPACE-1", *(labels if len(labels) == 1 else ()))
    passes(await patched(strict, strict.admin, labels))


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"istio-injection": "enabled"}},
        {"annotations": {"scheduler.alpha.kubernetes.io/node-selector": "pool=b"}},
        {"finalizers": ["example.com/stay"]},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "gone", "uid": "b1"}]},
    ],
    ids=str,
)
async def test_nor_does_a_member_change_what_the_platform_reads_there(strict, change):
    refused(await patched(strict, strict.eve, **change), "COTENANT-NAMESPACE-2", strict.namespace)
    passes(await patched(strict, strict.admin, **change))


async def test_nobody_ends_a_deletion_by_hand(strict):
    found = (await patched(strict, strict.admin)).body
    path = f"/api/v1/namespaces/{strict.namespace}/finalize"
    status, text = await strict.eve.raw("PUT", path, body=json.dumps(found).encode(), content_type="application/json")

    assert status == 403
    assert b"COTENANT-NAMESPACE-2" in text


async def test_who_makes_namespaces_does_not_take_a_tenants_name(admin, installed, client_of):
    """CVE-2024-39690, CVE-2025-55205: a namespace is claimed by its labels."""
    maker = await client_of("maker")
    rule = {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["create", "update", "patch"]}
    for path, body in (
        ("clusterroles", {"rules": [rule]}),
        (
            "clusterrolebindings",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "makes"},
                "subjects": [{"kind": "User", "name": "maker", "apiGroup": "rbac.authorization.k8s.io"}],
            },
        ),
    ):
        content = json.dumps({"metadata": {"name": "makes"}, **body}).encode()
        root = f"/apis/rbac.authorization.k8s.io/v1/{path}"
        status, _ = await admin.raw("POST", root, body=content, content_type="application/json")
        assert status in (201, 409)

    async def made(**labels: str) -> tuple[int, bytes]:
        content = json.dumps({"metadata": {"generateName": "made-", "labels": labels}}).encode()
        return await maker.raw(
            "POST", "/api/v1/namespaces", query={"dryRun": "All"}, body=content, content_type="application/json"
        )

    status, text = await made(**{"cotenant.dev/tenant": "acme"})
    assert status == 403
    assert b"COTENANT-NAMESPACE-1" in text
    assert (await made(team="blue"))[0] == 201


async def test_without_a_space_policy_nothing_begins_and_what_is_there_can_end(make_place, admin, operator):
    place = await make_place("admission-bare", None)
    await patience(place)

    for what, body in (
        ("pods", pod()),
        ("services", {"spec": {"ports": [{"port": 80}]}}),
        ("serviceaccounts", {"metadata": {"name": "x"}}),
        ("persistentvolumeclaims", CLAIM),
    ):
        answer = await place.ask(what, body)
        assert not answer.ok, what
        assert "no params found" in answer.message, answer.message
    passes(
        await place.ask(
            "serviceaccounts", {"metadata": {"labels": {"a": "b"}}}, name="default", method="PATCH", content_type=MERGE
        )
    )
    passes(await place.ask("spacepolicies", policy_of(place.namespace, FREE), by=operator, dry=False))
    async with asyncio.timeout(10):  # the API server hears of it by a watch
        while "no params found" in (await place.ask("pods", bare())).message:
            await asyncio.sleep(0.05)
    passes(await place.ask("pods", bare()))


CLAIM = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}


async def patience(place):
    """Kubernetes makes the first ServiceAccount also while there is no SpacePolicy."""
    async with asyncio.timeout(10):
        while not (await place.ask("serviceaccounts", name="default", method="GET", dry=False)).ok:
            await asyncio.sleep(0.05)


async def test_a_space_policy_that_is_no_such_thing_is_refused_by_its_schema(strict, operator):
    for broken in (
        {"pods": {"registries": ["no-slash"]}},
        {"pods": {"registries": [f"r{number}/" for number in range(51)]}},
        {"pods": {"registries": "public.ecr.aws/"}},
        {"ingress": {"hosts": ["(.*)"]}},
        {"ingress": {"hosts": [f"h{number}.example.com" for number in range(101)]}},
        {"services": {"types": ["Any"]}},
        {"pods": None},
    ):
        answer = await strict.ask(
            "spacepolicies",
            {"spec": broken},
            name="policy",
            method="PATCH",
            content_type=MERGE,
            by=operator,
        )
        assert answer.status == 422, (broken, answer)


async def test_what_needs_no_space_policy_holds_without_one_and_the_namespace_ends(make_place, admin, operator):
    place = await make_place("admission-ending", FREE)
    await patience(place)
    service = {"metadata": {"name": "held", "finalizers": ["example.com/mine"]}, "spec": {"ports": [{"port": 80}]}}
    passes(await place.ask("services", service, dry=False, by=admin))
    # By it eve keeps her rights for as long as it lasts.
    right = {"name": "all", "method": "PATCH", "content_type": MERGE, "by": admin, "dry": False}
    passes(await place.ask("rolebindings", {"metadata": {"finalizers": ["example.com/mine"]}}, **right))
    passes(await place.ask("roles", {"metadata": {"finalizers": ["example.com/mine"]}}, **right))
    how = {"name": "held", "method": "PATCH", "content_type": MERGE}
    forged = {"spec": {"externalIPs": ["203.0.113.1"]}}
    noted = {"metadata": {"annotations": {"service.beta.kubernetes.io/aws-load-balancer-security-groups": "sg-0b"}}}

    passes(await place.ask("spacepolicies", name="policy", method="DELETE", by=operator, dry=False))
    async with asyncio.timeout(20):
        while "no params found" not in (await place.ask("pods", bare())).message:
            await asyncio.sleep(0.05)
    refused(await place.ask("services", forged, **how), "COTENANT-SERVICE-2", "203.0.113.1")

    await admin.delete(resource.NAMESPACES, place.namespace)
    async with asyncio.timeout(20):
        while (answer := await place.ask("services", noted, **how)).ok:
            await asyncio.sleep(0.05)
    refused(answer, "COTENANT-RIGHT-10", place.namespace)
    refused(await place.ask("services", {"spec": {"selector": {"app": "x"}}}, **how), "COTENANT-RIGHT-10")
    refused(await place.ask("services", forged, **how), "COTENANT-SERVICE-2")
    passes(await place.ask("services", {"metadata": {"labels": {"a": "b"}}}, **how))
    passes(await place.ask("services", noted, by=admin, **how))

    release = {"metadata": {"finalizers": None}}
    passes(await place.ask("services", release, by=admin, dry=False, **how))
    for what in ("rolebindings", "roles"):
        passes(await place.ask(what, release, **right))
    async with asyncio.timeout(30):
        while True:
            try:
                await admin.get(resource.NAMESPACES, place.namespace)
            except NotFound:
                return
            await asyncio.sleep(0.1)


async def test_another_namespace_is_none_of_our_business(strict, admin):
    body = {"metadata": {"name": "admission-stranger"}, "apiVersion": "v1", "kind": "Namespace"}
    await admin.create(resource.NAMESPACES, body)
    stranger = type(strict)("admission-stranger", admin, admin, admin)
    async with asyncio.timeout(10):
        while not (await stranger.ask("serviceaccounts", name="default", method="GET", dry=False)).ok:
            await asyncio.sleep(0.05)

    passes(await stranger.ask("pods", pod(containers=image("nginx"), nodeName="node-0", nodeSelector=None)))
    passes(await stranger.ask("services", {"spec": {"type": "NodePort", "ports": [{"port": 80}]}}))


async def test_what_is_changed_in_the_policy_holds_at_once(make_place, operator):
    place = await make_place("admission-changing", STRICT)
    await patience(place)
    bad = pod(containers=image("docker.io/library/nginx"))
    refused(await place.ask("pods", bad), "COTENANT-POD-8")
    more = {"spec": {"pods": {"registries": ["docker.io/library/"]}}}

    how = {"name": "policy", "method": "PATCH", "content_type": MERGE, "by": operator, "dry": False}
    passes(await place.ask("spacepolicies", more, **how))

    async with asyncio.timeout(60):  # how long it takes is measured by the bench
        while not (await place.ask("pods", bad)).ok:
            await asyncio.sleep(0.01)


async def test_the_operator_sees_that_somebody_took_a_policy_away_or_changed_it(admin, operator, installed):
    from cotenant.controllers.inspection import Inspection
    from cotenant.controllers.world import World
    from cotenant.model.platform import Platform

    world = World()
    inspection = Inspection(operator, world, Platform(), lambda: None)
    assert await inspection.look() == ""
    binding = await admin.get(resource.VALIDATING_POLICY_BINDINGS, "cotenant-exec")
    loosened = {"spec": {"validationActions": ["Audit"]}}
    await admin.merge(resource.VALIDATING_POLICY_BINDINGS, "cotenant-exec", loosened)

    assert await inspection.look() == "binding of policy cotenant-exec was changed"
    await admin.delete(resource.VALIDATING_POLICY_BINDINGS, "cotenant-exec")
    assert await inspection.look() == "binding of policy cotenant-exec is missing"
    assert world.lapse == "binding of policy cotenant-exec is missing"
    fresh = {**binding, "metadata": {key: binding["metadata"][key] for key in ("name", "labels")}}
    await admin.create(resource.VALIDATING_POLICY_BINDINGS, fresh | {"kind": "ValidatingAdmissionPolicyBinding"})
    assert await inspection.look() == ""
