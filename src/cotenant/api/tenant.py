"""Tenant: a team, what it may use, and who belongs to it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field

from cotenant.api.limits import Limits
from cotenant.api.member import Member
from cotenant.api.meta import Conditions, ObjectMeta
from cotenant.api.rule import Rule
from cotenant.api.scalars import (
    DNS_LABEL,
    HOST,
    LABEL_KEYS,
    NAMING,
    PRIORITY,
    REGISTRY,
    SHARED,
    Cidr,
    ClassName,
    ClassNames,
    Enforcement,
    IamRole,
    LabelValue,
    Modes,
    QualifiedName,
    QuotaAmounts,
    RoleName,
    SpaceName,
    TenantName,
    not_above,
    ruled,
)


class SpacesSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """How many spaces the tenant may have, what they are called, and who makes them."""

    limit: Annotated[int, Meta(ge=0, le=500)] | None = None
    """How many spaces the tenant may have, declared ones included. Built in: 10."""
    naming: Annotated[Annotated[str, Meta(max_length=63)], ruled(*NAMING)] | None = None
    """Name of a space's namespace. Must contain {space}. Applies to new spaces only. Built in: {tenant}-{space}."""
    create: Annotated[list[RoleName], Meta(max_length=20)] | None = None
    """Roles that may create and delete Spaces themselves. Built in: [owner]."""


class TenantSpacesSpec(SpacesSpec, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Spaces of a tenant: the limit, the naming, and those that exist because this says so."""

    declared: (
        Annotated[list[SpaceName], Meta(max_length=500, extra_json_schema={"x-kubernetes-list-type": "set"})] | None
    ) = None
    """Spaces that exist because they are on this list. One taken off is released: kept, no longer declared."""

    RULES: ClassVar = (
        Rule(
            "!has(self.declared) || !has(self.limit) || size(self.declared) <= self.limit",
            "more spaces are declared than spaces.limit allows; raise the limit or declare fewer",
            field=".declared",
        ),
    )


class SpaceBounds(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Floor and ceiling of a space's part of the tenant's quota."""

    min: QuotaAmounts | None = None
    """What a space always keeps."""
    max: QuotaAmounts | None = None
    """What a space never exceeds."""

    RULES: ClassVar[tuple[Rule, ...]] = (not_above("min", "max"),)


class ScopeExpression(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """One expression of a scope selector, as in a ResourceQuota."""

    operator: Annotated[str, Meta(max_length=64)]
    """Operator."""
    scope_name: Annotated[str, Meta(max_length=64)]
    """Scope."""
    values: Annotated[list[Annotated[str, Meta(max_length=253)]], Meta(max_length=16)] | None = None
    """Values."""


class ScopeSelector(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Which objects a ResourceQuota counts."""

    match_expressions: Annotated[list[ScopeExpression], Meta(max_length=16)] | None = None
    """All of them must hold."""


UNSCOPED = (
    "a tenant's quota counts everything and has no scopes; spec.pods.priorityClasses of the Tenant says which "
    "PriorityClasses pods may name, and a tenant of its own has a quota of its own"
)
NO_SCOPES = (
    Rule("!has(self.scopes)", UNSCOPED, field=".scopes"),
    Rule("!has(self.scopeSelector)", UNSCOPED, field=".scopeSelector"),
)


class SpaceQuota(SpaceBounds, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Floor and ceiling of a space's part of the tenant's quota, as somebody writes them."""

    scopes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=16)] | None = None
    """Refused: see pods.priorityClasses of the Tenant."""
    scope_selector: ScopeSelector | None = None
    """Refused: see pods.priorityClasses of the Tenant."""

    RULES: ClassVar = (*SpaceBounds.RULES, *NO_SCOPES)


class QuotaSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What the tenant may use over all its spaces."""

    hard: QuotaAmounts | None = None
    """Limits by resource, keys and values as in a ResourceQuota, for all spaces of the tenant together."""
    space: SpaceQuota | None = None
    """Floor and ceiling of every space. A Space's own may only be tighter."""
    accounting: Literal["native", "strict"] | None = None
    """strict holds for what exists, while an operator lives. native counts as Kubernetes does, and a few too few under
    churn. Built in: strict, or native where it is installed with --no-strict-accounting."""
    scopes: Annotated[list[Annotated[str, Meta(max_length=64)]], Meta(max_length=16)] | None = None
    """Refused: see pods.priorityClasses."""
    scope_selector: ScopeSelector | None = None
    """Refused: see pods.priorityClasses."""

    RULES: ClassVar = NO_SCOPES


class Port(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """A port of a network peer."""

    port: Annotated[int, Meta(ge=1, le=65535)]
    """Port number."""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    """TCP, UDP or SCTP; TCP where it is left out."""


class Peer(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Somebody outside the tenant to talk with: exactly one of tenant, namespaceLabels, cidr."""

    tenant: TenantName | None = None
    """All spaces of another tenant. That tenant must list this one too, in the other direction."""
    namespace_labels: (
        Annotated[
            Annotated[dict[Annotated[str, Meta(max_length=317)], LabelValue], Meta(max_length=10, min_length=1)],
            ruled(LABEL_KEYS),
        ]
        | None
    ) = None
    """Namespaces that carry these labels."""
    cidr: Cidr | None = None
    """An address range."""
    # "except" is a word of Python, hence the name.
    except_: Annotated[list[Cidr], Meta(max_length=20)] | None = field(default=None, name="except")
    """Parts of cidr that are left out."""
    ports: Annotated[list[Port], Meta(max_length=20)] | None = None
    """Ports; all of them where this is left out."""

    RULES: ClassVar = (
        Rule(
            "[has(self.tenant), has(self.namespaceLabels), has(self.cidr)].filter(x, x).size() == 1",
            "a network peer has exactly one of tenant, namespaceLabels, cidr",
        ),
        Rule(
            "!has(self.except) || has(self.cidr)",
            "except takes addresses out of a cidr; name the cidr, or leave except out",
            field=".except",
        ),
        Rule(
            "!has(self.except) || !has(self.cidr) || !isCIDR(self.cidr) || "
            "self.except.all(e, !isCIDR(e) || cidr(self.cidr).containsCIDR(e))",
            "every except must lie inside cidr",
            field=".except",
        ),
    )


Peers = Annotated[list[Peer], Meta(max_length=50)]


class NetworkSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Whom the pods of a tenant talk with."""

    isolation: Literal["space", "tenant", "none"] | None = None
    """Who reaches a space: only itself, the whole tenant, or anybody. Built in: tenant."""
    internet: bool | None = None
    """Whether pods reach addresses outside the cluster, the VPC and private ranges. Built in: true."""
    from_: Peers | None = field(default=None, name="from")
    """Others who may call the tenant's pods."""
    to: Peers | None = None
    """Others whom the tenant's pods may call."""


class PodRules(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What pods of the tenant may be."""

    security: Literal["privileged", "baseline", "restricted"] | None = None
    """Pod Security Standard of every space. Built in: restricted."""
    registries: (
        Annotated[
            list[Annotated[Annotated[str, Meta(max_length=255, pattern="^.+/$")], ruled(REGISTRY)]], Meta(max_length=50)
        ]
        | None
    ) = None
    """Prefixes that an image must start with, each ending in a slash. Absent: any."""
    priority_classes: Annotated[list[Annotated[ClassName, ruled(PRIORITY)]], Meta(max_length=50)] | None = None
    """PriorityClasses that pods may name. Absent: any but system-*."""
    runtime_classes: ClassNames | None = None
    """RuntimeClasses that pods may name. Absent: any."""
    schedulers: ClassNames | None = None
    """Schedulers that pods may name beside default-scheduler. Built in: fargate-scheduler, which EKS names itself."""
    csi_drivers: ClassNames | None = None
    """CSI drivers whose volumes pods may have in their own text, such as secrets-store.csi.k8s.io. Built in: none."""
    user_namespaces: bool | None = None
    """Whether pods must have users of their own (hostUsers: false). Built in: false."""
    always_pull: bool | None = None
    """Whether every image must be asked for at its registry (imagePullPolicy: Always), also where a node has it. Built in: false."""
    max_grace_period_seconds: Annotated[int, Meta(ge=1, le=604800)] | None = None
    """Longest terminationGracePeriodSeconds that pods may have. Built in: 3600."""
    allow_exec: bool | None = None
    """Whether members may exec into pods, attach and forward ports. Built in: true."""


class NodesSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """The nodes that run the tenant's pods."""

    pool: RoleName | None = None
    """Name of the node pool that the tenant's pods run on: nodes with this label node-restriction.kubernetes.io/cotenant-pool."""
    dedicated: bool | None = None
    """Whether nothing but this tenant runs on the pool: its nodes have the taint node-restriction.kubernetes.io/cotenant-tenant."""
    tolerations: Annotated[list[QualifiedName], Meta(max_length=50)] | None = None
    """Keys of other taints that pods may tolerate. Built in: none but Kubernetes' own and those of devices that a pod asks for."""


class ServicesSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What Services of the tenant may be."""

    types: (
        Annotated[
            list[Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]],
            Meta(max_length=4, extra_json_schema={"x-kubernetes-list-type": "set"}),
        ]
        | None
    ) = None
    """Types that Services may have. Built in: [ClusterIP]."""
    load_balancer_classes: Annotated[list[QualifiedName], Meta(max_length=50)] | None = None
    """Values of loadBalancerClass that Services of type LoadBalancer may have, such as service.k8s.aws/nlb. Absent: any, or none."""


class IngressSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What Ingresses and routes of the tenant may be."""

    classes: ClassNames | None = None
    """IngressClasses that may be named. Absent: any."""
    hosts: (
        Annotated[list[Annotated[Annotated[str, Meta(max_length=253)], ruled(HOST)]], Meta(max_length=100)] | None
    ) = None
    """Host names that may be served, `*.` for any one label. Absent: none."""


class StorageSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What volumes of the tenant may be."""

    classes: ClassNames | None = None
    """StorageClasses and VolumeAttributesClasses that may be named. Absent: any."""


class ServiceAccountsSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What ServiceAccounts of the tenant may be."""

    iam_roles: Annotated[list[IamRole], Meta(max_length=50)] | None = None
    """ARNs of IAM roles that ServiceAccounts may carry, `*` for any end. Absent: none."""


class AddonsSpec(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What objects of add-ons (External Secrets, cert-manager, Argo CD, Flux, Gateway API) and claims of devices may refer to."""

    shared: (
        Annotated[list[Annotated[Annotated[str, Meta(max_length=384)], ruled(SHARED)]], Meta(max_length=50)] | None
    ) = None
    """Objects of the platform, such as ClusterIssuer/letsencrypt, ClusterSecretStore/acme, AppProject/acme,
    DeviceClass/gpu.example.com, SecretStoreProvider/doppler or Gateway/infra/public: kind and name, with the namespace
    between them where there is one. Absent: none."""


class Rules(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Every leaf that a Tenant and a TenantProfile share."""

    quota: QuotaSpec | None = None
    """What the tenant may use over all its spaces."""
    limits: Limits | None = None
    """Items of the LimitRange in every space."""
    network: NetworkSpec | None = None
    """Whom the tenant's pods talk with."""
    pods: PodRules | None = None
    """What pods of the tenant may be."""
    nodes: NodesSpec | None = None
    """The nodes that run the tenant's pods."""
    services: ServicesSpec | None = None
    """What Services of the tenant may be."""
    ingress: IngressSpec | None = None
    """What Ingresses and routes of the tenant may be."""
    storage: StorageSpec | None = None
    """What volumes of the tenant may be."""
    service_accounts: ServiceAccountsSpec | None = None
    """What ServiceAccounts of the tenant may be."""
    addons: AddonsSpec | None = None
    """What objects of add-ons may refer to."""
    enforcement: Enforcement | None = None
    """What happens to what breaks a rule about what the tenant may use: audited, warned about, or refused. Built in: enforce."""
    rules: Modes | None = None
    """The same for single rules, by id, such as COTENANT-POD-8: warn. What is named here does not follow enforcement."""
    cordoned: bool | None = None
    """While true, members change nothing: those with a built-in role only view, a role of the platform's own gives nothing."""
    deletion_policy: Literal["Orphan", "Delete"] | None = None
    """What deleting the tenant does to its namespaces. Delete also wants the annotation cotenant.dev/confirm-delete: <name>. Built in: Orphan."""


class TenantSpec(Rules, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """A team: who belongs to it, what it may use, which spaces it has."""

    display_name: Annotated[str, Meta(max_length=128)] | None = None
    """Name for people."""
    profile: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    """TenantProfile that gives every field that is left out here."""
    members: (
        Annotated[list[Member], Meta(max_length=200, extra_json_schema={"x-kubernetes-list-type": "atomic"})] | None
    ) = None
    """Who belongs to the tenant, and in which role."""
    spaces: TenantSpacesSpec | None = None
    """Spaces of the tenant."""


class SpacesCount(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """How many spaces a tenant has."""

    ready: int
    """Spaces that are ready."""
    total: int
    """Spaces that exist."""
    limit: int | None = None
    """Spaces that the tenant may have, by its own word, its profile's or the built-in one."""


class TenantStatus(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """What cotenant made of the spec."""

    observed_generation: int = 0
    """The generation that this status answers."""
    home: Annotated[str, Meta(max_length=63)] = ""
    """The tenant's home namespace: its Spaces live there."""
    spaces: SpacesCount | None = None
    """How many spaces there are."""
    conditions: Conditions = []
    """Ready and its parts; docs/reference/conditions.md lists every reason."""


class Tenant(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """A team that shares the cluster: its members, its spaces, its limits."""

    metadata: ObjectMeta
    spec: TenantSpec = TenantSpec()
    """What the platform wants for this team."""
    status: TenantStatus = TenantStatus()
    """What cotenant made of it."""

    RULES: ClassVar = (
        Rule(
            "size(self.metadata.name) <= 40",
            "the name of a tenant has at most 40 characters",
            field=".metadata.name",
        ),
        Rule(
            f"self.metadata.name.matches('{DNS_LABEL}')",
            "the name of a tenant is made of a-z, 0-9 and -, without a dot",
            field=".metadata.name",
        ),
        Rule(
            "!(self.metadata.name in ['default', 'home']) && !['kube-', 'home-', 'cotenant', 'aws-', 'amazon-', 'eks-'].exists(p, self.metadata.name.startsWith(p))",
            "this name is reserved, as is default, home and what begins with kube-, home-, cotenant, aws-, amazon- or eks-; choose another",
            field=".metadata.name",
        ),
    )
