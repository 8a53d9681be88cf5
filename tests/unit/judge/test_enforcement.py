from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.inspect import StructType, UnionType, type_info

from cotenant.api.tenant import Rules
from cotenant.judge.enforcement import UNENFORCED, softened, unenforced
from unit.specimens import seen, tenant

ENFORCED = {
    "quota.hard",  # TenantLedgers and ResourceQuotas
    "quota.space.min",
    "quota.space.max",
    "quota.accounting",  # QuotaSynced says that strict is not available
    "quota.scopes",  # refused by the CustomResourceDefinition
    "quota.scopeSelector.matchExpressions",
    "quota.space.scopes",
    "quota.space.scopeSelector.matchExpressions",
    "limits",  # LimitRange
    "network.isolation",  # NetworkPolicies
    "network.internet",
    "network.from",
    "network.to",
    "pods.security",  # labels of Pod Security Admission
    "pods.registries",  # from here on policies of the API server
    "pods.priorityClasses",
    "pods.runtimeClasses",
    "pods.schedulers",
    "pods.csiDrivers",
    "pods.userNamespaces",
    "pods.alwaysPull",
    "pods.maxGracePeriodSeconds",
    "pods.allowExec",
    "nodes.pool",
    "nodes.tolerations",
    "services.types",
    "services.loadBalancerClasses",
    "ingress.classes",
    "ingress.hosts",
    "storage.classes",
    "serviceAccounts.iamRoles",
    "addons.shared",
    "enforcement",  # bindings of the same policies that warn, and that audit
    "rules",
    "cordoned",  # RoleBindings
    "deletionPolicy",  # the operator itself
}


def named(**spec: Any) -> list[str]:
    return unenforced(seen(tenant(**spec)).rules)


def leaves(found: Any, path: str = "") -> Iterator[str]:
    """The paths of every leaf of a struct of the API, as on the wire."""
    for one in found.fields:
        kinds = one.type.types if isinstance(one.type, UnionType) else (one.type,)
        inner = next((kind for kind in kinds if isinstance(kind, StructType)), None)
        where = f"{path}{one.encode_name}"
        if inner:
            yield from leaves(inner, f"{where}.")
        else:
            yield where


def test_every_leaf_of_the_rules_is_enforced_or_named_as_not() -> None:
    assert sorted(leaves(type_info(Rules))) == sorted(ENFORCED | set(UNENFORCED))


def test_nothing_that_a_plain_tenant_relies_on_is_missing() -> None:
    assert named() == []
    assert named(pods={"registries": [], "allowExec": False}, nodes={"pool": "gold"}) == []
    assert named(nodes={"pool": "gold", "dedicated": True}) == []


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"nodes": {"dedicated": True}}, "nodes.dedicated (without nodes.pool)"),
    ],
)
def test_a_rule_that_is_set_and_not_enforced_is_named(spec: dict[str, Any], name: str) -> None:
    assert named(**spec) == [name]


def test_what_refuses_nothing_is_told_rule_by_rule() -> None:
    assert softened(seen(tenant()).rules) == []
    rules = {"COTENANT-POD-8": "warn", "COTENANT-POD-2": "enforce", "COTENANT-POD-1": "observe"}
    assert softened(seen(tenant(rules=rules)).rules) == ["COTENANT-POD-1: observe", "COTENANT-POD-8: warn"]
    assert softened(seen(tenant(enforcement="warn")).rules) == ["enforcement: warn"]
