"""ServiceAccounts and their IAM roles, budgets, and what keeps any other object of a space from being deleted."""

from __future__ import annotations

from cotenant.render.install.admission.authority import WHAT
from cotenant.render.install.admission.endings import (
    BUDGET,
    KEPT,
    KNOWN,
    KNOWN_OF_CLAIMS,
    LETS_GO,
    RELEASED,
    listed,
    stays,
)
from cotenant.render.install.admission.rule import Policy, Rule, kinds, several, short, told

ROLE = "eks.amazonaws.com/role-arn"
_NOTED = f"object.metadata.?annotations[?'{ROLE}'].orValue('')"
_CHANGED = (
    f"{WHAT} == 'serviceaccounts' && {_NOTED} != '' && (request.operation == 'CREATE' || "
    f"{_NOTED} != oldObject.metadata.?annotations[?'{ROLE}'].orValue(''))"
)
_BUDGETED = (
    f"{WHAT} == 'poddisruptionbudgets' && (request.operation == 'CREATE' || dyn(object).spec != dyn(oldObject).spec)"
)
_ARNS = "params.spec.serviceAccounts.?iamRoles.orValue([])"
_KNOWN = f"({listed(KNOWN)} + ({WHAT} == 'persistentvolumeclaims' ? {listed(KNOWN_OF_CLAIMS)} : []))"
_STAYS = stays("object.metadata", "oldObject.metadata", _KNOWN)
# Members write these, or a role of the platform's own does. Pods and templates are looked at where their spec is.
_THINGS = (
    ("", "v1", ("configmaps", "limitranges", "persistentvolumeclaims", "podtemplates", "replicationcontrollers")),
    ("", "v1", ("secrets", "services")),
    ("apps", "v1", ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("autoscaling", "v2", ("horizontalpodautoscalers",)),
    ("batch", "v1", ("cronjobs", "jobs")),
    ("coordination.k8s.io", "v1", ("leases",)),
    ("networking.k8s.io", "v1", ("ingresses", "networkpolicies")),
    ("rbac.authorization.k8s.io", "v1", ("rolebindings", "roles")),
    # These stand for load balancers and rights in the account.
    ("gateway.networking.k8s.io", "*", ("gateways",)),
    ("elbv2.k8s.aws", "*", ("targetgroupbindings",)),
    ("eks.services.k8s.aws", "*", ("*",)),
    ("iam.services.k8s.aws", "*", ("*",)),
)

ACCOUNTS = Policy(
    name="cotenant-accounts",
    about="ServiceAccounts and PodDisruptionBudgets; finalizers and owners of everything that members make",
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
                "IAM role {} is not allowed; allowed: {}",
                short("variables.role"),
                several(_ARNS),
            ),
        ),
        BUDGET,
        KEPT,
        RELEASED,
    ),
    matches=(kinds("", ["CREATE"], "serviceaccounts"), kinds("policy", ["CREATE"], "poddisruptionbudgets")),
    updates=(
        kinds("", ["UPDATE"], "serviceaccounts"),
        kinds("policy", ["UPDATE"], "poddisruptionbudgets"),
        # Kubernetes makes some of them before there is a SpacePolicy.
        *(kinds(group, ["CREATE", "UPDATE"], *names, version=version) for group, version, names in _THINGS),
    ),
    # Kubernetes makes it in the first moments of a namespace, before there is a SpacePolicy: COTENANT-RIGHT-1 is for it.
    ignores=(kinds("", ["CREATE"], "serviceaccounts", names=("default",)),),
    # Most have neither, and cost no more than this.
    condition=f"{_STAYS}.size() > 0 || ({_CHANGED}) || ({_BUDGETED}) || {LETS_GO}",
    variables=(("role", f"({_CHANGED}) ? {_NOTED} : ''"), ("stays", _STAYS)),
)
