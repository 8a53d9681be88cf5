"""Hosts and destinations of external-dns, Istio and Contour, which serve a name for whoever wrote the object."""

from __future__ import annotations

from cotenant.render.install.admission.authority import WHAT
from cotenant.render.install.admission.doors import served

ISTIO = "networking.istio.io"
KINDS = (
    ("externaldns.k8s.io", ("dnsendpoints",)),
    ("projectcontour.io", ("httpproxies",)),
    (ISTIO, ("gateways", "virtualservices", "serviceentries")),
)
_S = "variables.spec"
SHARED = "params.spec.?addons.?shared.orValue([])"
"""CEL: what the platform shares with the tenant."""
ELSEWHERE = "!(r.?namespace.orValue('') in ['', request.namespace])"
"""CEL: whether a reference `r` leads to another namespace."""
OWN_SERVICES = "['.' + request.namespace + '.svc', '.' + request.namespace + '.svc.cluster.local']"
"""CEL: how names of the namespace's own Services end."""


def _strange(host: str) -> str:
    """CEL: whether a name is neither the tenant's nor a Service of the namespace."""
    return f"!{served(host)} && !{OWN_SERVICES}.exists(s, {host}.endsWith(s))"


def _foreign(host: str) -> str:
    """CEL: the same of a VirtualService, in which one word is a Service of the namespace."""
    return f"({host}.contains('.') || {host}.contains('*')) && {_strange(host)}"


# Of each server the first host that is not the tenant's: up to Kubernetes 1.33 nothing makes one list of lists. A host may
# have a namespace before it, which says whose VirtualServices may take it.
_SERVERS = (
    f"{_S}.?servers.orValue([]).map(l, l.?hosts.orValue([]).map(h, h.substring(h.indexOf('/') + 1))"
    f".filter(h, !{served('h')})).filter(l, l.size() > 0).map(l, l[0])"
)
HOSTS = (
    f"{WHAT} == 'dnsendpoints' ? {_S}.?endpoints.orValue([]).map(e, e.?dnsName.orValue('')) : "
    f"{WHAT} == 'httpproxies' ? [?{_S}.?virtualhost.?fqdn] : "
    f"{WHAT} == 'gateways' && request.resource.group == '{ISTIO}' ? {_SERVERS} : "
    # What is for the namespace alone takes nobody else's calls.
    f"{WHAT} in ['virtualservices', 'serviceentries'] ? ({_S}.?exportTo.orValue([]) == ['.'] ? [] : "
    f"{_S}.?hosts.orValue([]).filter(h, {WHAT} == 'virtualservices' ? {_foreign('h')} : {_strange('h')})) : "
)
"""CEL: begins a choice; the hosts that an object serves, or those of them that are not the tenant's."""

_ROUTED = "+".join(f"{_S}.?{kind}.orValue([])" for kind in ("http", "tls", "tcp"))
# Of each route the first that is not shared.
_TARGETS = (
    f"({_ROUTED}).map(r, (r.?route.orValue([]).map(d, d.?destination.?host.orValue('')) + [?r.?mirror.?host] + "
    f"r.?mirrors.orValue([]).map(d, d.?destination.?host.orValue(''))).filter(h, {_foreign('h')} && !(('Service/' + h) in {SHARED})))"
    ".filter(l, l.size() > 0).map(l, 'Service/' + l[0])"
)
_AT = (
    f"{_S}.?gateways.orValue([]).filter(g, g.contains('/') ? !g.startsWith('./') && !g.startsWith(request.namespace + '/') : "
    "g.contains('.')).map(g, 'Gateway/' + g)"
)
_DELEGATED = f"{_S}.?http.orValue([]).filter(r, !(r.?delegate.?namespace.orValue('') in ['', request.namespace]))"
_INCLUDED = f"{_S}.?includes.orValue([]).filter(r, {ELSEWHERE})"
REFERENCES = (
    f"{WHAT} == 'virtualservices' ? {_AT} + {_TARGETS} + "
    f"{_DELEGATED}.map(r, 'VirtualService/' + r.delegate.namespace + '/' + r.delegate.?name.orValue('')) : "
    f"{WHAT} == 'httpproxies' ? {_INCLUDED}.map(r, 'HTTPProxy/' + r.namespace + '/' + r.?name.orValue('')) : "
)
"""CEL: begins a choice; what of other namespaces an object leads to, or hangs itself onto."""
