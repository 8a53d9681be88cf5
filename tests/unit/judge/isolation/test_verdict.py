from __future__ import annotations

import pytest

from cotenant.judge.isolation.verdict import Answer, judge
from cotenant.kube import resource
from unit.judge.isolation.samples import attempt, refusal


def test_rbacs_refusal_of_this_user_verb_resource_and_place_proves_isolation():
    verdict = judge(attempt(), refusal(attempt()))
    assert (verdict.outcome, verdict.state, verdict.layer) == ("DENIED", "PROVEN", "RBAC")


@pytest.mark.parametrize("other", [attempt("get"), attempt(kind=resource.PODS), attempt(namespace="red-dev")])
def test_a_refusal_of_something_else_proves_nothing(other):
    verdict = judge(attempt(), refusal(other))
    assert (verdict.outcome, verdict.state) == ("UNKNOWN", "INCOMPLETE")


def test_a_refusal_of_somebody_else_proves_nothing():
    assert judge(attempt(), refusal(attempt(), user="kubernetes-admin")).outcome == "UNKNOWN"


def test_a_subresource_is_not_its_parent():
    log = attempt("get", resource.PODS, "log")
    assert judge(log, refusal(attempt("get", resource.PODS))).outcome == "UNKNOWN"
    assert judge(log, refusal(log)).outcome == "DENIED"


@pytest.mark.parametrize("status", [200, 201, 400, 404, 405, 409, 415, 422])
def test_whatever_comes_after_authorization_means_that_rbac_let_it_pass(status):
    verdict = judge(attempt(), Answer(status, "secrets not found"))
    assert (verdict.outcome, verdict.state) == ("ALLOWED", "BROKEN")


@pytest.mark.parametrize(
    "message",
    [
        "exceeded quota: cotenant, requested: pods=1",
        'violates PodSecurity "restricted:latest"',
        "ValidatingAdmissionPolicy 'x' with binding 'y' denied request",
        'admission webhook "x" denied the request',
    ],
)
def test_a_refusal_by_a_later_layer_means_that_rbac_let_it_pass(message):
    verdict = judge(attempt("create"), Answer(403, message))
    assert (verdict.outcome, verdict.state) == ("ALLOWED", "BROKEN")
    assert "refused only by" in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500, 'unsupported role reference kind: ""', composed=True),
        Answer(500, "Internal error occurred: failed calling webhook", composed=True),
        Answer(403, 'user "x" is attempting to grant RBAC permissions not currently held'),
    ],
)
def test_what_fails_or_refuses_only_after_authorization_means_that_rbac_let_it_pass(answer):
    verdict = judge(attempt("create", resource.ROLE_BINDINGS), answer)
    assert (verdict.outcome, verdict.state) == ("ALLOWED", "BROKEN")
    assert answer.message in verdict.message


def test_a_review_that_fails_says_nothing_about_the_member():
    assert judge(attempt(means="review"), Answer(500, "etcd is slow", composed=True)).outcome == "UNKNOWN"


@pytest.mark.parametrize("status", [0, 401, 429, 500, 503])
def test_no_answer_is_no_proof(status):
    assert judge(attempt(), Answer(status, "x")).state == "INCOMPLETE"


def test_a_refused_impersonation_is_no_refusal_of_the_member():
    message = (
        'users "x" is forbidden: User "ann" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    assert judge(attempt(), Answer(403, message)).outcome == "UNKNOWN"


def test_a_403_in_unknown_words_is_no_proof():
    assert judge(attempt(), Answer(403, "go away")).outcome == "UNKNOWN"


@pytest.mark.parametrize(("allowed", "state"), [(False, "PROVEN"), (True, "BROKEN")])
def test_a_review_answers_by_its_verdict(allowed, state):
    assert judge(attempt(means="review"), Answer(201, "", allowed)).state == state


def test_a_control_must_be_allowed_and_its_refusal_is_incomplete_not_broken():
    control = attempt(claim="control", target="red", namespace="red-dev")
    assert judge(control, Answer(404, "not found")).outcome == "ALLOWED-EXPECTED"
    assert judge(control, Answer(201, "", allowed=True)).state == "PROVEN"
    verdict = judge(control, refusal(control))
    assert (verdict.outcome, verdict.state) == ("DENIED", "INCOMPLETE")


def test_a_privileged_pod_must_be_refused_by_pod_security_itself():
    pod = attempt("create", resource.PODS, claim="pod security", target="red", namespace="red-dev")
    good = judge(pod, Answer(403, 'pods "x" is forbidden: violates PodSecurity "baseline:v1.36"'))
    assert (good.outcome, good.layer, good.state) == ("DENIED", "pod security", "PROVEN")
    assert judge(pod, Answer(403, "exceeded quota: cotenant")).state == "INCOMPLETE"
    assert judge(pod, Answer(201)).state == "BROKEN"


def rule(group: str, *resources: str, **more) -> dict:
    return {"apiGroups": [group], "resources": list(resources), "verbs": ["get"], **more}


def test_no_rule_may_give_anything_in_a_foreign_namespace():
    everybody = (
        rule("authorization.k8s.io", "selfsubjectaccessreviews", verbs=["create"]),
        rule("authentication.k8s.io", "selfsubjectreviews", verbs=["create"]),
    )
    rules = attempt(means="rules", claim="grants")
    assert judge(rules, Answer(201, rules=everybody)).state == "PROVEN"
    named = rule("", "secrets", resourceNames=["db"])
    assert judge(rules, Answer(201, rules=(*everybody, named))).message == "RBAC gives get on secrets named db"
    assert judge(rules, Answer(201, rules=(rule("*", "*"),))).state == "BROKEN"


def test_rules_about_cluster_scoped_things_are_not_about_this_namespace():
    rules = attempt(means="rules", claim="grants")
    assert judge(rules, Answer(201, rules=(rule("", "nodes"),))).state == "PROVEN"
    assert judge(rules, Answer(201, rules=(rule("", "namespaces"),))).state == "BROKEN"


def everywhere():
    return attempt("*", claim="cluster", target="red", namespace="", means="rules")


@pytest.mark.parametrize(
    "extra",
    [
        rule("certificates.k8s.io", "certificatesigningrequests/approval", verbs=["update"]),
        rule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", verbs=["create"]),
        rule("authentication.k8s.io", "userextras/scopes", verbs=["impersonate"]),
        rule("rbac.authorization.k8s.io", "clusterroles", verbs=["escalate", "bind"]),
        rule("authentication.k8s.io", "*", verbs=["create"]),
        rule("", "nodes"),
    ],
)
def test_no_rule_may_give_anything_in_the_whole_cluster(extra):
    verdict = judge(everywhere(), Answer(201, rules=(extra,)))
    assert (verdict.outcome, verdict.state) == ("ALLOWED", "BROKEN")
    assert extra["resources"][0] in verdict.message


@pytest.mark.parametrize(
    ("paths", "verb", "state"),
    [
        (["/api/*", "/apis", "/healthz", "/version/", "/openid/v1/jwks", "/openapi/*"], "get", "PROVEN"),
        (["/healthz", "/metrics"], "get", "BROKEN"),
        (["/logs/*"], "get", "BROKEN"),
        (["*"], "get", "BROKEN"),
        (["/api*"], "get", "BROKEN"),
        (["/healthz"], "post", "BROKEN"),
    ],
)
def test_of_the_paths_that_are_no_resources_only_those_of_discovery_and_health_are_everybodys(paths, verb, state):
    verdict = judge(everywhere(), Answer(201, rules=(), paths=({"nonResourceURLs": paths, "verbs": [verb]},)))
    assert verdict.state == state
    assert verdict.outcome == "DENIED" or paths[-1] in verdict.message


def test_rules_that_are_not_all_there_prove_nothing_and_hide_no_hole():
    assert judge(everywhere(), Answer(201, rules=(), unseen="webhook")).state == "INCOMPLETE"
    assert judge(everywhere(), Answer(201, rules=(rule("", "nodes"),), unseen="webhook")).state == "BROKEN"


STRANGER = attempt(
    "create",
    resource.ROLE_BINDINGS,
    claim="bindings",
    target="red",
    namespace="red-dev",
    content={"subjects": [{"kind": "Group", "name": "system:authenticated"}]},
)
POLICY = "forbidden: ValidatingAdmissionPolicy 'x' with binding 'x' denied request: "


@pytest.mark.parametrize(
    ("status", "message", "outcome", "state"),
    [
        (201, "", "ALLOWED", "BROKEN"),
        (403, POLICY + "COTENANT-RIGHT-3: subject system:authenticated is no ServiceAccount", "DENIED", "PROVEN"),
        (403, "user x is attempting to grant RBAC permissions not currently held", "DENIED", "PROVEN"),
        (403, POLICY + "names begin with the name of the team", "UNKNOWN", "INCOMPLETE"),
        (403, "exceeded quota: count, requested: count/rolebindings=1", "UNKNOWN", "INCOMPLETE"),
        (404, "roles not found", "UNKNOWN", "INCOMPLETE"),
        (409, "it exists", "UNKNOWN", "INCOMPLETE"),
    ],
)
def test_what_was_to_be_given_away_is_refused_for_that(status, message, outcome, state):
    verdict = judge(STRANGER, Answer(status, message))

    assert (verdict.outcome, verdict.state) == (outcome, state)


def test_what_is_given_away_is_said():
    said = judge(STRANGER, Answer(201)).message

    assert said == "a binding of group system:authenticated is accepted"
