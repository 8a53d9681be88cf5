"""Whether a broken rule refuses, warns or is audited: the tenant's word in its SpacePolicy, read by the policy itself.

A policy has one binding for each, whatever the number of tenants. Nothing tells an expression by which binding it is
evaluated but the parameter: so each binding has one of its own name, and a rule is broken only in the evaluation of its
own mode. Where every rule refuses there is the SpacePolicy `policy` alone, and the other bindings find nothing to do.
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.render.install.values import Manifest

ACTIONS: dict[str, list[str]] = {"warn": ["Warn", "Audit"], "observe": ["Audit"]}
"""What a binding does beside that which refuses; the names are those of the SpacePolicies too."""
TRIAL = "cotenant-trial"
"""Field manager of a dry run in which every rule refuses: how one learns what would be refused, and harms nobody."""
VARIABLES = (
    # Not simply the name, which is of no type: an audit annotation must be text.
    ("acts", "['warn', 'observe'].exists(m, m == params.metadata.name) ? string(params.metadata.name) : 'enforce'"),
    ("modes", "params.spec.?rules.orValue({})"),
    (
        "trial",
        (
            "variables.acts == 'enforce' && request.?dryRun.orValue(false) && request.operation != 'CONNECT' && "
            f"dyn(request).?options.?fieldManager.orValue('') == '{TRIAL}'"
        ),
    ),
)


def concerns(identifier: str, *, firm: bool = False) -> str:
    """CEL: whether a rule is of the mode in which the policy is being evaluated. Asked only of a rule that is broken."""
    if firm:
        return "variables.acts == 'enforce'"
    return f"(variables.modes[?'{identifier}'].orValue(params.spec.enforcement) == variables.acts || variables.trial)"


def binding(policy: str, mode: str) -> Manifest:
    """The content of the binding that warns or audits, for `spec`. By label: newer API servers
    look for a parameter of a name that is not in their cache by a request each time.
    """
    chosen = {"matchLabels": {keys.ENFORCEMENT: mode}}
    return {
        "policyName": policy,
        "validationActions": ACTIONS[mode],
        "paramRef": {"selector": chosen, "parameterNotFoundAction": "Allow"},
    }
