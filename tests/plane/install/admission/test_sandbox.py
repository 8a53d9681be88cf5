"""Schedulers, drivers, users of the node, and pods that do not let go of it."""

from __future__ import annotations

from typing import Any

import pytest

from plane.install.admission.place import Manifest, bare, passes, pod, refused, template

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"
KARPENTER, AUTOSCALER = "karpenter.sh/do-not-disrupt", "cluster-autoscaler.kubernetes.io/safe-to-evict"


def inline(driver: str) -> Manifest:
    attributes = {"secretProviderClass": "of-b"}
    return pod(volumes=[{"name": "v", "csi": {"driver": driver, "readOnly": True, "volumeAttributes": attributes}}])


def noted(body: Manifest, **annotations: str) -> Manifest:
    return body | {"metadata": {"annotations": annotations}}


BAD = {
    "NODE-05 a scheduler of somebody": (pod(schedulerName="mine"), "COTENANT-POD-10", "mine", "allowed: default"),
    "POD-13 a driver that reads secrets": (inline("secrets-store.csi.k8s.io"), "COTENANT-POD-11", "secrets-store"),
    "POD-19 users of the node, by default": (pod(hostUsers=None), "COTENANT-POD-12", "hostUsers: false"),
    "POD-19 users of the node": (pod(hostUsers=True), "COTENANT-POD-12"),
    "NODE-08 Karpenter": (noted(pod(), **{KARPENTER: "true"}), "COTENANT-POD-13", KARPENTER),
    "NODE-08 Karpenter, for a year": (noted(pod(), **{KARPENTER: "8760h"}), "COTENANT-POD-13", KARPENTER),
    "NODE-08 Cluster Autoscaler": (noted(pod(), **{AUTOSCALER: "false"}), "COTENANT-POD-13", AUTOSCALER),
}
GOOD = {
    "the scheduler of all": pod(schedulerName="default-scheduler"),
    "a scheduler of the platform": pod(schedulerName="volcano"),
    "a driver that is allowed": inline("s3.csi.example.com"),
    "users of its own": pod(hostUsers=False),
    "an annotation that asks for nothing": noted(pod(), **{KARPENTER: "false", AUTOSCALER: "true", "team": "blue"}),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_a_pod_may_not_ask_of_the_platform(strict, case):
    body, rule, *words = BAD[case]

    refused(await strict.ask("pods", body), rule, *words)


@pytest.mark.parametrize("case", GOOD)
async def test_its_legitimate_neighbour_passes(strict, case):
    passes(await strict.ask("pods", GOOD[case]))


@pytest.mark.parametrize("case", [name for name in BAD if "POD-19" not in name])
async def test_without_a_word_of_the_tenant_all_of_it_is_closed(free, case):
    body, rule, *_ = BAD[case]
    spec = {name: value for name, value in body["spec"].items() if name != "nodeSelector"}

    refused(await free.ask("pods", body | {"spec": spec}), rule)


async def test_pod_19_without_a_word_of_the_tenant_pods_share_the_users_of_the_node(free):
    passes(await free.ask("pods", bare(hostUsers=None)))


@pytest.mark.parametrize("plural", ["deployments", "cronjobs", "podtemplates"])
async def test_the_author_of_a_template_hears_of_it(strict, plural):
    bad = template(plural, pod(schedulerName="mine"))

    refused(await strict.ask(plural, bad), "COTENANT-POD-10", "mine")
    inner = bad["spec"]["jobTemplate"]["spec"] if plural == "cronjobs" else bad.get("spec", bad)
    inner["template"]["spec"].pop("schedulerName")
    inner["template"]["metadata"]["annotations"] = {KARPENTER: "true"}
    refused(await strict.ask(plural, bad), "COTENANT-POD-13", KARPENTER)


async def test_node_08_nor_is_a_pod_pinned_once_it_runs(strict, standing):
    how = {"name": standing, "method": "PATCH", "content_type": MERGE}

    refused(await strict.ask("pods", {"metadata": {"annotations": {KARPENTER: "true"}}}, **how), "COTENANT-POD-13")
    passes(await strict.ask("pods", {"metadata": {"annotations": {"team": "blue"}}}, **how))


async def test_node_08_on_nodes_of_its_own_a_tenant_pins_what_it_likes(make_place):
    rules = {
        "nodes": {"pool": "gold", "dedicated": True},
        "pods": {},
        "services": {"types": ["ClusterIP"]},
        "ingress": {"hosts": []},
        "storage": {},
        "serviceAccounts": {"iamRoles": []},
    }
    own = await make_place("admission-own-nodes", rules)

    passes(await own.ask("pods", noted(pod(), **{KARPENTER: "true"})))


def mounted(**token: Any) -> Manifest:
    return bare(volumes=[{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t", **token}}]}}])


@pytest.mark.parametrize(
    "token",
    [{"audience": "sts.amazonaws.com"}, {"audience": "sts.amazonaws.com.cn"}, {"expirationSeconds": 86401}],
    ids=str,
)
async def test_pod_14_without_an_allowed_iam_role_no_token_for_aws_is_mounted(free, token):
    refused(await free.ask("pods", mounted(**token)), "COTENANT-POD-14")


@pytest.mark.parametrize(
    "token", [{}, {"audience": "vault"}, {"audience": "pods.eks.amazonaws.com", "expirationSeconds": 86400}], ids=str
)
async def test_pod_14_other_tokens_are_and_so_is_that_of_pod_identity(free, token):
    passes(await free.ask("pods", mounted(**token)))


async def test_pod_14_where_a_role_is_allowed_the_token_of_the_webhook_is_mounted(strict):
    volume = mounted(audience="sts.amazonaws.com", expirationSeconds=86400)["spec"]["volumes"]

    passes(await strict.ask("pods", pod(volumes=volume)))


@pytest.mark.parametrize(
    "source",
    [
        {"nfs": {"server": "203.0.113.1", "path": "/"}},
        {"awsElasticBlockStore": {"volumeID": "vol-0b"}},
        {"iscsi": {"targetPortal": "203.0.113.1", "iqn": "iqn.2001-04.com.example:b", "lun": 0}},
        {"hostPath": {"path": "/etc"}},
    ],
    ids=lambda one: next(iter(one)),
)
async def test_vol_01_no_storage_is_mounted_but_by_claims_and_whatever_the_pod_security(free, source):
    refused(await free.ask("pods", bare(volumes=[{"name": "v", **source}])), "COTENANT-POD-15")


@pytest.mark.parametrize(
    "source",
    [
        {"emptyDir": {}},
        {"configMap": {"name": "c"}},
        {"secret": {"secretName": "s"}},
        {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
        {"persistentVolumeClaim": {"claimName": "c"}},
        {"projected": {}},
        {
            "ephemeral": {
                "volumeClaimTemplate": {
                    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
                }
            }
        },
    ],
    ids=lambda one: next(iter(one)),
)
async def test_vol_01_claims_and_what_is_the_pods_own_are(free, source):
    passes(await free.ask("pods", bare(volumes=[{"name": "v", **source}])))


async def test_what_reaches_into_others_is_refused_where_everything_is_only_observed(make_place):
    rules = {
        "pods": {},
        "services": {"types": ["ClusterIP"]},
        "ingress": {"hosts": []},
        "storage": {},
        "serviceAccounts": {"iamRoles": []},
        "enforcement": "observe",
    }
    place = await make_place("admission-observed", rules)
    address = {"spec": {"ports": [{"port": 80}], "externalIPs": ["203.0.113.1"]}}

    passes(await place.ask("pods", bare(schedulerName="mine")))
    refused(await place.ask("pods", bare(schedulerName="mine", nodeName="node-0")), "COTENANT-POD-1")
    refused(await place.ask("pods", bare(tolerations=[{"operator": "Exists"}])), "COTENANT-POD-5")
    refused(await place.ask("services", address), "COTENANT-SERVICE-2")
