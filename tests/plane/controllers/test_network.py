"""NetworkPolicies of a space: their content, as the API server stores it."""

from __future__ import annotations

import pytest

from vocabulary import condition, eventually, expect_ready, given_tenant

pytestmark = pytest.mark.cluster
METADATA = "169.254.169.254"


def policies(cluster, team):
    return {one["metadata"]["name"]: one["spec"] for one in cluster.list("NetworkPolicy", team.namespace("dev"))}


def given_network(cluster, base: str, **network):
    team = given_tenant(cluster, base, spaces=["dev"], network=network)
    expect_ready(team, "dev")
    return team, policies(cluster, team)


def test_isolation_space_opens_the_same_space_only(cluster):
    _, found = given_network(cluster, "net-space", isolation="space")
    inside = [{"podSelector": {}}]
    assert found["cotenant-allow-space"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": inside}],
        "egress": [{"to": inside}],
    }
    assert "cotenant-allow-tenant" not in found


def test_isolation_tenant_opens_all_spaces_of_the_tenant(cluster):
    team, found = given_network(cluster, "net-tenant", isolation="tenant")
    inside = [{"namespaceSelector": {"matchLabels": {"cotenant.dev/tenant": team.name}}}]
    assert found["cotenant-allow-tenant"]["ingress"] == [{"from": inside}]
    assert found["cotenant-allow-tenant"]["egress"] == [{"to": inside}]


def test_isolation_none_opens_the_cluster_and_still_not_the_metadata_service(cluster):
    team, found = given_network(cluster, "net-none", isolation="none", internet=False)
    assert found["cotenant-allow-all"]["ingress"] == [{}]
    (rule,) = found["cotenant-allow-all"]["egress"]
    assert {"namespaceSelector": {}} in rule["to"]
    blocks = [one["ipBlock"] for one in rule["to"] if "ipBlock" in one]
    assert {"cidr": "10.0.0.0/8"} in blocks
    link_local = [one for one in blocks if one["cidr"] == "169.254.0.0/16"]
    assert all(f"{METADATA}/32" in one["except"] for one in link_local)
    assert condition(team.tenant(), "NetworkIsolated")[:2] == ("False", "NotIsolated")


def test_objects_alone_prove_no_isolation(cluster):
    team, _ = given_network(cluster, "net-unproven")
    assert condition(team.tenant(), "NetworkIsolated")[:2] == ("Unknown", "EnforcementNotProven")


@pytest.mark.parametrize("isolation", ["space", "tenant", "none"])
def test_every_pod_is_closed_first_and_reaches_dns_and_the_identity_agent(cluster, isolation):
    _, found = given_network(cluster, f"net-{isolation}", isolation=isolation)
    assert found["cotenant-default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    dns, agent = found["cotenant-allow-platform"]["egress"]
    assert dns["ports"] == [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    assert {"ipBlock": {"cidr": "169.254.20.10/32"}} in dns["to"]
    assert {"ipBlock": {"cidr": "169.254.170.23/32"}} in agent["to"]
    assert agent["ports"] == [{"port": 80, "protocol": "TCP"}]


def test_the_internet_is_everything_but_private_and_link_local_addresses(cluster):
    _, found = given_network(cluster, "net-on", internet=True)
    blocks = {
        one["ipBlock"]["cidr"]: one["ipBlock"]["except"] for one in found["cotenant-allow-internet"]["egress"][0]["to"]
    }
    assert set(blocks) == {"0.0.0.0/0", "::/0"}
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"} <= set(
        blocks["0.0.0.0/0"]
    )
    assert {"fc00::/7", "fe80::/10"} <= set(blocks["::/0"])


def test_the_internet_is_switched_off_and_on_again(cluster):
    team, found = given_network(cluster, "net-off", internet=False)
    assert "cotenant-allow-internet" not in found
    team.change(network={"internet": True})
    eventually(lambda: "cotenant-allow-internet" in policies(cluster, team))
    team.change(network={"internet": False})
    eventually(lambda: "cotenant-allow-internet" not in policies(cluster, team))


def test_a_change_of_isolation_replaces_the_policy(cluster):
    team, _ = given_network(cluster, "net-change", isolation="tenant")
    team.change(network={"isolation": "space"})
    eventually(
        lambda: (
            {"cotenant-allow-space"} == set(policies(cluster, team)) & {"cotenant-allow-space", "cotenant-allow-tenant"}
        )
    )


def test_peers_are_opened_by_direction_with_their_ports(cluster):
    labels = {"kubernetes.io/metadata.name": "ingress"}
    team, found = given_network(
        cluster,
        "net-peers",
        **{
            "from": [
                {"namespaceLabels": labels},
                {"cidr": "10.9.0.0/16", "except": ["10.9.1.0/24"], "ports": [{"port": 443}]},
            ],
            "to": [{"tenant": "shared", "ports": [{"port": 53, "protocol": "UDP"}, {"port": 8080, "protocol": "TCP"}]}],
        },
    )
    assert found["cotenant-allow-peers"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {"from": [{"namespaceSelector": {"matchLabels": labels}}]},
            {
                "from": [{"ipBlock": {"cidr": "10.9.0.0/16", "except": ["10.9.1.0/24"]}}],
                "ports": [{"port": 443, "protocol": "TCP"}],
            },
        ],
        "egress": [
            {
                "to": [{"namespaceSelector": {"matchLabels": {"cotenant.dev/tenant": "shared"}}}],
                "ports": [{"port": 53, "protocol": "UDP"}, {"port": 8080, "protocol": "TCP"}],
            }
        ],
    }
    team.change(network={"from": [], "to": []})
    eventually(lambda: "cotenant-allow-peers" not in policies(cluster, team))


def test_a_peer_of_every_address_still_leaves_out_the_metadata_service(cluster):
    _, found = given_network(cluster, "net-wide", to=[{"cidr": "0.0.0.0/0"}])
    (rule,) = found["cotenant-allow-peers"]["egress"]
    assert f"{METADATA}/32" in rule["to"][0]["ipBlock"]["except"]
