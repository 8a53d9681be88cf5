"""The Gateway API, whose definitions come after the policies: nothing is restarted."""

from __future__ import annotations

import asyncio

import pytest

from cotenant.kube import resource
from plane.install.admission.place import GROUPS, Manifest, definition, passes, refused

pytestmark = pytest.mark.cluster
GROUP = "gateway.networking.k8s.io"
KINDS = {
    "gateways": "Gateway",
    "httproutes": "HTTPRoute",
    "grpcroutes": "GRPCRoute",
    "referencegrants": "ReferenceGrant",
    "tcproutes": "TCPRoute",
    "listenersets": "ListenerSet",
}
DNS = "external-dns.alpha.kubernetes.io/hostname"


def body(plural: str, spec: Manifest, notes: Manifest | None = None) -> Manifest:
    metadata = {"name": "x", "annotations": notes or {}}
    return {"apiVersion": f"{GROUP}/v1", "kind": KINDS[plural], "metadata": metadata, "spec": spec}


def gateway(hostname: str | None = "app.acme.example.com", name: str = "alb", **listener) -> Manifest:
    one = {"name": "web", "port": 80, "protocol": "HTTP", **({"hostname": hostname} if hostname else {}), **listener}
    return body("gateways", {"gatewayClassName": name, "listeners": [one]})


def listeners(hostname: str = "app.acme.example.com", **listener) -> Manifest:
    one = {"name": "web", "port": 80, "protocol": "HTTP", "hostname": hostname, **listener}
    return body("listenersets", {"parentRef": {"name": "g"}, "listeners": [one]})


def route(*hostnames: str, plural: str = "httproutes", notes: Manifest | None = None) -> Manifest:
    return body(plural, {"hostnames": list(hostnames), "parentRefs": [{"name": "g"}]}, notes)


@pytest.fixture(scope="module")
async def served(strict, admin):
    """The strict space, in a cluster that has the Gateway API from now on."""
    for plural, kind in KINDS.items():
        await admin.create(resource.CRDS, definition(GROUP, plural, kind))
        GROUPS[plural] = f"{GROUP}/v1"
    async with asyncio.timeout(20):
        while not all([(await strict.ask(plural, method="GET", dry=False)).ok for plural in KINDS]):
            await asyncio.sleep(0.2)
        while (await strict.ask("httproutes", route())).ok:
            await asyncio.sleep(0.1)
    return strict


BAD = {
    "another class": ("gateways", gateway(name="public"), "COTENANT-ROUTE-1", "public", "alb"),
    "open to all": (
        "gateways",
        gateway(allowedRoutes={"namespaces": {"from": "All"}}),
        "COTENANT-ROUTE-2",
        "web",
    ),
    "open to some": ("gateways", gateway(allowedRoutes={"namespaces": {"from": "Selector"}}), "COTENANT-ROUTE-2"),
    "a listener for every host": ("gateways", gateway(hostname=None), "COTENANT-ROUTE-3"),
    "a listener for others": ("gateways", gateway("www.example.com"), "COTENANT-ROUTE-4", "www.example.com"),
    "a route for every host": ("httproutes", route(), "COTENANT-ROUTE-3"),
    "a route for others": ("httproutes", route("app.acme.example.com", "www.example.com"), "COTENANT-ROUTE-4"),
    "a route of another kind": ("grpcroutes", route("www.example.com", plural="grpcroutes"), "COTENANT-ROUTE-4"),
    "a name of others": (
        "httproutes",
        route("app.acme.example.com", notes={DNS: "www.example.com"}),
        "COTENANT-ROUTE-5",
    ),
    "a TCPRoute at a Gateway of others": (
        "tcproutes",
        body("tcproutes", {"parentRefs": [{"name": "g", "namespace": "infra"}]}),
        "COTENANT-ADDON-1",
        "Gateway/infra/g",
    ),
    "listeners at a Gateway of others": (
        "listenersets",
        body("listenersets", {"parentRef": {"kind": "Gateway", "name": "g", "namespace": "infra"}, "listeners": []}),
        "COTENANT-ADDON-1",
        "Gateway/infra/g",
    ),
    "listeners open to all": (
        "listenersets",
        listeners(allowedRoutes={"namespaces": {"from": "All"}}),
        "COTENANT-ROUTE-2",
    ),
    "listeners for others": ("listenersets", listeners("www.example.com"), "COTENANT-ROUTE-4", "www.example.com"),
    "a grant to others": (
        "referencegrants",
        body("referencegrants", {"from": [{"group": GROUP, "kind": "HTTPRoute", "namespace": "b"}], "to": []}),
        "COTENANT-ROUTE-6",
        "b",
    ),
}
GOOD = {
    "a gateway": ("gateways", gateway()),
    "a gateway for TCP": ("gateways", gateway(hostname=None, protocol="TCP")),
    "a route": ("httproutes", route("app.acme.example.com", "acme.example.org")),
    "a TCPRoute at its own Gateway": ("tcproutes", body("tcproutes", {"parentRefs": [{"name": "g"}]})),
    "listeners": ("listenersets", listeners()),
    "a grant to itself": (
        "referencegrants",
        body("referencegrants", {"from": [{"group": GROUP, "kind": "HTTPRoute", "namespace": "admission-strict"}]}),
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_a_gateway_or_route_that_breaks_a_rule_is_refused(served, case):
    plural, one, rule, *words = BAD[case]

    refused(await served.ask(plural, one), rule, *words)


@pytest.mark.parametrize("case", GOOD)
async def test_its_legitimate_neighbour_passes(served, case):
    plural, one = GOOD[case]

    passes(await served.ask(plural, one))


async def test_who_may_grant_in_the_whole_cluster_is_above_the_rule(served, admin):
    passes(await served.ask(BAD["a grant to others"][0], BAD["a grant to others"][1], by=admin))
