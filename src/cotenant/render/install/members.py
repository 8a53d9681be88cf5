"""ClusterRoles for members, bound by RoleBindings alone: in a space `cotenant:<role>`, in the home
`cotenant:home-owner` and `cotenant:home-viewer`.

Made for this purpose, never aggregated: whoever may label a ClusterRole could otherwise widen every tenant. Each rule
names its resources and subresources, so that what a later Kubernetes adds is denied until somebody decides about it.

Nobody writes NetworkPolicies, ResourceQuotas, LimitRanges and SpacePolicies: they are the fence. An owner writes Roles
and RoleBindings of spaces, for charts bring them. Kubernetes lets nobody grant what he has not (nobody has escalate and
bind); to whom, and that what is ours stays ours, a policy says (admission/rights.py).
Nobody writes endpoints (CVE-2021-25740) or pods/binding (goes round every taint), and nobody writes services/status,
which is one half of CVE-2020-8554: the other half, `spec.externalIPs` of a Service, no role can take away; a policy does
(admission/doors.py). There is no proxy to pods and services (the API server would call addresses that the network policies keep away).
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.render.install.values import Manifest, manifest

READ = ("get", "list", "watch")
WRITE = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
_GROUP = "rbac.authorization.k8s.io"


def rule(group: str, verbs: tuple[str, ...], *resources: str, names: tuple[str, ...] = ()) -> Manifest:
    """A PolicyRule of one API group."""
    content: Manifest = {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}
    return content | ({"resourceNames": list(names)} if names else {})


# In namespace X, `get namespaces` of a RoleBinding gives exactly the namespace X.
_OWN_NAMESPACE = rule("", ("get",), "namespaces")

_VIEW = (
    _OWN_NAMESPACE,
    rule("", READ, "resourcequotas", "resourcequotas/status", "limitranges", "events"),
    rule("", READ, "configmaps", "endpoints", "persistentvolumeclaims", "persistentvolumeclaims/status"),
    rule("", READ, "pods", "pods/log", "pods/status", "podtemplates"),
    rule("", READ, "replicationcontrollers", "replicationcontrollers/scale", "replicationcontrollers/status"),
    rule("", READ, "serviceaccounts", "services", "services/status"),
    rule("apps", READ, "controllerrevisions", "daemonsets", "daemonsets/status"),
    rule("apps", READ, "deployments", "deployments/scale", "deployments/status"),
    rule("apps", READ, "replicasets", "replicasets/scale", "replicasets/status"),
    rule("apps", READ, "statefulsets", "statefulsets/scale", "statefulsets/status"),
    rule("autoscaling", READ, "horizontalpodautoscalers", "horizontalpodautoscalers/status"),
    rule("batch", READ, "cronjobs", "cronjobs/status", "jobs", "jobs/status"),
    rule("coordination.k8s.io", READ, "leases"),
    rule("discovery.k8s.io", READ, "endpointslices"),
    rule("events.k8s.io", READ, "events"),
    rule("metrics.k8s.io", READ, "pods"),
    rule("networking.k8s.io", READ, "ingresses", "ingresses/status", "networkpolicies"),
    rule("policy", READ, "poddisruptionbudgets", "poddisruptionbudgets/status"),
    rule(_GROUP, READ, "rolebindings", "roles"),
    rule(keys.GROUP, READ, "spacepolicies"),
)

_EDIT = (
    rule("", WRITE, "configmaps", "persistentvolumeclaims", "pods", "podtemplates", "secrets"),
    rule("", WRITE, "serviceaccounts", "services", "replicationcontrollers", "replicationcontrollers/scale"),
    # `get` too: over WebSocket that is the verb up to Kubernetes 1.34 (AuthorizePodWebsocketUpgradeCreatePermission).
    rule("", ("get", "create"), "pods/attach", "pods/exec", "pods/portforward"),
    rule("", ("create",), "pods/eviction"),
    rule("", ("get", "update", "patch"), "pods/ephemeralcontainers", "pods/resize"),
    rule("apps", WRITE, "daemonsets", "deployments", "deployments/scale", "replicasets", "replicasets/scale"),
    rule("apps", WRITE, "statefulsets", "statefulsets/scale"),
    rule("autoscaling", WRITE, "horizontalpodautoscalers"),
    rule("batch", WRITE, "cronjobs", "jobs"),
    rule("coordination.k8s.io", WRITE, "leases"),
    rule("networking.k8s.io", WRITE, "ingresses"),
    rule("policy", WRITE, "poddisruptionbudgets"),
)

# A token speaks as a ServiceAccount outside the cluster, after its maker is gone too. This right is the owner's alone, but
# it is not the only way: a Secret of type kubernetes.io/service-account-token is a token without end. No role can tell
# types of Secrets apart; a policy does (admission/rights.py).
_TOKENS = rule("", ("create",), "serviceaccounts/token")
# No deletecollection: among them are ours, at which it would stop half-way.
_GRANTS = rule(_GROUP, ("create", "update", "patch", "delete"), "roles", "rolebindings")
_OWN = (_TOKENS, _GRANTS)

_HOME_VIEW = (
    _OWN_NAMESPACE,
    rule("", READ, "resourcequotas", "resourcequotas/status", "events"),
    rule("events.k8s.io", READ, "events"),
    rule(keys.GROUP, READ, "spaces", "spaces/status", "spacepolicies", "tenantledgers"),
)
_HOME_OWN = (rule(keys.GROUP, ("create", "update", "patch", "delete"), "spaces"),)

SPACE_ROLES = {"owner": _VIEW + _EDIT + _OWN, "editor": _VIEW + _EDIT, "viewer": _VIEW}
HOME_ROLES = {"owner": _HOME_VIEW + _HOME_OWN, "viewer": _HOME_VIEW}
"""`owner` is for every role of spaces.create, `viewer` for every member: no third set of rights exists in a home."""


def member_roles() -> list[Manifest]:
    """The built-in roles of spaces and homes. A platform's own role x is the ClusterRole `cotenant:x` that it makes itself."""
    return [
        *(_role(f"cotenant:{role}", role, rules) for role, rules in SPACE_ROLES.items()),
        *(_role(f"cotenant:home-{role}", f"home-{role}", rules) for role, rules in HOME_ROLES.items()),
    ]


def _role(name: str, role: str, rules: tuple[Manifest, ...]) -> Manifest:
    return manifest(f"{_GROUP}/v1", "ClusterRole", name, labels={keys.ROLE: role}, rules=list(rules))
