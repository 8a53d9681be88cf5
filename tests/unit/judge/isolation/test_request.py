from __future__ import annotations

import pytest

from cotenant.judge.isolation import bindings, claims
from cotenant.judge.isolation.catalogue import VERBS
from cotenant.judge.isolation.request import by_rule, reproduction, request
from cotenant.kube import resource
from unit.judge.isolation.samples import CATALOGUE, NOWHERE, POD_RULES, RED, attempt, blue, red

EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


def everything():
    own = red()
    return [
        *claims.foreign(own, blue(), RED, CATALOGUE),
        *claims.control(own, RED, CATALOGUE, POD_RULES),
        *claims.fence(own, RED, CATALOGUE, POD_RULES),
        *bindings.given_away(own, RED, {"editor": [EVERYTHING]}),
        *claims.cluster(own, RED, ["kube-system"]),
        *claims.pod_security(own, RED, POD_RULES, CATALOGUE[0]),
    ]


def test_no_request_can_change_anything():
    for one in everything():
        asked = request(one, NOWHERE)
        if asked.method == "GET" or asked.path.endswith("reviews"):
            continue
        assert asked.query["dryRun"] == "All", asked
        named = asked.path.endswith(NOWHERE) or f"/{NOWHERE}/" in asked.path or asked.query.get("fieldSelector")
        assert named or asked.body["metadata"]["name"] == NOWHERE


def test_no_request_can_read_anything():
    for one in everything():
        asked = request(one, NOWHERE)
        if asked.method == "GET" and one.action.resource != resource.NAMESPACES:
            assert NOWHERE in str(asked), asked


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_is_the_request_that_the_api_server_takes_for_it(verb):
    asked = request(attempt(verb), NOWHERE)
    methods = {"create": "POST", "update": "PUT", "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
    assert asked.method == methods.get(verb, "GET")
    named = verb in ("get", "update", "patch", "delete")
    assert asked.path == "/api/v1/namespaces/blue-dev/secrets" + (f"/{NOWHERE}" if named else "")
    assert ("watch" in asked.query) == (verb == "watch")


def test_a_review_asks_for_the_member_with_all_groups():
    one = attempt("create", resource.PODS, "exec", means="review")
    asked = request(one, NOWHERE)
    assert (asked.path, asked.speaker) == ("/apis/authorization.k8s.io/v1/subjectaccessreviews", "caller")
    assert asked.body["spec"] == {
        "user": "cotenant-verify:reds",
        "groups": ["reds", "system:authenticated"],
        "resourceAttributes": {
            "verb": "create",
            "version": "v1",
            "resource": "pods",
            "subresource": "exec",
            "namespace": "blue-dev",
        },
    }


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (attempt("list"), "get secrets -n blue-dev"),
        (attempt("get"), f"get secrets {NOWHERE} -n blue-dev"),
        (attempt("delete"), f"delete secrets {NOWHERE} --dry-run=server -n blue-dev"),
        (attempt("list", resource.DEPLOYMENTS), "get deployments.apps -n blue-dev"),
        (attempt("patch"), "auth can-i patch secrets -n blue-dev"),
        (attempt("get", resource.PODS, "log"), "auth can-i get pods --subresource log -n blue-dev"),
        (attempt("list", resource.NODES, namespace=""), "get nodes"),
        (attempt("list", namespace=""), "get secrets -A"),
        (attempt("*", means="rules"), "auth can-i --list -n blue-dev"),
        (attempt("*", namespace="", means="rules"), f"auth can-i --list -n {NOWHERE}"),
    ],
)
def test_every_failure_comes_with_the_command_that_shows_it(one, words):
    assert reproduction(one, NOWHERE) == f"kubectl --as cotenant-verify:reds --as-group reds {words}"


def test_what_was_to_be_given_away_comes_with_the_command_that_sends_it():
    stranger, marked, wide = bindings.given_away(red(), RED, {"editor": [EVERYTHING]})
    assert request(stranger, NOWHERE).path == "/apis/rbac.authorization.k8s.io/v1/namespaces/red-dev/rolebindings"
    assert request(wide, NOWHERE).body["rules"] == [EVERYTHING]
    labels = {"app.kubernetes.io/managed-by": "cotenant"}
    metadata = {"name": NOWHERE, "namespace": "red-dev", "labels": labels}
    assert request(marked, NOWHERE).body["metadata"] == metadata
    said = reproduction(stranger, NOWHERE)
    assert said.startswith(
        "kubectl --as cotenant-verify:reds --as-group reds create --dry-run=server -n red-dev -f - <<< '{"
    )
    assert '"name": "system:authenticated"' in said


def test_the_command_for_a_namespace_names_the_one_that_was_tried():
    (one,) = [
        one for one in claims.foreign(red(), blue(spaces={}), RED, []) if one.means == "request" and one.action.name
    ]
    assert reproduction(one, NOWHERE).endswith(" get namespaces home-blue")


def test_what_is_cluster_wide_is_read_in_a_namespace_that_does_not_exist():
    asked = request(attempt("*", namespace="", means="rules"), NOWHERE)
    assert asked.body["spec"] == {"namespace": NOWHERE}


@pytest.mark.parametrize("kind", [resource.ROLE_BINDINGS, resource.CLUSTER_ROLE_BINDINGS])
def test_a_binding_is_tried_with_a_role_that_cannot_exist(kind):
    namespace = "blue-dev" if kind.namespaced else ""
    asked = request(attempt("create", kind, namespace=namespace), NOWHERE)
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NOWHERE}
    assert (asked.body["roleRef"], asked.query) == (ref, {"dryRun": "All"})


def test_the_binding_behind_a_rule_is_asked_for_by_what_the_rule_gives():
    named = {"apiGroups": [""], "resources": ["pods/log"], "resourceNames": ["db"], "verbs": ["get"]}
    attributes = by_rule(RED, named, "blue-dev").body["spec"]["resourceAttributes"]
    assert attributes == {
        "verb": "get",
        "resource": "pods",
        "subresource": "log",
        "namespace": "blue-dev",
        "name": "db",
    }
    path = by_rule(RED, {"nonResourceURLs": ["/logs"], "verbs": ["get"]}, "").body["spec"]["nonResourceAttributes"]
    assert path == {"verb": "get", "path": "/logs"}
