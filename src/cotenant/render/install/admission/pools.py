"""On which nodes a tenant's pods run: what holds of every pod, and what the API server writes into it.

The MutatingAdmissionPolicy is for convenience, its twins in `cotenant-pods` are the rule: they look at the pod as it was
admitted, whoever wrote what into it. It overrides nothing: what somebody wrote is refused or kept, never silently turned.
"""

from __future__ import annotations

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.render.install.admission.mode import TRIAL
from cotenant.render.install.admission.rule import Rule, audience, kinds, short, told
from cotenant.render.install.validating import API
from cotenant.render.install.values import Manifest, manifest

NAME = "cotenant-pools"
# Parameters are of no type before they are there, and a list must be of one.
TENANT = "string(params.spec.tenant)"
OWN = "string(params.spec.nodes.pool)"
POOLED = "has(params.spec.nodes) && has(params.spec.nodes.pool)"
_DEDICATED = "params.spec.nodes.?dedicated.orValue(false)"
_RIGHT = f"({POOLED} ? {OWN} : '')"
_SELECTED = f"variables.pod.?nodeSelector[?'{keys.POOL}'].orValue('')"
_DAEMONS = "request.resource.resource == 'daemonsets'"


def _asked(key: str) -> str:
    """CEL: whether a container asks for an extended resource of that name. In a template limits are not requests yet."""
    lists = [f"variables.pod.?{kind}.orValue([])" for kind in ("containers", "initContainers")]
    amounts = [f"string(dyn(c).?resources.?{kind}[?{key}].orValue('0')) != '0'" for kind in ("requests", "limits")]
    return "(" + " || ".join(f"{each}.exists(c, {' || '.join(amounts)})" for each in lists) + ")"


def _tolerable(one: str) -> str:
    """CEL: whether a toleration may be: Kubernetes' own, the tenant's pool, and others that the Tenant lists.

    Those of extended resources (GPUs) are written by ExtendedResourceToleration into pods that ask for them.
    """
    exact = f"{one}.?operator.orValue('Equal') == 'Equal'"
    pool = f"{POOLED} && {exact} && {one}.?value.orValue('') == {OWN}"
    tenant = f"{POOLED} && {_DEDICATED} && {exact} && {one}.?value.orValue('') == {TENANT}"
    other = f"{one}.key in params.spec.?nodes.?tolerations.orValue([]) || {_asked(one + '.key')}"
    return (
        f"((has({one}.key) && {one}.key != '' && ({one}.key.startsWith('node.kubernetes.io/') || "
        f"({one}.key == '{keys.POOL}' ? {pool} : {one}.key == '{keys.DEDICATED}' ? {tenant} : {other}))) || "
        f"{one} in variables.tolerationsBefore)"
    )


def tolerated(*, template: bool) -> tuple[tuple[str, str], ...]:
    """Variables that the rules want. A template may leave the pool out: it is written into the pod."""
    settled = "false" if template else "oldObject != null && oldObject.spec.?nodeName.orValue('') != ''"
    return (
        ("settled", settled),
        ("pools", f"['', {_RIGHT}]" if template else f"[{_RIGHT}]"),
        ("tolerations", "variables.pod.?tolerations.orValue([])"),
        # What is on its node already stays as it is when the pool changes. A pod that waits at a gate is not.
        ("tolerationsBefore", "[]" if template else "variables.settled ? oldObject.spec.?tolerations.orValue([]) : []"),
        ("nodeTerms", _node_terms()),
    )


def _node_terms() -> str:
    """CEL: every term of affinity to nodes."""
    found = "dyn(variables.pod.affinity).?nodeAffinity"
    required = f"{found}.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])"
    preferred = f"{found}.?preferredDuringSchedulingIgnoredDuringExecution.orValue([]).map(p, p.preference)"
    return f"{required} + {preferred}"


_ELSEWHERE = (
    f"(e.key == '{keys.POOL}' && !(e.operator in ['NotIn', 'DoesNotExist']) && "
    f"!(e.operator == 'In' && {POOLED} && e.values.all(v, v == {OWN})))"
)
_FIRST = f"variables.tolerations.filter(t, !{_tolerable('t')})[0]"
_GIVES = "a platform administrator gives the Tenant that pool (nodes.pool)"

PLACE = Rule(
    id="COTENANT-POD-4",
    absence=True,
    title="A pod runs on the pool of its tenant; without a pool it names none",
    why="Without the selector it runs anywhere, and with another one where the nodes are meant for others.",
    way_out="leave the selector out where the API server writes it (Kubernetes 1.36), else write that pool",
    leaf="nodes.pool",
    holds=f"{_SELECTED} in variables.pools || variables.settled",
    says=told(
        f"tenant {{}} runs on pool {{}}, and nodeSelector {keys.POOL} of the pod says {{}}",
        TENANT,
        f"({_RIGHT} == '' ? 'none' : {_RIGHT})",
        f"({_SELECTED} == '' ? 'nothing' : {short(_SELECTED)})",
    ),
)
TOLERATIONS = Rule(
    id="COTENANT-POD-5",
    firm=True,
    title="A pod tolerates the taints of its own pool, of Kubernetes and of devices that it asks for, no others and never all",
    why="A toleration is the key to nodes that are kept free for somebody else; one without a key fits every lock.",
    way_out="take it out, or a platform administrator changes nodes.pool or nodes.tolerations of the Tenant",
    leaf="nodes.tolerations",
    holds=f"variables.tolerations.all(t, {_tolerable('t')})",
    says=told(
        "toleration of {}{} is not for tenant {}",
        f"({_FIRST}.?key.orValue('') == '' ? 'every taint' : {short(_FIRST + '.key')})",
        f"({_FIRST}.?value.orValue('') == '' ? '' : '=' + {short(_FIRST + '.value', 60)})",
        TENANT,
    ),
)
AFFINITY = Rule(
    id="COTENANT-POD-9",
    title="Affinity to nodes names no pool but the tenant's own",
    why="It is another way to write a nodeSelector, onto nodes of others that somebody forgot to taint.",
    way_out=f"take it out, or {_GIVES}",
    leaf="nodes.pool",
    holds=f"!has(variables.pod.affinity) || variables.nodeTerms.all(t, "
    f"t.?matchExpressions.orValue([]).all(e, !{_ELSEWHERE}))",
    says=told(f"affinity to {keys.POOL} is not for tenant {{}}", TENANT),
)


def forced(platform: Platform) -> list[Manifest]:
    """The MutatingAdmissionPolicy and its binding: selector and tolerations of the pool, for pods and DaemonSets.

    DaemonSets too, because their controller decides by the template which nodes get a pod. Kubernetes 1.36 serves it.
    """
    spec: Manifest = {
        # Where it fails the twins would refuse all the same; with Ignore they alone would say why.
        "failurePolicy": "Fail",
        # Nobody's later change makes ours wrong, and the twins look last.
        "reinvocationPolicy": "Never",
        "paramKind": {"apiVersion": keys.API_VERSION, "kind": "SpacePolicy"},
        "matchConstraints": audience(platform)
        | {
            "resourceRules": [kinds("", ["CREATE"], "pods"), kinds("apps", ["CREATE", "UPDATE"], "daemonsets")],
            "matchPolicy": "Equivalent",
        },
        # Whoever writes labels or finalizers of a DaemonSet starts no rollout.
        "matchConditions": [
            {
                "name": "pool",
                "expression": f"{POOLED} && {_MEANT} && "
                "(request.operation == 'CREATE' || object.spec.template != oldObject.spec.template)",
            },
        ],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": f"{_selector()} + {_tolerations()}"}}],
    }
    # Without a SpacePolicy it has nothing to write; whether something may be made then is the validating policies' to say.
    # By label, so that pods without a pool pay nothing; the copies that warn and audit are none of its business.
    chosen = [{"key": keys.POOLED, "operator": "Exists"}, {"key": keys.ENFORCEMENT, "operator": "DoesNotExist"}]
    reference = {"selector": {"matchExpressions": chosen}, "parameterNotFoundAction": "Allow"}
    return [
        manifest(API, "MutatingAdmissionPolicy", NAME, spec=spec),
        manifest(API, "MutatingAdmissionPolicyBinding", NAME, spec={"policyName": NAME, "paramRef": reference}),
    ]


def _wanted(key: str, value: str) -> str:
    """CEL: a toleration; without effect it fits taints of every effect."""
    return f"{{'key': '{key}', 'operator': 'Equal', 'value': {value}}}"


# Where the rule is only observed nothing changes; a rehearsal of tightening it shows what would be.
_MEANT = (
    f"(params.spec.?rules.orValue({{}})[?'{PLACE.id}'].orValue(params.spec.enforcement) == 'enforce' || "
    f"(request.?dryRun.orValue(false) && dyn(request).?options.?fieldManager.orValue('') == '{TRIAL}'))"
)
_ROOT = f"({_DAEMONS} ? '/spec/template/spec' : '/spec')"
_POD = f"({_DAEMONS} ? dyn(object).spec.template.spec : dyn(object).spec)"
# No variables: each costs a pod some 50 µs.
_MISSING = (
    f"([{_wanted(keys.POOL, OWN)}] + ({_DEDICATED} ? [{_wanted(keys.DEDICATED, TENANT)}] : [])).filter(w, "
    f"!{_POD}.?tolerations.orValue([]).exists(t, t.?key.orValue('') == w.key && "
    "t.?operator.orValue('Equal') == 'Equal' && t.?value.orValue('') == w.value && t.?effect.orValue('') == ''))"
)


def _selector() -> str:
    """CEL: the pool's selector where there is none; another one stays, for the twin to refuse."""
    whole = f"JSONPatch{{op: 'add', path: {_ROOT} + '/nodeSelector', value: {{'{keys.POOL}': {OWN}}}}}"
    path = f"{_ROOT} + '/nodeSelector/' + jsonpatch.escapeKey('{keys.POOL}')"
    return (
        f"({_POD}.?nodeSelector[?'{keys.POOL}'].hasValue() ? [] : has({_POD}.nodeSelector) ? "
        f"[JSONPatch{{op: 'add', path: {path}, value: {OWN}}}] : [{whole}])"
    )


def _tolerations() -> str:
    """CEL: those that are missing; where there are no others, that of the pool is always among them."""
    whole = f"JSONPatch{{op: 'add', path: {_ROOT} + '/tolerations', value: {_MISSING}}}"
    one = f"JSONPatch{{op: 'add', path: {_ROOT} + '/tolerations/-', value: m}}"
    return f"(has({_POD}.tolerations) ? {_MISSING}.map(m, {one}) : [{whole}])"
