"""Names and destinations of external-dns, Istio and Contour, whose definitions come after the policies."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cotenant.kube import resource
from plane.install.admission.conftest import STRICT
from plane.install.admission.place import GROUPS, Manifest, definition, introduce, passes, refused

pytestmark = pytest.mark.cluster
SPACE = "admission-meshes"
ISTIO = "networking.istio.io"
KINDS = {
    "dnsendpoints": ("externaldns.k8s.io", "DNSEndpoint"),
    "httpproxies": ("projectcontour.io", "HTTPProxy"),
    "virtualservices": (ISTIO, "VirtualService"),
    "serviceentries": (ISTIO, "ServiceEntry"),
}


def virtual(*hosts: str, to: str = "web", **spec: Any) -> Manifest:
    return {"hosts": list(hosts), "http": [{"route": [{"destination": {"host": to}}]}], **spec}


def proxy(fqdn: str = "app.acme.example.com", **spec: Any) -> Manifest:
    return {"virtualhost": {"fqdn": fqdn}, **spec}


def endpoints(*names: str) -> Manifest:
    return {"endpoints": [{"dnsName": name, "recordType": "A", "targets": ["203.0.113.1"]} for name in names]}


BAD: dict[str, tuple[str, Manifest, str, str]] = {
    "a record of others": (
        "dnsendpoints", endpoints("a.acme.example.com", "www.example.com"), "ROUTE-4", "www.example.com"),
    "Contour for others": ("httpproxies", proxy("www.example.com"), "ROUTE-4", "www.example.com"),
    "Contour with paths of others": (
        "httpproxies", proxy(includes=[{"name": "own"}, {"name": "p", "namespace": "b"}]), "ADDON-1", "HTTPProxy/b/p"),
    "a mesh for others": ("virtualservices", virtual("www.example.com"), "ROUTE-4", "www.example.com"),
    "a mesh for all": ("virtualservices", virtual("*"), "ROUTE-4", "host *"),
    "a mesh for a Service of others": ("virtualservices", virtual("web.b.svc.cluster.local"), "ROUTE-4", "web.b.svc"),
    "a mesh to a Service of others": ("virtualservices", virtual("web", to="web.b"), "ADDON-1", "Service/web.b"),
    "behind one that is shared": (
        "virtualservices", virtual("web", http=[{"route": [
            {"destination": {"host": "web.infra.svc.cluster.local"}}, {"destination": {"host": "web.b"}}]}]),
        "ADDON-1", "Service/web.b"),
    "a mirror to a Service of others": (
        "virtualservices",
        {"hosts": ["web"], "http": [{"mirror": {"host": "web.b"}}]}, "ADDON-1", "Service/web.b"),
    "a mesh at a Gateway of others": (
        "virtualservices", virtual("app.acme.example.com", gateways=["own", "./own", "infra/g"]), "ADDON-1",
        "Gateway/infra/g"),
    "a mesh at a Gateway of others, as of old": (
        "virtualservices", virtual("app.acme.example.com", gateways=["g.infra"]), "ADDON-1", "Gateway/g.infra"),
    "a mesh with paths of others": (
        "virtualservices", {"hosts": ["web"], "http": [{"delegate": {"name": "v", "namespace": "b"}}]}, "ADDON-1",
        "VirtualService/b/v"),
    "a name in every mesh": ("serviceentries", {"hosts": ["mysql"]}, "ROUTE-4", "host mysql"),
}  # fmt: skip
GOOD: dict[str, tuple[str, Manifest]] = {
    "its own records": ("dnsendpoints", endpoints("a.acme.example.com", "acme.example.org")),
    "Contour for its host": ("httpproxies", proxy(includes=[{"name": "own"}, {"name": "p", "namespace": SPACE}])),
    "Contour below a host": ("httpproxies", {"routes": [{"services": [{"name": "web", "port": 80}]}]}),
    "a mesh for its own": (
        "virtualservices", virtual("web", f"web.{SPACE}.svc.cluster.local", "app.acme.example.com",
        gateways=["mesh", "own", f"{SPACE}/own"], to=f"web.{SPACE}.svc")),
    "a mesh for nobody else": ("virtualservices", virtual("www.example.com", exportTo=["."])),
    "a name for nobody else": ("serviceentries", {"hosts": ["api.example.com"], "exportTo": ["."]}),
    "a mesh to what is shared": ("virtualservices", virtual("web", to="web.infra.svc.cluster.local")),
}  # fmt: skip


def body(plural: str, spec: Manifest) -> Manifest:
    group, kind = KINDS[plural]
    return {"apiVersion": f"{group}/v1", "kind": kind, "spec": spec}


@pytest.fixture(scope="module")
async def place(make_place):
    """A space with one Service shared, in a cluster that has these kinds from now on."""
    found = await make_place(SPACE, STRICT | {"addons": {"shared": ["Service/web.infra.svc.cluster.local"]}})
    await introduce(found, KINDS, ("dnsendpoints", body("dnsendpoints", endpoints("www.example.com"))))
    return found


@pytest.mark.parametrize("case", BAD)
async def test_a_name_or_a_way_that_is_not_the_tenants_is_refused(place, case):
    plural, spec, rule, word = BAD[case]

    refused(await place.ask(plural, body(plural, spec)), f"COTENANT-{rule}", word)


@pytest.mark.parametrize("case", GOOD)
async def test_its_legitimate_neighbour_passes(place, case):
    plural, spec = GOOD[case]

    passes(await place.ask(plural, body(plural, spec)))


async def test_a_gateway_of_a_mesh_is_for_the_tenants_hosts_and_of_no_class(place, admin, monkeypatch):
    """Of the same plural as those of the Gateway API."""
    await admin.create(resource.CRDS, definition(ISTIO, "gateways", "Gateway"))
    monkeypatch.setitem(GROUPS, "gateways", f"{ISTIO}/v1")

    def gateway(*hosts: str) -> Manifest:
        server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": list(hosts)}
        return {"apiVersion": f"{ISTIO}/v1", "kind": "Gateway", "spec": {"servers": [server, server]}}

    async with asyncio.timeout(20):
        while not (await place.ask("gateways", method="GET", dry=False)).ok:
            await asyncio.sleep(0.2)
    for hosts in (["www.example.com"], ["app.acme.example.com", "./*"], ["b/www.example.com"]):
        refused(await place.ask("gateways", gateway(*hosts)), "COTENANT-ROUTE-4", hosts[-1].partition("/")[2])
    passes(await place.ask("gateways", gateway("app.acme.example.com", "./acme.example.org")))
