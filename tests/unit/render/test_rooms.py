"""The small rooms: namespace, limits, quota, rules."""

from __future__ import annotations

from cotenant.api.keys import ADOPT
from cotenant.model.platform import Platform
from cotenant.render.limits import limits
from cotenant.render.namespace import home, namespace, pod_security, settled
from cotenant.render.quota import quota
from cotenant.render.rules import policy
from unit import specimens
from unit.specimens import MOMENT, marks, seen, tenant


def test_a_namespace_is_labelled_at_birth() -> None:
    made = namespace(seen(tenant(pods={"security": "baseline"})), "red-dev", "dev")
    found = made["metadata"]["labels"]
    assert found.items() >= marks().items()
    assert found["pod-security.kubernetes.io/enforce"] == "baseline"
    assert found["pod-security.kubernetes.io/enforce-version"] == "v1.36"
    assert {"ownerReferences", "finalizers"}.isdisjoint(made["metadata"])


def test_pod_security_enforces_warns_and_audits_alike() -> None:
    found = pod_security("restricted", "v1.33")
    assert {key.rpartition("/")[2]: value for key, value in found.items()} == {
        "enforce": "restricted", "enforce-version": "v1.33", "warn": "restricted", "warn-version": "v1.33",
        "audit": "restricted", "audit-version": "v1.33",
    }  # fmt: skip


def test_a_namespace_carries_the_offer_that_lets_us_put_back_its_labels() -> None:
    assert namespace(seen(), "red-dev", "dev")["metadata"]["annotations"] == {ADOPT: "red/dev"}
    assert home(seen())["metadata"]["annotations"] == {ADOPT: "red/"}


def test_a_home_is_no_space_and_always_restricted() -> None:
    made = home(seen(tenant(pods={"security": "privileged"})))["metadata"]
    assert made["name"] == "home-red"
    assert "cotenant.dev/space" not in made["labels"]
    assert made["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_namespace_is_settled_when_it_carries_all_of_ours_whatever_else_it_has() -> None:
    wanted = namespace(seen(), "red-dev", "dev")["metadata"]
    labels, notes = wanted["labels"], wanted["annotations"]
    made = namespace(seen(), "red-dev", "dev")
    assert settled(made, specimens.namespace("red-dev", labels | {"x": "y"}, notes | {"a": "b"}))
    assert not settled(made, specimens.namespace("red-dev", labels, {}))
    for key in labels:
        assert not settled(made, specimens.namespace("red-dev", labels | {key: "other"}, notes))


def test_a_space_without_limits_gets_an_empty_handed_limit_range() -> None:
    [made] = limits(seen(), "red-dev", "dev")
    assert made["spec"] == {"limits": [{"type": "Container"}]}


def test_limits_of_a_tenant_are_one_limit_range() -> None:
    said = [{"type": "Container", "max": {"cpu": 4}}, {"type": "Pod", "max": {"memory": "1Gi"}}]
    [made] = limits(seen(tenant(limits=said)), "red-dev", "dev")
    assert [one["type"] for one in made["spec"]["limits"]] == ["Container", "Pod"]
    assert made["spec"]["limits"][0]["default"] == {"cpu": "4"}


def test_a_quota_is_the_one_of_its_namespace() -> None:
    made = quota(seen(), "red-dev", {"pods": "3"}, "dev")
    assert (made["metadata"]["name"], made["spec"]) == ("cotenant", {"hard": {"pods": "3"}})
    assert made["metadata"]["labels"] == marks() | {"cotenant.dev/accounting": "strict"}
    native = quota(seen(tenant(quota={"accounting": "native"})), "red-dev", {"pods": "3"}, "dev")
    assert native["metadata"]["labels"] == marks()


def test_the_rules_of_a_space_are_the_effective_ones() -> None:
    one = tenant(network={"internet": False}, pods={"registries": []}, cordoned=True, ingress={"hosts": ["a.example"]})
    made = policy(seen(one), "red-dev", "dev")
    spec = made["spec"]
    assert (spec["tenant"], spec["space"], spec["cordoned"]) == ("red", "dev", True)
    assert spec["network"] == {"isolation": "tenant", "internet": False}
    assert spec["pods"] == {
        "security": "restricted",
        "registries": [],
        "schedulers": ["fargate-scheduler"],
        "csiDrivers": [],
        "userNamespaces": False,
        "alwaysPull": False,
        "maxGracePeriodSeconds": 3600,
        "allowExec": True,
    }
    assert (spec["ingress"], spec["services"]) == ({"hosts": ["a.example"]}, {"types": ["ClusterIP"]})
    assert spec["serviceAccounts"] == {"iamRoles": []}
    assert "nodes" not in spec
    assert "status" not in made


def test_the_rules_of_the_home_mirror_what_members_cannot_read() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Ready", "lastTransitionTime": MOMENT}
    one = tenant(
        status={"spaces": {"ready": 1, "total": 2}, "conditions": [ready]},
        quota={"hard": {"pods": 20}},
        spaces={"limit": 4},
        limits=[{"type": "Pod"}],
    )
    found = policy(seen(one), "home-red")["status"]
    assert (found["spaces"], found["limit"], found["quota"]) == ({"ready": 1, "total": 2}, 4, {"pods": 20})
    assert found["limits"] == [{"type": "Pod"}]
    assert found["conditions"][0]["type"] == "Ready"
    assert "space" not in policy(seen(one), "home-red")["spec"]


def test_the_pinned_version_is_the_installations() -> None:
    made = namespace(seen(platform=Platform(pod_security_version="v1.33")), "red-dev", "dev")
    assert made["metadata"]["labels"]["pod-security.kubernetes.io/warn-version"] == "v1.33"
