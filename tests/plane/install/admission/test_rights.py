"""ServiceAccounts, tokens, RoleBindings, claims, and what belongs to the control plane."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.transport import Transport
from plane.install.admission.place import RBAC, Manifest, passes, pod, refused

pytestmark = pytest.mark.cluster
MERGE = "application/merge-patch+json"
ROLE = "eks.amazonaws.com/role-arn"
ARN = "arn:aws:iam::111122223333:role/"


def account(role: str, name: str = "x") -> Manifest:
    return {"metadata": {"name": name, "annotations": {ROLE: role}}}


def binding(*subjects: Manifest, role: str = "own", kind: str = "Role", name: str = "x", **metadata) -> Manifest:
    reference = {"apiGroup": RBAC, "kind": kind, "name": role}
    return {"metadata": {"name": name, **metadata}, "roleRef": reference, "subjects": list(subjects)}


def sa(namespace: str = "admission-strict", name: str = "ci") -> Manifest:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def who(kind: str, name: str) -> Manifest:
    return {"kind": kind, "name": name, "apiGroup": RBAC}


def claim(notes: Manifest | None = None, **spec) -> Manifest:
    body = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "gp3"}
    kept = {key: value for key, value in (body | spec).items() if value is not None}
    return {"metadata": {"annotations": notes or {}}, "spec": kept}


def mounted(**source: Manifest) -> Manifest:
    return pod(volumes=[{"name": "v", **source}])


@pytest.mark.parametrize("arn", [f"{ARN}other", f"{ARN}on", f"{ARN}one-more", "arn:aws:iam::999900001111:role/acme-x"])
async def test_rbac_20_a_service_account_takes_no_role_of_others(strict, arn):
    refused(await strict.ask("serviceaccounts", account(arn)), "COTENANT-ACCOUNT-1", arn)


@pytest.mark.parametrize("arn", [f"{ARN}one", f"{ARN}acme-ci", f"{ARN}acme-"])
async def test_a_service_account_takes_a_role_of_its_tenant(strict, arn):
    passes(await strict.ask("serviceaccounts", account(arn)))


async def test_rbac_20_nor_afterwards_nor_by_default_nor_the_account_that_is_born_first(strict, free):
    passes(await strict.ask("serviceaccounts", {"metadata": {"name": "ci"}}, dry=False))
    for name in ("ci", "default"):
        how = {"name": name, "method": "PATCH", "content_type": MERGE}
        refused(await strict.ask("serviceaccounts", account(f"{ARN}other", name), **how), "COTENANT-ACCOUNT-1")
        passes(await strict.ask("serviceaccounts", account(f"{ARN}one", name), **how))
        passes(await strict.ask("serviceaccounts", {"metadata": {"labels": {"a": "b"}}}, **how))
    refused(await free.ask("serviceaccounts", account(f"{ARN}one")), "COTENANT-ACCOUNT-1")
    refused(await strict.ask("serviceaccounts", account(f"{ARN}one", "default")), "COTENANT-RIGHT-1")


ROLES = ["cluster-admin", "admin", "edit", "view", "cotenant-operator", "cotenant:home-owner"]


@pytest.mark.parametrize("role", ROLES)
async def test_rbac_04_no_cluster_role_but_those_of_members(strict, role):
    # RBAC lets eve bind what she has herself, which in her namespace is everything.
    refused(await strict.ask("rolebindings", binding(sa(), role=role, kind="ClusterRole")), "COTENANT-RIGHT-2", role)


SUBJECTS = [
    who("Group", "system:authenticated"),
    who("Group", "system:unauthenticated"),
    who("Group", "system:serviceaccounts"),
    who("Group", "system:serviceaccounts:kube-system"),
    who("Group", "b-owners"),
    who("User", "mallory"),
    sa("tenant-b"),
    sa("kube-system", "default"),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: f"{s['kind']} {s.get('namespace', '')} {s['name']}")
async def test_rbac_05_no_subject_from_elsewhere(strict, subject):
    for subjects in ([subject], [sa(), subject]):
        refused(await strict.ask("rolebindings", binding(*subjects)), "COTENANT-RIGHT-3", subject["name"])


async def test_rbac_05_what_stays_within_the_space_passes(strict):
    own = who("Group", "system:serviceaccounts:admission-strict")

    for subjects in ([sa()], [own], [sa(), own], []):
        passes(await strict.ask("rolebindings", binding(*subjects, role="all")))
    passes(await strict.ask("rolebindings", binding(sa(), role="cotenant:viewer", kind="ClusterRole")))


async def test_rbac_05_nor_does_one_slip_in_later(strict):
    passes(await strict.ask("rolebindings", binding(sa(), role="all", name="later"), dry=False))

    patch = {"subjects": [who("Group", "system:authenticated")]}
    answer = await strict.ask("rolebindings", patch, name="later", method="PATCH", content_type=MERGE)

    refused(answer, "COTENANT-RIGHT-3", "system:authenticated")


async def test_rbac_06_what_cotenant_manages_is_not_changed_deleted_or_imitated(strict, operator):
    marked = {"labels": {"app.kubernetes.io/managed-by": "cotenant"}}
    made = {
        "rolebindings": binding(who("User", "ann"), role="cotenant:viewer", kind="ClusterRole", name="ours", **marked),
        "networkpolicies": {"metadata": {"name": "ours", **marked}, "spec": {"podSelector": {}}},
        "limitranges": {"metadata": {"name": "ours", **marked}, "spec": {"limits": [{"type": "Container"}]}},
    }
    for what, body in made.items():
        passes(await strict.ask(what, body, by=operator, dry=False))
        strip = {"metadata": {"labels": None}}
        how = {"name": "ours", "method": "PATCH", "content_type": MERGE}
        refused(await strict.ask(what, strip, **how), "COTENANT-RIGHT-7", what)
        refused(await strict.ask(what, name="ours", method="DELETE"), "COTENANT-RIGHT-7")
        passes(await strict.ask(what, name="ours", method="DELETE", by=strict.admin))
        passes(await strict.ask(what, name="ours", method="DELETE", by=operator))
    imitated = {"metadata": {**marked, "name": "mine"}, "spec": {"podSelector": {}}}
    refused(await strict.ask("networkpolicies", imitated), "COTENANT-RIGHT-7")
    passes(await strict.ask("networkpolicies", {"metadata": {"name": "mine"}, "spec": {"podSelector": {}}}))


async def test_rbac_10_tokens_are_short_and_for_this_cluster(strict):
    passes(await strict.ask("serviceaccounts", {"metadata": {"name": "token"}}, dry=False))
    year, sts = {"expirationSeconds": 365 * 86400}, {"audiences": ["sts.amazonaws.com"]}

    for spec in (year, sts, sts | year, {"audiences": ["vault", "pods.eks.amazonaws.com"]}):
        answer = await strict.ask("serviceaccounts/token", {"spec": spec}, name="token", dry=False)
        refused(answer, "COTENANT-RIGHT-5")
    for spec in ({}, {"expirationSeconds": 3600}, {"audiences": ["vault"], "expirationSeconds": 600}):
        passes(await strict.ask("serviceaccounts/token", {"spec": spec}, name="token", dry=False))
    passes(await strict.ask("serviceaccounts/token", {"spec": year}, name="token", by=strict.admin, dry=False))


FENCE = {
    "networkpolicies": {"spec": {"podSelector": {}}},
    "limitranges": {"spec": {"limits": [{"type": "Container"}]}},
    "rolebindings": binding(who("User", "ann"), role="cotenant:viewer", kind="ClusterRole"),
}


@pytest.mark.parametrize("what", FENCE)
async def test_rbac_19_nor_does_a_deletion_of_all_take_it_along(strict, what):
    """Each object is asked for: the first of ours ends it, whatever is selected; what is one's own goes by a selector."""
    own = FENCE[what] if what != "rolebindings" else binding(sa(), role="all")
    for name, labels, body, by in (
        ("fence", {"app.kubernetes.io/managed-by": "cotenant", "fence": "ours"}, FENCE[what], strict.operator),
        ("mine", {"fence": "mine"}, own, strict.eve),
    ):
        passes(await strict.ask(what, body | {"metadata": {"name": name, "labels": labels}}, by=by, dry=False))

    for query in (
        {"labelSelector": "fence"},
        {"labelSelector": "app.kubernetes.io/managed-by=cotenant"},
        {"fieldSelector": "metadata.name=fence"},
    ):
        refused(await strict.ask(what, method="DELETE", query=query), "COTENANT-RIGHT-7", what)
    assert (await strict.ask(what, name="fence", method="GET", dry=False)).ok
    passes(await strict.ask(what, method="DELETE", query={"labelSelector": "fence=mine"}, dry=False))
    passes(await strict.ask(what, name="fence", method="DELETE", by=strict.operator, dry=False))


async def test_rbac_19_nor_the_quota_of_the_space(strict):
    for query in ({}, {"fieldSelector": "metadata.name=cotenant"}):
        answer = await strict.ask("resourcequotas", method="DELETE", query=query)
        assert answer.status == 403, answer
        assert "COTENANT-QUOTA-5: ResourceQuota cotenant is what limits namespace" in answer.message
    assert (await strict.ask("resourcequotas", name="cotenant", method="GET", dry=False)).ok


async def test_rbac_11_no_secret_is_a_token_without_end(strict):
    token = {"type": "kubernetes.io/service-account-token"}
    notes = {"annotations": {"kubernetes.io/service-account.name": "token"}}
    refused(await strict.ask("secrets", token | {"metadata": notes}), "COTENANT-RIGHT-4")
    refused(await strict.ask("secrets", token | {"metadata": {**notes, "generateName": "t-"}}), "COTENANT-RIGHT-4")
    passes(await strict.ask("secrets", {"stringData": {"a": "b"}}))
    passes(await strict.ask("secrets", {"type": "example.com/mine", "metadata": notes}))
    passes(await strict.ask("secrets", token | {"metadata": notes}, by=strict.admin))


async def test_rbac_11_nor_does_a_secret_become_one_afterwards(strict):
    passes(await strict.ask("secrets", {"metadata": {"name": "later"}, "stringData": {"a": "b"}}, dry=False))
    change = {"type": "kubernetes.io/service-account-token"}
    answer = await strict.ask("secrets", change, name="later", method="PATCH", content_type=MERGE)
    assert answer.status == 422, answer
    assert "field is immutable" in answer.message
    passes(await strict.ask("secrets", name="later", method="DELETE", dry=False))


async def test_node_04_nobody_binds_a_pod_by_hand(strict, standing):
    bind = {"metadata": {"name": standing}, "target": {"kind": "Node", "name": "node-0", "apiVersion": "v1"}}

    refused(await strict.ask("pods/binding", bind, name=standing), "COTENANT-RIGHT-6", "pods/binding")
    refused(await strict.ask("bindings", bind), "COTENANT-RIGHT-6", "bindings")


async def test_the_scheduler_and_the_controllers_do_their_work(strict, admin):
    import asyncio

    for number, image_ in enumerate(["public.ecr.aws/x"]):
        spec = {"containers": [{"name": "c", "image": image_}], "hostUsers": False}
        spec["nodeSelector"] = {"node-restriction.kubernetes.io/cotenant-pool": "gold"}
        labels = {"app": "work"}
        body = {"metadata": {"name": f"work{number}"}}
        template = {"metadata": {"labels": labels}, "spec": spec}
        passes(
            await strict.ask(
                "deployments", body | {"spec": {"selector": {"matchLabels": labels}, "template": template}}, dry=False
            )
        )
    service = {"metadata": {"name": "work"}, "spec": {"selector": labels, "ports": [{"port": 80}]}}
    passes(await strict.ask("services", service, dry=False))
    await _label_node(admin)
    async with asyncio.timeout(30):
        while True:
            pods = (await strict.ask("pods", method="GET", dry=False, query={"labelSelector": "app=work"})).body[
                "items"
            ]
            slices = (await strict.ask("endpointslices", method="GET", dry=False)).body["items"]
            if pods and pods[0]["spec"].get("nodeName") and any(one.get("endpoints") for one in slices):
                break
            await asyncio.sleep(0.1)


async def _label_node(admin):
    from cotenant.kube import resource

    node = (await admin.list(resource.NODES)).items[0]["metadata"]["name"]
    label = {"metadata": {"labels": {"node-restriction.kubernetes.io/cotenant-pool": "gold"}}}
    await admin.merge(resource.NODES, node, label)


async def test_forged_addresses_lead_nowhere(strict):
    """CVE-2021-25740 and the other half of CVE-2020-8554."""
    labels = {"kubernetes.io/service-name": "web"}
    forged = {"metadata": {"labels": labels}, "addressType": "IPv4", "endpoints": [{"addresses": ["10.0.0.9"]}]}
    forged["ports"] = [{"port": 80}]
    refused(await strict.ask("endpointslices", forged), "COTENANT-RIGHT-6", "endpointslices")
    endpoints = {"subsets": [{"addresses": [{"ip": "10.0.0.9"}], "ports": [{"port": 80}]}]}
    refused(await strict.ask("endpoints", endpoints), "COTENANT-RIGHT-6")
    passes(
        await strict.ask(
            "services",
            {"metadata": {"name": "forged"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}},
            dry=False,
        )
    )
    status = {"status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}}
    answer = await strict.ask("services/status", status, name="forged", method="PATCH", content_type=MERGE)
    refused(answer, "COTENANT-RIGHT-6", "services/status")


FILES = {
    "mounted from its server": ("pods", mounted(nfs={"server": "fs-0b.efs.eu-west-1.amazonaws.com", "path": "/"}), "POD-15"),
    "by its driver, in the pod's own text": (
        "pods", mounted(csi={"driver": "efs.csi.aws.com", "volumeAttributes": {"path": "/../b"}}), "POD-11"),
    "by a class that is not the tenant's": ("persistentvolumeclaims", claim(storageClassName="efs-b"), "VOLUME-1"),
    "by the volume of others": ("persistentvolumeclaims", claim(volumeName="efs-of-b"), "VOLUME-3"),
    "by any volume with a label": (
        "persistentvolumeclaims", claim(selector={"matchLabels": {"fs": "fs-0b"}}), "VOLUME-3"),
    "as a copy of the claim of others": (
        "persistentvolumeclaims",
        claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "data", "namespace": "tenant-b"}), "VOLUME-2"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
async def test_vol_06_nobody_says_which_directory_of_a_shared_file_system_is_mounted(strict, case):
    """Only the StorageClass and the driver say it; that an access point has a root of its own is theirs, and AWS's."""
    what, body, rule = FILES[case]
    answer = await strict.ask(what, body)

    if rule == "VOLUME-2" and answer.ok:
        # Across namespaces it stands behind a gate that is shut, and is dropped before anybody looks.
        assert "namespace" not in answer.body["spec"].get("dataSourceRef", {})
        return
    refused(answer, f"COTENANT-{rule}")


CLAIMS = {
    "VOL-05 another class": (claim(storageClassName="io2"), "COTENANT-VOLUME-1", "io2", "gp3"),
    "VOL-02 no class": (
        claim(storageClassName=None),
        "COTENANT-VOLUME-3",
        "the claim has no StorageClass and takes any volume without one",
        "name a class in spec.storageClassName",
    ),
    "VOL-02 an empty class, for what somebody made by hand": (claim(storageClassName=""), "COTENANT-VOLUME-3"),
    "VOL-02 by a selector": (claim(selector={"matchLabels": {"team": "b"}}), "COTENANT-VOLUME-3"),
    "VOL-05 the old annotation": (
        claim({"volume.beta.kubernetes.io/storage-class": "io2"}),
        "COTENANT-VOLUME-1",
        "io2",
    ),
    "VOL-05 a dear attribute": (claim(volumeAttributesClassName="fast"), "COTENANT-VOLUME-4", "fast", "gp3"),
    "VOL-02 a volume by name": (claim(volumeName="pv-of-b"), "COTENANT-VOLUME-3", "pv-of-b"),
}


@pytest.mark.parametrize("case", CLAIMS)
async def test_a_claim_that_breaks_a_rule_is_refused(strict, case):
    body, rule, *words = CLAIMS[case]
    answer = await strict.ask("persistentvolumeclaims", body)

    if "volumeAttributesClassName" in body["spec"] and answer.ok:
        # Kubernetes 1.33 knows it behind a gate that is shut, and drops it before anybody looks.
        assert "volumeAttributesClassName" not in answer.body["spec"]
        return
    refused(answer, rule, *words)


async def test_a_legitimate_claim_passes_and_only_the_platform_names_its_volume(strict, free):
    passes(await strict.ask("persistentvolumeclaims", claim()))
    passes(await free.ask("persistentvolumeclaims", claim(storageClassName="anything")))
    passes(await strict.ask("persistentvolumeclaims", claim(volumeName="pv-1"), by=strict.admin))
    own = claim(dataSourceRef={"kind": "PersistentVolumeClaim", "name": "old"})
    passes(await strict.ask("persistentvolumeclaims", own))


async def test_vol_02_nor_is_the_volume_named_afterwards(strict):
    passes(await strict.ask("persistentvolumeclaims", claim() | {"metadata": {"name": "later"}}, dry=False))
    how = {"name": "later", "method": "PATCH", "content_type": MERGE}

    refused(await strict.ask("persistentvolumeclaims", {"spec": {"volumeName": "pv-of-b"}}, **how), "COTENANT-VOLUME-3")
    passes(await strict.ask("persistentvolumeclaims", {"metadata": {"labels": {"a": "b"}}}, **how))


async def test_vol_02_without_a_default_class_a_claim_that_names_none_is_refused_and_one_that_waits_may_change(free):
    """With a default class Kubernetes writes it into the claim before any policy looks."""
    none = claim(storageClassName=None) | {"metadata": {"name": "waiting"}}
    refused(await free.ask("persistentvolumeclaims", none), "COTENANT-VOLUME-3", "has no StorageClass")
    passes(await free.ask("persistentvolumeclaims", none, by=free.admin, dry=False))
    how = {"name": "waiting", "method": "PATCH", "content_type": MERGE}

    passes(await free.ask("persistentvolumeclaims", {"metadata": {"annotations": {"a": "b"}}}, **how))
    passes(await free.ask("persistentvolumeclaims", {"spec": {"storageClassName": "gp3"}}, **how))


async def test_vol_02_nor_is_the_class_taken_off_by_the_old_annotation(free):
    """It goes before the field, and what is empty in it may be added to a claim that waits."""
    off = {"volume.beta.kubernetes.io/storage-class": ""}
    for body in (claim(off), claim(off, storageClassName=None)):
        refused(await free.ask("persistentvolumeclaims", body), "COTENANT-VOLUME-3")
    passes(await free.ask("persistentvolumeclaims", claim() | {"metadata": {"name": "classed"}}, dry=False))
    how = {"name": "classed", "method": "PATCH", "content_type": MERGE}

    refused(await free.ask("persistentvolumeclaims", {"metadata": {"annotations": off}}, **how), "COTENANT-VOLUME-3")
    passes(
        await free.ask("persistentvolumeclaims", {"metadata": {"annotations": off}}, by=free.admin, dry=False, **how)
    )
    grown = {"spec": {"resources": {"requests": {"storage": "1Gi"}}}, "metadata": {"annotations": {"a": "b"}}}
    passes(await free.ask("persistentvolumeclaims", grown, **how))


async def test_a_kubelet_writes_the_status_of_a_claim_that_its_pod_uses(strict, admin, control_plane):
    name, volume = "kubelet-of-claim", {"name": "v", "persistentVolumeClaim": {"claimName": "grown"}}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
    await admin.create(resource.NODES, node)
    passes(await strict.ask("persistentvolumeclaims", claim() | {"metadata": {"name": "grown"}}, dry=False))
    gated = pod(volumes=[volume], schedulerName="volcano") | {"metadata": {"name": "user"}}
    passes(await strict.ask("pods", gated, dry=False))
    target = {"apiVersion": "v1", "kind": "Node", "name": name}
    bound = {"metadata": {"name": "user"}, "target": target}
    passes(await strict.ask("pods/binding", bound, name="user", method="POST", dry=False, by=admin))
    kubelet = Client(await Transport.from_kubeconfig(control_plane.user(f"system:node:{name}", ["system:nodes"])))
    change = {"status": {"conditions": [{"type": "FileSystemResizePending", "status": "True"}]}}
    how = {"name": "grown", "method": "PATCH", "content_type": MERGE}

    async with asyncio.timeout(20):  # the Node authorizer hears of the pod a little later
        while (
            not (answer := await strict.ask("persistentvolumeclaims/status", change, by=kubelet, **how)).ok
            and "COTENANT" not in answer.message
        ):
            await asyncio.sleep(0.1)
    await kubelet.close()
    await admin.delete(resource.NODES, name)
    passes(answer)
    refused(await strict.ask("persistentvolumeclaims/status", change, **how), "COTENANT-RIGHT-6")


async def test_nobody_else_writes_the_status_of_a_pod(strict, standing):
    forged = {"status": {"podIP": "10.9.9.9", "podIPs": [{"ip": "10.9.9.9"}]}}

    answer = await strict.ask("pods/status", forged, name=standing, method="PATCH", content_type=MERGE)

    refused(answer, "COTENANT-RIGHT-6", "pods/status")
