"""The rules in force for a tenant: its own leaf, else its profile's, else the built-in one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeVar

from msgspec import Struct, structs

from cotenant.api.limits import LimitItem
from cotenant.api.profile import ProfileSpec
from cotenant.api.scalars import Enforcement
from cotenant.api.tenant import (
    AddonsSpec,
    IngressSpec,
    NetworkSpec,
    NodesSpec,
    Peer,
    PodRules,
    QuotaSpec,
    ServiceAccountsSpec,
    ServicesSpec,
    SpaceQuota,
    StorageSpec,
    TenantSpacesSpec,
    TenantSpec,
)

BUILT_IN = TenantSpec(
    spaces=TenantSpacesSpec(limit=10, naming="{tenant}-{space}", create=["owner"], declared=[]),
    quota=QuotaSpec(hard={}, space=SpaceQuota(min={}, max={}), accounting="strict"),
    limits=[],
    network=NetworkSpec(isolation="tenant", internet=True, from_=[], to=[]),
    pods=PodRules(
        security="restricted",
        schedulers=["fargate-scheduler"],
        csi_drivers=[],
        user_namespaces=False,
        always_pull=False,
        max_grace_period_seconds=3600,
        allow_exec=True,
    ),
    nodes=NodesSpec(),
    services=ServicesSpec(types=["ClusterIP"]),
    ingress=IngressSpec(hosts=[]),
    storage=StorageSpec(),
    service_accounts=ServiceAccountsSpec(iam_roles=[]),
    addons=AddonsSpec(shared=[]),
    enforcement="enforce",
    cordoned=False,
    deletion_policy="Orphan",
)
NATIVE = structs.replace(BUILT_IN, quota=QuotaSpec(hard={}, space=SpaceQuota(min={}, max={}), accounting="native"))
"""The same in an installation without strict accounting."""


class Effective(Struct, frozen=True, kw_only=True):
    """Every leaf with its value. Only what may really be unrestricted is still optional, inside the nested specs."""

    limit: int
    naming: str
    create: list[str]
    declared: list[str]
    hard: dict[str, str | int]
    space_min: dict[str, str | int]
    space_max: dict[str, str | int]
    accounting: Literal["native", "strict"]
    limits: list[LimitItem]
    isolation: Literal["space", "tenant", "none"]
    internet: bool
    callers: list[Peer]
    callees: list[Peer]
    pods: PodRules
    security: Literal["privileged", "baseline", "restricted"]
    nodes: NodesSpec
    services: ServicesSpec
    ingress: IngressSpec
    storage: StorageSpec
    service_accounts: ServiceAccountsSpec
    addons: AddonsSpec
    enforcement: Enforcement
    modes: Mapping[str, Enforcement]
    """Of single rules, by id; the others follow `enforcement`."""
    cordoned: bool
    deletion_policy: Literal["Orphan", "Delete"]


S = TypeVar("S", bound=Struct)


def overlay(top: S, below: Struct | None) -> S:
    """`top` with every leaf that it leaves out taken from `below`. Lists and maps are leaves: replaced whole."""
    if below is None:
        return top
    values: dict[str, object] = {}
    for name in top.__struct_fields__:
        mine, theirs = getattr(top, name), getattr(below, name, None)
        if isinstance(mine, Struct) and isinstance(theirs, Struct):
            mine = overlay(mine, theirs)
        values[name] = theirs if mine is None else mine
    return structs.replace(top, **values)


def effective(spec: TenantSpec, profile: ProfileSpec | None = None, *, strict: bool = True) -> Effective:
    """The rules in force. `profile` is that of `spec.profile`, None where the tenant names none; `strict`: whether the
    installation can count strictly. Where it cannot, and nobody asks for it, it counts natively.
    """
    full = overlay(overlay(spec, profile), BUILT_IN if strict else NATIVE)
    spaces = overlay(TenantSpacesSpec(), full.spaces)
    quota, network, pods = full.quota, full.network, full.pods
    assert quota and quota.space and network and pods and spaces.limit is not None
    assert full.nodes and full.services and full.ingress and full.storage and full.service_accounts and full.addons
    assert network.isolation and pods.security and full.enforcement and full.deletion_policy and quota.accounting
    return Effective(
        limit=spaces.limit,
        naming=spaces.naming or "",
        create=spaces.create or [],
        declared=spaces.declared or [],
        hard=quota.hard or {},
        space_min=quota.space.min or {},
        space_max=quota.space.max or {},
        accounting=quota.accounting,
        limits=full.limits or [],
        isolation=network.isolation,
        internet=bool(network.internet),
        callers=network.from_ or [],
        callees=network.to or [],
        pods=pods,
        security=pods.security,
        nodes=full.nodes,
        services=full.services,
        ingress=full.ingress,
        storage=full.storage,
        service_accounts=full.service_accounts,
        addons=full.addons,
        enforcement=full.enforcement,
        modes=full.rules or {},
        cordoned=bool(full.cordoned),
        deletion_policy=full.deletion_policy,
    )
