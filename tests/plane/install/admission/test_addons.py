"""Objects of add-ons, whose definitions come after the policies: nothing is restarted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from cotenant.cli.cluster.trial import tried
from cotenant.kube import resource
from plane.install.admission.conftest import STRICT
from plane.install.admission.place import GROUPS, Manifest, introduce, passes, refused

pytestmark = pytest.mark.cluster
SPACE = "admission-addons"
SHARED = [
    "ClusterSecretStore/acme",
    "ClusterIssuer/letsencrypt",
    "AppProject/acme",
    "HelmRepository/flux-system/charts",
    "DeviceClass/gpu.example.com",
    "DeviceClass/small.example.com",
    "SecretStoreProvider/onepasswordsdk",
]
KINDS = {
    "externalsecrets": ("external-secrets.io", "ExternalSecret"),
    "secretstores": ("external-secrets.io", "SecretStore"),
    "pushsecrets": ("external-secrets.io", "PushSecret"),
    "ecrauthorizationtokens": ("generators.external-secrets.io", "ECRAuthorizationToken"),
    "acraccesstokens": ("generators.external-secrets.io", "ACRAccessToken"),
    "vaultdynamicsecrets": ("generators.external-secrets.io", "VaultDynamicSecret"),
    "webhooks": ("generators.external-secrets.io", "Webhook"),
    "certificates": ("cert-manager.io", "Certificate"),
    "issuers": ("cert-manager.io", "Issuer"),
    "certificaterequests": ("cert-manager.io", "CertificateRequest"),
    "applications": ("argoproj.io", "Application"),
    "applicationsets": ("argoproj.io", "ApplicationSet"),
    "kustomizations": ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    "helmreleases": ("helm.toolkit.fluxcd.io", "HelmRelease"),
    "ocirepositories": ("source.toolkit.fluxcd.io", "OCIRepository"),
    "imagerepositories": ("image.toolkit.fluxcd.io", "ImageRepository"),
    "receivers": ("notification.toolkit.fluxcd.io", "Receiver"),
    "targetgroupbindings": ("elbv2.k8s.aws", "TargetGroupBinding"),
    "securitygrouppolicies": ("vpcresources.k8s.aws", "SecurityGroupPolicy"),
    "podidentityassociations": ("eks.services.k8s.aws", "PodIdentityAssociation"),
}


def store(kind: str, name: str = "b") -> Manifest:
    return {"kind": kind, "name": name}


def certificate(*names: str, issuer: Manifest | None = None, **spec: Any) -> Manifest:
    return {
        "dnsNames": list(names),
        "secretName": "t",
        "issuerRef": issuer or store("ClusterIssuer", "letsencrypt"),
        **spec,
    }


def application(namespace: str = SPACE, project: str = "acme") -> Manifest:
    return {"project": project, "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace}}


def kustomization(**spec: Any) -> Manifest:
    return {"sourceRef": {"kind": "GitRepository", "name": "g"}, "serviceAccountName": "flux", "path": "./", **spec}


def release(namespace: str, name: str = "charts", **spec: Any) -> Manifest:
    source = {"kind": "HelmRepository", "name": name, "namespace": namespace}
    return {"chart": {"spec": {"chart": "c", "sourceRef": source}}, "serviceAccountName": "flux", **spec}


ACCOUNT = {"auth": {"jwt": {"serviceAccountRef": {"name": "reader"}}}}
BAD: dict[str, tuple[str, Manifest, str, str]] = {
    "another cluster's store": (
        "externalsecrets", {"secretStoreRef": store("ClusterSecretStore")}, "ADDON-1", "ClusterSecretStore/b"),
    "in one line of its data": (
        "externalsecrets", {"secretStoreRef": store("SecretStore"), "data": [
            {"secretKey": "k", "sourceRef": {"storeRef": store("ClusterSecretStore")}}]}, "ADDON-1", "ClusterSecretStore/b"),
    "a generator of all": (
        "externalsecrets", {"dataFrom": [{"sourceRef": {"generatorRef": store("ClusterGenerator")}}]}, "ADDON-1",
        "ClusterGenerator/b"),
    "into a store of all": (
        "pushsecrets", {"secretStoreRefs": [store("ClusterSecretStore", "acme")]}, "ADDON-6", "pushsecrets"),
    "a store without credentials": (
        "secretstores", {"provider": {"aws": {"service": "SecretsManager"}}}, "ADDON-3", "credentials"),
    "a store with a word and no credentials": (
        "secretstores", {"provider": {"vault": {"auth": {"kubernetes": {"role": "b"}}}}}, "ADDON-3", "credentials"),
    "a store of a provider that nobody knows": ("secretstores", {"provider": {"fake": {"data": []}}}, "ADDON-1",
        "SecretStoreProvider/fake is not shared"),
    "one beside one that is known": (
        "secretstores", {"provider": {"vault": ACCOUNT, "webhook": {"url": "https://x"}}}, "ADDON-1",
        "SecretStoreProvider/webhook"),
    "tokens of the controller": ("ecrauthorizationtokens", {"region": "eu-west-1"}, "ADDON-3", "credentials"),
    "tokens of the controller's machine": (
        "acraccesstokens", {"auth": {"managedIdentity": {"identityId": "b"}}}, "ADDON-3", "credentials"),
    "secrets of Vault by the controller": (
        "vaultdynamicsecrets", {"provider": {"auth": {"kubernetes": {"role": "b"}}}}, "ADDON-3", "credentials"),
    "secrets of Vault by nobody": (
        "vaultdynamicsecrets", {"provider": {"server": "x"}, **ACCOUNT}, "ADDON-3", "credentials"),
    "a call to anywhere": ("webhooks", {"url": "http://x"}, "ADDON-1", "SecretStoreProvider/webhook"),
    "another issuer": (
        "certificates", certificate("app.acme.example.com", issuer=store("ClusterIssuer")), "ADDON-1", "ClusterIssuer/b"),
    "a name of others": ("certificates", certificate("www.example.com"), "ADDON-2", "www.example.com"),
    "a common name of others": (
        "certificates", certificate("app.acme.example.com", commonName="b.example.com"), "ADDON-2", "b.example.com"),
    "a Service of others": ("certificates", certificate("web.b.svc"), "ADDON-2", "web.b.svc"),
    "a certificate that signs": ("certificates", certificate("app.acme.example.com", isCA=True), "ADDON-2", "isCA"),
    "an identity of others": (
        "certificates", certificate("app.acme.example.com", uris=["spiffe://b"]), "ADDON-2", "uris"),
    "names that nobody can read": ("certificaterequests", {"request": "LS0t"}, "ADDON-6", "certificaterequests"),
    "an application in another namespace": ("applications", application("tenant-b"), "ADDON-4", "tenant-b"),
    "an application of the project of all": (
        "applications", application(project="default"), "ADDON-1", "AppProject/default"),
    "a maker of applications": ("applicationsets", {"generators": []}, "ADDON-6", "applicationsets"),
    "Flux in another namespace": ("kustomizations", kustomization(targetNamespace="tenant-b"), "ADDON-4", "tenant-b"),
    "Flux as itself": ("kustomizations", kustomization(serviceAccountName=""), "ADDON-5", "ServiceAccount"),
    "Flux with a source of others": (
        "kustomizations", kustomization(sourceRef={"kind": "GitRepository", "name": "g", "namespace": "b"}), "ADDON-1",
        "GitRepository/b/g"),
    "Helm as itself": ("helmreleases", {"chartRef": store("OCIRepository", "c")}, "ADDON-5", "ServiceAccount"),
    "Helm with charts of others": ("helmreleases", release("b"), "ADDON-1", "HelmRepository/b/charts"),
    "Helm that remembers elsewhere": (
        "helmreleases", release(SPACE, storageNamespace="tenant-b"), "ADDON-4", "tenant-b"),
    "images by the role of Flux": (
        "ocirepositories", {"provider": "aws", "url": "oci://x"}, "ADDON-5", "ServiceAccount"),
    "names of images by the role of Flux": (
        "imagerepositories", {"provider": "aws", "image": "x"}, "ADDON-5", "ServiceAccount"),
    "Flux in the account, as itself": (
        "kustomizations",
        kustomization(serviceAccountName="", kubeConfig={"configMapRef": {"name": "c"}}), "ADDON-5", "ServiceAccount"),
    "a hook for others": (
        "receivers", {"resources": [{"kind": "GitRepository", "name": "g", "namespace": "b"}]}, "ADDON-1", "b/g"),
    "the traffic of others": ("targetgroupbindings", {"targetGroupARN": "arn:x"}, "ADDON-6", "targetgroupbindings"),
    "security groups": ("securitygrouppolicies", {"securityGroups": {}}, "ADDON-6", "securitygrouppolicies"),
    "RBAC-20 an association": ("podidentityassociations", {"roleARN": "arn:x"}, "ADDON-6", "podidentityassociations"),
}  # fmt: skip
GOOD: dict[str, tuple[str, Manifest]] = {
    "a secret of its own store": ("externalsecrets", {"secretStoreRef": store("SecretStore"), "data": [
        {"secretKey": "k", "remoteRef": {"key": "x"}}]}),
    "a secret of a shared store": ("externalsecrets", {"secretStoreRef": store("ClusterSecretStore", "acme")}),
    "a secret into its own store": ("pushsecrets", {"secretStoreRefs": [{"name": "own"}]}),
    "a store with its own account": ("secretstores", {"provider": {"aws": {"service": "SecretsManager", **ACCOUNT}}}),
    "a store of another kind that is shared": ("secretstores", {"provider": {"onepasswordSDK": {"vault": "v"}}}),
    "tokens by its own account": ("ecrauthorizationtokens", {"region": "eu-west-1", **ACCOUNT}),
    "tokens of Azure by its own account": (
        "acraccesstokens", {"auth": {"workloadIdentity": {"serviceAccountRef": {"name": "reader"}}}}),
    "secrets of Vault by its own account": ("vaultdynamicsecrets", {"provider": {
        "auth": {"kubernetes": {"role": "own", "serviceAccountRef": {"name": "reader"}}}}}),
    "its hosts, by a shared issuer": ("certificates", certificate("app.acme.example.com", "acme.example.org")),
    "its Services, by a shared issuer": ("certificates", certificate(f"web.{SPACE}.svc", f"web.{SPACE}.svc.cluster.local")),
    "any name, by its own issuer": ("certificates", certificate("x", issuer={"name": "own"}, isCA=True)),
    "an issuer": ("issuers", {"selfSigned": {}}),
    "an application": ("applications", application()),
    "a kustomization": ("kustomizations", kustomization(targetNamespace=SPACE)),
    "a release of shared charts": ("helmreleases", release("flux-system")),
    "a source": ("ocirepositories", {"url": "oci://x"}),
    "names of images": ("imagerepositories", {"provider": "aws", "image": "x", "serviceAccountName": "reader"}),
    "a kustomization of another cluster": (
        "kustomizations", kustomization(serviceAccountName="", kubeConfig={"secretRef": {"name": "c"}})),
    "a hook": ("receivers", {"resources": [{"kind": "GitRepository", "name": "g"}]}),
}  # fmt: skip


def body(plural: str, spec: Manifest) -> Manifest:
    group, kind = KINDS[plural]
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}


@pytest.fixture(scope="module")
async def place(make_place):
    """A space with a few things shared, in a cluster that has these add-ons from now on."""
    found = await make_place(SPACE, STRICT | {"addons": {"shared": SHARED}})
    await introduce(found, KINDS, ("certificates", body("certificates", certificate("www.example.com"))))
    return found


@pytest.mark.parametrize("case", BAD)
async def test_an_object_of_an_add_on_that_reaches_others_is_refused(place, case):
    plural, spec, rule, word = BAD[case]

    refused(await place.ask(plural, body(plural, spec)), f"COTENANT-{rule}", word)


@pytest.mark.parametrize("case", GOOD)
async def test_its_legitimate_neighbour_passes(place, case):
    plural, spec = GOOD[case]

    passes(await place.ask(plural, body(plural, spec)))


KEPT = {"cotenant.dev/protected": "true"}
OURS = {"app.kubernetes.io/managed-by": "cotenant"}
STAINED: dict[str, tuple[str, Manifest, str]] = {
    "a token without end": (
        "externalsecrets", {"target": {"template": {"type": "kubernetes.io/service-account-token"}}}, "service-account-token"),
    "a mark": ("externalsecrets", {"target": {"template": {"metadata": {"labels": KEPT}}}}, "cotenant.dev/protected"),
    "a note": ("externalsecrets", {"target": {"template": {"metadata": {"annotations": KEPT}}}}, "cotenant.dev/protected"),
    "our name": ("externalsecrets", {"target": {"template": {"metadata": {"labels": OURS}}}}, "managed-by"),
    "our name, filled in": (
        "externalsecrets",
        {"target": {"template": {"metadata": {"labels": {"app.kubernetes.io/managed-by": "{{ .x }}"}}}}}, "managed-by"),
    "labels that nobody sees": (
        "externalsecrets", {"target": {"template": {"templateFrom": [{"target": "Labels", "literal": "x"}]}}},
        "templateFrom.target"),
    "a finalizer": (
        "externalsecrets", {"target": {"template": {"metadata": {"finalizers": ["example.com/x"]}}}}, "finalizers"),
    "something else": (
        "externalsecrets", {"target": {"manifest": {"apiVersion": "v1", "kind": "ConfigMap"}}}, "target.manifest"),
    "a mark of a certificate": (
        "certificates", certificate("app.acme.example.com", secretTemplate={"labels": KEPT}), "cotenant.dev/protected"),
    "our name on a certificate": (
        "certificates", certificate("app.acme.example.com", secretTemplate={"annotations": OURS}), "managed-by"),
}  # fmt: skip


@pytest.mark.parametrize("case", STAINED)
async def test_a_secret_that_an_add_on_makes_is_a_plain_one(place, case):
    plural, spec, word = STAINED[case]
    own = {"secretStoreRef": store("SecretStore")} if plural == "externalsecrets" else {}

    refused(await place.ask(plural, body(plural, own | spec)), "COTENANT-ADDON-8", word)
    passes(await place.ask(plural, body(plural, own | spec), by=place.admin))


async def test_so_is_one_with_the_labels_of_its_author_and_plain_labels_pass(place):
    own = {"secretStoreRef": store("SecretStore")}
    metadata = {"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"a": "{{ .b }}"}}
    template = {"type": "Opaque", "metadata": metadata, "templateFrom": [{"configMap": {"name": "c"}}]}
    labelled = body("externalsecrets", own) | {"metadata": {"name": "worn", "labels": KEPT}}

    refused(await place.ask("externalsecrets", labelled), "COTENANT-ADDON-8", "cotenant.dev/protected")
    plain = body("externalsecrets", own | {"target": {"template": template}}) | {
        "metadata": {"name": "worn", **metadata}
    }
    passes(await place.ask("externalsecrets", plain, dry=False))
    how = {"name": "worn", "method": "PATCH", "content_type": "application/merge-patch+json"}
    refused(await place.ask("externalsecrets", {"metadata": {"labels": KEPT}}, **how), "COTENANT-ADDON-8")
    passes(await place.ask("externalsecrets", {"metadata": {"labels": {"a": "b"}}}, **how))


def devices(version: str, *requests: Manifest) -> Manifest:
    """What a claim says, as the version has it: from v1beta2 on what is asked for lies in `exactly`."""
    flat = [
        {"name": one["name"], **one.get("exactly", {})} if version == "v1beta1" else one
        for one in requests
    ]  # fmt: skip
    return {"spec": {"devices": {"requests": flat if version == "v1beta1" else list(requests)}}}


def wants(of: str, name: str = "r", **more: Any) -> Manifest:
    return {"name": name, "exactly": {"deviceClassName": of, **more}}


def either(*of: str) -> Manifest:
    return {"name": "e", "firstAvailable": [{"name": f"n{at}", "deviceClassName": one} for at, one in enumerate(of)]}


SHARED_DEVICE, FOREIGN = "gpu.example.com", "huge.example.com"
DEVICES: dict[str, tuple[list[Manifest], str, str]] = {
    "one that is not shared": ([wants(FOREIGN)], "ADDON-1", f"DeviceClass/{FOREIGN}"),
    "beside one that is": ([wants(SHARED_DEVICE), wants(FOREIGN, "s")], "ADDON-1", f"DeviceClass/{FOREIGN}"),
    "all of them": ([wants(FOREIGN, allocationMode="All")], "ADDON-1", f"DeviceClass/{FOREIGN}"),
    "as an alternative": ([either(SHARED_DEVICE, FOREIGN)], "ADDON-1", f"DeviceClass/{FOREIGN}"),
    "as an administrator": ([wants(SHARED_DEVICE, adminAccess=True)], "ADDON-7", "request r"),
    "nothing": ([wants(SHARED_DEVICE)], "", ""),
    "one of two": ([either("small.example.com", SHARED_DEVICE)], "", ""),
}
"""What is asked for, beside the rule that refuses it; none where it is allowed."""


@pytest.fixture(scope="module")
async def claims(place, admin):
    """The versions in which claims of devices are served; in a namespace where Kubernetes itself allows adminAccess."""
    await admin.merge(
        resource.NAMESPACES, SPACE, {"metadata": {"labels": {"resource.kubernetes.io/admin-access": "true"}}}
    )
    status, text = await admin.raw("GET", "/apis/resource.k8s.io")
    found = [one["version"] for one in json.loads(text)["versions"]] if status == 200 else []
    return [one for one in found if one in ("v1", "v1beta2", "v1beta1")]


@pytest.mark.parametrize("case", DEVICES)
async def test_node_12_no_claim_of_devices_but_of_those_that_are_shared(place, claims, case):
    """With the right to make claims, which members do not have."""
    requests, rule, word = DEVICES[case]
    for version in claims:
        for plural in ("resourceclaims", "resourceclaimtemplates"):
            GROUPS[plural] = f"resource.k8s.io/{version}"
            one = devices(version, *requests)
            answer = await place.ask(plural, one if plural == "resourceclaims" else {"spec": one})
            if rule == "ADDON-7" and answer.ok:
                assert "adminAccess" not in json.dumps(answer.body)  # 1.33 drops it before anybody looks
                continue
            if not rule:
                passes(answer)
                continue
            refused(answer, f"COTENANT-{rule}", word)
            # Nor do those who make claims for others: the controller by a template, the scheduler for extended resources.
            refused(
                await place.ask(plural, one if plural == "resourceclaims" else {"spec": one}, by=place.admin),
                f"COTENANT-{rule}",
            )


async def test_nor_is_it_changed_into_one_afterwards(place):
    passes(await place.ask("applications", body("applications", application()), dry=False))
    how = {"name": "x", "method": "PATCH", "content_type": "application/merge-patch+json"}

    refused(
        await place.ask("applications", {"spec": {"destination": {"namespace": "tenant-b"}}}, **how), "COTENANT-ADDON-4"
    )
    passes(await place.ask("applications", {"metadata": {"labels": {"a": "b"}}}, **how))


async def test_what_is_no_longer_shared_is_named_before_anybody_stumbles_over_it(place, make_place, admin):
    """As `cotenant policies check` and `cotenant plan` ask: of every kind that the cluster serves and the rules look at."""
    space = "admission-trial"
    there = await make_place(space, STRICT | {"addons": {"shared": SHARED}})
    made = (
        ("externalsecrets", {"secretStoreRef": store("ClusterSecretStore", "acme")}),
        ("certificates", certificate("app.acme.example.com")),
        ("applications", application(space)),
        ("issuers", {"selfSigned": {}}),
    )
    async with asyncio.timeout(20):
        for plural, spec in made:
            while not (await there.ask(plural, body(plural, spec), dry=False)).ok:
                await asyncio.sleep(0.1)
        less = {"name": "policy", "method": "PATCH", "content_type": "application/merge-patch+json", "dry": False}
        passes(await there.ask("spacepolicies", {"spec": {"addons": None}}, by=there.operator, **less))
        again = body(*made[0]) | {"metadata": {"name": "again"}}
        while (await there.ask("externalsecrets", again)).ok:
            await asyncio.sleep(0.1)

    trial = await tried(admin, ["acme"])

    assert not trial.unasked
    assert {(one.kind, one.rule) for one in trial.refused if one.namespace == space} == {
        (kind, "COTENANT-ADDON-1") for kind in ("ExternalSecret", "Certificate", "Application")
    }


async def test_row_19_nor_does_a_member_take_off_what_stands_for_something_in_the_account(place, admin):
    plural, spec, *_ = BAD["the traffic of others"]
    about = {"metadata": {"name": "held", "finalizers": ["elbv2.k8s.aws/resources"]}}
    passes(await place.ask(plural, body(plural, spec) | about, by=admin, dry=False))
    how = {"name": "held", "method": "PATCH", "content_type": "application/merge-patch+json"}
    off = {"metadata": {"finalizers": None}}

    refused(await place.ask(plural, off, **how), "COTENANT-OBJECT-2", "elbv2.k8s.aws/resources")
    passes(await place.ask(plural, {"metadata": {"labels": {"a": "b"}}}, **how))
    passes(await place.ask(plural, off, by=admin, dry=False, **how))
    # What its author put there, as the manual of Argo CD says, is the author's.
    cascade = {"finalizers": ["resources-finalizer.argocd.argoproj.io"]}
    passes(
        await place.ask(
            "applications", body("applications", application()) | {"metadata": {"name": "own", **cascade}}, dry=False
        )
    )
    passes(await place.ask("applications", off, **(how | {"name": "own"}), dry=False))


async def test_the_controllers_make_what_is_theirs(place, admin):
    for case in ("names that nobody can read", "the traffic of others", "RBAC-20 an association"):
        plural, spec, *_ = BAD[case]
        passes(await place.ask(plural, body(plural, spec), by=admin))
