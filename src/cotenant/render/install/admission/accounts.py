"""ServiceAccounts: which IAM roles they take on."""

from __future__ import annotations

from cotenant.render.install.admission.rule import Policy, Rule, kinds, short, told

ROLE = "eks.amazonaws.com/role-arn"
_NOTED = f"object.metadata.?annotations[?'{ROLE}'].orValue('')"
_ARNS = "params.spec.serviceAccounts.?iamRoles.orValue([])"

ACCOUNTS = Policy(
    name="cotenant-accounts",
    about="ServiceAccounts",
    rules=(
        Rule(
            id="COTENANT-ACCOUNT-1",
            title="A ServiceAccount takes on allowed IAM roles only",
            why="IAM trusts the cluster: where a role's trust names a pattern, who has the annotation gets its token mounted.",
            way_out="a platform administrator changes serviceAccounts.iamRoles of the Tenant",
            leaf="serviceAccounts.iamRoles",
            holds=f"variables.role == '' || {_ARNS}.exists(r, r.endsWith('*') ? "
            "variables.role.startsWith(r.substring(0, r.size() - 1)) : variables.role == r)",
            says=told(
                "IAM role {} is not allowed; allowed: {}", short("variables.role"), short(f"{_ARNS}.join(', ')", 60)
            ),
        ),
    ),
    matches=(kinds("", ["CREATE"], "serviceaccounts"),),
    updates=(kinds("", ["UPDATE"], "serviceaccounts"),),
    # Kubernetes makes it in the first moments of a namespace, before there is a SpacePolicy: COTENANT-RIGHT-1 is for it.
    ignores=(kinds("", ["CREATE"], "serviceaccounts", names=("default",)),),
    condition=f"{_NOTED} != '' && (request.operation == 'CREATE' || "
    f"{_NOTED} != oldObject.metadata.?annotations[?'{ROLE}'].orValue(''))",
    variables=(("role", _NOTED),),
)
