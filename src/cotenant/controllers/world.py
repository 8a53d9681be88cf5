"""Everything the controllers know of the cluster: one store a kind, indexed for the questions they ask."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from cotenant.api.builtin import Child, ClusterRole, Manifest, Namespace, ResourceQuota
from cotenant.api.keys import SPACE, TENANT, home_of
from cotenant.api.ledger import TenantLedger
from cotenant.api.meta import ObjectMeta
from cotenant.api.profile import TenantProfile
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.api.workload import Workload
from cotenant.controllers.asks import Asks
from cotenant.controllers.denials import Denials
from cotenant.kube import resource
from cotenant.kube.resource import Resource
from cotenant.model.finding import Finding, Ref
from cotenant.model.fingerprint import CONTENT, decoder, fingerprint
from cotenant.runtime.store import Change, Store

REMEMBERED = 4096
"""Uids of deleted objects that are kept: far more than there are writes under way."""
WATCHED: Mapping[str, Resource] = {
    each.kind: each
    for each in (
        resource.TENANTS,
        resource.TENANT_PROFILES,
        resource.SPACES,
        resource.SPACE_POLICIES,
        resource.TENANT_LEDGERS,
        resource.NAMESPACES,
        resource.RESOURCE_QUOTAS,
        resource.LIMIT_RANGES,
        resource.CLUSTER_ROLES,
        resource.ROLE_BINDINGS,
        resource.NETWORK_POLICIES,
        resource.DEPLOYMENTS,
        resource.REPLICA_SETS,
        resource.REPLICATION_CONTROLLERS,
        resource.STATEFUL_SETS,
        resource.DAEMON_SETS,
        resource.JOBS,
    )
}
"""What the stores keep, by kind."""
WORKLOAD = msgspec.json.Decoder(Workload)
WORKLOADS = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job")
TYPES: dict[str, Any] = {
    **dict.fromkeys(WORKLOADS, Workload),
    "Tenant": Tenant,
    "TenantProfile": TenantProfile,
    "Space": Space,
    "Namespace": Namespace,
    "ResourceQuota": ResourceQuota,
    "TenantLedger": TenantLedger,
}


class Mapped(Struct, frozen=True):
    """What became of a tenant's members by IAM principal. The name is the tenant's, the version is of what is said."""

    metadata: ObjectMeta
    trouble: tuple[Finding, ...]


class World:
    """The stores. `foreign`: ResourceQuotas that are not cotenant's. `echoing` is true while one takes in what we just wrote ourselves: no news for the writer.

    `lapse`: what of the policies was last seen not to be as installed, in words; "" for nothing. `mutates`: whether the
    API server serves mutating policies; so until somebody looked. `glass`: which policies somebody lifted for a while,
    until when and why; "" for none.
    `asks`: bare pods that wait for quota just now. `denials`: Events about workloads that were refused a pod.
    `fenced`: whether the policies that make quotas strict were seen to act; None while nobody has looked. `unfenced`: the
    API servers on which they do not, by their own address. `strict`, `unstrict`: the same of the policy of strict
    accounting. `barred`: kinds that strict accounting counts and the operator may not read.
    """

    def __init__(self) -> None:
        self.tenants: Store[Tenant] = Store()
        self.profiles: Store[TenantProfile] = Store()
        self.spaces: Store[Space] = Store()
        self.namespaces: Store[Namespace] = Store()
        self.quotas: Store[ResourceQuota] = Store()
        self.ledgers: Store[TenantLedger] = Store()
        self.foreign: Store[ResourceQuota] = Store()
        self.roles: Store[ClusterRole] = Store()
        self.children: Mapping[str, Store[Child]] = {kind: Store() for kind in CONTENT}
        self.workloads: Mapping[str, Store[Workload]] = {kind: Store() for kind in WORKLOADS}
        self.denials = Denials()
        self.asks = Asks()
        self.mapped: Store[Mapped] = Store()
        self.maps = False
        """Whether IAM principals are mapped at all."""
        self.echoing = False
        self.lapse = ""
        self.mutates = True
        self.glass = ""
        self.fenced: bool | None = True
        self.unfenced: tuple[str, ...] = ()
        self.strict: bool | None = None
        self.unstrict: tuple[str, ...] = ()
        self.barred: tuple[str, ...] = ()
        self.gone: OrderedDict[str, None] = OrderedDict()
        for store in self.stores().values():
            store.subscribe(self.bury)
        self.tenants.index("profile", lambda one: [one.spec.profile] if one.spec.profile else [])
        self.spaces.index("namespace", lambda one: [one.metadata.namespace])
        self.spaces.index("wants", lambda one: [one.spec.namespace] if one.spec.namespace else [])
        self.namespaces.index("tenant", tenant_label)
        self.foreign.index("namespace", lambda one: [one.metadata.namespace])
        self.ledgers.index("namespace", lambda one: [one.metadata.namespace])
        for store in self.children.values():
            store.index("namespace", lambda one: [one.metadata.namespace])
        for made in self.workloads.values():
            made.index("namespace", lambda one: [one.metadata.namespace])

    def stores(self) -> Mapping[str, Store[Any]]:
        """Every store by kind."""
        named: dict[str, Store[Any]] = {
            "Tenant": self.tenants,
            "TenantProfile": self.profiles,
            "Space": self.spaces,
            "Namespace": self.namespaces,
            "ResourceQuota": self.quotas,
            "TenantLedger": self.ledgers,
            "ClusterRole": self.roles,
        }
        return named | dict(self.children) | dict(self.workloads)

    def children_of(self, namespace: str) -> dict[Ref, Child]:
        """What we own in a namespace."""
        return {
            Ref(WATCHED[kind].api_version, kind, namespace, child.metadata.name): child
            for kind, store in self.children.items()
            for child in store.by("namespace", namespace)
        }

    def remember(self, ref: Ref, answer: Manifest) -> None:
        """Takes in the API server's answer to a write of ours, so that the next look does not wait for the watch."""
        store = self.stores().get(ref.kind)
        if store is None:
            return
        found = observed(ref.kind, answer)
        if found.metadata.uid in self.gone or older(found.metadata, store.at(found.metadata.key)):
            return
        self.echoing = True
        try:
            store.upsert(found)
        finally:
            self.echoing = False

    def bury(self, change: Change[Any]) -> None:
        """Keeps the uids of what the watch has removed: the answer to a write may be read after its object is gone."""
        if change.new is None and change.old is not None:
            self.gone[change.old.metadata.uid] = None
            if len(self.gone) > REMEMBERED:
                self.gone.popitem(last=False)

    def news(self, _change: Change[Any]) -> bool:
        """Whether a change comes from outside; for watchers that need not hear of their own writes."""
        return not self.echoing


def older(metadata: ObjectMeta, known: Any) -> bool:
    """Whether the watch has already brought a later version: the answer to a write may be read after its successors.

    Resource versions of one object are ordered numbers (KEP-5504, kubernetes 1.35; true of every version before).
    """
    if known is None or known.metadata.uid != metadata.uid:
        return False
    return int(known.metadata.resource_version or 0) > int(metadata.resource_version or 0)


def observed(kind: str, answer: Manifest) -> Any:
    """An object as its store keeps it."""
    if kind in CONTENT:
        return Child(msgspec.convert(answer["metadata"], ObjectMeta), fingerprint(kind, answer))
    return msgspec.convert(answer, TYPES[kind])


def type_or_decoder(kind: str) -> tuple[Any, Any]:
    """How a reflector decodes a kind: by type, or by a function on the bytes of one object."""
    if kind in WORKLOADS:
        return None, lean
    return (None, decoder(kind)) if kind in CONTENT else (TYPES.get(kind, ClusterRole), None)


def lean(raw: bytes) -> Workload:
    """A workload without its annotations, in which `kubectl apply` keeps all of it once more."""
    found = WORKLOAD.decode(raw)
    found.metadata.annotations.clear()
    return found


def tenant_label(one: Namespace) -> Iterable[str]:
    """The tenant that a namespace is labelled with."""
    name = one.metadata.labels.get(TENANT)
    return [name] if name else []


def spaces_of(world: World, tenant: str) -> Iterator[Space]:
    """The Spaces in a tenant's home."""
    return iter(world.spaces.by("namespace", home_of(tenant)))


def space_key(namespace: Namespace | ObjectMeta) -> Iterable[str]:
    """The key of the Space that a namespace or an object in it is labelled with."""
    labels = namespace.metadata.labels if isinstance(namespace, Namespace) else namespace.labels
    tenant, space = labels.get(TENANT), labels.get(SPACE)
    return [f"{home_of(tenant)}/{space}"] if tenant and space else []
