"""Attacks that nothing of ours needs to stop: RBAC, Pod Security and Kubernetes itself do, in a namespace as cotenant makes it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cotenant.api.tenant import Tenant
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from cotenant.model.platform import Platform
from cotenant.render.namespace import namespace as rendered
from plane.install.admission.conftest import FREE
from plane.install.admission.place import Answer, Manifest, bare, passes, refused
from unit.specimens import seen, tenant

pytestmark = pytest.mark.cluster
OTHER, SAFE = "attacks-b", "attacks-restricted"
KINDS = ("secrets", "pods", "configmaps", "services", "serviceaccounts", "persistentvolumeclaims", "events")


async def asked(who, method: str, path: str, body: Manifest | None = None) -> Answer:
    raw = None if body is None else json.dumps(body).encode()
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    query = {} if method == "GET" else {"dryRun": "All"}
    status, text = await who.raw(method, path, query=query, body=raw, content_type=kind)
    try:
        found = json.loads(text)
    except ValueError:
        found = {}
    return Answer(status, str(found.get("message", "")), found)


@pytest.fixture(scope="module")
async def other(admin, installed):
    """A namespace of somebody else."""
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": OTHER, "labels": {"cotenant.dev/tenant": "b"}},
    }
    await admin.create(resource.NAMESPACES, body)
    return OTHER


@pytest.fixture(scope="module")
async def safe(make_place, admin):
    """A space with the labels that cotenant gives to every space."""
    one: Tenant = tenant()
    marks = rendered(seen(one, platform=Platform()), SAFE, "dev")["metadata"]["labels"]
    place = await make_place(SAFE, FREE)
    security = {key: value for key, value in marks.items() if key.startswith("pod-security.")}
    assert security["pod-security.kubernetes.io/enforce"] == "restricted"
    await admin.merge(resource.NAMESPACES, SAFE, {"metadata": {"labels": security}})
    async with asyncio.timeout(30):
        while not (await place.ask("pods", restricted())).ok or (await place.ask("pods", bare())).ok:
            await asyncio.sleep(0.1)
    return place


def restricted(container: Manifest | None = None, **spec: Any) -> Manifest:
    """A pod that Pod Security lets through at its highest level, unless said otherwise."""
    profile = {"type": "RuntimeDefault"}
    context = {"allowPrivilegeEscalation": False, "runAsNonRoot": True, "capabilities": {"drop": ["ALL"]}}
    one = {"name": "c", "image": "x", "securityContext": context | {"seccompProfile": profile} | (container or {})}
    return bare(**{"containers": [one], "hostUsers": None} | spec)


@pytest.mark.parametrize("kind", KINDS)
async def test_rbac_01_nothing_is_read_or_written_in_a_namespace_of_others(strict, other, kind):
    root = f"/api/v1/namespaces/{other}/{kind}"
    for method, path, body in (
        ("GET", root, None),
        ("GET", f"{root}/x", None),
        ("POST", root, {"metadata": {"name": "x"}}),
        ("PATCH", f"{root}/x", {"metadata": {"labels": {"a": "b"}}}),
        ("DELETE", f"{root}/x", None),
        ("DELETE", root, None),
    ):
        answer = await asked(strict.eve, method, path, body)
        assert answer.status == 403, (method, path, answer)
        assert 'User "eve" cannot' in answer.message


@pytest.mark.parametrize("kind", ["pods", "secrets", "events", "namespaces", "nodes"])
async def test_rbac_02_nor_in_the_whole_cluster(strict, kind):
    for path in (f"/api/v1/{kind}", f"/api/v1/{kind}?watch=true"):
        assert (await asked(strict.eve, "GET", path)).status == 403


CLUSTER = {
    "RBAC-13 a certificate of the masters": (
        "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        {"metadata": {"name": "x"}, "spec": {"request": "", "signerName": "kubernetes.io/kube-apiserver-client"}}),
    "RBAC-17 what others may": (
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {"spec": {"user": "b", "nonResourceAttributes": {"path": "/", "verb": "get"}}}),
    "RBAC-17 whose token it is": ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": "t"}}),
    "NODE-11 cordon": ("PATCH", "/api/v1/nodes/node-0", {"spec": {"unschedulable": True}}),
    "NODE-11 taint": ("PATCH", "/api/v1/nodes/node-0", {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}),
    "NODE-11 drain": ("POST", f"/api/v1/namespaces/{OTHER}/pods/x/eviction", {"metadata": {"name": "x"}}),
    "VOL-01 a volume of others": ("POST", "/api/v1/persistentvolumes", {"metadata": {"name": "x"}}),
    "VOL-04 a snapshot of others": (
        "POST", "/apis/snapshot.storage.k8s.io/v1/volumesnapshotcontents", {"metadata": {"name": "x"}}),
    "row 26 a webhook": (
        "POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {"metadata": {"name": "x"}}),
    "row 26 a definition": (
        "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", {"metadata": {"name": "x"}}),
    "Karpenter's pools": ("POST", "/apis/karpenter.sh/v1/nodepools", {"metadata": {"name": "x"}}),
    "a ClusterIssuer": ("POST", "/apis/cert-manager.io/v1/clusterissuers", {"metadata": {"name": "x"}}),
}  # fmt: skip


@pytest.mark.parametrize("case", CLUSTER)
async def test_what_belongs_to_the_whole_cluster_is_not_a_members(strict, other, case):
    method, path, body = CLUSTER[case]

    answer = await asked(strict.eve, method, path, body)

    assert answer.status == 403, answer
    assert 'User "eve" cannot' in answer.message


async def test_rbac_18_what_everybody_may_read_is_public(strict):
    for path in ("/version", "/openapi/v2", "/apis"):
        assert (await strict.eve.raw("GET", path, query={}))[0] == 200
    assert (await strict.eve.raw("GET", "/metrics", query={}))[0] == 403


HOST = {
    "POD-01 privileged": restricted({"privileged": True, "allowPrivilegeEscalation": True}),
    "POD-01 more rights later": restricted({"allowPrivilegeEscalation": True}),
    "POD-01 capabilities": restricted({"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}),
    "POD-01 root": restricted({"runAsNonRoot": False, "runAsUser": 0}),
    "POD-02 the files of the node": restricted(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "POD-03 the network of the node": restricted(hostNetwork=True),
    "POD-03 the processes of the node": restricted(hostPID=True),
    "POD-03 the memory of the node": restricted(hostIPC=True),
    "POD-06 unmasked": restricted({"procMount": "Unmasked"}, hostUsers=False),
    "POD-06 a sysctl": restricted(securityContext={"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}),
    "POD-06 no seccomp": restricted({"seccompProfile": {"type": "Unconfined"}}),
    "POD-06 no AppArmor": restricted({"appArmorProfile": {"type": "Unconfined"}}),
    "POD-06 a type of SELinux": restricted({"seLinuxOptions": {"type": "spc_t"}}),
    "POD-07 a process of a Windows node": restricted(
        os={"name": "windows"}, hostNetwork=True, securityContext={"windowsOptions": {"hostProcess": True}}
    ),
}


@pytest.mark.parametrize("case", HOST)
async def test_no_pod_reaches_the_node(safe, case):
    answer = await safe.ask("pods", HOST[case])

    assert answer.status in (403, 422), answer
    assert "PodSecurity" in answer.message or answer.status == 422, answer.message


async def test_pod_16_nobody_passes_a_pod_off_as_one_that_a_kubelet_keeps_by_itself(safe):
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file"}}

    answer = await safe.ask("pods", restricted() | {"metadata": mirror})
    assert answer.status == 422, answer
    refused(await safe.ask("pods", restricted(nodeName="node-0") | {"metadata": mirror}), "COTENANT-POD-1")


async def test_pod_18_with_the_token_of_a_node_one_reads_what_runs_there_and_moves_no_node(safe, admin, control_plane):
    """What somebody has who broke out of a container: the Node authorizer and NodeRestriction, as on EKS."""
    nodes = ("escaped", "of-b")
    for name in nodes:
        await admin.create(resource.NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    passes(await safe.ask("secrets", {"metadata": {"name": "theirs"}}, by=admin, dry=False))
    kubelet = Client(await Transport.from_kubeconfig(control_plane.user("system:node:escaped", ["system:nodes"])))
    pool = {"metadata": {"labels": {"node-restriction.kubernetes.io/cotenant-pool": "gold"}}}
    root, of_space = "/api/v1/nodes", f"/api/v1/namespaces/{SAFE}"
    tried: dict[str, tuple[str, str, Manifest | None]] = {
        "a secret that no pod of it names": ("GET", f"{of_space}/secrets/theirs", None),
        "all secrets": ("GET", "/api/v1/secrets", None),
        "a pod for itself": ("POST", f"{of_space}/pods", restricted(nodeName="escaped") | {"metadata": {"name": "x"}}),
        "a token for an account that runs elsewhere": (
            "POST",
            f"{of_space}/serviceaccounts/default/token",
            {"spec": {}},
        ),
        "the pool of others": ("PATCH", f"{root}/escaped", pool),
        "no taint": ("PATCH", f"{root}/escaped", {"spec": {"taints": [{"key": "a", "effect": "NoExecute"}]}}),
        "the labels of another node": ("PATCH", f"{root}/of-b", {"metadata": {"labels": {"a": "b"}}}),
        "the end of another node": ("DELETE", f"{root}/of-b", None),
    }

    try:
        assert (await asked(kubelet, "GET", f"{root}/escaped")).ok
        answers = {case: await asked(kubelet, *request) for case, request in tried.items()}
    finally:
        await kubelet.close()
        for name in nodes:
            await admin.delete(resource.NODES, name)

    assert {case: answer.status for case, answer in answers.items()} == dict.fromkeys(tried, 403), answers


HARMLESS = {
    "POD-08 processes among its own containers": restricted(shareProcessNamespace=True),
    "POD-20 names for itself alone": restricted(hostAliases=[{"ip": "10.0.0.9", "hostnames": ["web.b.svc"]}]),
    "POD-20 a name under a Service of its own": restricted(hostname="api", subdomain="web", setHostnameAsFQDN=True),
}


@pytest.mark.parametrize("case", HARMLESS)
async def test_what_concerns_nobody_else_is_allowed(safe, case):
    passes(await safe.ask("pods", HARMLESS[case]))


async def test_node_12_no_claim_of_a_device_goes_round_its_allocation(strict):
    request = {"deviceClassName": "gpu", "adminAccess": True}
    body = {
        "metadata": {"name": "x"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": request}]}},
    }

    answer = await asked(
        strict.eve, "POST", f"/apis/resource.k8s.io/v1/namespaces/{strict.namespace}/resourceclaims", body
    )

    # Not served before 1.34; where the field is off it is dropped.
    assert answer.status in (403, 404, 422) or "adminAccess" not in json.dumps(answer.body), answer


async def test_vol_03_no_claim_reads_what_lies_in_another_namespace(strict):
    source = {"kind": "PersistentVolumeClaim", "name": "data", "namespace": OTHER}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "gp3",
        "dataSourceRef": source,
    }

    answer = await strict.ask("persistentvolumeclaims", {"spec": spec})

    # The field is alpha and off; where it is on, COTENANT-VOLUME-2 refuses it.
    assert not answer.ok or "namespace" not in answer.body["spec"].get("dataSourceRef", {}), answer
