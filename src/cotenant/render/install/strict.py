"""Policy Q4, the half of strict accounting that needs no operator to act, and ends with the operator.

The quota controller counts from a cache. It may not have heard of pods that were charged a moment ago, and would give
their room away a second time: 16 pods in a quota of 10. So it may lower `used` only when nothing was charged for two
seconds. CEL has no clock, but the API server writes the time of each charge, and of this write, into managedFields.

Without an operator that gives refunds, the controller's back-off would keep a quiet space tight for minutes. So the
operator's Lease is the policy's parameter: where it was not renewed for a while, native quota is what there is.
Not part of the installation yet: whoever turns `quota.accounting: strict` on applies it.
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.model.refund.managers import CHARGES, COUNTS
from cotenant.render.install.values import LEASE, Manifest, manifest

POLICY = "cotenant-strict"
CONTROLLER = "system:serviceaccount:kube-system:resourcequota-controller"
QUIET = "2s"
"""Times are whole seconds: this is at least one second without a charge."""
DEAD = "30s"
"""After so long without a renewal of the Lease the operator counts as dead. Twice the duration of a lease."""
_API = "admissionregistration.k8s.io/v1"


def strict(platform: Platform, *, lease: str = LEASE, dead: str = DEAD) -> list[Manifest]:
    """The policy and its binding. Acts on ResourceQuotas with the label alone."""
    binding = {
        "policyName": POLICY,
        "validationActions": ["Deny"],
        # No Lease, no operator: native quota.
        "paramRef": {"name": lease, "namespace": platform.namespace, "parameterNotFoundAction": "Allow"},
    }
    return [
        manifest(_API, "ValidatingAdmissionPolicy", POLICY, spec=_policy(dead)),
        manifest(_API, "ValidatingAdmissionPolicyBinding", POLICY, spec=binding),
    ]


def _policy(dead: str) -> Manifest:
    lowered = (
        "has(oldObject.status.used) && has(object.status.used) && oldObject.status.used.exists(k, "
        "k in object.status.used && "
        "quantity(object.status.used[k]).compareTo(quantity(oldObject.status.used[k])) < 0)"
    )
    expired = (
        "!has(params.spec.renewTime) || (size(variables.now) > 0 && "
        f"timestamp(variables.now[0]) - timestamp(params.spec.renewTime) > duration('{dead}'))"
    )
    quiet = (
        "size(variables.charged) == 0 || (size(variables.now) > 0 && "
        f"timestamp(variables.now[0]) - timestamp(variables.charged[0]) >= duration('{QUIET}'))"
    )
    return {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"},
        "matchConstraints": {
            "objectSelector": {"matchLabels": {keys.ACCOUNTING: keys.STRICT}},
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
            {"name": "the-quota-controller", "expression": f"request.userInfo.username == '{CONTROLLER}'"}
        ],
        "variables": [
            {"name": "lowers", "expression": lowered},
            {"name": "charged", "expression": _times("oldObject", CHARGES)},
            {"name": "now", "expression": _times("object", COUNTS)},
            {"name": "dead", "expression": expired},
        ],
        "validations": [
            {
                "expression": f"!variables.lowers || variables.dead || {quiet}",
                "reason": "Forbidden",
                "message": "COTENANT-STRICT-1: something was charged to this quota less than two seconds ago, so what "
                "the quota controller counts may be incomplete; cotenant gives back what is deleted, and the "
                "controller may count again when it is quiet",
            }
        ],
    }


def _times(variable: str, manager: str) -> str:
    """When a manager last wrote the status of an object: a list of one, or empty."""
    return (
        f"{variable}.metadata.managedFields.filter(m, m.manager == '{manager}' && has(m.subresource) && "
        "m.subresource == 'status' && has(m.time)).map(m, m.time)"
    )
