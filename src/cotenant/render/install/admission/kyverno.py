"""The rules about what a tenant may use as ValidatingPolicies of Kyverno, of the same expressions.

Kyverno knows neither parameters of policies nor `authorizer`. So the SpacePolicy is looked up by Kyverno's own library, a
request to the API server each time; and a rule that somebody may be above is left out. What is not broken by a tenant's use
of things (rights, namespaces, quotas, the leash) stays with the API server, as do warnings, audits and the glass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from cotenant.api import keys
from cotenant.model.platform import Platform
from cotenant.render.install.admission import admission_policies
from cotenant.render.install.admission.rule import Policy, audience, broken, message
from cotenant.render.install.values import Manifest, manifest

API = "policies.kyverno.io/v1"
READER = "cotenant-kyverno"
_AGGREGATED = {"rbac.kyverno.io/aggregate-to-admission-controller": "true"}
_FOUND = (
    f"resource.List('{keys.API_VERSION}', 'spacepolicies', request.namespace).items"
    f".filter(p, p.metadata.name == '{keys.POLICY}')"
)
_PARAMETERS = (
    ("found", _FOUND),
    ("params", "variables.found[0]"),
    # What binding it is evaluated by, as the policies of the API server ask: the one that refuses.
    ("acts", "'enforce'"),
    ("modes", "params.spec.?rules.orValue({})"),
    ("trial", "false"),
)
# Kyverno's objects are maps, which are never null: the operation says the same.
_REWRITTEN = (
    (re.compile(r"(?<![\w.])params\."), "variables.params."),
    (re.compile(r"\boldObject == null"), "(request.operation in ['CREATE', 'CONNECT'])"),
    (re.compile(r"\boldObject != null"), "(request.operation in ['UPDATE', 'DELETE'])"),
)


def exported(platform: Platform) -> list[Manifest]:
    """The right to read SpacePolicies, for Kyverno's admission controller, and the policies."""
    return [_reader(), *(each for policy in _able(platform) for each in _policies(policy, platform))]


def left_out(platform: Platform) -> list[str]:
    """Ids of the rules that Kyverno cannot keep, in the order of the policies."""
    kept = {rule.id for policy in _able(platform) for rule in policy.rules}
    return [rule.id for policy in admission_policies(platform) for rule in policy.rules if rule.id not in kept]


def _able(platform: Platform) -> Iterator[Policy]:
    """Policies with parameters, of the rules that ask no authorizer."""
    for policy in admission_policies(platform):
        if policy.parameters:
            yield replace(policy, rules=tuple(rule for rule in policy.rules if not rule.unless))


def _policies(policy: Policy, platform: Platform) -> Iterator[Manifest]:
    """One for what is refused while there is no SpacePolicy, one for updates, which are let through then."""
    for name, rules, excuse in (
        (policy.name, policy.matches, ""),
        (f"{policy.name}-update", policy.updates, "variables.found.size() == 0 || "),
    ):
        if rules:
            constraints: Manifest = {"resourceRules": list(rules), "matchPolicy": "Equivalent"} | audience(platform)
            if policy.ignores:
                constraints["excludeResourceRules"] = list(policy.ignores)
            yield manifest(
                API, "ValidatingPolicy", name, spec=_spec(policy, excuse) | {"matchConstraints": constraints}
            )


def _spec(policy: Policy, excuse: str) -> Manifest:
    variables = (*_PARAMETERS, *policy.variables, ("broken", broken(policy)))
    validation = {
        "expression": f"{excuse}variables.broken == ''",
        "reason": "Forbidden",
        "messageExpression": _rewritten(message(policy.rules)),
    }
    spec: Manifest = {
        "validationActions": ["Deny"],
        "failurePolicy": "Fail",
        # Templates have a policy of ours; and a request is needed, which a scan of what is there has not.
        "autogen": {"podControllers": {"controllers": []}},
        "evaluation": {"background": {"enabled": False}},
        "variables": [{"name": name, "expression": _rewritten(expression)} for name, expression in variables],
        "validations": [validation],
    }
    if policy.condition:
        spec["matchConditions"] = [{"name": "concerned", "expression": _rewritten(policy.condition)}]
    return spec


def _rewritten(expression: str) -> str:
    for pattern, text in _REWRITTEN:
        expression = pattern.sub(text, expression)
    return expression


def _reader() -> Manifest:
    rule = {"apiGroups": [keys.GROUP], "resources": ["spacepolicies"], "verbs": ["get", "list", "watch"]}
    return manifest("rbac.authorization.k8s.io/v1", "ClusterRole", READER, labels=_AGGREGATED, rules=[rule])
