"""Pods, and the templates that become pods.

What counts is the pod: whoever made it, a controller of Kubernetes included. Templates are looked at as well, so that
the author of a Deployment hears of it, and not only an event of its ReplicaSet.
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.render.install.admission import sandbox
from cotenant.render.install.admission.doors import dns, dns_names
from cotenant.render.install.admission.endings import GRACE, KEPT, KNOWN, TRACKED, listed, stays
from cotenant.render.install.admission.pools import AFFINITY, OWN, PLACE, POOLED, TOLERATIONS, tolerated
from cotenant.render.install.admission.rule import Policy, Rule, kinds, several, short, told
from cotenant.render.install.values import Manifest

_P = "params.spec.pods"
_ASK = "a platform administrator changes {} of the Tenant"


def _images(spec: str, *, field: str = "image", of_volumes: str = "reference") -> str:
    """CEL: every image of a pod, volumes of images included; or another field beside it."""
    containers = [f"{spec}.?{kind}.orValue([])" for kind in ("containers", "initContainers", "ephemeralContainers")]
    parts = [f"{each}.map(c, c.?{field}.orValue(''))" for each in containers]
    volumes = f"{spec}.?volumes.orValue([]).map(v, has(v.image), v.image.?{of_volumes}.orValue(''))"
    return " + ".join([*parts, volumes])


def _terms() -> str:
    """CEL: every term of affinity and anti-affinity between pods."""
    parts = []
    for kind in ("podAffinity", "podAntiAffinity"):
        found = f"dyn(variables.pod.affinity).?{kind}"  # the terms of both are of different types
        parts.append(f"{found}.?requiredDuringSchedulingIgnoredDuringExecution.orValue([])")
        parts.append(f"{found}.?preferredDuringSchedulingIgnoredDuringExecution.orValue([]).map(p, p.podAffinityTerm)")
    return " + ".join(parts)


def _allowed(image: str) -> str:
    return f"({_P}.registries.exists(r, {image}.startsWith(r)) || {image} in variables.imagesBefore)"


_FIRST_IMAGE = f"variables.images.filter(i, !{_allowed('i')})[0]"

RULES = (
    Rule(
        id="COTENANT-POD-1",
        firm=True,
        title="A pod does not choose its node by name",
        why="spec.nodeName goes round the scheduler: round taints, node selectors and the pools of others.",
        way_out="leave spec.nodeName out, or ask a platform administrator for nodes.pool",
        holds="!variables.placed",
        says=told("spec.nodeName {} names a node, which the scheduler chooses", short("variables.pod.nodeName")),
    ),
    Rule(
        id="COTENANT-POD-16",
        firm=True,
        title="A pod has no PriorityClass of the system",
        why="It evicts whoever is in its way, the platform's own pods included.",
        way_out="name another class, or none",
        holds="!variables.priority.startsWith('system-')",
        says=told("PriorityClass {} is the platform's", short("variables.priority")),
    ),
    Rule(
        id="COTENANT-POD-2",
        title="A pod has an allowed PriorityClass",
        why="A pod of higher priority evicts those of others from their nodes.",
        way_out=_ASK.format("pods.priorityClasses"),
        leaf="pods.priorityClasses",
        holds=f"variables.priority == '' || !has({_P}.priorityClasses) || variables.priority in {_P}.priorityClasses || "
        "variables.priority == variables.priorityBefore",
        says=told(
            "PriorityClass {} is not allowed, also where a cluster's default fills it in; allowed: {}",
            short("variables.priority"),
            several(f"{_P}.priorityClasses"),
        ),
    ),
    Rule(
        id="COTENANT-POD-3",
        title="A pod has an allowed RuntimeClass, or none",
        why="A RuntimeClass chooses the sandbox, its overhead, and nodes with their tolerations.",
        way_out=_ASK.format("pods.runtimeClasses"),
        leaf="pods.runtimeClasses",
        holds=f"!has({_P}.runtimeClasses) || variables.runtime == '' || variables.runtime in {_P}.runtimeClasses || "
        # It gives what COTENANT-POD-4 and -5 ask for anyway.
        f"({POOLED} && variables.runtime == '{keys.POOL_RUNTIME}' + {OWN}) || variables.runtime == variables.runtimeBefore",
        says=told(
            "RuntimeClass {} is not allowed; allowed: {}",
            short("variables.runtime"),
            several(f"{_P}.runtimeClasses"),
        ),
    ),
    PLACE,
    TOLERATIONS,
    AFFINITY,
    Rule(
        id="COTENANT-POD-6",
        firm=True,
        title="Affinity between pods looks at the pod's own namespace",
        why="Anti-affinity to everybody's pods keeps others off whole nodes and zones, and tells where they run.",
        way_out="leave namespaces and namespaceSelector out",
        holds="!has(variables.pod.affinity) || variables.terms.all(t, !has(t.namespaceSelector) && "
        "t.?namespaces.orValue([]).all(n, n == request.namespace))",
        says=told("affinity names pods of other namespaces"),
    ),
    Rule(
        id="COTENANT-POD-7",
        firm=True,
        title="A pod has no gitRepo volume",
        why="The kubelet runs git as root on the node; a hook in the repository runs with it (CVE-2024-10220).",
        way_out="clone in an init container",
        holds="!variables.pod.?volumes.orValue([]).exists(v, has(v.gitRepo))",
        says=told("a gitRepo volume runs git as root on the node"),
    ),
    Rule(
        id="COTENANT-POD-8",
        title="Every image comes from an allowed registry",
        why="An image of anywhere is code of anybody. Init and ephemeral containers and volumes of images count.",
        way_out=_ASK.format("pods.registries"),
        leaf="pods.registries",
        holds=f"!has({_P}.registries) || variables.images.all(i, {_allowed('i')})",
        says=told(
            "image {} comes from no allowed registry; allowed: {}", short(_FIRST_IMAGE), several(f"{_P}.registries")
        ),
    ),
    *sandbox.RULES,
    dns("COTENANT-POD-20"),
    GRACE,
    KEPT,
)


def _stays(metadata: str, before: str) -> str:
    return stays(metadata, before, f"({listed(KNOWN)} + {TRACKED})")


def _variables(
    pod: str, metadata: str, before: str, held: str, placed: str, *, template: bool
) -> tuple[tuple[str, str], ...]:
    return (
        ("pod", pod),
        ("placed", placed),
        ("pins", sandbox.pins(metadata)),
        ("pinned", sandbox.pinned(metadata)),
        ("names", dns_names(metadata)),
        *tolerated(template=template),
        ("priority", "variables.pod.?priorityClassName.orValue('')"),
        ("runtime", "variables.pod.?runtimeClassName.orValue('')"),
        ("priorityBefore", f"oldObject == null ? '' : {before}.?priorityClassName.orValue('')"),
        ("runtimeBefore", f"oldObject == null ? '' : {before}.?runtimeClassName.orValue('')"),
        ("terms", _terms()),
        ("images", _images("variables.pod")),
        # A rule that was tightened later stops nobody from changing the rest of what runs.
        ("imagesBefore", f"oldObject == null ? [] : {_images(before)}"),
        ("pulls", _images("variables.pod", field="imagePullPolicy", of_volumes="pullPolicy")),
        ("graceBefore", f"oldObject == null ? 0 : {before}.?terminationGracePeriodSeconds.orValue(30)"),
        ("stays", held),
    )


_NAMED = "variables.pod.?nodeName.orValue('') != ''"
PODS = Policy(
    name="cotenant-pods",
    about="pods",
    rules=RULES,
    matches=(kinds("", ["CREATE"], "pods"), kinds("", ["UPDATE"], "pods/ephemeralcontainers")),
    updates=(kinds("", ["UPDATE"], "pods"),),
    # The job controller takes its finalizers off by an update of the pod.
    condition="request.operation == 'CREATE' || object.spec != oldObject.spec || "
    f"{sandbox.pins('object.metadata')} != {sandbox.pins('oldObject.metadata')} || "
    f"{dns_names('object.metadata')} != {dns_names('oldObject.metadata')} || "
    f"{_stays('object.metadata', 'oldObject.metadata')}.size() > 0",
    # A mirror pod is bound from birth, and a node can make none for another one (NodeRestriction).
    variables=_variables(
        "object.spec",
        "object.metadata",
        "oldObject.spec",
        _stays("object.metadata", "oldObject.metadata"),
        f"request.operation == 'CREATE' && {_NAMED} && !('system:nodes' in request.userInfo.?groups.orValue([]))",
        template=False,
    ),
)


def _template(one: str) -> str:
    """CEL: the template, wherever the kind has it."""
    return (
        f"(request.resource.resource == 'cronjobs' ? dyn({one}).spec.jobTemplate.spec.template : "
        f"request.resource.resource == 'podtemplates' ? dyn({one}).template : dyn({one}).spec.template)"
    )


_WORKLOADS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("apps", ("daemonsets", "deployments", "replicasets", "statefulsets")),
    ("batch", ("cronjobs", "jobs")),
    ("", ("podtemplates", "replicationcontrollers")),
)


def _workloads(operation: str) -> tuple[Manifest, ...]:
    return tuple(kinds(group, [operation], *names) for group, names in _WORKLOADS)


WORKLOADS = Policy(
    name="cotenant-workloads",
    about="templates of Deployments, StatefulSets, DaemonSets, ReplicaSets, Jobs, CronJobs and their like",
    rules=RULES,
    matches=_workloads("CREATE"),
    updates=_workloads("UPDATE"),
    condition=f"request.operation == 'CREATE' || {_template('object')} != {_template('oldObject')}",
    variables=_variables(
        f"{_template('object')}.spec",
        f"{_template('object')}.?metadata",
        f"{_template('oldObject')}.spec",
        _stays(f"{_template('object')}.?metadata", f"{_template('oldObject')}.?metadata"),
        _NAMED,
        template=True,
    ),
)

EXEC = Policy(
    name="cotenant-exec",
    about="exec, attach, port forwarding and ephemeral containers",
    rules=(
        Rule(
            id="COTENANT-EXEC-1",
            title="Members enter pods only where the tenant allows it",
            why="Whoever enters a pod speaks with its identity and leaves no trace in any manifest.",
            way_out=_ASK.format("pods.allowExec"),
            leaf="pods.allowExec",
            holds=f"{_P}.?allowExec.orValue(false)",
            says=told("{} into pods of this tenant is switched off", "request.subResource"),
        ),
    ),
    matches=(
        kinds("", ["CONNECT"], "pods/exec", "pods/attach", "pods/portforward"),
        # Who adds a container to a pod is in it.
        kinds("", ["UPDATE"], "pods/ephemeralcontainers"),
    ),
)
