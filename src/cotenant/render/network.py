"""NetworkPolicies of a space: nothing, then what the tenant may.

Policies only ever add: a space is closed by one that selects every pod and allows nothing, and each further policy
opens one thing. They select pods, hence pods that exist before them are covered too. Whether anything enforces them
depends on the cluster: condition NetworkIsolated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from cotenant.api.builtin import Manifest
from cotenant.api.keys import TENANT
from cotenant.api.tenant import Peer
from cotenant.model.plan import labels, manifest
from cotenant.model.snapshot import TenantView

PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")
"""RFC 1918, RFC 6598 (pod ranges of the VPC CNI), link-local with the instance metadata service; IPv6 likewise."""
METADATA = ("169.254.169.254/32", "fd00:ec2::254/128")
EVERYWHERE = ("0.0.0.0/0", "::/0")
DNS_PODS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
Rule = dict[str, Any]


def network(view: TenantView, name: str, space: str) -> Iterator[Manifest]:
    """The NetworkPolicies of a space."""
    rules = view.rules

    def policy(suffix: str, *, ingress: list[Rule] | None = None, egress: list[Rule] | None = None) -> Manifest:
        # Kubernetes reads a missing policyTypes as Ingress only where there is no egress rule: always written out.
        ways = [way for way, found in (("Ingress", ingress), ("Egress", egress)) if found is not None]
        spec: dict[str, Any] = {"podSelector": {}, "policyTypes": ways}
        spec |= {key: value for key, value in (("ingress", ingress), ("egress", egress)) if value}
        marks = labels(view.name, space)
        return manifest("networking.k8s.io/v1", "NetworkPolicy", f"cotenant-{suffix}", name, labels=marks, spec=spec)

    yield policy("default-deny", ingress=[], egress=[])
    if rules.isolation == "none":
        yield policy("allow-all", ingress=[{}], egress=cluster_wide(view))
    else:
        inside = own_tenant(view) if rules.isolation == "tenant" else {"podSelector": {}}
        yield policy(f"allow-{rules.isolation}", ingress=[{"from": [inside]}], egress=[{"to": [inside]}])
    yield policy("allow-platform", egress=platform(view))
    outside = internet(view.platform.cluster_cidrs) if rules.internet else []
    if outside:
        yield policy("allow-internet", egress=[{"to": outside}])
    callers, callees = list(peers("from", rules.callers)), list(peers("to", rules.callees))
    if callers or callees:
        yield policy("allow-peers", ingress=callers or None, egress=callees or None)


def own_tenant(view: TenantView) -> Rule:
    """All spaces of the tenant, by a label that members cannot write."""
    return {"namespaceSelector": {"matchLabels": {TENANT: view.name}}}


def cluster_wide(view: TenantView) -> list[Rule]:
    """Egress of a tenant without isolation: every pod and every private address, the metadata service excepted."""
    private = sorted({*PRIVATE, *view.platform.cluster_cidrs})
    return [{"to": [{"namespaceSelector": {}}, *blocks(private, METADATA)]}]


def platform(view: TenantView) -> list[Rule]:
    """What every pod needs: DNS, over UDP and TCP and through NodeLocal DNSCache, and the Pod Identity agent."""
    dns = [DNS_PODS, *({"ipBlock": {"cidr": cidr}} for cidr in view.platform.dns_addresses)]
    agent = [{"ipBlock": {"cidr": cidr}} for cidr in view.platform.pod_identity_addresses]
    return [
        {"to": dns, "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]},
        {"to": agent, "ports": [{"port": 80, "protocol": "TCP"}]},
    ]


def internet(cluster_cidrs: Iterable[str]) -> list[Rule]:
    """Every address but private ones and those of this cluster."""
    return list(blocks(EVERYWHERE, (*PRIVATE, *cluster_cidrs)))


def blocks(cidrs: Iterable[str], excepted: Iterable[str]) -> Iterator[Rule]:
    """An ipBlock for each range, without what is excepted; none for a range that is excepted whole.

    The API server takes only exceptions that lie strictly inside.
    """
    out = tuple(excepted)
    for cidr in cidrs:
        if not any(within(cidr, part) for part in out):
            inside = strictly_inside(cidr, out)
            yield {"ipBlock": {"cidr": cidr, **({"except": list(inside)} if inside else {})}}


@lru_cache(maxsize=4096)
def strictly_inside(cidr: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the ranges that are smaller than the whole and lie in it, sorted, each once."""
    whole = ip_network(cidr, strict=False)
    return tuple(sorted({part for part in parts if within(part, cidr) and ip_network(part, strict=False) != whole}))


@lru_cache(maxsize=4096)
def within(part: str, whole: str) -> bool:
    """Whether one range lies in another of the same family."""
    one, other = ip_network(part, strict=False), ip_network(whole, strict=False)
    return one.version == other.version and one.subnet_of(other)  # type: ignore[arg-type]  # the versions are equal


def peers(way: str, listed: Iterable[Peer]) -> Iterator[Rule]:
    """A rule for each peer that the tenant lists; `way` is from or to.

    A peer of whose addresses nothing is left gets no rule: one with an empty list would mean everybody.
    """
    for peer in listed:
        if ends := list(selected(peer)):
            ports = [{"port": one.port, "protocol": one.protocol} for one in peer.ports or ()]
            yield {way: ends, **({"ports": ports} if ports else {})}


def selected(peer: Peer) -> Iterator[Rule]:
    """The pods or addresses that a peer is; the metadata service is never among them."""
    if peer.tenant:
        yield {"namespaceSelector": {"matchLabels": {TENANT: peer.tenant}}}
    elif peer.namespace_labels:
        yield {"namespaceSelector": {"matchLabels": dict(peer.namespace_labels)}}
    elif peer.cidr:
        yield from blocks([peer.cidr], (*(peer.except_ or ()), *METADATA))
