"""Who is bound to what, tokens, and what belongs to the control plane and to cotenant."""

from __future__ import annotations

import json

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.render.install.admission.accounts import ROLE
from cotenant.render.install.admission.authority import FULL, NAME, PLATFORM, WHAT
from cotenant.render.install.admission.doors import ADDRESSED, ADDRESSES
from cotenant.render.install.admission.endings import DELETION, FAREWELL, LINGERS
from cotenant.render.install.admission.protection import PROTECTION, UNMARKED, protected
from cotenant.render.install.admission.rule import Policy, Rule, kinds, several, short, told
from cotenant.render.install.rights import bindable

_ASK = "ask a platform administrator"
LONGEST = 3600
"""Seconds that a token may be valid which somebody asks for by hand; kubelets ask for those of pods."""


def _only(resource: str, holds: str) -> str:
    return f"{WHAT} != '{resource}' || {holds}"


_OWN = (
    "(s.kind == 'ServiceAccount' ? s.?namespace.orValue(request.namespace) == request.namespace : "
    "s.kind == 'Group' && s.name == 'system:serviceaccounts:' + request.namespace)"
)
_NAMED = " + ".join(f"({one} == null ? [] : dyn({one}).?subjects.orValue([]))" for one in ("object", "oldObject"))
_STRANGERS = f"({_NAMED}).filter(s, !{_OWN})"
_AUDIENCES = "variables.new.spec.?audiences.orValue([])"
_ABROAD = f"{_AUDIENCES}.filter(a, a.contains('amazonaws.com'))"
_SECONDS = "variables.new.spec.?expirationSeconds.orValue(3600)"
_MARKED = f"metadata.?labels[?'{keys.MANAGED_BY}'].orValue('') == '{keys.COTENANT}'"
_BORN = Rule(
    id="COTENANT-RIGHT-1",
    title="The ServiceAccount default is born without an IAM role",
    why="It is made before the namespace has its SpacePolicy, which says what roles are allowed.",
    way_out="annotate it once it is there",
    holds=_only("serviceaccounts", f"variables.new.metadata.?annotations[?'{ROLE}'].orValue('') == ''"),
    says=told("ServiceAccount default would have an IAM role"),
    unless=PLATFORM,
)
_SUBJECTS = Rule(
    id="COTENANT-RIGHT-3",
    title="Members bind ServiceAccounts of the namespace itself, and leave bindings of others alone",
    why="A binding to somebody else, or to all who are signed in, opens the tenant from within. People and "
    "accounts of elsewhere come in as members of the Tenant, where the platform sees them, and leave by it. "
    "A binding that names them is the platform's, to change and to delete too.",
    way_out="a platform administrator adds a member to the Tenant",
    holds=_only("rolebindings", f"({_NAMED}).all(s, {_OWN})"),
    says=told(
        "subject {} is no ServiceAccount of namespace {}",
        short(f"{_STRANGERS}[0].name"),
        "request.namespace",
    ),
    unless=PLATFORM,
)
_SECRETS = Rule(
    id="COTENANT-RIGHT-4",
    title="A Secret is no token of a ServiceAccount",
    why="A token of that kind never ends, and whoever once read it keeps it.",
    way_out="use kubectl create token, or " + _ASK,
    holds=_only("secrets", "variables.new.?type.orValue('') != 'kubernetes.io/service-account-token'"),
    says=told("a Secret of type kubernetes.io/service-account-token is a token without end"),
    unless=PLATFORM,
)
_TOKENS = Rule(
    id="COTENANT-RIGHT-5",
    title="A token that somebody asks for is for this cluster and ends within an hour",
    why="A token for AWS is the IAM role itself, wherever it is carried; a long one outlives its maker's rights.",
    way_out="ask for --duration=1h at most, or " + _ASK,
    holds=_only(
        "serviceaccounts",
        "request.?subResource.orValue('') != 'token' || 'system:nodes' in request.userInfo.?groups.orValue([])"
        f" || ({_SECONDS} <= {LONGEST} && {_ABROAD}.size() == 0)",
    ),
    says=told("a token of {} s for {} is not allowed", f"string({_SECONDS})", several(_AUDIENCES)),
    unless=PLATFORM,
)
_CONTROL = Rule(
    id="COTENANT-RIGHT-6",
    title="What the control plane writes is written by who may write it in the whole cluster",
    why="A pod bound by hand goes round every taint; forged endpoints and addresses lead others' traffic astray "
    "(CVE-2021-25740, CVE-2020-8554).",
    way_out=_ASK,
    holds=f"!({FULL} in ['pods/binding', 'bindings', 'endpoints', 'endpointslices', 'services/status', 'pods/status', "
    f"'ingresses/status', 'persistentvolumeclaims/status', 'resourceclaims/status'])",
    says=told("{} is written by the control plane", FULL),
    unless=PLATFORM,
)
_MANAGED = Rule(
    id="COTENANT-RIGHT-7",
    title="Nobody but cotenant and the platform touches what cotenant manages",
    why="The NetworkPolicies, limits and RoleBindings of a space are its fence; and what carries our label by "
    "somebody else's hand would be taken for it, and removed.",
    way_out="change the Tenant or the Space, or leave the label out",
    holds=f"{WHAT} in ['serviceaccounts', 'secrets'] || !variables.ours",
    says=told(f"{{}} {{}} has the label {keys.MANAGED_BY}={keys.COTENANT}", FULL, NAME),
    unless=PLATFORM,
)
_NAME = "variables.new.metadata.?name.orValue('')"
_NAMES = Rule(
    id="COTENANT-RIGHT-8",
    title="What cotenant will make is not made before it by another",
    why="cotenant overwrites nothing that it did not make. Who takes the name of a binding keeps out whoever it is for.",
    way_out=f"use a name that does not begin with {keys.COTENANT}-",
    holds=f"request.operation != 'CREATE' || !({WHAT} in ['rolebindings', 'networkpolicies', 'limitranges']) || "
    f"!({_NAME} == '{keys.COTENANT}' || {_NAME}.startsWith('{keys.COTENANT}-'))",
    says=told("the name {} is kept for cotenant", short(_NAME)),
    unless=PLATFORM,
)
# Conditions are not told the namespace: there each change may be such a one.
_ENDING = (
    f"{WHAT} in ['services', 'ingresses'] && request.operation == 'UPDATE' && request.?subResource.orValue('') == '' && "
    "(!has(namespaceObject.metadata) || has(namespaceObject.metadata.deletionTimestamp)) && (dyn(object).spec != dyn(oldObject).spec || "
    "dyn(object).metadata.?annotations.orValue({}) != dyn(oldObject).metadata.?annotations.orValue({}))"
)
_LAST = Rule(
    id="COTENANT-RIGHT-10",
    title="In a namespace that is being deleted members change no Service and no Ingress",
    why="Its SpacePolicy may be gone before they are, and with it every rule about addresses, hosts, classes and annotations; a "
    "load balancer that lingers would serve whatever it is told.",
    way_out="delete it",
    holds=f"!({_ENDING})",
    says=told("namespace {} is being deleted", "request.namespace"),
    unless=PLATFORM,
)
# The first is for deletions, too, of kinds of which the others know no deletion.
_FIRST = (PROTECTION, _LAST, _BORN, _MANAGED, _NAMES, _CONTROL)


def grants(platform: Platform) -> Rule:
    """Which roles members may bind."""
    granted = (
        f"(variables.new.roleRef.kind == 'Role' || (variables.new.roleRef.name in {json.dumps(bindable(platform))} && "
        "!variables.new.roleRef.name.startsWith('cotenant:home-')))"
    )
    return Rule(
        id="COTENANT-RIGHT-2",
        title="Members bind Roles of their namespace and the roles of members, no others",
        why="A RoleBinding to admin or cluster-admin gives back what the roles of members leave out.",
        way_out="bind a Role of this namespace, or " + _ASK,
        holds=_only("rolebindings", f"request.operation == 'DELETE' || {granted}"),
        says=told(
            "binding {} {} is not for members",
            "variables.new.roleRef.kind",
            short("variables.new.roleRef.name"),
        ),
        unless=PLATFORM,
    )


def rights(platform: Platform) -> Policy:
    """What a role cannot say about rights: which role, for whom, which type of Secret, how long a token."""
    return Policy(
        name="cotenant-rights",
        about="RoleBindings, tokens, what belongs to the control plane, to cotenant and to the platform, deletions of pods, and "
        "what must hold of Services and Ingresses without a SpacePolicy",
        parameters=False,
        rules=(ADDRESSES, *_FIRST, grants(platform), _SUBJECTS, _SECRETS, _TOKENS, FAREWELL),
        matches=(
            kinds("rbac.authorization.k8s.io", ["CREATE", "UPDATE", "DELETE"], "rolebindings"),
            kinds("networking.k8s.io", ["CREATE", "UPDATE", "DELETE"], "networkpolicies"),
            kinds("networking.k8s.io", ["UPDATE"], "ingresses/status"),
            kinds("", ["CREATE", "UPDATE", "DELETE"], "limitranges"),
            kinds("", ["CREATE"], "secrets", "serviceaccounts/token", "pods/binding", "pods/eviction", "bindings"),
            kinds("", ["DELETE"], "pods"),
            kinds("", ["CREATE"], "serviceaccounts", names=("default",)),
            kinds("", ["CREATE", "UPDATE"], "endpoints"),
            kinds("", ["UPDATE"], "services/status", "persistentvolumeclaims/status", "pods/status"),
            kinds("discovery.k8s.io", ["CREATE", "UPDATE"], "endpointslices"),
            kinds("resource.k8s.io", ["UPDATE"], "resourceclaims/status", version="*"),
            *protected(),
        ),
        # The Node authorizer gives a kubelet the status of its own pods and their claims, by name: never as a whole.
        condition=f"request.userInfo.username != '{platform.operator}' && !(request.?subResource.orValue('') == 'status' && "
        f"'system:nodes' in request.userInfo.?groups.orValue([])) && (!({DELETION}) || {LINGERS}) && "
        f"(!({UNMARKED}) || ({ADDRESSED}) || ({_ENDING}))",
        variables=(
            ("new", "dyn(object)"),
            (
                "ours",
                f"(object != null && variables.new.{_MARKED}) || (oldObject != null && dyn(oldObject).{_MARKED})",
            ),
        ),
    )
