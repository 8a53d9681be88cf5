"""The table of rules, and the policies that are made of it."""

from __future__ import annotations

import json
import re

import pytest
from msgspec.structs import replace

from cotenant.api.scalars import SOFT_IDS
from cotenant.cli.view.admission import page
from cotenant.judge.enforcement import UNENFORCED
from cotenant.model.platform import Platform
from cotenant.render.install import deny
from cotenant.render.install.admission import admission_policies
from cotenant.render.install.admission.catalogue import catalogue, rule, rules
from cotenant.render.install.admission.pools import forced
from cotenant.render.install.admission.rule import broken, manifests, short, told, written

MANIFESTS = [one for one in deny(Platform()) if one["kind"] == "ValidatingAdmissionPolicy"]
BINDINGS = [one for one in deny(Platform()) if one["kind"] == "ValidatingAdmissionPolicyBinding"]
PARAMETRISED = [one for one in admission_policies(Platform()) if one.parameters]


def test_every_id_that_a_refusal_can_begin_with_is_explained_and_no_other():
    everything = deny(Platform())
    said = set(re.findall(r"COTENANT-[A-Z]+-\d+", json.dumps(everything)))

    assert said == set(rules())


def test_a_rule_has_one_meaning_wherever_it_is_enforced():
    for policy in catalogue():
        for one in policy.rules:
            assert rule(one.id.lower()) == one


def test_ids_count_up_and_are_named_after_one_thing():
    for identifier, policies in rules().items():
        stem, _, number = identifier.rpartition("-")
        others = {int(each.rpartition("-")[2]) for each in rules() if each.rpartition("-")[0] == stem}
        assert others == set(range(1, len(others) + 1)), identifier
        assert number.isdigit()
        assert policies


def test_no_rule_ends_in_a_full_stop_and_every_one_says_why_and_what_to_do():
    for policy in catalogue():
        for one in policy.rules:
            assert not one.title.endswith(".")
            assert not one.way_out.endswith(".")
            assert one.why.endswith(".")
            assert one.way_out


def test_a_leaf_that_a_rule_enforces_is_on_no_list_of_what_is_not():
    enforced = {one.leaf for policy in catalogue() for one in policy.rules if one.leaf}

    assert enforced & set(UNENFORCED) == set()
    assert {"pods.registries", "services.types", "ingress.hosts", "storage.classes"} <= enforced


def test_every_policy_is_opt_in_by_the_tenants_label():
    for manifest in MANIFESTS:
        if manifest["metadata"]["name"] in ("cotenant-leash", "cotenant-guard"):
            continue  # about the operator, and about kinds of our own
        constraints = manifest["spec"]["matchConstraints"]
        chosen = constraints.get("namespaceSelector") or constraints["objectSelector"]
        keys = [one["key"] for one in chosen["matchExpressions"] if one["operator"] == "Exists"]
        assert "cotenant.dev/tenant" in keys or chosen.get("matchLabels"), manifest["metadata"]["name"]


@pytest.mark.parametrize("policy", PARAMETRISED, ids=lambda one: one.name)
def test_without_its_parameters_a_policy_refuses_what_is_new(policy):
    _, *all_ = manifests(policy, Platform())
    bindings = [one for one in all_ if one["spec"]["validationActions"] == ["Deny"]]

    by_action = {one["spec"]["paramRef"]["parameterNotFoundAction"]: one for one in bindings}
    assert by_action["Deny"]["metadata"]["name"] == policy.name
    assert all(one["spec"]["paramRef"]["name"] == "policy" for one in bindings)
    for one in bindings:
        rules_ = one["spec"].get("matchResources", {}).get("resourceRules", policy.matches)
        main_updates = [
            r for r in rules_ if r["operations"] == ["UPDATE"] and not any("/" in n for n in r["resources"])
        ]
        assert bool(main_updates) is (one["spec"]["paramRef"]["parameterNotFoundAction"] == "Allow")


def test_no_parametrised_policy_looks_at_deletions_lest_a_namespace_never_ends():
    for policy in PARAMETRISED:
        assert not [one for one in (*policy.matches, *policy.updates) if "DELETE" in one["operations"]]


def test_the_audit_log_gets_tenant_space_and_rule_of_what_breaks_one():
    for policy in admission_policies(Platform()):
        spec = manifests(policy, Platform())[0]["spec"]
        keys = [one["key"] for one in spec["auditAnnotations"]]
        mode = ["mode", "breakglass"] if policy.breakable else ["mode"] if policy.parameters else []
        assert keys == ["tenant", "space", "rule", *mode]


@pytest.mark.parametrize("policy", admission_policies(Platform()), ids=lambda one: one.name)
def test_what_keeps_every_rule_is_let_go_by_the_condition_which_is_looked_at_once(policy):
    [condition] = manifests(policy, Platform())[0]["spec"]["matchConditions"]
    kept = [f"({written(policy, rule.holds)})" for rule in policy.rules]

    assert condition["expression"].endswith(f"!({' && '.join(kept)})")
    assert "variables." not in condition["expression"]  # the API server knows none there


@pytest.mark.parametrize("policy", PARAMETRISED, ids=lambda one: one.name)
def test_firm_rules_come_first_and_of_each_sort_those_last_that_somebody_is_above(policy):
    """What the glass lets through hides no firm rule; who is above one has kept those that nobody is above."""
    turned = replace(policy, rules=policy.rules[::-1])
    order = re.findall(r"\? '(COTENANT-[A-Z]+-\d+)'", broken(turned))
    found = [(not one.firm, bool(one.unless)) for one in map(rule, order) if one]

    assert len(found) == len(policy.rules)
    assert found == sorted(found)


def test_the_pool_is_written_by_the_space_policy_that_has_one_and_by_none_of_its_copies():
    _, binding = forced(Platform())

    chosen = {one["key"]: one["operator"] for one in binding["spec"]["paramRef"]["selector"]["matchExpressions"]}
    assert chosen == {"cotenant.dev/pool": "Exists", "cotenant.dev/enforcement": "DoesNotExist"}


def test_a_sentence_becomes_an_expression_in_which_quotes_are_safe():
    assert told("{} is the platform's", "x") == "x + ' is the platform\\'s'"
    assert told("a {} b {}", "x", "y") == "'a ' + x + ' b ' + y"
    assert short("x", 5) == "(x).substring(0, [5, (x).size()].min())"


def test_every_rule_is_on_the_page():
    assert [one for one in rules() if f"| `{one}` |" not in page()] == []


def test_bindings_name_their_policy_and_each_policy_has_one_that_refuses():
    names = {one["metadata"]["name"] for one in MANIFESTS}
    assert {one["spec"]["policyName"] for one in BINDINGS} == names
    refusing = {one["spec"]["policyName"] for one in BINDINGS if one["spec"]["validationActions"] == ["Deny"]}
    assert refusing == names


def test_the_rules_that_a_tenant_may_soften_are_those_that_its_space_policy_decides():
    """What keeps tenants apart has no parameter or is firm, and always refuses."""
    assert {rule.id for policy in PARAMETRISED for rule in policy.rules if not rule.firm} == SOFT_IDS


@pytest.mark.parametrize("policy", PARAMETRISED, ids=lambda one: one.name)
def test_what_warns_and_what_audits_each_has_a_parameter_of_its_own(policy):
    _, *bindings = manifests(policy, Platform())

    soft = {tuple(one["spec"]["validationActions"]): one["spec"]["paramRef"] for one in bindings[-2:]}

    for actions, mode in ((("Warn", "Audit"), "warn"), (("Audit",), "observe")):
        chosen = {"matchLabels": {"cotenant.dev/enforcement": mode}}
        assert soft[actions] == {"selector": chosen, "parameterNotFoundAction": "Allow"}


def test_only_what_a_tenant_may_use_can_be_lifted_and_a_connection_has_no_time_to_end_it():
    lifted = {one.name for one in admission_policies(Platform()) if one.breakable}

    assert {one.name for one in PARAMETRISED} - lifted == {"cotenant-exec"}
    assert lifted < {one.name for one in PARAMETRISED}
