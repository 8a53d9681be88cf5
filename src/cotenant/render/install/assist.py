"""The assist, which is optional: what the API server asks, what it asks it at, and what the operator needs for that.

Failure is ignored, one second is waited at most, and only pods that nobody looks ahead of, in spaces labelled scarce, are
asked about: without it the same pods are admitted, but for those refused while their quota was on its way.
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.render.install.members import rule
from cotenant.render.install.values import OPERATOR_PODS, InstallValues, Manifest, manifest

ASSIST = "cotenant-assist"
"""Name of every object of it."""
PORT = 9443
PATH = "/assist"
LOOKED_AHEAD = ("ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet", "Job")
"""Kinds whose pods find their quota by what their template says, at their next try at the latest."""
_RBAC = "rbac.authorization.k8s.io"


def assist(values: InstallValues) -> list[Manifest]:
    """Everything, the configuration last; nothing where it is not wanted."""
    return [*assist_rights(values), *_network(values), _configuration(values)] if values.assist else []


def assist_rights(values: InstallValues) -> list[Manifest]:
    """The Secret with its certificates, and the right to keep that and the caBundle: both by name, neither to be made."""
    namespace = values.platform.namespace
    return [
        manifest("v1", "Secret", ASSIST, namespace, type="Opaque"),
        manifest(
            f"{_RBAC}/v1", "Role", ASSIST, namespace, rules=[rule("", ("get", "update"), "secrets", names=(ASSIST,))]
        ),
        manifest(
            f"{_RBAC}/v1",
            "ClusterRole",
            ASSIST,
            rules=[
                rule(
                    "admissionregistration.k8s.io",
                    ("get", "update"),
                    "mutatingwebhookconfigurations",
                    names=(ASSIST,),
                )
            ],
        ),
        _binding("RoleBinding", "Role", values, namespace),
        _binding("ClusterRoleBinding", "ClusterRole", values),
    ]


def _binding(kind: str, role: str, values: InstallValues, namespace: str = "") -> Manifest:
    platform = values.platform
    subject = {"kind": "ServiceAccount", "name": platform.service_account, "namespace": platform.namespace}
    reference = {"apiGroup": _RBAC, "kind": role, "name": ASSIST}
    return manifest(f"{_RBAC}/v1", kind, ASSIST, namespace, subjects=[subject], roleRef=reference)


def _network(values: InstallValues) -> list[Manifest]:
    """The Service, and a way in: the address of an API server cannot be named on EKS, hence from anywhere.

    Not for an operator that runs somewhere else.
    """
    if values.assist_url:
        return []
    namespace = values.platform.namespace
    ports = [{"name": "https", "port": 443, "targetPort": PORT, "protocol": "TCP"}]
    ingress = [{"ports": [{"port": PORT, "protocol": "TCP"}]}]
    spec = {"podSelector": {"matchLabels": OPERATOR_PODS}, "policyTypes": ["Ingress"], "ingress": ingress}
    return [
        manifest("v1", "Service", ASSIST, namespace, spec={"selector": OPERATOR_PODS, "ports": ports}),
        manifest("networking.k8s.io/v1", "NetworkPolicy", ASSIST, namespace, spec=spec),
    ]


def _configuration(values: InstallValues) -> Manifest:
    """Without a caBundle: the operator fills that in, and may change nothing else of it (see the leash)."""
    service = {"namespace": values.platform.namespace, "name": ASSIST, "path": PATH, "port": 443}
    owners = "object.metadata.?ownerReferences.orValue([])"
    looked_ahead = "[" + ", ".join(f"'{kind}'" for kind in LOOKED_AHEAD) + "]"
    hook = {
        "name": "assist.cotenant.dev",
        "clientConfig": {"url": values.assist_url} if values.assist_url else {"service": service},
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
                "scope": "Namespaced",
            }
        ],
        "namespaceSelector": {
            "matchLabels": {keys.SCARCE: "true"},
            "matchExpressions": [{"key": key, "operator": "Exists"} for key in (keys.TENANT, keys.SPACE)],
        },
        "matchConditions": [
            {"name": "charged", "expression": "!request.?dryRun.orValue(false)"},
            {
                "name": "nobody-looks-ahead-of-it",
                "expression": f"!{owners}.exists(o, o.?controller.orValue(false) && o.kind in {looked_ahead})",
            },
        ],
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "Never",
        # It moves quota; of a dry run it is not told.
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": 1,
        "admissionReviewVersions": ["v1"],
    }
    return manifest("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", ASSIST, webhooks=[hook])
