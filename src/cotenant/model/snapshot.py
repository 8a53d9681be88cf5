"""Everything one decision needs, taken from the store at one moment. Nothing here changes afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from cotenant.api.builtin import Child, Namespace, ResourceQuota
from cotenant.api.keys import home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.model.access import Access, access
from cotenant.model.effective import Effective, effective
from cotenant.model.finding import Finding, Ref
from cotenant.model.platform import Platform


class TenantView(Struct, frozen=True):
    """A tenant with its effective rules and sorted members: what every room reads."""

    tenant: Tenant
    rules: Effective
    access: Access
    platform: Platform

    @property
    def name(self) -> str:
        """Name of the tenant."""
        return self.tenant.metadata.name

    @property
    def home(self) -> str:
        """Name of its home namespace."""
        return home_of(self.name)

    @property
    def strict(self) -> bool:
        """Whether its quotas are counted strictly: asked for, and possible in this installation."""
        return self.rules.accounting == "strict" and self.platform.strict_accounting


def view(tenant: Tenant, profile: TenantProfile | None, platform: Platform, now: datetime) -> TenantView | None:
    """The tenant as the rooms see it; None while the profile that it names is not there."""
    return None if tenant.spec.profile and profile is None else told(tenant, profile, platform, now)


def told(tenant: Tenant, profile: TenantProfile | None, platform: Platform, now: datetime) -> TenantView:
    """The tenant with what is known of its rules. Without the profile that it names, only its members are right."""
    # A tenant that goes takes the rights of its members along; everything else is its deletionPolicy's matter.
    members = [] if tenant.metadata.deletion_timestamp else tenant.spec.members or []
    rules = effective(tenant.spec, profile.spec if profile else None, strict=platform.strict_accounting)
    return TenantView(tenant, rules, access(members, platform, now, tenant.metadata.name), platform)


class SpaceSnapshot(Struct, frozen=True, kw_only=True):
    """What decides about one space."""

    now: datetime
    platform: Platform
    space: Space
    view: TenantView | None = None
    """The tenant whose home the Space is in; None if there is none, or its profile is missing."""
    tenant_exists: bool = False
    stranded: TenantView | None = None
    """The tenant without its profile, while that is missing: good for who is no member any more, and for nothing else."""
    namespace: Namespace | None = None
    """The namespace that carries this space's labels."""
    occupant: Namespace | None = None
    """What already has the name that the space's namespace would get or adopt."""
    quota: ResourceQuota | None = None
    served: bool = True
    """Whether the space has got its first share of the tenant's quota, or was told that there is none."""
    idle: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)
    """Of each key that this space has nothing of: other spaces that hold more than they use, and how much, most first."""
    fenced: bool = True
    """Whether the policies that make quotas strict were seen to act."""
    unfenced: tuple[str, ...] = ()
    """The API servers on which they do not, as far as those say who they are."""
    children: Mapping[Ref, Child] = field(default_factory=dict)


class TenantSnapshot(Struct, frozen=True, kw_only=True):
    """What decides about one tenant and its home."""

    now: datetime
    platform: Platform
    tenant: Tenant
    view: TenantView | None = None
    """None while the profile that it names is missing."""
    stranded: TenantView | None = None
    """The tenant without its profile, while that is missing: good for who is no member any more, and for nothing else."""
    home: Namespace | None = None
    home_quota: ResourceQuota | None = None
    spaces: tuple[Space, ...] = ()
    """All Spaces in the home, by name."""
    namespaces: tuple[Namespace, ...] = ()
    """All namespaces labelled with this tenant, its home excepted, by name."""
    quotas: tuple[ResourceQuota, ...] = ()
    """The ResourceQuota of each of these namespaces, where there is one."""
    foreign: tuple[ResourceQuota, ...] = ()
    """ResourceQuotas in these namespaces that are not cotenant's."""
    ledgers: Mapping[str, TenantLedger] = field(default_factory=dict)
    """The ledger of each pooled key, where there is one."""
    source: str = ""
    """The revision of the tenant and its profile that the rules are from."""
    fenced: bool = True
    """Whether the policies that make quotas strict were seen to act."""
    unfenced: tuple[str, ...] = ()
    """The API servers on which they do not, as far as those say who they are."""
    strict: bool | None = None
    """Whether the policy of strict accounting was seen to act; None while nobody has tried."""
    unstrict: tuple[str, ...] = ()
    """The API servers on which it does not, as far as those say who they are."""
    barred: tuple[str, ...] = ()
    """Kinds that strict accounting counts and the operator may not read."""
    children: Mapping[Ref, Child] = field(default_factory=dict)
    """What we own in the home."""
    spaces_born: str = ""
    """When the definition of Spaces was made, RFC 3339; "" while nobody had to know, or there is none."""
    lapse: str = ""
    """What of the policies was last seen not to be as installed, in words; "" for nothing."""
    mutates: bool = True
    """Whether the API server serves mutating policies."""
    glass: str = ""
    """Which policies somebody lifted for a while, until when and why; "" for none."""
    rights: Mapping[str, tuple[Ref, ...]] = field(default_factory=dict)
    """Our RoleBindings in each of the tenant's namespaces, by the namespace's name."""
    bindings: int = 0
    """RoleBindings of ours that still exist in any namespace of the tenant."""
    roles: frozenset[str] = frozenset()
    """Names of the ClusterRoles that exist."""
    iam: tuple[Finding, ...] | None = None
    """What is wrong with the identities of members by IAM principal; None where the operator maps none."""


PLUGIN = "the admission plugin ValidatingAdmissionPolicy is off there"
"""What keeps policies from acting on one API server and not on others."""


def on_servers(servers: Sequence[str]) -> str:
    """API servers in words; which ones is not always known."""
    return f"API server {', '.join(servers)}" if servers else "every API server"
