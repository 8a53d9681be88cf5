from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from msgspec.inspect import StructType, UnionType, type_info

from cotenant.api.tenant import Rules
from cotenant.judge.enforcement import UNENFORCED, unenforced
from unit.specimens import seen, tenant

ENFORCED = {
    "quota.hard",  # TenantLedgers and ResourceQuotas
    "quota.space.min",
    "quota.space.max",
    "quota.accounting",  # QuotaSynced says that strict is not available
    "limits",  # LimitRange
    "network.isolation",  # NetworkPolicies
    "network.internet",
    "network.from",
    "network.to",
    "pods.security",  # labels of Pod Security Admission
    "cordoned",  # RoleBindings
    "deletionPolicy",  # the operator itself
}
ALWAYS = [
    "pods.priorityClasses",
    "services.types (ExternalName, externalIPs)",
    "ingress.hosts",
    "serviceAccounts.iamRoles",
]


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


def test_a_plain_tenant_names_what_its_built_in_values_refuse_and_nobody_does() -> None:
    assert named() == ALWAYS


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ({"pods": {"registries": []}}, "pods.registries"),
        ({"pods": {"runtimeClasses": []}}, "pods.runtimeClasses"),
        ({"pods": {"allowExec": False}}, "pods.allowExec"),
        ({"nodes": {"pool": "gold"}}, "nodes.pool"),
        ({"nodes": {"dedicated": True}}, "nodes.dedicated"),
        ({"ingress": {"classes": []}}, "ingress.classes"),
        ({"storage": {"classes": []}}, "storage.classes"),
        ({"enforcement": "observe"}, "enforcement"),
    ],
)
def test_a_rule_that_is_set_and_not_enforced_is_named(spec: dict[str, Any], name: str) -> None:
    assert sorted(named(**spec)) == sorted([*ALWAYS, name])


@pytest.mark.parametrize(
    ("types", "what"),
    [
        (["ClusterIP", "LoadBalancer", "NodePort"], "services.types (ExternalName, externalIPs)"),
        (["ClusterIP", "ExternalName"], "services.types (externalIPs)"),
        ([], "services.types (ClusterIP, ExternalName, externalIPs)"),
    ],
)
def test_of_the_service_types_only_those_are_named_that_no_quota_refuses(types: list[str], what: str) -> None:
    assert what in named(services={"types": types})
