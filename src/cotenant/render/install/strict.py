"""Policy Q4, the half of strict accounting that needs no operator to act, and ends with the operator.

The quota controller counts from a cache. It may not have heard of pods that were charged a moment ago, and would give
their room away a second time: 16 pods in a quota of 10. So it may lower `used` only when nobody has written the status
for two seconds. CEL has no clock, but the API server writes the time of each write into managedFields, of this one too.
Of every writer, not of the API server alone: a refund takes the field over, and with it the API server's entry goes.

Without an operator that gives refunds, the controller's back-off would keep a quiet space tight for minutes. So the
sign of life of the operators is the policy's parameter: where it stops, native quota is what there is.

Policy and binding, once made, are never deleted, by no uninstall either: an API server stops its watch of Leases with the
last binding and cannot begin it again (seen on 1.36: the parameter stays as it was until the API server restarts).
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.model.usage.objects import ALIASES, COUNT, COUNTED, DEVICES, native
from cotenant.render.install.members import READ, rule
from cotenant.render.install.quotas import NOT_YOURS, stranger
from cotenant.render.install.values import HEARTBEAT, Manifest, manifest

POLICY = "cotenant-strict"
RIGHTS = "cotenant-operator-strict"
CONTROLLER = "system:serviceaccount:kube-system:resourcequota-controller"
QUIET = "2s"
"""Times are whole seconds: this is at least one second without a write."""
DEAD = "8s"
"""After so long without a sign of life nobody gives refunds. Four beats; a space that is full by then stays tight."""
HELD = [COUNT + kind for kind in sorted(COUNTED)]
UNREAD = [key for key in ALIASES if native(key)]
"""What the operator never reads it never gives back: such keys are native, or a space in which pods come and go would not
find the room of its Secrets again, or of its claimed devices. Of the keys of objects by kind those are held that it reads.
"""
_API = "admissionregistration.k8s.io/v1"
_CLAIMED = f"k.endsWith('{DEVICES[0]}') || k.startsWith('{DEVICES[1]}')"
_HELD = f"(k.startsWith('{COUNT}') ? k in {HELD} : !(k in {UNREAD} || {_CLAIMED}))"
_RBAC = "rbac.authorization.k8s.io"


def strict(platform: Platform, *, lease: str = HEARTBEAT, dead: str = DEAD) -> list[Manifest]:
    """The policy and its binding. Acts on ResourceQuotas with the label alone."""
    binding = {
        "policyName": POLICY,
        "validationActions": ["Deny"],
        # No Lease, no operator: native quota.
        "paramRef": {"name": lease, "namespace": platform.namespace, "parameterNotFoundAction": "Allow"},
    }
    return [
        manifest(_API, "ValidatingAdmissionPolicy", POLICY, annotations=keys.HELM_KEEPS, spec=_policy(platform, dead)),
        manifest(_API, "ValidatingAdmissionPolicyBinding", POLICY, annotations=keys.HELM_KEEPS, spec=binding),
    ]


def strict_rights(platform: Platform) -> list[Manifest]:
    """What the operator needs beside its other rights: to see what is counted, and to give its sign of life."""
    subject = {"kind": "ServiceAccount", "name": platform.service_account, "namespace": platform.namespace}

    def bound(kind: str, role: str, namespace: str) -> Manifest:
        reference = {"apiGroup": _RBAC, "kind": role, "name": RIGHTS}
        return manifest(f"{_RBAC}/v1", kind, RIGHTS, namespace, subjects=[subject], roleRef=reference)

    # Kinds whose content is secret or large are not read: they are counted natively.
    counted = rule("", READ, "pods", "services", "persistentvolumeclaims")
    beat = rule("coordination.k8s.io", ("get", "update", "patch"), "leases", names=(HEARTBEAT,))
    return [
        manifest(f"{_RBAC}/v1", "ClusterRole", RIGHTS, rules=[counted]),
        manifest(f"{_RBAC}/v1", "Role", RIGHTS, platform.namespace, rules=[beat]),
        bound("ClusterRoleBinding", "ClusterRole", ""),
        bound("RoleBinding", "Role", platform.namespace),
    ]


def _policy(platform: Platform, dead: str) -> Manifest:
    lowered = (
        "has(oldObject.status.used) && has(object.status.used) && oldObject.status.used.exists(k, "
        f"k in object.status.used && {_HELD} && "
        "quantity(object.status.used[k]).compareTo(quantity(oldObject.status.used[k])) < 0)"
    )
    # This write is the newest entry: no name of a manager has to be known.
    expired = f"!has(params.spec.renewTime) || variables.now.exists(t, t - timestamp(params.spec.renewTime) > duration('{dead}'))"
    quiet = f"variables.before.all(b, variables.now.exists(t, t - b >= duration('{QUIET}')))"
    rehearsed = (
        f"request.userInfo.username == '{platform.operator}' && size(variables.before) > 0 && "
        f"object.metadata.?annotations[?'{keys.REHEARSAL}'].hasValue()"
    )
    return {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"},
        "matchConstraints": {
            "objectSelector": {
                "matchLabels": {keys.ACCOUNTING: keys.STRICT},
                "matchExpressions": [{"key": keys.TENANT, "operator": "Exists"}],
            },
            "resourceRules": [
                {
                    "apiGroups": [""],
                    "apiVersions": ["v1"],
                    "operations": ["UPDATE"],
                    "resources": ["resourcequotas/status"],
                }
            ],
        },
        "matchConditions": [
            {
                "name": "the-quota-controller-a-rehearsal-or-a-stranger",
                "expression": f"request.userInfo.username == '{CONTROLLER}' || "
                f"(request.userInfo.username == '{platform.operator}' && request.?dryRun.orValue(false)) || "
                f"{stranger(platform)}",
            }
        ],
        "variables": [
            {"name": "stranger", "expression": stranger(platform)},
            {"name": "lowers", "expression": lowered},
            {"name": "before", "expression": _times("oldObject")},
            {"name": "now", "expression": _times("object")},
            {"name": "dead", "expression": expired},
            {"name": "quiet", "expression": quiet},
            {"name": "rehearsed", "expression": rehearsed},
        ],
        "validations": [
            {
                "expression": "variables.stranger || variables.dead || "
                "(!variables.rehearsed && (!variables.lowers || variables.quiet))",
                "reason": "Forbidden",
                "message": "COTENANT-STRICT-1: somebody wrote the status of this quota less than two seconds ago, so what "
                "the quota controller counts may be incomplete; cotenant gives back what is deleted, and the "
                "controller may count again when it is quiet",
            },
            # The law looks at the status of those alone that are not counted strictly, or have a label.
            {"expression": "!variables.stranger", "reason": "Forbidden", "messageExpression": NOT_YOURS},
        ],
    }


def _times(variable: str) -> str:
    """When each manager last wrote the status of an object; nothing where somebody has emptied the list."""
    return (
        f"{variable}.metadata.?managedFields.orValue([]).filter(m, has(m.subresource) && m.subresource == 'status' && "
        "has(m.time)).map(m, timestamp(m.time))"
    )
