"""The kinds that cotenant speaks about, and their paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cotenant.api import keys


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource type of an API server. The core group is ""."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def api_version(self) -> str:
        """`v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str | None = None) -> str:
        """URL path of the collection, or of one object. A namespaced kind without namespace means all of them."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{_segment(namespace)}" if self.namespaced and namespace else ""
        path = f"{root}{within}/{self.plural}"
        if name is not None:
            if self.namespaced and not namespace:
                raise ValueError(f"{self.kind} {name} needs a namespace")
            path = f"{path}/{_segment(name)}"
        return f"{path}/{subresource}" if subresource else path

    def __str__(self) -> str:
        """`deployments.apps`, as kubectl writes it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _segment(name: str) -> str:
    """One path segment. RBAC names may hold a colon; nothing may climb out of its segment."""
    if name in ("", ".", ".."):
        raise ValueError(f"{name!r} is no object name")
    return quote(name, safe=":")


def _core(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource("", "v1", plural, kind, namespaced)


def _rbac(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource("rbac.authorization.k8s.io", "v1", plural, kind, namespaced)


def _admission(plural: str, kind: str) -> Resource:
    return Resource("admissionregistration.k8s.io", "v1", plural, kind, namespaced=False)


def _flow(plural: str, kind: str) -> Resource:
    return Resource("flowcontrol.apiserver.k8s.io", "v1", plural, kind, namespaced=False)


def _review(plural: str, kind: str) -> Resource:
    return Resource("authorization.k8s.io", "v1", plural, kind, namespaced=False)


def _ours(plural: str, kind: str, *, namespaced: bool) -> Resource:
    return Resource(keys.GROUP, keys.VERSION, plural, kind, namespaced)


NAMESPACES = _core("namespaces", "Namespace", namespaced=False)
NODES = _core("nodes", "Node", namespaced=False)
PERSISTENT_VOLUMES = _core("persistentvolumes", "PersistentVolume", namespaced=False)
PODS = _core("pods", "Pod")
PERSISTENT_VOLUME_CLAIMS = _core("persistentvolumeclaims", "PersistentVolumeClaim")
SERVICES = _core("services", "Service")
SECRETS = _core("secrets", "Secret")
CONFIG_MAPS = _core("configmaps", "ConfigMap")
SERVICE_ACCOUNTS = _core("serviceaccounts", "ServiceAccount")
RESOURCE_QUOTAS = _core("resourcequotas", "ResourceQuota")
LIMIT_RANGES = _core("limitranges", "LimitRange")
REPLICATION_CONTROLLERS = _core("replicationcontrollers", "ReplicationController")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", namespaced=True)
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", namespaced=True)
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", namespaced=True)
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet", namespaced=True)
JOBS = Resource("batch", "v1", "jobs", "Job", namespaced=True)
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", namespaced=True)
POD_DISRUPTION_BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", namespaced=True)
ROLES = _rbac("roles", "Role", namespaced=True)
ROLE_BINDINGS = _rbac("rolebindings", "RoleBinding", namespaced=True)
CLUSTER_ROLES = _rbac("clusterroles", "ClusterRole", namespaced=False)
CLUSTER_ROLE_BINDINGS = _rbac("clusterrolebindings", "ClusterRoleBinding", namespaced=False)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)
EVENTS = Resource("events.k8s.io", "v1", "events", "Event", namespaced=True)
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False)
PRIORITY_LEVELS = _flow("prioritylevelconfigurations", "PriorityLevelConfiguration")
FLOW_SCHEMAS = _flow("flowschemas", "FlowSchema")
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False)
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", namespaced=False)
VALIDATING_POLICIES = _admission("validatingadmissionpolicies", "ValidatingAdmissionPolicy")
VALIDATING_POLICY_BINDINGS = _admission("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding")
MUTATING_POLICIES = _admission("mutatingadmissionpolicies", "MutatingAdmissionPolicy")
MUTATING_POLICY_BINDINGS = _admission("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding")
VALIDATING_WEBHOOKS = _admission("validatingwebhookconfigurations", "ValidatingWebhookConfiguration")
MUTATING_WEBHOOKS = _admission("mutatingwebhookconfigurations", "MutatingWebhookConfiguration")
SUBJECT_ACCESS_REVIEWS = _review("subjectaccessreviews", "SubjectAccessReview")
SELF_SUBJECT_ACCESS_REVIEWS = _review("selfsubjectaccessreviews", "SelfSubjectAccessReview")
SELF_SUBJECT_RULES_REVIEWS = _review("selfsubjectrulesreviews", "SelfSubjectRulesReview")
SELF_SUBJECT_REVIEWS = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False)
TENANTS = _ours("tenants", "Tenant", namespaced=False)
TENANT_PROFILES = _ours("tenantprofiles", "TenantProfile", namespaced=False)
SPACES = _ours("spaces", "Space", namespaced=True)
SPACE_POLICIES = _ours("spacepolicies", "SpacePolicy", namespaced=True)
TENANT_LEDGERS = _ours("tenantledgers", "TenantLedger", namespaced=True)

ALL: tuple[Resource, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Resource))
BY_KIND: Mapping[tuple[str, str], Resource] = {(each.api_version, each.kind): each for each in ALL}
"""(apiVersion, kind) -> Resource."""


def resource_of(manifest: Mapping[str, Any]) -> Resource:
    """The resource of a manifest; KeyError for a kind that this file does not list."""
    return BY_KIND[manifest["apiVersion"], manifest["kind"]]
