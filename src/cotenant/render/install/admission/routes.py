"""Gateways, routes and objects of add-ons, matched by name: a cluster that gets their definitions later needs nothing more."""

from __future__ import annotations

import json

from cotenant.render.install.admission import addons, meshes
from cotenant.render.install.admission.authority import NAME, PLATFORM, WHAT
from cotenant.render.install.admission.doors import DNS_NAMES, TOLD_HOSTS, dns, served
from cotenant.render.install.admission.rule import Policy, Rule, kinds, named, several, short, told
from cotenant.render.install.values import Manifest

_GROUP = "gateway.networking.k8s.io"
_NAMED = ("httproutes", "grpcroutes", "tlsroutes")
_LISTENING = ("gateways", "listenersets", "xlistenersets")
_KINDS = (*_NAMED, "gateways", "listenersets", "tcproutes", "udproutes", "referencegrants")
_IS_NAMED, _LISTENS = f"{WHAT} in {json.dumps(_NAMED)}", f"{WHAT} in {json.dumps(_LISTENING)}"
_LISTENERS = "variables.spec.?listeners.orValue([])"
_OPEN = f"{_LISTENERS}.filter(l, !(l.?allowedRoutes.?namespaces.?from.orValue('Same') in ['Same', 'None']))"
_GRANTS = "variables.spec.?from.orValue([]).filter(f, f.namespace != request.namespace)"
_CLASS = "variables.spec.?gatewayClassName.orValue('')"
_ASK = "a platform administrator changes ingress.{} of the Tenant"


def _looked_at(operation: str) -> tuple[Manifest, ...]:
    return (
        kinds(_GROUP, [operation], *_KINDS, version="*"),
        kinds("gateway.networking.x-k8s.io", [operation], "xlistenersets", version="*"),
    )


ROUTES = Policy(
    name="cotenant-routes",
    about="the Gateway API, claims of devices, and objects of External Secrets, cert-manager, Argo CD, Flux, Istio, Contour, "
    "external-dns and controllers of AWS, where there are such",
    rules=(
        Rule(
            id="COTENANT-ROUTE-1",
            title="A Gateway has an allowed class",
            why="The class chooses the controller: another one may be public, or meant for others.",
            way_out=_ASK.format("classes"),
            leaf="ingress.classes",
            holds=f"{WHAT} != 'gateways' || variables.group != '{_GROUP}' || !has(params.spec.ingress.classes) || "
            f"{_CLASS} in params.spec.ingress.classes",
            says=told(
                "GatewayClass {} is not allowed; allowed: {}",
                named(_CLASS),
                several("params.spec.ingress.classes"),
            ),
        ),
        Rule(
            id="COTENANT-ROUTE-2",
            firm=True,
            title="A Gateway takes routes of its own namespace",
            why="Routes of other tenants could otherwise hang themselves onto it, under its names.",
            way_out="leave allowedRoutes.namespaces.from out, or ask a platform administrator for a Gateway that is shared",
            holds=f"!({_LISTENS}) || {_OPEN}.size() == 0",
            says=told("listener {} takes routes of other namespaces", short(f"{_OPEN}[0].?name.orValue('')")),
        ),
        Rule(
            id="COTENANT-ROUTE-3",
            absence=True,
            title="A route, and a listener for HTTP or TLS, names its hosts",
            why="Without a host it answers for every name that nobody else took.",
            way_out="name them",
            leaf="ingress.hosts",
            holds=f"(!({_IS_NAMED}) || variables.hosts.size() > 0) && variables.hosts.all(n, n != '')",
            says=told("{} answers for every host", NAME),
        ),
        Rule(
            id="COTENANT-ROUTE-4",
            title="Every host of a route or listener is one of the tenant's",
            why="Whoever serves a name gets what is sent to it: sessions, passwords, and certificates for it.",
            way_out=_ASK.format("hosts"),
            leaf="ingress.hosts",
            holds=f"variables.hosts.all(n, {served('n')})",
            says=told(
                "host {} is none of this tenant; allowed: {}",
                short(f"variables.hosts.filter(n, !{served('n')})[0]"),
                TOLD_HOSTS,
            ),
        ),
        dns("COTENANT-ROUTE-5"),
        *addons.RULES,
        Rule(
            id="COTENANT-ROUTE-6",
            firm=True,
            title="A ReferenceGrant opens the namespace to nobody else",
            why="It lets routes of elsewhere lead to the Services and read the certificates of this namespace.",
            way_out="ask a platform administrator",
            holds=f"{WHAT} != 'referencegrants' || {_GRANTS}.size() == 0",
            says=told("namespace {} would be let in", short(f"{_GRANTS}[0].namespace")),
            unless=PLATFORM,
        ),
    ),
    matches=(*_looked_at("CREATE"), *addons.addons("CREATE")),
    updates=(*_looked_at("UPDATE"), *addons.addons("UPDATE")),
    condition="request.operation == 'CREATE' || dyn(object).?spec != dyn(oldObject).?spec || "
    "object.metadata.?annotations.orValue({}) != oldObject.metadata.?annotations.orValue({}) || "
    f"({WHAT} == 'externalsecrets' && object.metadata.?labels.orValue({{}}) != oldObject.metadata.?labels.orValue({{}}))",
    variables=(
        ("group", "request.resource.group"),
        ("spec", "dyn(object).?spec.orValue({})"),
        (
            "hosts",
            (
                f"{meshes.HOSTS}"
                f"{_LISTENS} ? {_LISTENERS}.filter(l, l.?protocol.orValue('') in ['HTTP', 'HTTPS', 'TLS'])"
                f".map(l, l.?hostname.orValue('')) : {_IS_NAMED} ? variables.spec.?hostnames.orValue([]) : []"
            ),
        ),
        *addons.VARIABLES,
        DNS_NAMES,
    ),
)
