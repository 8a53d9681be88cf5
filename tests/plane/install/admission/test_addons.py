"""Objects of add-ons, whose definitions come after the policies: nothing is restarted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cotenant.kube import resource
from plane.install.admission.conftest import STRICT
from plane.install.admission.place import GROUPS, Manifest, definition, passes, refused

pytestmark = pytest.mark.cluster
SPACE = "admission-addons"
SHARED = [
    "ClusterSecretStore/acme",
    "ClusterIssuer/letsencrypt",
    "AppProject/acme",
    "HelmRepository/flux-system/charts",
]
KINDS = {
    "externalsecrets": ("external-secrets.io", "ExternalSecret"),
    "secretstores": ("external-secrets.io", "SecretStore"),
    "pushsecrets": ("external-secrets.io", "PushSecret"),
    "ecrauthorizationtokens": ("generators.external-secrets.io", "ECRAuthorizationToken"),
    "certificates": ("cert-manager.io", "Certificate"),
    "issuers": ("cert-manager.io", "Issuer"),
    "certificaterequests": ("cert-manager.io", "CertificateRequest"),
    "applications": ("argoproj.io", "Application"),
    "applicationsets": ("argoproj.io", "ApplicationSet"),
    "kustomizations": ("kustomize.toolkit.fluxcd.io", "Kustomization"),
    "helmreleases": ("helm.toolkit.fluxcd.io", "HelmRelease"),
    "ocirepositories": ("source.toolkit.fluxcd.io", "OCIRepository"),
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
    "tokens of the controller": ("ecrauthorizationtokens", {"region": "eu-west-1"}, "ADDON-3", "credentials"),
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
    "a store of another kind": ("secretstores", {"provider": {"fake": {"data": []}}}),
    "tokens by its own account": ("ecrauthorizationtokens", {"region": "eu-west-1", **ACCOUNT}),
    "its hosts, by a shared issuer": ("certificates", certificate("app.acme.example.com", "acme.example.org")),
    "its Services, by a shared issuer": ("certificates", certificate(f"web.{SPACE}.svc", f"web.{SPACE}.svc.cluster.local")),
    "any name, by its own issuer": ("certificates", certificate("x", issuer={"name": "own"}, isCA=True)),
    "an issuer": ("issuers", {"selfSigned": {}}),
    "an application": ("applications", application()),
    "a kustomization": ("kustomizations", kustomization(targetNamespace=SPACE)),
    "a release of shared charts": ("helmreleases", release("flux-system")),
    "a source": ("ocirepositories", {"url": "oci://x"}),
    "a hook": ("receivers", {"resources": [{"kind": "GitRepository", "name": "g"}]}),
}  # fmt: skip


def body(plural: str, spec: Manifest) -> Manifest:
    group, kind = KINDS[plural]
    return {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec}


@pytest.fixture(scope="module")
async def place(make_place, admin):
    """A space with a few things shared, in a cluster that has these add-ons from now on."""
    found = await make_place(SPACE, STRICT | {"addons": {"shared": SHARED}})
    for plural, (group, kind) in KINDS.items():
        await admin.create(resource.CRDS, definition(group, plural, kind))
        GROUPS[plural] = f"{group}/v1"
    async with asyncio.timeout(60):
        while not all([(await found.ask(plural, method="GET", dry=False)).ok for plural in KINDS]):
            await asyncio.sleep(0.2)
        while (await found.ask("certificates", body("certificates", certificate("www.example.com")))).ok:
            await asyncio.sleep(0.1)
    return found


@pytest.mark.parametrize("case", BAD)
async def test_an_object_of_an_add_on_that_reaches_others_is_refused(place, case):
    plural, spec, rule, word = BAD[case]

    refused(await place.ask(plural, body(plural, spec)), f"COTENANT-{rule}", word)


@pytest.mark.parametrize("case", GOOD)
async def test_its_legitimate_neighbour_passes(place, case):
    plural, spec = GOOD[case]

    passes(await place.ask(plural, body(plural, spec)))


async def test_nor_is_it_changed_into_one_afterwards(place):
    passes(await place.ask("applications", body("applications", application()), dry=False))
    how = {"name": "x", "method": "PATCH", "content_type": "application/merge-patch+json"}

    refused(
        await place.ask("applications", {"spec": {"destination": {"namespace": "tenant-b"}}}, **how), "COTENANT-ADDON-4"
    )
    passes(await place.ask("applications", {"metadata": {"labels": {"a": "b"}}}, **how))


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
