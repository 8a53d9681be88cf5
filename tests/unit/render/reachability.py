"""Who reaches whom under a set of NetworkPolicies, by the rules of networking.k8s.io/v1. Pure; written without a look at render/."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from msgspec import Struct, field

Policy = Mapping[str, Any]


class End(Struct, frozen=True):
    """A pod, or with `namespace` empty an address outside the pods."""

    ip: str
    namespace: str = ""
    namespace_labels: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)


def reaches(policies: Iterable[Policy], source: End, target: End, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection is let out at its source and in at its target."""
    known = list(policies)
    out = lets(known, "Egress", source, target, port, protocol)
    return out and lets(known, "Ingress", target, source, port, protocol)


def lets(policies: list[Policy], way: str, who: End, peer: End, port: int, protocol: str) -> bool:
    """What selects a pod for a direction decides alone; what nobody selects is free."""
    if not who.namespace:
        return True
    chosen = [
        one["spec"]
        for one in policies
        if one["metadata"]["namespace"] == who.namespace
        and way in one["spec"]["policyTypes"]
        and selects(one["spec"]["podSelector"], who.labels)
    ]
    if not chosen:
        return True
    ends = "to" if way == "Egress" else "from"
    rules = [(spec, rule) for spec in chosen for rule in spec.get(way.lower(), ())]
    return any(
        # A missing or empty list of ends or ports means all of them.
        (not rule.get(ends) or any(matches(one, peer, who.namespace) for one in rule[ends]))
        and (not rule.get("ports") or any(hits(one, port, protocol) for one in rule["ports"]))
        for _, rule in rules
    )


def matches(end: Mapping[str, Any], peer: End, own: str) -> bool:
    if block := end.get("ipBlock"):
        return inside(peer.ip, block["cidr"]) and not any(inside(peer.ip, one) for one in block.get("except", ()))
    if not peer.namespace:
        return False
    spaces = end.get("namespaceSelector")
    here = peer.namespace == own if spaces is None else selects(spaces, peer.namespace_labels)
    return here and selects(end.get("podSelector") or {}, peer.labels)


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "expressions are not used"
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def hits(one: Mapping[str, Any], port: int, protocol: str) -> bool:
    return bool(one.get("protocol", "TCP") == protocol and one.get("port", port) == port)


def inside(ip: str, cidr: str) -> bool:
    return ip_address(ip) in ip_network(cidr, strict=False)
