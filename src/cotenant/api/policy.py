"""SpacePolicy: the rules that are in force in a namespace, where its members can read them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cotenant.api.limits import LimitItem
from cotenant.api.meta import Conditions, ObjectMeta
from cotenant.api.scalars import Amounts, Enforcement, Modes, TenantName
from cotenant.api.tenant import (
    AddonsSpec,
    IngressSpec,
    NodesSpec,
    PodRules,
    ServiceAccountsSpec,
    ServicesSpec,
    SpaceBounds,
    SpacesCount,
    StorageSpec,
)


class NetworkRules(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Isolation of the network; the peers are in the NetworkPolicies."""

    isolation: Literal["space", "tenant", "none"]
    """Who reaches the space."""
    internet: bool
    """Whether pods reach addresses outside the cluster and private ranges."""


class SpacePolicySpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """The effective values: the tenant's leaf, else the profile's, else the built-in one."""

    tenant: TenantName
    """The tenant that this namespace belongs to."""
    space: Annotated[str, Meta(max_length=50)] | None = None
    """The space that this namespace is; absent in the home."""
    network: NetworkRules
    """Who talks with whom."""
    pods: PodRules
    """What pods may be."""
    nodes: NodesSpec | None = None
    """Where pods run."""
    services: ServicesSpec
    """What Services may be."""
    ingress: IngressSpec
    """What Ingresses may be."""
    storage: StorageSpec
    """What volumes may be."""
    service_accounts: ServiceAccountsSpec
    """What ServiceAccounts may be."""
    addons: AddonsSpec | None = None
    """What objects of add-ons may refer to; absent where that is nothing."""
    enforcement: Enforcement
    """What happens to what breaks a rule."""
    rules: Modes | None = None
    """The same for single rules, by id."""
    cordoned: bool = False
    """While true, members change nothing."""


class TenantMirror(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """In the home only: what members may know of their Tenant, which they cannot read itself."""

    spaces: SpacesCount | None = None
    """How many spaces there are."""
    limit: int | None = None
    """How many there may be."""
    quota: Amounts | None = None
    """The tenant's quota."""
    bounds: SpaceBounds | None = None
    """Floor and ceiling of every space."""
    limits: Annotated[list[LimitItem], Meta(max_length=16)] | None = None
    """Items of the LimitRange in every space."""
    conditions: Conditions = []
    """The tenant's conditions."""


class SpacePolicy(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What rules apply in this namespace. Written by cotenant alone; members read it.

    It is named policy. Where rules are not enforced, copies named warn and observe make the API server warn and audit.
    """

    metadata: ObjectMeta
    spec: SpacePolicySpec
    """The effective rules."""
    status: TenantMirror | None = None
    """The tenant's state, in its home only."""
