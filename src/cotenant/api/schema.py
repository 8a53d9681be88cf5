"""CustomResourceDefinitions of cotenant's kinds, generated from the wire types."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from cotenant.api import keys
from cotenant.api.ledger import TenantLedger
from cotenant.api.policy import SpacePolicy
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.structural import schema_of
from cotenant.api.tenant import Tenant

CHART = "charts/cotenant/crds"


class Column(Struct, frozen=True):
    """A column of `kubectl get`; priority 1 shows with -o wide only."""

    name: str
    path: str
    description: str
    type: str = "string"
    priority: int = 0

    def manifest(self) -> dict[str, Any]:
        """As in additionalPrinterColumns."""
        column = {"name": self.name, "type": self.type, "jsonPath": self.path, "description": self.description}
        return column | ({"priority": self.priority} if self.priority else {})


class Kind(Struct, frozen=True, kw_only=True):
    """How a wire type is served."""

    type: type[Struct]
    plural: str
    short: str
    namespaced: bool
    has_status: bool = False
    columns: tuple[Column, ...] = ()

    @property
    def name(self) -> str:
        """The kind, as manifests spell it."""
        return self.type.__name__


def _condition(field: str, of: str = "Ready") -> str:
    return f".status.conditions[?(@.type=='{of}')].{field}"


_AGE = Column("Age", ".metadata.creationTimestamp", "Time since it was made.", "date")
_READY = Column("Ready", _condition("status"), "Whether everything that the spec asks for is in force.")
_REASON = Column("Reason", _condition("reason"), "Why it is ready or not, in one word.", priority=1)
_MESSAGE = Column("Message", _condition("message"), "Why it is ready or not, and the next step.", priority=1)

KINDS = (
    Kind(
        type=Tenant,
        plural="tenants",
        short="cot",
        namespaced=False,
        has_status=True,
        columns=(
            _READY,
            Column("Spaces", ".status.spaces.ready", "Spaces that are ready.", "integer"),
            Column("Total", ".status.spaces.total", "Spaces that exist.", "integer"),
            Column("Home", ".status.home", "Namespace that holds the tenant's Spaces."),
            _AGE,
            Column("Limit", ".status.spaces.limit", "Spaces that the tenant may have.", "integer", 1),
            Column("Profile", ".spec.profile", "TenantProfile that fills in the rest.", priority=1),
            Column(
                "Quota", _condition("reason", "QuotaSynced"), "Whether the quota is in force, or why not.", priority=1
            ),
            _REASON,
            _MESSAGE,
        ),
    ),
    Kind(type=TenantProfile, plural="tenantprofiles", short="cotp", namespaced=False, columns=(_AGE,)),
    Kind(
        type=Space,
        plural="spaces",
        short="cosp",
        namespaced=True,
        has_status=True,
        columns=(
            Column("Namespace", ".status.namespace", "The namespace that this space is."),
            Column("Phase", ".status.phase", "Pending, Ready, Failed or Terminating."),
            _READY,
            _AGE,
            _REASON,
            _MESSAGE,
        ),
    ),
    Kind(
        type=SpacePolicy,
        plural="spacepolicies",
        short="copol",
        namespaced=True,
        columns=(
            Column("Tenant", ".spec.tenant", "The tenant that this namespace belongs to."),
            Column("Space", ".spec.space", "The space that this namespace is."),
            Column("Isolation", ".spec.network.isolation", "Who reaches the space."),
            Column("Security", ".spec.pods.security", "Pod Security Standard."),
            Column("Enforcement", ".spec.enforcement", "What happens to what breaks a rule."),
            _AGE,
            Column("Cordoned", ".spec.cordoned", "Whether members may change anything.", "boolean", 1),
        ),
    ),
    Kind(
        type=TenantLedger,
        plural="tenantledgers",
        short="cotl",
        namespaced=True,
        columns=(
            Column("Resource", ".spec.resource", "What is limited."),
            Column("Limit", ".status.limit", "The tenant's limit."),
            Column("Used", ".status.used", "What all spaces use together."),
            Column("Allocated", ".status.allocated", "What all spaces hold together."),
            Column("Headroom", ".status.headroom", "What no space holds yet."),
            _AGE,
            Column("Spaces", ".status.summary", "Used/allocated of each space, who uses most first.", priority=1),
        ),
    ),
)


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinition of every kind, in the order of KINDS."""
    return [crd(kind) for kind in KINDS]


def crd(kind: Kind) -> dict[str, Any]:
    """One CustomResourceDefinition, as plain data."""
    singular = kind.name.lower()
    version = {
        "name": keys.VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema_of(kind.type)},
        "additionalPrinterColumns": [column.manifest() for column in kind.columns],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{keys.GROUP}", "labels": {keys.MANAGED_BY: keys.COTENANT}},
        "spec": {
            "group": keys.GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": singular,
                "shortNames": [kind.short],
                "categories": [keys.COTENANT],
            },
            "versions": [version | ({"subresources": {"status": {}}} if kind.has_status else {})],
        },
    }


def files() -> dict[str, str]:
    """File name -> YAML, as committed under charts/cotenant/crds."""
    import yaml

    head = "# Generated from src/cotenant/api: change the types there and run make docs.\n"
    return {
        f"{crd(kind)['metadata']['name']}.yaml": head + yaml.safe_dump(crd(kind), sort_keys=False, width=160)
        for kind in KINDS
    }
