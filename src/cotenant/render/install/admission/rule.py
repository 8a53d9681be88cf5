"""A rule that the API server enforces, as data: the policies, `cotenant policies` and the reference page are made of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from msgspec import Struct

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.render.install.admission import glass, mode
from cotenant.render.install.validating import API, binding
from cotenant.render.install.values import Manifest, manifest

RESERVED = ("default", "kube-node-lease", "kube-public", "kube-system")
"""Whoever labels one of these by mistake stops nothing there."""
_VARIABLE = re.compile(r"\bvariables\.(\w+)")


class Rule(Struct, frozen=True, kw_only=True):
    """What must hold of a request; in words, and in CEL."""

    id: str
    """`COTENANT-POD-1`: what a refusal begins with."""
    title: str
    """What holds, in one sentence without a full stop."""
    why: str
    """What somebody could do without it."""
    way_out: str
    """Who changes what, so that it is let through; ends the refusal."""
    leaf: str = ""
    """The leaf of the Tenant's spec that decides, such as pods.registries; empty where nothing does."""
    holds: str = ""
    """CEL: true where the rule is kept. Empty for a rule that a policy of its own module enforces."""
    says: str = ""
    """CEL string: what was asked and what is allowed."""
    firm: bool = False
    """Whether it keeps tenants apart: it refuses in every mode, and whether or not the glass is broken."""
    absence: bool = False
    """Whether taking something away breaks it. Nothing tells when that was done, so an update is never lifted."""
    unless: str = ""
    """CEL: who is above the rule, asked only of who breaks it. With it, no later rule of the policy is looked at: of the firm
    ones, and of the others, such rules come last (`broken`). Only here may CEL ask the authorizer, which a variable cannot."""


class Policy(Struct, frozen=True, kw_only=True):
    """Rules about the same kinds, evaluated together."""

    name: str
    about: str
    """The kinds in words, for people."""
    rules: tuple[Rule, ...]
    """Cheap ones first: the first that is broken ends the evaluation."""
    matches: tuple[Manifest, ...] = ()
    """What is looked at, as `kinds` makes it; refused while the namespace has no SpacePolicy."""
    updates: tuple[Manifest, ...] = ()
    """What is looked at, and let through while the namespace has no SpacePolicy: see `_bindings`."""
    ignores: tuple[Manifest, ...] = ()
    condition: str = ""
    """CEL: only where this is true the rules are evaluated."""
    variables: tuple[tuple[str, str], ...] = ()
    parameters: bool = True
    """Whether it needs the SpacePolicy of the namespace."""
    selector: Manifest | None = None
    """An objectSelector instead of the selector of namespaces."""

    @property
    def breakable(self) -> bool:
        """Whether it can be lifted for a while: what a tenant may use; never what keeps tenants apart."""
        return self.parameters and all(glass.timed(one["operations"]) for one in (*self.matches, *self.updates))


def kinds(
    group: str, operations: Iterable[str], *resources: str, names: tuple[str, ...] = (), version: str = "v1"
) -> Manifest:
    """What a policy looks at. Of v1, and what is asked in another version is converted: with `*` nothing is type-checked."""
    found: Manifest = {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": list(operations),
        "resources": list(resources),
        "scope": "*",
    }
    return found | ({"resourceNames": list(names)} if names else {})


def written(policy: Policy, expression: str) -> str:
    """CEL: the expression without the policy's variables."""
    words: dict[str, str] = {}

    def spell(text: str) -> str:
        return _VARIABLE.sub(lambda hit: f"({words[hit[1]]})", text)

    for name, value in policy.variables:
        words[name] = spell(value)
    return spell(expression)


def short(text: str, length: int = 80) -> str:
    """CEL: a text of the request, cut: a refusal is one line that somebody reads."""
    return f"({text}).substring(0, [{length}, ({text}).size()].min())"


def named(text: str) -> str:
    """CEL: a name as a refusal shows it, where it may be empty."""
    return f"({text} == '' ? 'none' : {short(text)})"


def several(names: str) -> str:
    """CEL: a list of names as a refusal shows it."""
    return short(f"{names}.size() == 0 ? 'none' : {names}.join(', ')", 60)


def told(text: str, *values: str) -> str:
    """CEL: a sentence; each `{}` is filled with an expression that yields a string."""
    first, *rest = ["'" + part.replace("'", "\\'") + "'" for part in text.split("{}")]
    parts = [first, *(each for value, part in zip(values, rest, strict=True) for each in (value, part))]
    return " + ".join(part for part in parts if part != "''")


def manifests(policy: Policy, platform: Platform) -> list[Manifest]:
    """The policy and its bindings."""
    spec: Manifest = {"failurePolicy": "Fail", "matchConstraints": _constraints(policy, platform)}
    if policy.parameters:
        spec["paramKind"] = {"apiVersion": keys.API_VERSION, "kind": "SpacePolicy"}
    spec["matchConditions"] = [{"name": "suspect", "expression": suspect(policy)}]
    variables = (*policy.variables, *(mode.VARIABLES if policy.parameters else ()))
    if policy.breakable:
        variables = (*variables, (glass.UNTIL, glass.WHOLE))
    spec["variables"] = [
        *({"name": name, "expression": expression} for name, expression in variables),
        {"name": "broken", "expression": broken(policy)},
    ]
    spec["validations"] = [
        {"expression": kept(policy), "reason": "Forbidden", "messageExpression": message(policy.rules)}
    ]
    spec["auditAnnotations"] = _trail(policy)
    return [manifest(API, "ValidatingAdmissionPolicy", policy.name, spec=spec), *_bindings(policy)]


def suspect(policy: Policy) -> str:
    """CEL: whether some rule does not hold, in whatever mode; who may be above it is asked later.

    As a condition, for the API server makes maps of the object, the request, the namespace and the parameter once for the
    conditions, and where they are true again for validations, messages and annotations each: most of what a policy costs.
    So a request that breaks nothing pays once. Conditions know no variables. Both stand in one: all conditions are
    evaluated, whatever the first says.
    """
    found = f"!({' && '.join(f'({rule.holds})' for rule in policy.rules)})"
    return written(policy, f"({policy.condition}) && {found}" if policy.condition else found)


def broken(policy: Policy) -> str:
    """CEL: the id of the first rule that is broken, of those that the evaluation is about, or an empty string.

    One expression for all: each more costs some 50 µs a request, and a refusal has room for one rule only.
    """
    found = [
        (f"!({rule.holds})" + (f" && {mode.concerns(rule.id, firm=rule.firm)}" if policy.parameters else ""), rule.id)
        # What is broken and let through hides what comes after it: the glass lets through what is not firm, for everybody,
        # and a firm rule is let through for who is above it, the platform.
        for rule in sorted(policy.rules, key=lambda rule: (not rule.firm, rule.unless != ""))
    ]
    return " : ".join([*(f"{condition} ? '{name}'" for condition, name in found), "''"])


def kept(policy: Policy) -> str:
    """CEL: whether no rule is broken, or who breaks it is above it, or the glass is broken."""
    above: dict[str, list[str]] = {}
    for rule in policy.rules:
        if rule.unless:
            above.setdefault(rule.unless, []).append(f"'{rule.id}'")
    excuses = (f" || (variables.broken in [{', '.join(names)}] && ({unless}))" for unless, names in above.items())
    return "variables.broken == ''" + (f" || {_lifted(policy)}" if policy.breakable else "") + "".join(excuses)


def _lifted(policy: Policy) -> str:
    """CEL: whether the glass is broken, and the rule is one that it covers."""
    firm = json.dumps([rule.id for rule in policy.rules if rule.firm])
    absence = json.dumps([rule.id for rule in policy.rules if rule.absence])
    update = f" && !(request.operation == 'UPDATE' && variables.broken in {absence})" if absence != "[]" else ""
    return f"({glass.LIFTED}{update}" + (f" && !(variables.broken in {firm}))" if firm != "[]" else ")")


def message(rules: tuple[Rule, ...]) -> str:
    """CEL: the refusal, which ends in the way out."""
    *others, last = [f"'{rule.id}: ' + {rule.says} + '{_ending(rule)}'" for rule in rules]
    chosen = [f"variables.broken == '{rule.id}' ? {text}" for rule, text in zip(rules, others, strict=False)]
    return " : ".join([*chosen, last])


def _ending(rule: Rule) -> str:
    return f"; {rule.way_out}; see: cotenant policies explain {rule.id}"


def _constraints(policy: Policy, platform: Platform) -> Manifest:
    found: Manifest = {"resourceRules": [*policy.matches, *policy.updates], "matchPolicy": "Equivalent"}
    if policy.ignores:
        found["excludeResourceRules"] = list(policy.ignores)
    return found | (audience(platform) if policy.selector is None else {"objectSelector": policy.selector})


def audience(platform: Platform) -> Manifest:
    """The selector of tenants' namespaces."""
    never = [*RESERVED, platform.namespace]
    ours = {"key": keys.TENANT, "operator": "Exists"}
    named = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": never}
    return {"namespaceSelector": {"matchExpressions": [ours, named]}}


def _trail(policy: Policy) -> list[Manifest]:
    """Annotations of the audit log; what is empty is left out."""
    # Of a namespace itself there is no namespaceObject. Parameters are of no type here, and an annotation must be text.
    labels = f"{'object' if policy.selector else 'namespaceObject'}.metadata.?labels"
    tenant, space = (f"{labels}[?'{key}'].orValue('')" for key in (keys.TENANT, keys.SPACE))
    values = {"tenant": tenant, "space": space, "rule": "variables.broken"}
    if policy.parameters:
        values["mode"] = "variables.broken == '' ? '' : variables.acts"
    if policy.breakable:
        values["breakglass"] = f"variables.broken == '' ? '' : variables.{glass.UNTIL}"
    return [{"key": key, "valueExpression": value} for key, value in values.items()]


def _bindings(policy: Policy) -> list[Manifest]:
    """One; with parameters those that refuse, and one each that warns and that audits.

    Two refuse, which differ in what happens while the namespace has no SpacePolicy.

    Nothing is made then. But what is there may be updated: the SpacePolicy may be gone before the rest when a namespace
    is deleted, and the finalizers of the rest are taken off by updates, without which the namespace would never end.
    """
    if not policy.parameters:
        return [binding(policy.name, policy.name)]
    reference = {"name": keys.POLICY}
    found = []
    for name, matches, missing in (
        (policy.name, policy.matches, "Deny"),
        (f"{policy.name}-update", policy.updates, "Allow"),
    ):
        if matches:
            param = {"paramRef": reference | {"parameterNotFoundAction": missing}}
            only = {"matchResources": {"resourceRules": list(matches), "matchPolicy": "Equivalent"}}
            found.append(binding(name, policy.name, **param, **(only if policy.updates else {})))
    return [
        *found,
        *(binding(f"{policy.name}-{one}", policy.name, **mode.binding(policy.name, one)) for one in mode.ACTIONS),
    ]
