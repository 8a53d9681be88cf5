from __future__ import annotations

from msgspec import structs

from cotenant.judge.isolation import bindings, claims
from cotenant.judge.isolation.catalogue import Served, grants
from cotenant.kube import resource
from unit.judge.isolation.samples import BLUE, CATALOGUE, POD_RULES, RED, blue, red


def actions(attempts) -> list[str]:
    return [str(one.action) for one in attempts]


def test_only_namespaced_resources_with_their_own_verbs_are_in_the_catalogue():
    assert [one.name for one in CATALOGUE] == ["pods", "pods/exec", "pods/status", "secrets", "resourcequotas"]
    assert CATALOGUE[3].verbs == ("get", "list")


def test_every_verb_is_tried_in_each_space_and_in_the_home():
    found = list(claims.foreign(red(), blue(), RED, CATALOGUE))
    listed = sum(len(one.verbs) for one in CATALOGUE)
    for namespace in ("blue-dev", "home-blue"):
        here = [one for one in found if one.action.namespace == namespace]
        assert len(here) == listed + 5  # what is granted there, and the namespace itself
    assert {(one.source, one.target, one.identity) for one in found} == {("red", "blue", RED)}


def test_what_has_no_dry_run_is_only_asked_for():
    found = claims.foreign(red(), blue(), RED, CATALOGUE)
    asked = {str(one.action) for one in found if one.means == "review" and one.action.namespace == "blue-dev"}
    assert asked == {
        "get pods/exec in blue-dev",
        "create pods/exec in blue-dev",
        *(f"{verb} namespaces in blue-dev" for verb in ("update", "patch", "delete")),
    }


def test_the_control_is_exactly_what_the_role_gives_in_one_space_and_little_elsewhere():
    two = red(spaces={"red-build": "baseline", "red-dev": "baseline"})
    found = actions(claims.control(two, RED, CATALOGUE, POD_RULES))
    assert "create pods/exec in red-build" in found
    assert "delete pods in red-build" in found
    assert [one for one in found if "red-dev" in one] == ["get pods in red-dev"]
    assert found[-1] == "list spaces.cotenant.dev in home-red"
    assert not [one for one in found if "secrets" in one]


def test_a_viewer_is_not_expected_to_write():
    found = actions(claims.control(blue(), BLUE, CATALOGUE, POD_RULES))
    assert found[:-1] == ["get pods in blue-dev", "list pods in blue-dev", "watch pods in blue-dev"]


def test_the_fence_is_what_bounds_a_space_and_the_namespace_itself():
    found = actions(claims.fence(red(), RED, CATALOGUE, POD_RULES))
    assert "create resourcequotas in red-dev" in found
    assert "patch namespaces in red-dev" in found
    assert not [one for one in found if one.startswith(("get", "list"))]


RBAC = "rbac.authorization.k8s.io"
WRITES = ("create", "update", "patch", "delete", "deletecollection")
GRANTS = [Served(resource.ROLES, "", WRITES), Served(resource.ROLE_BINDINGS, "", WRITES)]
GIVER = {"editor": [{"apiGroups": [RBAC], "resources": ["roles", "rolebindings"], "verbs": ["*"]}]}


def test_roles_and_bindings_are_fence_for_whoever_may_not_make_them():
    assert len(list(claims.fence(red(), RED, GRANTS, POD_RULES))) == 2 * len(WRITES) + 3
    assert len(list(claims.fence(red(), RED, GRANTS, GIVER))) == 3
    patches = {"editor": [GIVER["editor"][0] | {"verbs": ["patch"]}]}
    assert len(list(claims.fence(red(), RED, GRANTS, patches))) == 2 * len(WRITES) + 3


def test_whoever_may_make_them_is_tried_with_what_must_not_be_given_away():
    found = list(bindings.given_away(red(), RED, GIVER))

    assert [bindings.described(one.content) for one in found] == [
        "a binding of group system:authenticated",
        "a binding with the label of cotenant's own",
        "a Role with every right",
    ]
    assert {one.content["roleRef"]["name"] for one in found[:2]} == {"cotenant:editor"}
    assert {(one.claim, one.means, one.action.namespace) for one in found} == {("bindings", "request", "red-dev")}
    assert not list(bindings.given_away(red(), RED, POD_RULES))


def test_a_privileged_pod_is_tried_by_who_may_make_pods_where_there_is_a_level():
    pods = CATALOGUE[0]
    assert len(list(claims.pod_security(red(), RED, POD_RULES, pods))) == 1
    assert not list(claims.pod_security(blue(), BLUE, POD_RULES, pods))
    assert not list(claims.pod_security(red(spaces={"red-dev": "privileged"}), RED, POD_RULES, pods))
    assert list(claims.pod_security(red(spaces={"red-dev": ""}), RED, POD_RULES, pods))


def test_nobody_has_anything_cluster_wide():
    found = actions(claims.cluster(red(), RED, ["kube-system"]))
    for wanted in (
        "list namespaces cluster-wide",
        "list nodes cluster-wide",
        "list tenants.cotenant.dev cluster-wide",
        "create clusterrolebindings.rbac.authorization.k8s.io cluster-wide",
        "impersonate users cluster-wide",
        "list secrets in kube-system",
        "create serviceaccounts/token in kube-system",
    ):
        assert wanted in found
    assert len(found) == len(set(found))


def test_rules_grant_by_group_resource_and_verb():
    pods, log = CATALOGUE[0], structs.replace(CATALOGUE[1], subresource="log")
    assert grants({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, "get", pods)
    assert grants({"apiGroups": [""], "resources": ["*/log"], "verbs": ["get"]}, "get", log)
    assert not grants({"apiGroups": ["apps"], "resources": ["pods"], "verbs": ["get"]}, "get", pods)
    assert not grants({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, "get", log)
    assert not grants({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": ["a"]}, "get", pods)
    assert isinstance(pods, Served)
