"""What lets something end: a pod its node, an object its namespace. Nobody but the platform may keep them from it."""

from __future__ import annotations

import json

from cotenant.api import keys
from cotenant.render.install.admission.authority import PLATFORM, WHAT
from cotenant.render.install.admission.rule import Rule, short, told

_P = "params.spec.pods"
LONGEST = 3600
"""Seconds, where a SpacePolicy of an older version says nothing."""
KNOWN = ("foregroundDeletion", "orphan")
"""Finalizers that go by themselves on any object: kubectl asks for them, the garbage collector takes them off."""
TRACKED = (
    "(request.userInfo.username == 'system:serviceaccount:kube-system:job-controller' ? "
    "['batch.kubernetes.io/job-tracking'] : [])"
)
"""CEL: the finalizers of a pod that its Job counts by. By another's hand nobody takes it off: the job controller leaves
pods alone that something else controls, or a Job with spec.managedBy."""
KNOWN_OF_CLAIMS = ("kubernetes.io/pvc-protection",)
DEDICATED = "params.spec.?nodes.?pool.hasValue() && params.spec.nodes.?dedicated.orValue(false)"
"""CEL: whether the nodes are the tenant's own."""

GRACE = Rule(
    id="COTENANT-POD-18",
    title="A pod that is asked to go has gone within the tenant's time",
    why="A node is drained, and a namespace deleted, only when the last pod has used up its terminationGracePeriodSeconds.",
    way_out="lower terminationGracePeriodSeconds, or a platform administrator changes pods.maxGracePeriodSeconds of the "
    "Tenant",
    leaf="pods.maxGracePeriodSeconds",
    holds=f"variables.pod.?terminationGracePeriodSeconds.orValue(30) <= {_P}.?maxGracePeriodSeconds.orValue({LONGEST}) || "
    "variables.pod.terminationGracePeriodSeconds <= variables.graceBefore",
    says=told(
        "the pod may take {} s to go, allowed: {}",
        "string(variables.pod.terminationGracePeriodSeconds)",
        f"string({_P}.?maxGracePeriodSeconds.orValue({LONGEST}))",
    ),
)
_ASKED = (
    "(request.operation == 'DELETE' ? request.?options.?gracePeriodSeconds.orValue(0) : "
    "dyn(object).?deleteOptions.?gracePeriodSeconds.orValue(0))"
)
_PODS_OWN = "(request.operation == 'DELETE' ? dyn(oldObject).spec.?terminationGracePeriodSeconds.orValue(30) : 30)"
DELETION = f"{WHAT} == 'pods' && (request.operation == 'DELETE' || request.?subResource.orValue('') == 'eviction')"
"""CEL: whether a pod is asked to go."""
LINGERS = f"{_ASKED} > {_PODS_OWN}"
"""CEL: whether who asks gives it more time than it has by itself. Of an eviction the pod is not known: what is usual counts."""
FAREWELL = Rule(
    id="COTENANT-POD-19",
    title="Who deletes or evicts a pod gives it no more time than the pod's own",
    why="gracePeriodSeconds of a deletion goes before the pod's terminationGracePeriodSeconds, and nobody's later deletion "
    "but one that names a shorter time shortens it: the namespace and the drain of the node wait.",
    way_out="leave gracePeriodSeconds out, or name a shorter one",
    holds=f"!({DELETION}) || !({LINGERS})",
    says=told("the pod may take {} s to go, and its own time is {}", f"string({_ASKED})", f"string({_PODS_OWN})"),
    unless=PLATFORM,
)
_WIDE = (
    "Namespace", "Node", "PersistentVolume", "StorageClass", "VolumeAttributesClass", "CSIDriver", "CSINode", "IngressClass",
    "GatewayClass", "RuntimeClass", "PriorityClass", "DeviceClass", "CustomResourceDefinition", "APIService", "NodePool",
    "NodeClaim", "EC2NodeClass",
)  # fmt: skip
"""Kinds of the whole cluster, as owners; of others it is not known whether they are."""
KEPT = Rule(
    id="COTENANT-OBJECT-1",
    title="No finalizer that a member made up, and no owner that waits for it, keeps an object from ending",
    why="A finalizer that nobody takes off keeps its namespace terminating for ever, and an object that blocks the deletion "
    "of its owner keeps the Tenant, namespace, node or volume that it names as such.",
    way_out="leave it out, or a platform administrator softens this rule in spec.rules of the Tenant",
    holds="variables.stays.size() == 0",
    # What controllers of Kubernetes make is what a template says: they are no better than its author.
    unless=f"!(request.operation == 'CREATE' && request.userInfo.username.startsWith('system:serviceaccount:kube-system:'))"
    f" && ({PLATFORM})",
    says=told("{} keeps the object from being deleted", short("variables.stays[0]")),
)


_CLOUD = ("services", "ingresses", "gateways", "persistentvolumeclaims", "targetgroupbindings")
_CONTROLLED = "f.matches('(^|[./])(kubernetes[.]io|k8s[.]io|k8s[.]aws)(/|$)')"
# Where a tenant may put finalizers of its own on something, it may take them off.
_THEIRS = (
    f"{WHAT} in {json.dumps(_CLOUD)} && "
    f"params.spec.?rules.orValue({{}})[?'{KEPT.id}'].orValue(params.spec.enforcement) == 'enforce'"
)
_BEFORE, _NOW = (f"dyn({one}).metadata.?finalizers.orValue([])" for one in ("oldObject", "object"))
LETS_GO = f"(request.operation == 'UPDATE' && {_BEFORE}.exists(f, !(f in {_NOW}) && !(f in {json.dumps(list(KNOWN))})))"
"""CEL: whether a finalizer is taken off."""
_TAKEN = (
    f"(request.operation == 'UPDATE' ? {_BEFORE}.filter(f, !(f in {_NOW}) && !(f in {json.dumps(list(KNOWN))}) && "
    f"({_CONTROLLED} || ({_THEIRS}))) : [])"
)
RELEASED = Rule(
    id="COTENANT-OBJECT-2",
    absence=True,
    title="Finalizers of controllers are taken off by their controllers",
    why="A load balancer, target group or disk whose Service, Ingress or claim is gone before the controller heard of it "
    "stays in the account: nobody knows whose it is, and it is paid for.",
    way_out="delete the object and wait for its controller (kubectl replace: keep metadata.finalizers), or ask a platform "
    "administrator",
    holds=f"{_TAKEN}.size() == 0",
    says=told("finalizer {} is its controller's to take off", short(f"{_TAKEN}[0]")),
    unless=PLATFORM,
)


def stays(metadata: str, before: str, known: str) -> str:
    """CEL: the finalizers and blocking owners that were not there before. `known` yields finalizers that may be there."""
    finalizers = f"{metadata}.?finalizers.orValue([])"
    owners = f"{metadata}.?ownerReferences.orValue([])"
    ours = f"(r.kind in {listed(_WIDE)} || r.kind.startsWith('Cluster') || r.apiVersion.startsWith('{keys.GROUP}/'))"
    added = f"oldObject == null || !(f in {before}.?finalizers.orValue([]))"
    joined = f"oldObject == null || !(r in {before}.?ownerReferences.orValue([]))"
    return (
        f"({finalizers}.size() + {owners}.size() == 0 ? [] : "
        f"{finalizers}.filter(f, !(f in {known}) && ({added})).map(f, 'finalizer ' + f) + "
        f"{owners}.filter(r, r.?blockOwnerDeletion.orValue(false) && {ours} && ({joined}))"
        ".map(r, 'blockOwnerDeletion of ' + r.kind + ' ' + r.name))"
    )


def listed(names: tuple[str, ...]) -> str:
    """CEL: a list of words."""
    return json.dumps(list(names))


_BUDGET = f"{WHAT} == 'poddisruptionbudgets'"
_SPEC = "dyn(object).spec"
_OUT, _KEPT = f"{_SPEC}.?maxUnavailable", f"{_SPEC}.?minAvailable"
# Percentages that are no whole number of pods are rounded up, so these are all that are known without counting.
_NONE_GOES = (
    f"({_OUT}.hasValue() ? string({_SPEC}.maxUnavailable).matches('^0+%?$') : "
    f"!{_KEPT}.hasValue() || string({_SPEC}.minAvailable).matches('^0*100%$'))"
)
BUDGET = Rule(
    id="COTENANT-BUDGET-1",
    absence=True,
    title="A PodDisruptionBudget lets a pod go, on nodes that are shared",
    why="With one that lets none go, and with one that says nothing, a node cannot be drained, mended or taken away.",
    way_out="write maxUnavailable: 1, or a platform administrator changes nodes.dedicated of the Tenant",
    holds=f"!({_BUDGET}) || (oldObject != null && {_SPEC} == dyn(oldObject).spec) || !{_NONE_GOES} || ({DEDICATED})",
    says=told(
        "the budget lets no pod go: {}",
        f"({_OUT}.hasValue() ? 'maxUnavailable ' + string({_SPEC}.maxUnavailable) : "
        f"{_KEPT}.hasValue() ? 'minAvailable ' + string({_SPEC}.minAvailable) : 'it says neither minAvailable nor maxUnavailable')",
    ),
)
