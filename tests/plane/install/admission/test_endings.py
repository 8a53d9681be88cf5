"""Finalizers, owners, budgets and long goodbyes: what would keep a node or a namespace from ending."""

from __future__ import annotations

import asyncio

import pytest

from plane.install.admission.conftest import FREE, STRICT, ready
from plane.install.admission.place import Manifest, image, passes, pod, refused, template

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"
MINE = {"finalizers": ["example.com/mine"]}
SELECTOR = {"selector": {"matchLabels": {"app": "x"}}}
CLAIM = {
    "accessModes": ["ReadWriteOnce"],
    "resources": {"requests": {"storage": "1Gi"}},
    "storageClassName": "gp3",
}
INGRESS = {
    "ingressClassName": "alb",
    "rules": [
        {
            "host": "app.acme.example.com",
            "http": {
                "paths": [
                    {
                        "path": "/",
                        "pathType": "Prefix",
                        "backend": {"service": {"name": "x", "port": {"number": 80}}},
                    }
                ]
            },
        }
    ],
}
SCALED = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}, "maxReplicas": 2}
THINGS: dict[str, Manifest] = {
    "configmaps": {"data": {"a": "b"}},
    "secrets": {"stringData": {"a": "b"}},
    "serviceaccounts": {},
    "services": {"spec": {"ports": [{"port": 80}]}},
    "persistentvolumeclaims": {"spec": CLAIM},
    "leases": {"spec": {}},
    "poddisruptionbudgets": {"spec": SELECTOR | {"maxUnavailable": 1}},
    "horizontalpodautoscalers": {"spec": SCALED},
    "ingresses": {"spec": INGRESS},
    "networkpolicies": {"spec": {"podSelector": {}}},
    "roles": {"rules": []},
    "pods": pod(),
    **{
        plural: template(plural, pod())
        for plural in ("deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs", "podtemplates")
    },
}


def owned(kind: str, version: str, *, blocks: bool = True) -> Manifest:
    return {
        "ownerReferences": [
            {"apiVersion": version, "kind": kind, "name": "o", "uid": "b1", "blockOwnerDeletion": blocks}
        ]
    }


@pytest.mark.parametrize("what", THINGS)
async def test_row_19_no_finalizer_of_a_members_own_on_anything_that_it_makes(strict, what):
    refused(await strict.ask(what, THINGS[what] | {"metadata": dict(MINE)}), "COTENANT-OBJECT-1", "example.com/mine")
    passes(await strict.ask(what, THINGS[what] | {"metadata": {"finalizers": ["foregroundDeletion"]}}))
    passes(await strict.ask(what, THINGS[what]))


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("Namespace", "v1"),
        ("Tenant", "cotenant.dev/v1alpha1"),
        ("Space", "cotenant.dev/v1alpha1"),
        ("Node", "v1"),
        ("PersistentVolume", "v1"),
        ("ClusterRole", "rbac.authorization.k8s.io/v1"),
    ],
)
@pytest.mark.parametrize("what", ["configmaps", "pods"])
async def test_row_19_nor_does_anything_block_the_deletion_of_what_belongs_to_the_cluster(strict, what, kind, version):
    refused(await strict.ask(what, THINGS[what] | {"metadata": owned(kind, version)}), "COTENANT-OBJECT-1", kind)
    passes(await strict.ask(what, THINGS[what] | {"metadata": owned(kind, version, blocks=False)}))
    passes(await strict.ask(what, THINGS[what] | {"metadata": owned("ReplicaSet", "apps/v1")}))


@pytest.mark.parametrize("what", ["configmaps", "pods", "secrets", "deployments"])
async def test_row_19_nor_afterwards_and_who_may_write_all_of_them_is_above_it(strict, what):
    passes(await strict.ask(what, THINGS[what] | {"metadata": {"name": "ending"}}, dry=False))
    how = {"name": "ending", "method": "PATCH", "content_type": MERGE}
    added = {"metadata": dict(MINE)}

    refused(await strict.ask(what, added, **how), "COTENANT-OBJECT-1")
    passes(await strict.ask(what, {"metadata": {"labels": {"a": "b"}}}, **how))
    passes(await strict.ask(what, added, by=strict.admin, dry=False, **how))
    # What a controller put there stops nobody from changing the rest, and may be taken off.
    passes(await strict.ask(what, {"metadata": {"labels": {"a": "b"}}}, **how))
    passes(await strict.ask(what, {"metadata": {"finalizers": None}}, dry=False, **how))
    passes(await strict.ask(what, name="ending", method="DELETE", dry=False))


@pytest.mark.parametrize("plural", ["deployments", "jobs", "cronjobs", "statefulsets", "podtemplates"])
async def test_row_19_nor_by_a_template(strict, plural):
    body = template(plural, pod())
    inner = body.get("template") or body["spec"].get("template") or body["spec"]["jobTemplate"]["spec"]["template"]
    inner["metadata"] |= MINE

    refused(await strict.ask(plural, body), "COTENANT-OBJECT-1", "example.com/mine")


async def test_row_19_nor_by_the_claims_that_a_stateful_set_makes(strict):
    body = template("statefulsets", pod())
    body["spec"]["volumeClaimTemplates"] = [{"metadata": {"name": "held", **MINE}, "spec": CLAIM}]
    passes(await strict.ask("statefulsets", body | {"metadata": {"name": "claims"}}, dry=False))
    query = {"fieldSelector": "involvedObject.name=claims"}

    async with asyncio.timeout(30):
        while not (
            found := [
                one["message"]
                for one in (await strict.ask("events", method="GET", dry=False, query=query)).body["items"]
                if "COTENANT-OBJECT-1" in one["message"]
            ]
        ):
            await asyncio.sleep(0.2)

    assert "example.com/mine" in found[0]
    passes(await strict.ask("statefulsets", name="claims", method="DELETE", dry=False))


TRACKED = {"finalizers": ["batch.kubernetes.io/job-tracking"]}


async def test_row_19_nor_by_the_finalizer_of_jobs_which_nobody_takes_off_where_it_is_no_jobs_own(strict):
    """Not off a ReplicaSet's pod, nor off one that a Job with spec.managedBy controls: the namespace would never end."""
    refused(await strict.ask("pods", pod() | {"metadata": TRACKED}), "COTENANT-OBJECT-1", "job-tracking")
    for plural in ("replicasets", "deployments", "jobs"):
        body = template(plural, pod())
        body["spec"]["template"]["metadata"] |= TRACKED
        refused(await strict.ask(plural, body), "COTENANT-OBJECT-1", "job-tracking")
    passes(await strict.ask("pods", pod() | {"metadata": {"name": "tracked"}}, dry=False))
    how = {"name": "tracked", "method": "PATCH", "content_type": MERGE}
    refused(await strict.ask("pods", {"metadata": TRACKED}, **how), "COTENANT-OBJECT-1", "job-tracking")
    passes(await strict.ask("pods", name="tracked", method="DELETE", dry=False))


async def test_node_08_nor_does_who_deletes_a_pod_give_it_a_year(strict):
    passes(await strict.ask("pods", pod() | {"metadata": {"name": "leaves"}}, dry=False))
    # One that waits for a node goes at once, whatever it was given.
    bound = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": "leaves"},
        "target": {"kind": "Node", "name": "a"},
    }
    passes(await strict.ask("pods/binding", bound, name="leaves", method="POST", by=strict.admin, dry=False))
    year = {"gracePeriodSeconds": 31536000}
    evicted = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "leaves"}}
    deleted = {"name": "leaves", "method": "DELETE"}

    refused(await strict.ask("pods", year, **deleted), "COTENANT-POD-19", "31536000 s", "its own time is 30")
    refused(await strict.ask("pods", year, method="DELETE"), "COTENANT-POD-19")
    refused(
        await strict.ask("pods/eviction", evicted | {"deleteOptions": year}, name="leaves", method="POST"),
        "COTENANT-POD-19",
    )
    passes(await strict.ask("pods/eviction", evicted, name="leaves", method="POST"))
    # Of a deletion with a body nothing else says that it is a dry run.
    for given in (0, 5, 30):
        passes(await strict.ask("pods", {"gracePeriodSeconds": given, "dryRun": ["All"]}, **deleted))
    passes(await strict.ask("pods", **deleted))
    passes(await strict.ask("pods", year | {"dryRun": ["All"]}, by=strict.admin, **deleted))
    passes(await strict.ask("pods", {"gracePeriodSeconds": 0}, dry=False, **deleted))


async def test_a_job_runs_to_its_end_and_is_deleted_with_its_claims_by_those_who_wait_for_them(strict):
    """Kubernetes' own finalizers: those of the job controller, of claims, and of a foreground deletion."""
    passes(await strict.ask("jobs", template("jobs", pod()) | {"metadata": {"name": "job"}}, dry=False))
    passes(await strict.ask("persistentvolumeclaims", {"spec": CLAIM, "metadata": {"name": "kept"}}, dry=False))
    claim = (await strict.ask("persistentvolumeclaims", name="kept", method="GET", dry=False)).body
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    query = {"labelSelector": "batch.kubernetes.io/job-name=job"}
    async with asyncio.timeout(30):
        while not (pods := (await strict.ask("pods", method="GET", dry=False, query=query)).body["items"]):
            await asyncio.sleep(0.1)
        assert pods[0]["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
        passes(await strict.ask("jobs", {"propagationPolicy": "Foreground"}, name="job", method="DELETE", dry=False))
        passes(await strict.ask("persistentvolumeclaims", name="kept", method="DELETE", dry=False))
        for what, name in (("jobs", "job"), ("persistentvolumeclaims", "kept")):
            while (await strict.ask(what, name=name, method="GET", dry=False)).status != 404:
                await asyncio.sleep(0.1)


BUDGETS = {
    "none may go": {"maxUnavailable": 0},
    "no part may go": {"maxUnavailable": "00%"},
    "all stay": {"minAvailable": "100%"},
    "it says nothing": {},
}


@pytest.mark.parametrize("case", BUDGETS)
async def test_node_08_a_budget_that_lets_no_pod_go_is_refused(strict, case):
    refused(await strict.ask("poddisruptionbudgets", {"spec": SELECTOR | BUDGETS[case]}), "COTENANT-BUDGET-1")


@pytest.mark.parametrize(
    "spec", [{"maxUnavailable": 1}, {"maxUnavailable": "10%"}, {"minAvailable": 2}, {"minAvailable": "50%"}]
)
async def test_node_08_one_that_lets_a_pod_go_passes(strict, spec):
    passes(await strict.ask("poddisruptionbudgets", {"spec": SELECTOR | spec}))


async def test_node_08_nor_is_it_tightened_afterwards_but_on_nodes_of_ones_own(strict, make_place):
    passes(await strict.ask("poddisruptionbudgets", {"spec": SELECTOR | {"maxUnavailable": 1}}, dry=False))
    how = {"name": "x", "method": "PATCH", "content_type": MERGE}
    for change in ({"maxUnavailable": 0}, {"maxUnavailable": None}):
        refused(await strict.ask("poddisruptionbudgets", {"spec": change}, **how), "COTENANT-BUDGET-1")
    own = STRICT | {"nodes": {"pool": "gold", "dedicated": True}}
    place = await ready(await make_place("admission-own-endings", own), pooled=True)
    passes(await place.ask("poddisruptionbudgets", {"spec": SELECTOR | {"maxUnavailable": 0}}))


async def test_node_08_a_pod_that_takes_longer_than_allowed_to_go_is_refused(strict):
    long, allowed = pod(terminationGracePeriodSeconds=86400), pod(terminationGracePeriodSeconds=3600)

    refused(await strict.ask("pods", long), "COTENANT-POD-18", "86400 s", "allowed: 3600")
    refused(await strict.ask("deployments", template("deployments", long)), "COTENANT-POD-18")
    passes(await strict.ask("pods", allowed))
    passes(await strict.ask("deployments", template("deployments", allowed)))


async def test_pod_12_where_the_tenant_says_so_no_image_comes_from_the_node(strict, make_place):
    always = STRICT | {"pods": STRICT["pods"] | {"alwaysPull": True}}
    good = [image("public.ecr.aws/x:1")[0] | {"imagePullPolicy": "Always"}]
    place = await make_place("admission-pulling", always)
    async with asyncio.timeout(20):
        while not (await place.ask("pods", pod(containers=good))).ok:
            await asyncio.sleep(0.1)
    for policy in ("IfNotPresent", "Never"):
        cached = [good[0] | {"imagePullPolicy": policy}]
        refused(await place.ask("pods", pod(containers=cached)), "COTENANT-POD-17", policy, "imagePullPolicy: Always")
        second = pod(containers=good, initContainers=[cached[0] | {"name": "i"}])
        refused(await place.ask("deployments", template("deployments", second)), "COTENANT-POD-17", policy)
    passes(await place.ask("deployments", template("deployments", pod(containers=good))))
    passes(await strict.ask("pods", pod(containers=[good[0] | {"imagePullPolicy": "Never"}])))


CONTROLLED = {
    "the cloud's own controller": ("services", "service.kubernetes.io/load-balancer-cleanup"),
    "the load balancer controller of AWS": ("services", "service.k8s.aws/resources"),
    "the same, of an Ingress": ("ingresses", "ingress.k8s.aws/resources"),
    "the same, of a group": ("ingresses", "group.ingress.k8s.aws/shared"),
    "whoever else makes load balancers": ("ingresses", "networking.example.com/balancer"),
    "who waits for the pods of a claim": ("persistentvolumeclaims", "kubernetes.io/pvc-protection"),
    "who copies a claim": ("persistentvolumeclaims", "snapshot.storage.kubernetes.io/pvc-as-source-protection"),
    "Kubernetes, of anything": ("configmaps", "example.k8s.io/kept"),
}


@pytest.fixture
async def held(strict):
    """Makes an object with a finalizer that its controller put there."""
    made = []

    async def make(what: str, finalizer: str, name: str = "held", place=strict) -> None:
        body = THINGS[what] | {"metadata": {"name": name, "labels": {"a": "b"}}}
        passes(await place.ask(what, body, dry=False))
        made.append((place, what, name))
        await place.ask(what, name=name, method="PATCH", content_type=MERGE, dry=False, by=place.admin,
                        body={"metadata": {"finalizers": [finalizer, "example.com/second"]}})  # fmt: skip

    yield make
    for place, what, name in made:
        free = {"metadata": {"finalizers": None}}
        await place.ask(what, free, name=name, method="PATCH", content_type=MERGE, dry=False, by=place.admin)
        await place.ask(what, name=name, method="DELETE", dry=False)
        # The controller of claims has put a finalizer of its own back by then, and takes it off a moment later.
        async with asyncio.timeout(60):
            while (await place.ask(what, name=name, method="GET", dry=False)).status != 404:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("case", CONTROLLED)
async def test_row_19_no_member_takes_off_what_a_controller_put_there(strict, held, case):
    what, finalizer = CONTROLLED[case]
    await held(what, finalizer)
    how = {"name": "held", "method": "PATCH"}
    there = (await strict.ask(what, name="held", method="GET", dry=False)).body
    second, apply = ["example.com/second"], {"fieldManager": "helm", "force": "true"}
    version = {"apiVersion": there["apiVersion"], "kind": there["kind"]}

    for body, content_type in (
        ({"metadata": {"finalizers": None}}, MERGE),
        ({"metadata": {"finalizers": second}}, MERGE),
        ([{"op": "remove", "path": "/metadata/finalizers"}], "application/json-patch+json"),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": [finalizer]}}, "application/strategic-merge-patch+json"),
    ):
        refused(await strict.ask(what, body, content_type=content_type, **how), "COTENANT-OBJECT-2", finalizer)
    replaced = await strict.replace(what, "held", lambda it: it["metadata"].pop("finalizers"))
    refused(replaced, "COTENANT-OBJECT-2", finalizer)
    # Who says nothing of finalizers takes none off; and its controller does.
    applied = version | {"metadata": {"name": "held", "labels": {"a": "c"}}}
    passes(await strict.ask(what, applied, content_type="application/apply-patch+yaml", query=apply, **how))
    passes(await strict.ask(what, {"metadata": {"labels": {"a": "c"}}}, content_type=MERGE, **how))
    passes(await strict.replace(what, "held", lambda it: it["metadata"].update(labels={})))
    passes(await strict.ask(what, {"metadata": {"finalizers": second}}, content_type=MERGE, by=strict.admin, **how))


async def test_row_19_its_controller_takes_it_off_whatever_else_of_the_object_is_no_longer_allowed(
    strict, held, make_place
):
    """Else what was made before a rule was tightened would never end, and its namespace neither."""
    place = await make_place("admission-before", FREE | {"pods": {"allowExec": True}})
    await held("poddisruptionbudgets", "example.com/first", "tight", place)
    tight = {"spec": SELECTOR | {"maxUnavailable": 0}}
    how = {"name": "tight", "method": "PATCH", "content_type": MERGE}
    soft = {"spec": {"rules": {"COTENANT-BUDGET-1": "observe"}}}
    loosen = {"name": "policy", "method": "PATCH", "content_type": MERGE, "by": place.operator, "dry": False}
    passes(await place.ask("spacepolicies", soft, **loosen))
    async with asyncio.timeout(20):
        while not (await place.ask("poddisruptionbudgets", tight, **how)).ok:
            await asyncio.sleep(0.1)
    passes(await place.ask("poddisruptionbudgets", tight, dry=False, **how))
    passes(await place.ask("spacepolicies", {"spec": {"rules": None}}, **loosen))
    async with asyncio.timeout(20):
        while (await place.ask("poddisruptionbudgets", tight | {"metadata": {"name": "probe"}})).ok:
            await asyncio.sleep(0.1)

    passes(await place.ask("poddisruptionbudgets", {"metadata": {"finalizers": None}}, by=place.admin, **how))
    passes(await place.ask("poddisruptionbudgets", {"metadata": {"finalizers": None}}, **how))


async def test_row_19_nor_while_it_is_being_deleted(strict, held):
    await held("services", "service.k8s.aws/resources", "leaving")
    passes(await strict.ask("services", name="leaving", method="DELETE", dry=False))
    off = {"metadata": {"finalizers": None}}
    how = {"name": "leaving", "method": "PATCH", "content_type": MERGE}

    refused(await strict.ask("services", off, **how), "COTENANT-OBJECT-2")
    passes(await strict.ask("services", off, by=strict.admin, **how))


async def test_an_operator_of_the_tenants_takes_its_own_off_where_it_may_put_them_on(make_place, held):
    own = STRICT | {"rules": {"COTENANT-OBJECT-1": "observe"}}
    place = await ready(await make_place("admission-own-operator", own), pooled=True)
    await held("services", "service.k8s.aws/resources", "shared", place)
    how = {"name": "shared", "method": "PATCH", "content_type": MERGE}

    passes(await place.ask("services", {"metadata": {"finalizers": ["service.k8s.aws/resources"]}}, **how))
    refused(
        await place.ask("services", {"metadata": {"finalizers": ["example.com/second"]}}, **how), "COTENANT-OBJECT-2"
    )
