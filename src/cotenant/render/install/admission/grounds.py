"""Namespaces of tenants: what makes them a tenant's is not the tenant's to change."""

from __future__ import annotations

import json

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.render.install.admission.authority import NAME, PLATFORM
from cotenant.render.install.admission.rule import Policy, Rule, kinds, short, told

_FIXED = "k.startsWith('cotenant.dev/') || k.startsWith('pod-security.kubernetes.io/') || k in " + json.dumps(
    [keys.MANAGED_BY, "resource.kubernetes.io/admin-access"]
)
_OLD = "(oldObject == null ? {} : oldObject.metadata.?labels.orValue({}))"
_FIRST_LABEL = "(variables.old.filter(l, !(l in variables.new)) + variables.new.filter(l, !(l in variables.old)))[0]"
_NEW = "object.metadata.?labels.orValue({})"


def _without(labels: str) -> str:
    return f"{labels}.map(k, {_FIXED}, k + '=' + {labels}[k])"


def grounds(platform: Platform) -> Policy:
    """Namespaces of tenants. By the object's own labels: a namespaceSelector sees only the new ones, from a cache."""
    metadata = " && ".join(
        f"object.metadata.?{field}.orValue({empty}) == oldObject.metadata.?{field}.orValue({empty})"
        for field, empty in (("labels", "{}"), ("annotations", "{}"), ("finalizers", "[]"), ("ownerReferences", "[]"))
    )
    return Policy(
        name="cotenant-grounds",
        about="namespaces of tenants",
        parameters=False,
        selector={"matchExpressions": [{"key": keys.TENANT, "operator": "Exists"}]},
        rules=(
            Rule(
                id="COTENANT-NAMESPACE-1",
                title="The labels that make a namespace a tenant's, and keep it safe, are set by who may change Tenants",
                why="With them one takes a namespace, or walks out of every rule: policies and Pod Security select by labels.",
                way_out="a platform administrator changes the Tenant; what may be changed stands in the Space",
                holds="variables.old.all(l, l in variables.new) && variables.new.all(l, l in variables.old)",
                unless=f"authorizer.group('{keys.GROUP}').resource('tenants').check('update').allowed()",
                says=told("label {} of a namespace of a tenant", short(_FIRST_LABEL)),
            ),
            Rule(
                id="COTENANT-NAMESPACE-2",
                title="A namespace of a tenant is changed by who may change every namespace",
                why="Other labels and annotations switch on what the platform runs: meshes, injection, node selectors, "
                "network plugins. No list of them is ever complete. status and finalize end a deletion before its time.",
                way_out="ask a platform administrator",
                holds=f"request.operation == 'CREATE' || (request.?subResource.orValue('') == '' && {metadata})",
                unless=PLATFORM,
                says=told("namespace {} is the platform's", NAME),
            ),
        ),
        matches=(
            kinds("", ["CREATE", "UPDATE"], "namespaces"),
            kinds("", ["UPDATE"], "namespaces/status", "namespaces/finalize"),
        ),
        condition=f"request.userInfo.username != '{platform.operator}'",
        variables=(("old", _without(_OLD)), ("new", _without(_NEW))),
    )
