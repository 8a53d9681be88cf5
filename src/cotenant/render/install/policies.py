"""Two ValidatingAdmissionPolicies: the leash on the operator's own ServiceAccount, and the guard of Spaces.

Both hold without the operator. A policy about labels never selects by label: a namespaceSelector sees a cached
namespace, and for a namespace itself only the new object, so that stripping the label would leave the policy behind.
"""

from __future__ import annotations

import json

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.render.install.assist import ASSIST
from cotenant.render.install.rights import bindable
from cotenant.render.install.validating import binding, denial, policy
from cotenant.render.install.values import Manifest

LEASH = "cotenant-leash"
GUARD = "cotenant-guard"
BUSY = ("pods", "pods/binding", "pods/status", "resourcequotas/status")
"""Core resources whose writes are the hottest of a cluster: the leash looks at them outside of tenants' namespaces alone.

In those it has nothing to say about them. Each look costs a create, and the charge of each create, for everybody.
"""


def policies(platform: Platform) -> list[Manifest]:
    """Both policies with their bindings."""
    return [
        policy(LEASH, _leash(platform)),
        *_leashes(),
        policy(GUARD, _guard(platform)),
        binding(GUARD, GUARD),
    ]


def _leashes() -> list[Manifest]:
    """Two bindings that together leave out what is busy in tenants' namespaces. The narrow one is first: no gap between."""
    busy = {"apiGroups": [""], "apiVersions": ["*"], "operations": ["*"], "resources": list(BUSY)}
    elsewhere = {"matchExpressions": [{"key": keys.TENANT, "operator": "DoesNotExist"}]}
    return [
        binding(f"{LEASH}-busy", LEASH, matchResources={"resourceRules": [busy], "namespaceSelector": elsewhere}),
        binding(LEASH, LEASH, matchResources={"excludeResourceRules": [busy]}),
    ]


def _resources(group: str, operations: list[str], *resources: str) -> Manifest:
    version = "*" if group == "*" else keys.VERSION
    return {"apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": list(resources)}


def _leash(platform: Platform) -> Manifest:
    """Nothing outside namespaces that carry the tenant label, whatever RBAC somebody gives the operator one day."""
    asked = "request.operation + ' ' + request.resource.resource"
    own = f"variables.place == '{platform.namespace}'"
    return {
        "matchConstraints": {"resourceRules": [_resources("*", ["CREATE", "UPDATE", "DELETE", "CONNECT"], "*/*")]},
        "matchConditions": [
            {"name": "the-operator", "expression": f"request.userInfo.username == '{platform.operator}'"}
        ],
        "variables": [
            _variable("isNamespace", "request.resource.group == '' && request.resource.resource == 'namespaces'"),
            _variable("subresource", "request.?subResource.orValue('')"),
            _variable("place", _target()),
            _variable(
                "reserved",
                "variables.place == 'default' || variables.place.startsWith('kube-') || " + own,
            ),
            _variable("newTenant", _label("object")),
            _variable("oldTenant", _label("oldObject")),
            _variable(
                "offer", f"oldObject == null ? '' : oldObject.metadata.?annotations[?'{keys.ADOPT}'].orValue('')"
            ),
        ],
        "validations": [
            denial(
                "!variables.isNamespace || (!variables.reserved && variables.subresource == '' && "
                "(request.operation == 'CREATE' ? variables.newTenant != '' : variables.oldTenant != '' || "
                "(request.operation == 'UPDATE' && variables.newTenant != '' && "
                "variables.offer.startsWith(variables.newTenant + '/'))))",
                f"'COTENANT-LEASH-1: cotenant may not ' + {asked} + ' ' + variables.place + ': it carries no label "
                f"{keys.TENANT}; whoever may update the namespace offers it by the annotation {keys.ADOPT}'",
            ),
            denial(
                "variables.isNamespace || variables.place == '' || (!variables.reserved && "
                f"namespaceObject.metadata.?labels[?'{keys.TENANT}'].orValue('') != '') || "
                f"({own} && (request.resource.group + '/' + request.resource.resource) in "
                "['coordination.k8s.io/leases', '/configmaps', '/events', 'events.k8s.io/events']) || "
                # The certificates of the assist, in a Secret that the installation made.
                f"({own} && request.operation == 'UPDATE' && request.resource.group == '' && "
                f"request.resource.resource == 'secrets' && request.?name.orValue('') == '{ASSIST}') || "
                # Events about a Tenant have no other place: they must lie in default.
                "(variables.place == 'default' && request.resource.group == 'events.k8s.io' && "
                "request.resource.resource == 'events') || "
                # A Space outside a home is told so, in its status and nowhere else.
                f"(request.resource.group == '{keys.GROUP}' && request.resource.resource == 'spaces' && "
                "variables.subresource == 'status')",
                f"'COTENANT-LEASH-2: cotenant may not ' + {asked} + ' in namespace ' + variables.place + "
                f"': only a namespace with the label {keys.TENANT} is its business; a platform administrator sets it'",
            ),
            denial(
                "variables.isNamespace || variables.place != '' || (request.resource.group == "
                f"'{keys.GROUP}' && request.resource.resource == 'tenants' && variables.subresource in ['', 'status']) || "
                f"({_bundle_alone()})",
                f"'COTENANT-LEASH-3: cotenant may not ' + {asked} + ': of all that has no namespace "
                "it writes Tenants, tenant namespaces and the caBundle of its webhook alone'",
            ),
            denial(
                "request.resource.resource != 'rolebindings' || request.operation == 'DELETE' || "
                f"(object.roleRef.kind == 'ClusterRole' && object.roleRef.name in {json.dumps(bindable(platform))})",
                "'COTENANT-LEASH-4: cotenant may not bind ' + object.roleRef.kind + ' ' + object.roleRef.name + "
                "': it binds the roles that the installation names; see: cotenant install --roles'",
            ),
        ],
    }


def _bundle_alone() -> str:
    """Whether a write changes the caBundle of the assist's webhook, and nothing that decides what is asked where."""
    same = " && ".join(
        f"has(n.{field}) == has(o.{field}) && (!has(n.{field}) || n.{field} == o.{field})"
        for field in (
            "rules",
            "failurePolicy",
            "matchPolicy",
            "namespaceSelector",
            "objectSelector",
            "matchConditions",
            "sideEffects",
            "timeoutSeconds",
            "admissionReviewVersions",
            "reinvocationPolicy",
            "clientConfig.service",
            "clientConfig.url",
        )
    )
    return (
        "request.operation == 'UPDATE' && request.resource.group == 'admissionregistration.k8s.io' && "
        f"request.resource.resource == 'mutatingwebhookconfigurations' && request.?name.orValue('') == '{ASSIST}' && "
        "object.?webhooks.orValue([]).size() == oldObject.?webhooks.orValue([]).size() && "
        "object.?webhooks.orValue([]).all(n, oldObject.?webhooks.orValue([]).exists_one(o, o.name == n.name && "
        f"{same}))"
    )


def _target() -> str:
    """The namespace that a request is about; of a namespace to be created with generateName only the object knows it."""
    return (
        "variables.isNamespace ? (object != null ? object.metadata.?name.orValue('') : request.?name.orValue('')) "
        ": request.?namespace.orValue('')"
    )


def _label(variable: str) -> str:
    # What is connected to (pods/exec, pods/proxy) is no object with metadata.
    return f"{variable} == null ? '' : {variable}.?metadata.?labels[?'{keys.TENANT}'].orValue('')"


def _variable(name: str, expression: str) -> Manifest:
    return {"name": name, "expression": expression}


def _ours(variable: str) -> str:
    """Our labels of an object, as sorted `key=value` in a list."""
    labels = f"{variable}.metadata.?labels.orValue({{}})"
    return f"{labels}.map(k, k.startsWith('{keys.GROUP}/'), k + '=' + {labels}[k])"


def _guard(platform: Platform) -> Manifest:
    """What of Spaces is the operator's, and SpacePolicies and TenantLedgers; members have everything else."""
    collector = "request.userInfo.username == 'system:serviceaccount:kube-system:generic-garbage-collector'"
    cleaner = "request.userInfo.username == 'system:serviceaccount:kube-system:namespace-controller'"
    old = "(oldObject == null ? [] : oldObject.metadata.?finalizers.orValue([]))"
    new = "object.metadata.?finalizers.orValue([])"
    is_space = "request.resource.resource == 'spaces'"
    return {
        "matchConstraints": {
            "resourceRules": [
                _resources(keys.GROUP, ["CREATE", "UPDATE"], "spaces", "spaces/*"),
                _resources(keys.GROUP, ["CREATE", "UPDATE", "DELETE"], "spacepolicies", "spacepolicies/*"),
                _resources(keys.GROUP, ["CREATE", "UPDATE", "DELETE"], "tenantledgers", "tenantledgers/*"),
            ]
        },
        "matchConditions": [
            {"name": "not-the-operator", "expression": f"request.userInfo.username != '{platform.operator}'"}
        ],
        "variables": [
            _variable("isSpace", is_space),
            _variable("oldOurs", f"oldObject == null ? [] : {_ours('oldObject')}"),
            _variable("newOurs", f"object == null ? [] : {_ours('object')}"),
        ],
        "validations": [
            denial(
                # The garbage collector takes off its own, after a foreground deletion.
                f"!variables.isSpace || {old} == {new} || ({collector} && "
                f"{new}.all(f, f in {old}) && {old}.all(f, !f.startsWith('{keys.GROUP}/') || f in {new}))",
                "'COTENANT-GUARD-1: finalizers of Space ' + request.?name.orValue('') + ' are set by cotenant alone; "
                "delete the Space and cotenant lets go of it, or ask a platform administrator'",
            ),
            denial(
                "!variables.isSpace || (variables.oldOurs.all(l, l in variables.newOurs) && "
                "variables.newOurs.all(l, l in variables.oldOurs))",
                f"'COTENANT-GUARD-2: labels {keys.GROUP}/* of Space ' + request.?name.orValue('') + ' are set by cotenant "
                "alone; use a key of your own, or ask a platform administrator'",
            ),
            denial(
                "!variables.isSpace || request.?subResource.orValue('') == ''",
                "'COTENANT-GUARD-3: status of Space ' + request.?name.orValue('') + ' is written by cotenant alone; "
                "change spec instead, and read it by kubectl get cosp -o wide'",
            ),
            denial(
                f"variables.isSpace || (request.operation == 'DELETE' && ({collector} || {cleaner}) && "
                "has(namespaceObject.metadata.deletionTimestamp))",
                "'COTENANT-GUARD-4: ' + (request.resource.resource == 'spacepolicies' ? 'SpacePolicies' : 'TenantLedgers') + "
                "' are written by cotenant alone; a platform administrator changes the Tenant or its profile; to read them: "
                "kubectl get -o yaml'",
            ),
        ],
    }
