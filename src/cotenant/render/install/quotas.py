"""Two ValidatingAdmissionPolicies that make the quota of a tenant strict, with or without an operator.

law: no charge goes above spec.hard. Charges are status updates by `system:apiserver`, and an update is validated against
the stored object inside the transaction that stores it. So after spec.hard was lowered no API server, however stale,
charges more; natively admission looks at status.hard. And one ResourceQuota a namespace, which nobody but cotenant writes.
While status.hard is not above spec.hard, and storage not limited, there is nothing to add to what the API server does: of
quotas that are counted strictly it looks at the charges of those alone that carry a label, and lets nobody lower without it.
first: no workload before the namespace's quota is counted. An API server that has not heard of a ResourceQuota admits
without limit; parameters of policies come from the very cache that its quota plugin looks into.
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.model.checked import STORAGE
from cotenant.model.platform import Platform
from cotenant.render.install.validating import binding, denial, policy
from cotenant.render.install.values import Manifest

LAW, FIRST = "cotenant-quota-law", "cotenant-quota-first"
CANARY = "cotenant-canary"
"""Name of the LimitRange that the operator tries to make, as a dry run: FIRST refuses it in a home."""
OURS = {
    "labels": (keys.MANAGED_BY, keys.TENANT, keys.SPACE, keys.ACCOUNTING, keys.CHECKED),
    "annotations": (keys.REFUNDED, keys.FROZEN),
}
"""What else of a ResourceQuota decides about limits. A mark of refunds from the future would switch them off."""
_SERVER = "system:apiserver"
_COUNTERS = [_SERVER, "system:serviceaccount:kube-system:resourcequota-controller", "system:kube-controller-manager"]
"""Who writes status: the API servers charge, the quota controller counts, under its own name or its process'."""
_LABELS = "object.metadata.?labels.orValue({})"
NOT_YOURS = (
    "'COTENANT-QUOTA-4: ResourceQuota ' + request.name + ' is written by cotenant alone, which gives each space "
    "what it needs; change spec.quota of the Tenant or of the Space'"
)
"""CEL: what whoever is neither operator nor counter is told."""
_MINE = f"{_LABELS}[?'{keys.MANAGED_BY}'].orValue('') == '{keys.COTENANT}' && '{keys.TENANT}' in {_LABELS}"
"""CEL: a quota of ours."""


def quota_policies(platform: Platform) -> list[Manifest]:
    """Both policies with their bindings."""
    # By its name: a selector would be parsed for each pod.
    param = {"name": keys.COTENANT, "parameterNotFoundAction": "Deny"}
    return [
        policy(LAW, _law(platform)),
        # The narrow ones are first: no gap between where an older binding said all.
        *(binding(f"{LAW}-{name}", LAW, matchResources=where) for name, where in _counted().items()),
        binding(LAW, LAW, matchResources={"resourceRules": [_WRITES]}),
        policy(FIRST, _first(platform)),
        binding(FIRST, FIRST, paramRef=param),
    ]


def _counted() -> dict[str, Manifest]:
    """Whose status is looked at: what is not counted strictly, always; what is, with the label.

    By the object's own labels, old or new: those that are stored, whatever a cache says. Of others each write of status is
    looked at by the policy of strict accounting.
    """
    accounting = {"key": keys.ACCOUNTING, "operator": "NotIn", "values": [keys.STRICT]}
    strict = {"matchLabels": {keys.ACCOUNTING: keys.STRICT}}
    checked = {"key": keys.CHECKED, "operator": "Exists"}
    return {
        "native": {"resourceRules": [_STATUS], "objectSelector": {"matchExpressions": [accounting]}},
        "checked": {"resourceRules": [_STATUS], "objectSelector": strict | {"matchExpressions": [checked]}},
    }


def _rule(group: str, operations: list[str], *resources: str) -> Manifest:
    versions = ["v1"] if not group else ["*"]
    return {"apiGroups": [group], "apiVersions": versions, "operations": operations, "resources": list(resources)}


_WRITES = _rule("", ["CREATE", "UPDATE", "DELETE"], "resourcequotas")
_STATUS = _rule("", ["UPDATE"], "resourcequotas/status")


def _tenants(platform: Platform, *more: Manifest) -> Manifest:
    """Namespaces of tenants; whoever labels kube-system by mistake stops nothing there."""
    never = ["default", "kube-node-lease", "kube-public", "kube-system", platform.namespace]
    return {
        "matchExpressions": [
            {"key": keys.TENANT, "operator": "Exists"},
            {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": never},
            *more,
        ]
    }


def _operator(platform: Platform) -> str:
    return f"request.userInfo.username == '{platform.operator}'"


def stranger(platform: Platform) -> str:
    """CEL: who is neither operator nor counter."""
    return f"!(request.userInfo.username in {_listed([platform.operator, *_COUNTERS])})"


def _law(platform: Platform) -> Manifest:
    """Who charges, who is neither operator nor counter, and the operator itself where it forgets the label.

    A dry run of the operator's is judged as a charge: that is how it proves that the policy acts.
    """
    charging = (
        f"request.?subResource.orValue('') == 'status' && (request.userInfo.username == '{_SERVER}' || "
        f"({_operator(platform)} && request.?dryRun.orValue(false)))"
    )
    return {
        "matchConstraints": {"resourceRules": [_WRITES, _STATUS], "namespaceSelector": _tenants(platform)},
        # What is within its limits is let go here: validations, messages and annotations each make maps of both objects.
        "matchConditions": [
            {
                "name": "too-high-a-charge-or-a-stranger",
                "expression": f"({charging} && {_over('exists', 'false')}) || {_unmarked(platform)} || {stranger(platform)}",
            }
        ],
        "variables": [
            {"name": "stranger", "expression": stranger(platform)},
            {"name": "charging", "expression": charging},
            {"name": "unmarked", "expression": _unmarked(platform)},
            *_charge(),
        ],
        "validations": [
            denial(
                "!variables.charging || size(variables.over) == 0",
                "'COTENANT-QUOTA-1: tenant ' + variables.tenant + ': ' + variables.excess + ' in namespace ' + "
                "object.metadata.namespace + '; who uses what, and what is left: cotenant top ' + variables.tenant",
            ),
            denial(
                "!variables.unmarked",
                "'COTENANT-QUOTA-6: ResourceQuota ' + request.name + ' limits storage, or would have a lower limit than is in "
                f"force, without the label {keys.CHECKED} by which charges are bound to it; whoever writes it sets the label'",
            ),
            *_keep(),
        ],
    }


def _unmarked(platform: Platform) -> str:
    """CEL: whether the operator leaves a quota without the label although its charges must be checked. Nobody else lowers."""
    hard, enforced = "object.spec.hard", "object.?status.?hard[?k]"
    higher = f"({enforced}.hasValue() && quantity({enforced}.value()).isGreaterThan(quantity({hard}[k])))"
    lax = f"has({hard}) && {hard}.exists(k, k.endsWith('{STORAGE}') || {higher})"
    written = f"request.operation != 'DELETE' && !request.?dryRun.orValue(false) && {_operator(platform)}"
    return f"({written} && {_MINE} && !('{keys.CHECKED}' in {_LABELS}) && {lax})"


def _over(found: str = "filter", none: str = "[]") -> str:
    """CEL: the keys of which a charge goes above the limit, in a quota of ours; or with `exists` whether there are any."""
    used, hard = "object.status.used", "object.spec.hard"
    before = "oldObject.?status.?used[?k]"
    # In an optional chain an absent list is no error, and what was not counted before has grown.
    grown = f"(!{before}.hasValue() || quantity({used}[k]).isGreaterThan(quantity({before}.value())))"
    over = f"quantity({used}[k]).isGreaterThan(quantity({hard}[k]))"
    # What is above is asked first: of a usual charge nothing is.
    return f"({_MINE} && has({used}) && has({hard}) ? {used}.{found}(k, k in {hard} && {over} && {grown}) : {none})"


def _charge() -> list[Manifest]:
    """What a refusal says."""
    used, hard = "object.status.used", "object.spec.hard"
    return [
        {"name": "over", "expression": _over()},
        {
            "name": "excess",
            "expression": f"variables.over.map(k, k + ' ' + string({used}[k]) + ' > ' + string({hard}[k])).join(', ')",
        },
        {"name": "tenant", "expression": f"object.metadata.?labels[?'{keys.TENANT}'].orValue('')"},
    ]


def _first(platform: Platform) -> Manifest:
    """Of LimitRanges the canary alone is matched, by its name: a missing parameter refuses before any matchCondition."""
    labels = "dyn(params).metadata.?labels.orValue({})"
    # A home's carries no label of a space: nothing runs in a home.
    space = f"{labels}[?'{keys.MANAGED_BY}'].orValue('') == '{keys.COTENANT}' && '{keys.SPACE}' in {labels}"
    counted = "has(dyn(params).status) && has(dyn(params).status.used) && size(dyn(params).status.used) > 0"
    return {
        "paramKind": {"apiVersion": "v1", "kind": "ResourceQuota"},
        "matchConstraints": {
            "resourceRules": [
                _rule("", ["CREATE"], "pods", "services", "persistentvolumeclaims"),
                _rule("resource.k8s.io", ["CREATE"], "resourceclaims"),
                _rule("", ["CREATE"], "limitranges") | {"resourceNames": [CANARY]},
            ],
            # Where an installation tries the other policies, this one must not speak first: one refusal has one policy.
            "namespaceSelector": _tenants(platform, {"key": keys.CANARY, "operator": "NotIn", "values": ["true"]}),
        },
        # As of a charge: whoever is let through pays once for the maps that CEL reads.
        "matchConditions": [{"name": "not-counted-yet", "expression": f"!({space} && {counted})"}],
        "validations": [
            denial(
                f"!({space}) || {counted}",
                "'COTENANT-QUOTA-2: namespace ' + request.namespace + ' is being prepared: its quota is not counted "
                "yet; try again in a second, and if it stays: kubectl get resourcequota cotenant -o yaml -n ' + "
                "request.namespace",
            ),
            denial(
                space,
                "'COTENANT-QUOTA-2: nothing runs in namespace ' + request.namespace + ': its ResourceQuota cotenant is not that "
                "of a space; make a Space for what is to run'",
            ),
        ],
    }


def _keep() -> list[Manifest]:
    """What strangers may not do."""
    ours = "oldObject.metadata.?labels[?'" + keys.MANAGED_BY + "'].orValue('') == '" + keys.COTENANT + "'"
    same = " && ".join(
        f"object.metadata.?{field}[?'{key}'] == oldObject.metadata.?{field}[?'{key}']"
        for field, names in OURS.items()
        for key in names
    )
    status = "request.?subResource.orValue('') == 'status'"
    # Without the times of charges strict accounting does not know what is quiet.
    times = " == ".join(
        f"{one}.metadata.?managedFields.orValue([]).filter(m, m.?subresource.orValue('') == 'status').map(m, m.time)"
        for one in ("object", "oldObject")
    )
    # Whose finalizer nobody takes off would keep the namespace from ending, and with it the share from coming back.
    ends = "object.metadata.?finalizers.orValue([]).all(f, f in oldObject.metadata.?finalizers.orValue([]))"
    return [
        denial(
            "!variables.stranger || request.operation != 'CREATE'",
            "'COTENANT-QUOTA-3: namespace ' + request.namespace + ' has its ResourceQuota, and with two of them what "
            "one refuses the other may admit (kubernetes#141904); ask for quota in the Tenant'",
        ),
        denial(
            f"!variables.stranger || request.operation != 'UPDATE' || !({ours}) || "
            f"(!({status}) && object.spec == oldObject.spec && {same} && {ends} && {times})",
            NOT_YOURS,
        ),
        denial(
            f"!variables.stranger || request.operation != 'DELETE' || !({ours}) || "
            "has(namespaceObject.metadata.deletionTimestamp)",
            # Of a deletion of many the request has no name.
            "'COTENANT-QUOTA-5: ResourceQuota ' + oldObject.metadata.name + ' is what limits namespace ' + request.namespace + "
            "'; without it nothing does. It goes with the namespace, or when that is released'",
        ),
    ]


def _listed(names: list[str]) -> str:
    return "[" + ", ".join(f"'{name}'" for name in names) + "]"
