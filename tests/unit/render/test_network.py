from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cotenant.model.platform import Platform
from cotenant.render.network import network
from unit.render.reachability import End, Policy, reaches
from unit.specimens import marks, seen, tenant


def pod(namespace: str, ip: str, tenant_of: str = "", **labels: str) -> End:
    about = {"kubernetes.io/metadata.name": namespace}
    if tenant_of:
        about |= marks(tenant_of, namespace.removeprefix(f"{tenant_of}-"))
    return End(ip, namespace, about, labels)


DEV, PROD = pod("red-dev", "10.1.0.1", "red"), pod("red-prod", "10.1.0.2", "red")
DEV2 = pod("red-dev", "10.1.0.9", "red", app="two")
BLUE, SHARED = pod("blue-dev", "10.1.0.3", "blue"), pod("shared-dev", "10.1.0.4", "shared")
NOBODY = pod("tools", "10.1.0.5")
INGRESS = pod("ingress", "10.1.0.6")
DNS = End("10.1.0.53", "kube-system", {"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"})
KUBE = End("10.1.0.54", "kube-system", {"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "metrics-server"})
LIKE_DNS = pod("tools", "10.1.0.55", **{"k8s-app": "kube-dns"})
INTERNET, INTERNET6 = End("1.1.1.1"), End("2606:4700::1111")
VPC, PUBLIC_VPC, CARRIER = End("10.200.0.7"), End("52.94.1.1"), End("100.64.3.3")
NODE_DNS, AGENT, AGENT6 = End("169.254.20.10"), End("169.254.170.23"), End("fd00:ec2::23")
IMDS, IMDS6, LINK = End("169.254.169.254"), End("fd00:ec2::254"), End("169.254.7.7")
PODS = [DEV, DEV2, PROD, BLUE, SHARED, NOBODY, INGRESS, KUBE]
PLATFORM = Platform(cluster_cidrs=("52.94.0.0/16",))


def scene(red: dict[str, Any] | None = None, blue: dict[str, Any] | None = None, shared: Any = None) -> list[Policy]:
    """All policies of three tenants; each said by its spec.network."""

    def of(name: str, spec: Any, *spaces: str) -> Iterator[Policy]:
        view = seen(tenant(name, **({"network": spec} if spec else {})), platform=PLATFORM)
        for one in spaces:
            yield from network(view, f"{name}-{one}", one)

    return [*of("red", red, "dev", "prod"), *of("blue", blue, "dev"), *of("shared", shared, "dev")]


def reached(policies: list[Policy], source: End, *targets: End, port: int = 8080) -> set[str]:
    return {one.ip for one in targets if reaches(policies, source, one, port)}


def ips(*ends: End) -> set[str]:
    return {one.ip for one in ends}


ISOLATIONS = ["space", "tenant", "none"]
WITHIN = {"space": [DEV2], "tenant": [DEV2, PROD], "none": [DEV2, PROD, NOBODY, INGRESS, KUBE]}


@pytest.mark.parametrize("internet", [True, False])
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_pod_reaches_what_its_isolation_says(isolation: str, internet: bool) -> None:
    policies = scene({"isolation": isolation, "internet": internet})
    assert reached(policies, DEV, *PODS) == ips(DEV, *WITHIN[isolation])


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_pod_is_reached_by_whom_its_isolation_says(isolation: str) -> None:
    policies = scene({"isolation": isolation}, {"isolation": "none"})
    callers = [one for one in PODS if reaches(policies, one, DEV, 8080)]
    everybody = PODS if isolation == "none" else [DEV, *WITHIN[isolation]]
    assert ips(*callers) == ips(*everybody) - (ips(SHARED) if isolation == "none" else set())  # shared lets nothing out


@pytest.mark.parametrize("theirs", ISOLATIONS)
def test_no_tenant_reaches_one_that_is_isolated_whatever_it_says_itself(theirs: str) -> None:
    policies = scene({"isolation": "tenant"}, {"isolation": theirs})
    assert not reaches(policies, BLUE, DEV, 8080)
    assert not reaches(policies, DEV, BLUE, 8080)


@pytest.mark.parametrize("internet", [True, False])
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_the_internet_is_everything_but_what_is_private(isolation: str, internet: bool) -> None:
    policies = scene({"isolation": isolation, "internet": internet})
    assert reached(policies, DEV, INTERNET, INTERNET6) == (ips(INTERNET, INTERNET6) if internet else set())
    private = ips(VPC, PUBLIC_VPC, CARRIER) if isolation == "none" else set()
    assert reached(policies, DEV, VPC, PUBLIC_VPC, CARRIER) == private


PEERS: list[dict[str, Any]] = [
    {},
    {"to": [{"cidr": "0.0.0.0/0"}, {"cidr": "::/0"}]},
    {"to": [{"cidr": "169.254.0.0/16"}, {"cidr": "fd00::/8"}]},
    {"to": [{"cidr": "169.254.169.254/32"}, {"cidr": "fd00:ec2::254/128"}]},
    {"to": [{"cidr": "169.254.169.254/31", "except": ["169.254.169.255/32"]}]},
]


@pytest.mark.parametrize("peers", PEERS)
@pytest.mark.parametrize("internet", [True, False])
@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("port", [80, 443, 53])
def test_pod_17_the_metadata_service_is_never_reached(
    isolation: str, internet: bool, peers: dict[str, Any], port: int
) -> None:
    policies = scene({"isolation": isolation, "internet": internet, **peers})
    assert reached(policies, DEV, IMDS, IMDS6, port=port) == set()


@pytest.mark.parametrize("internet", [True, False])
@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_names_and_identities_are_always_reached_and_nothing_beside_them(isolation: str, internet: bool) -> None:
    policies = scene({"isolation": isolation, "internet": internet})
    for protocol in ("UDP", "TCP"):
        assert reaches(policies, DEV, DNS, 53, protocol)
        assert reaches(policies, DEV, NODE_DNS, 53, protocol)
    assert reached(policies, DEV, AGENT, AGENT6, port=80) == ips(AGENT, AGENT6)
    if isolation != "none":
        assert not reaches(policies, DEV, KUBE, 53)
        assert not reaches(policies, DEV, LIKE_DNS, 53)
        assert not reaches(policies, DEV, DNS, 8080)
        assert reached(policies, DEV, AGENT, AGENT6, LINK, NODE_DNS) == set()


def test_a_peer_tenant_is_reached_only_if_both_say_so() -> None:
    both = scene({"to": [{"tenant": "shared"}]}, shared={"from": [{"tenant": "red"}]})
    assert reaches(both, DEV, SHARED, 8080)
    assert not reaches(both, SHARED, DEV, 8080)
    assert not reaches(both, BLUE, SHARED, 8080)
    assert not reaches(scene({"to": [{"tenant": "shared"}]}), DEV, SHARED, 8080)
    assert not reaches(scene(shared={"from": [{"tenant": "red"}]}), DEV, SHARED, 8080)


def test_a_peer_is_reached_on_its_ports_alone() -> None:
    policies = scene({"to": [{"cidr": "10.200.0.0/16", "ports": [{"port": 5432}]}]})
    assert reaches(policies, DEV, VPC, 5432)
    assert not reaches(policies, DEV, VPC, 5433)
    assert not reaches(policies, DEV, VPC, 5432, "UDP")


def test_callers_by_label_come_in_and_go_nowhere_else() -> None:
    policies = scene(
        {"from": [{"namespaceLabels": {"kubernetes.io/metadata.name": "ingress"}, "ports": [{"port": 8080}]}]}
    )
    assert reaches(policies, INGRESS, DEV, 8080)
    assert not reaches(policies, INGRESS, DEV, 9090)
    assert not reaches(policies, NOBODY, DEV, 8080)
    assert not reaches(policies, INGRESS, BLUE, 8080)


def test_what_is_excepted_from_a_peer_is_not_reached() -> None:
    policies = scene({"to": [{"cidr": "10.0.0.0/8", "except": ["10.200.0.0/24"]}]})
    assert reached(policies, DEV, VPC, End("10.200.1.1")) == {"10.200.1.1"}


@pytest.mark.parametrize("way", ["to", "from"])
def test_a_peer_that_is_excepted_whole_is_nobody_not_everybody(way: str) -> None:
    policies = scene({way: [{"cidr": "10.200.0.0/16", "except": ["10.200.0.0/16"]}]})
    assert not reaches(policies, DEV, VPC, 8080)
    assert not reaches(policies, DEV, BLUE, 8080)
    assert not reaches(policies, VPC, DEV, 8080)
    assert not [one for one in policies if one["metadata"]["name"] == "cotenant-allow-peers"]


def test_a_cluster_range_that_is_everything_leaves_no_internet() -> None:
    view = seen(platform=Platform(cluster_cidrs=("0.0.0.0/0", "::/0")))
    policies: list[Policy] = [*network(view, "red-dev", "dev")]
    assert reached(policies, DEV, INTERNET, INTERNET6) == set()


def nets(version: int) -> st.SearchStrategy[str]:
    bits = 32 if version == 4 else 128
    return st.builds(
        lambda number, length: str(ip_network((number >> (bits - length) << (bits - length), length))),
        st.integers(0, 2**bits - 1),
        st.integers(0, bits),
    )


@given(st.lists(nets(4) | nets(6), max_size=4), st.lists(nets(4) | nets(6), max_size=3), st.sampled_from(ISOLATIONS))
@example(["169.254.169.254/32"], [], "none")
def test_whatever_ranges_are_listed_the_metadata_service_is_out_and_exceptions_are_strict(
    listed: list[str], ranges: list[str], isolation: str
) -> None:
    spec = {"isolation": isolation, "to": [{"cidr": one} for one in listed]}
    view = seen(tenant(network=spec), platform=Platform(cluster_cidrs=tuple(ranges)))
    policies: list[Policy] = [*network(view, "red-dev", "dev")]
    assert reached(policies, DEV, IMDS, IMDS6, port=80) == set()
    for block in blocks(policies):
        whole = ip_network(block["cidr"])
        for part in map(ip_network, block.get("except", ())):
            assert part.version == whole.version and part != whole and part.subnet_of(whole)  # type: ignore[arg-type]  # the versions are equal


def blocks(value: Any) -> Iterator[dict[str, Any]]:
    """Every ipBlock in a manifest; every list of ends on the way must say somebody."""
    if isinstance(value, dict):
        assert value.get("to") != []
        assert value.get("from") != []
        if "ipBlock" in value:
            yield value["ipBlock"]
        for one in value.values():
            yield from blocks(one)
    elif isinstance(value, list):
        for one in value:
            yield from blocks(one)


def test_every_policy_selects_all_pods_and_names_its_directions() -> None:
    for one in scene({"isolation": "none", "from": [{"tenant": "blue"}]}):
        assert one["spec"]["podSelector"] == {}
        assert one["spec"]["policyTypes"]
        assert one["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "cotenant"
        assert one["metadata"]["name"].startswith("cotenant-")


def test_a_space_is_closed_before_anything_is_opened() -> None:
    first = next(network(seen(), "red-dev", "dev"))
    assert first["metadata"]["name"] == "cotenant-default-deny"
    assert first["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
