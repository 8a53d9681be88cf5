"""What the operator itself may do: what its controllers call, and no more.

No wildcard, no impersonation, no `escalate`; `bind` names each role. Nothing about pods, secrets and nodes.
"""

from __future__ import annotations

from cotenant.api import keys, schema
from cotenant.model.iam.awsauth import NAME, NAMESPACE
from cotenant.model.platform import Platform
from cotenant.render.install.members import READ, rule
from cotenant.render.install.values import LEASE, SETTINGS, Manifest, manifest

OPERATOR = "cotenant-operator"
WATCHER = "cotenant-operator-aws-auth"
_RBAC = "rbac.authorization.k8s.io"
_OWN = (*READ, "create", "update", "patch", "delete")
_WATCH = ("list", "watch")
_STATUS = ("get", "update", "patch")


def operator_rights(platform: Platform) -> list[Manifest]:
    """ClusterRole and Role of the operator with their bindings: the grant, so it comes after every policy."""
    return [
        manifest(f"{_RBAC}/v1", "ClusterRole", OPERATOR, rules=_cluster_rules(platform)),
        manifest(f"{_RBAC}/v1", "Role", OPERATOR, platform.namespace, rules=_own_namespace_rules()),
        _binding("ClusterRoleBinding", "ClusterRole", platform),
        _binding("RoleBinding", "Role", platform, platform.namespace),
        # To tell when somebody breaks it. Never to write: that is a person's, with a person's rights.
        manifest(f"{_RBAC}/v1", "Role", WATCHER, NAMESPACE, rules=[rule("", ("get",), "configmaps", names=(NAME,))]),
        _binding("RoleBinding", "Role", platform, NAMESPACE, WATCHER),
    ]


def bindable(platform: Platform) -> list[str]:
    """ClusterRoles that the operator may bind: one a role of the platform, and those of the home."""
    return [*(f"cotenant:{role}" for role in platform.roles), "cotenant:home-owner", "cotenant:home-viewer"]


def _cluster_rules(platform: Platform) -> list[Manifest]:
    definitions = tuple(f"{kind.plural}.{keys.GROUP}" for kind in schema.KINDS)
    return [
        rule(keys.GROUP, (*READ, "update", "patch"), "tenants"),
        rule(keys.GROUP, READ, "tenantprofiles"),
        rule(keys.GROUP, _OWN, "spaces", "spacepolicies", "tenantledgers"),
        rule(keys.GROUP, _STATUS, "tenants/status", "spaces/status"),
        rule(keys.GROUP, ("update",), "tenants/finalizers", "spaces/finalizers"),
        rule("", _OWN, "namespaces", "resourcequotas", "limitranges"),
        rule("", _STATUS, "resourcequotas/status"),
        # How many pods are about to come, and how large: their quota is to be there first.
        rule("", _WATCH, "replicationcontrollers"),
        rule("apps", READ, "deployments", "replicasets", "statefulsets"),
        rule("apps", _WATCH, "daemonsets"),
        rule("batch", READ, "jobs"),
        rule("networking.k8s.io", _OWN, "networkpolicies"),
        rule(_RBAC, _OWN, "rolebindings"),
        rule(_RBAC, READ, "clusterroles"),
        rule(_RBAC, ("bind",), "clusterroles", names=tuple(bindable(platform))),
        # Read for one thing: Jobs, StatefulSets and DaemonSets tell by Events alone that a quota refused their pods.
        rule("events.k8s.io", ("list", "watch", "create", "patch"), "events"),
        # Whether they are still there. Never to write: they are what it is held by.
        rule(
            "admissionregistration.k8s.io",
            ("list",),
            "validatingadmissionpolicies",
            "validatingadmissionpolicybindings",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicybindings",
        ),
        rule("apiextensions.k8s.io", ("get",), "customresourcedefinitions", names=definitions),
    ]


def _own_namespace_rules() -> list[Manifest]:
    return [
        # A name cannot restrict create: it is not known to the authorizer yet.
        rule("coordination.k8s.io", ("create",), "leases"),
        rule("coordination.k8s.io", ("get", "update", "patch"), "leases", names=(LEASE,)),
        rule("", ("get",), "configmaps", names=(SETTINGS,)),
    ]


def _binding(kind: str, role: str, platform: Platform, namespace: str = "", name: str = OPERATOR) -> Manifest:
    subject = {"kind": "ServiceAccount", "name": platform.service_account, "namespace": platform.namespace}
    reference = {"apiGroup": _RBAC, "kind": role, "name": name}
    return manifest(f"{_RBAC}/v1", kind, name, namespace, subjects=[subject], roleRef=reference)
