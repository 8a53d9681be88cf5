"""The same rules as policies of Kyverno: fields that its CustomResourceDefinition has, names that its expressions know."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from cotenant.model.platform import Platform
from cotenant.render.install.admission import admission_policies
from cotenant.render.install.admission.kyverno import exported, left_out

PLATFORM = Platform()
ROLE, *POLICIES = exported(PLATFORM)
# Of policies.kyverno.io/v1 ValidatingPolicy; the parts are those of Kubernetes' own MatchResources, Validation and Variable.
SPEC = {
    "matchConstraints", "validations", "failurePolicy", "auditAnnotations", "matchConditions", "variables", "autogen",
    "validationActions", "webhookConfiguration", "evaluation",
}  # fmt: skip
MATCH = {"namespaceSelector", "objectSelector", "resourceRules", "excludeResourceRules", "matchPolicy"}
STRING = re.compile(r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"")


def expressions(policy: dict[str, Any]) -> list[str]:
    spec = policy["spec"]
    found = [one["expression"] for one in (*spec["variables"], *spec.get("matchConditions", ()))]
    return [*found, *(one[key] for one in spec["validations"] for key in ("expression", "messageExpression"))]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one["metadata"]["name"])
def test_every_field_is_one_of_kyvernos(policy):
    assert (policy["apiVersion"], policy["kind"]) == ("policies.kyverno.io/v1", "ValidatingPolicy")
    spec = policy["spec"]
    assert set(spec) <= SPEC
    assert set(spec["matchConstraints"]) <= MATCH
    assert spec["validationActions"] == ["Deny"]
    assert spec["failurePolicy"] == "Fail"
    assert all(set(one) == {"expression", "reason", "messageExpression"} for one in spec["validations"])
    assert all(set(one) == {"name", "expression"} for one in spec["variables"])
    names = [one["name"] for one in spec["variables"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda one: one["metadata"]["name"])
def test_no_expression_asks_for_what_kyverno_has_not(policy):
    defined: set[str] = set()
    for one in policy["spec"]["variables"]:
        used = set(re.findall(r"variables\.(\w+)", STRING.sub("", one["expression"])))
        assert used <= defined, (one["name"], used - defined)
        defined.add(one["name"])
    for text in expressions(policy):
        bare = STRING.sub("''", text)
        assert not re.search(r"(?<![\w.])(params|authorizer)\b", bare), text
        assert not re.search(r"\bo(?:bject|ldObject) [!=]= null", bare), text
        assert set(re.findall(r"variables\.(\w+)", bare)) <= defined, text


def test_a_missing_space_policy_refuses_what_has_to_wait_for_it_and_lets_updates_through():
    for policy in POLICIES:
        update = policy["metadata"]["name"].endswith("-update")
        (validation,) = policy["spec"]["validations"]
        assert validation["expression"].startswith("variables.found.size() == 0 || ") is update


def test_every_rule_about_use_is_there_or_said_to_be_left_out():
    text = json.dumps(POLICIES)
    wanted = [rule for policy in admission_policies(PLATFORM) for rule in policy.rules]
    for rule in wanted:
        assert (f"'{rule.id}'" in text) is (rule.id not in left_out(PLATFORM)), rule.id
    assert {rule.id for rule in wanted if rule.unless} <= set(left_out(PLATFORM))
    assert "COTENANT-POD-8" not in left_out(PLATFORM)


def test_kyverno_may_read_what_decides():
    (rule,) = ROLE["rules"]
    assert ROLE["kind"] == "ClusterRole"
    assert (rule["resources"], rule["verbs"]) == (["spacepolicies"], ["get", "list", "watch"])
    assert ROLE["metadata"]["labels"]["rbac.kyverno.io/aggregate-to-admission-controller"] == "true"
