"""The commands against a real cluster, as processes, by an administrator and by members with stock rights."""

from __future__ import annotations

import json
import re

import pytest

from cotenant.api.keys import SPACE, TENANT
from plane.cli.program import cotenant, expect
from vocabulary import eventually, given_namespace, given_space, given_tenant, is_ready

pytestmark = pytest.mark.cluster


def test_an_administrator_sees_every_tenant_and_space(cluster):
    team = given_tenant(cluster, "seen", spaces=["dev", "build"])
    assert re.search(
        rf"^{team} +True +2/2 +group {team}-owners +\d+s$",
        expect(cotenant(cluster.admin, "get", "tenants")),
        re.MULTILINE,
    )
    table = expect(cotenant(cluster.admin, "get", "spaces", "--tenant", team.name))
    assert table.splitlines()[0].split() == ["NAME", "TENANT", "NAMESPACE", "PHASE", "READY", "AGE"]
    assert [line.split()[:5] for line in table.splitlines()[1:]] == [
        [name, team.name, f"{team}-{name}", "Ready", "True"] for name in ("build", "dev")
    ]
    names = expect(cotenant(cluster.admin, "get", "tenants", "-o", "name")).splitlines()
    assert f"tenant.cotenant.dev/{team}" in names


def test_json_is_versioned_and_whole(cluster):
    team = given_tenant(cluster, "json", spaces=["dev"])
    found = json.loads(expect(cotenant(cluster.admin, "get", "tenants", team.name, "-o", "json")))
    assert (found["apiVersion"], found["kind"]) == ("cli.cotenant.dev/v1", "TenantList")
    assert [one["spec"] for one in found["items"]] == [team.tenant()["spec"]]
    assert "managedFields" not in found["items"][0]["metadata"]


def test_what_is_not_there_is_an_error_and_hides_nothing(cluster):
    team = given_tenant(cluster, "there")
    expect(cotenant(cluster.admin, "get", "tenants", "nope"), 2, 'tenants.cotenant.dev "nope" not found')
    expect(cotenant(cluster.admin, "get", "tenants", "nope", team.name), 3, team.name, '"nope" not found')


def test_a_member_starts_from_a_namespace_and_needs_no_cluster_wide_right(cluster):
    team = given_tenant(cluster, "member", spaces=["dev"], limit=3)
    other = given_tenant(cluster, "other", spaces=["dev"])
    inside = ("-n", team.namespace("dev"))
    me = expect(cotenant(team.owner, "whoami", *inside))
    assert f"Tenant:  {team} (home {team.home})" in me
    assert "Roles:   owner" in me
    assert f"Spaces:  1 of 3: dev ({team.namespace('dev')})" in me
    assert team.name in expect(cotenant(team.owner, "get", "tenants", *inside))
    spaces = expect(cotenant(team.owner, "get", "spaces", *inside))
    tree = expect(cotenant(team.owner, "tree", *inside), 3, "only the platform may read Tenants")
    assert "NetworkPolicy/cotenant-default-deny" in tree
    assert other.name not in me + spaces + tree


def test_an_owner_of_a_tenant_without_spaces_learns_that_it_may_make_them(cluster):
    viewer = {"role": "viewer", "user": "only-looks"}
    team = given_tenant(cluster, "spaceless", members=[viewer])
    assert "Roles:   may create spaces" in expect(cotenant(team.owner, "whoami", "-n", team.home))
    looks = expect(cotenant(cluster.user("only-looks"), "whoami", "-n", team.home))
    assert "Roles:   none that you can see" in looks
    assert f"Tenant:  {team} (home {team.home})" in looks


def test_a_member_of_nothing_gets_the_sentence_to_ask_for(cluster, nobody):
    for command in (["whoami"], ["get", "tenants"], ["get", "spaces"], ["tree"]):
        expect(cotenant(nobody, *command), 3, "which namespace is mine?")


def test_a_member_of_another_tenant_learns_nothing(cluster):
    team, other = given_tenant(cluster, "mine", spaces=["dev"]), given_tenant(cluster, "yours", spaces=["dev"])
    for command in (["get", "spaces"], ["get", "tenants"], ["whoami"]):
        expect(cotenant(team.owner, *command, "-n", other.namespace("dev")), 3, "which namespace is mine?")
    expect(cotenant(team.owner, "tree", "-n", other.namespace("dev")), 3, "which namespace is mine?")
    for command in (["tree", other.name], ["get", "tenants", other.name], ["get", "spaces", "--tenant", other.name]):
        expect(cotenant(team.owner, *command), 2, f"tenant {other} is not there, or not yours")
    expect(cotenant(team.owner, "tree", "never-made"), 2, "tenant never-made is not there, or not yours")
    expect(cotenant(team.owner, "get", "spaces", "-A"), 2, "forbidden")


def test_a_member_names_the_own_tenant_from_anywhere(cluster):
    team = given_tenant(cluster, "named", spaces=["dev"])
    assert f"Space/dev  Ready  namespace {team.namespace('dev')}" in expect(cotenant(team.owner, "tree", team.name), 3)
    expect(cotenant(team.owner, "get", "tenants", team.name), 0, team.name, "True", "1/1")
    expect(cotenant(team.owner, "get", "tenants", team.name, "nope"), 3, team.name, '"nope" not found')
    expect(cotenant(team.owner, "get", "spaces", "--tenant", team.name), 0, team.namespace("dev"))


def test_a_namespace_of_no_tenant_is_one_exit_code_everywhere(cluster):
    foreign = given_namespace(cluster, "foreign")
    for command in (["tree"], ["get", "tenants"], ["get", "spaces"]):
        expect(cotenant(cluster.admin, *command, "-n", foreign), 3, f"namespace {foreign} is of no tenant")


def test_the_spaces_of_a_tenant_that_is_not_there_are_an_error(cluster):
    expect(cotenant(cluster.admin, "get", "spaces", "--tenant", "never-made"), 2, "tenant never-made does not exist")


def test_the_limit_in_force_is_shown_wherever_it_comes_from(cluster):
    profile = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "TenantProfile", "metadata": {"name": "seven"}}
    cluster.apply(profile | {"spec": {"spaces": {"limit": 7}}})
    cluster.apply({**profile, "kind": "Tenant", "metadata": {"name": "inherits"}, "spec": {"profile": "seven"}})
    eventually(lambda: is_ready(cluster.there("Tenant", "inherits")))
    limit = cluster.admin.kubectl("get", "cot", "inherits", "-o", "wide", "--no-headers").out.split()[6]
    assert limit == "7"
    wide = expect(cotenant(cluster.admin, "get", "tenants", "inherits", "-o", "wide")).splitlines()
    assert wide[1].split()[wide[0].split().index("LIMIT")] == "7"


def test_whoami_with_as_is_somebody_else(cluster):
    team = given_tenant(cluster, "as", spaces=["dev"])
    who = ("--as", "carol", "--as-group", f"{team}-owners", "-n", team.namespace("dev"))
    assert "Roles:   owner" in expect(cotenant(cluster.admin, "whoami", *who))


def test_s0_25_tree_answers_who_owns_a_namespace(cluster):
    team = given_tenant(cluster, "owns", spaces=["dev", "build"])
    found = expect(cotenant(cluster.admin, "tree", "-n", team.namespace("dev")))
    assert found.splitlines()[0].startswith(f"Tenant/{team}  Ready  owners: group {team}-owners")
    assert "Space/dev" in found and "Space/build" not in found
    foreign = given_namespace(cluster, "foreign")
    expect(cotenant(cluster.admin, "tree", "-n", foreign), 3, "is of no tenant")


def test_tree_shows_a_fresh_tenant_without_drift_and_then_who_drifted(cluster):
    team = given_tenant(cluster, "tree", spaces=["dev"])
    eventually(lambda: cotenant(cluster.admin, "tree", team.name).code == 0)
    cluster.operator.kill()
    change = {"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}
    namespace = team.namespace("dev")
    patch = (
        "patch",
        "networkpolicy",
        "cotenant-default-deny",
        "-n",
        namespace,
        "--type=merge",
        "-p",
        json.dumps(change),
    )
    assert cluster.admin.kubectl(*patch).ok
    found = expect(cotenant(cluster.admin, "tree", team.name), 1)
    assert re.search(r"NetworkPolicy/cotenant-default-deny  DRIFTED by kubectl-patch, \d+s ago", found)


def test_tree_names_the_namespaces_that_no_space_stands_for(cluster):
    team = given_tenant(cluster, "stray", spaces=["dev"])
    cluster.operator.kill()
    stray = given_namespace(cluster, "left")
    cluster.label(stray, **{TENANT: team.name, SPACE: "gone"})
    found = expect(cotenant(cluster.admin, "tree", team.name), 1)
    assert f"Namespace/{stray}  STRAY  space gone: its Space is gone" in found
    assert f"kubectl label namespace {stray} cotenant.dev/tenant- cotenant.dev/space-" in found
    only = expect(cotenant(cluster.admin, "tree", "-n", stray), 1, f"Namespace/{stray}  STRAY")
    assert "Space/dev" not in only
    cluster.label(stray, **{TENANT: None, SPACE: None})


def test_tree_names_what_a_deleted_tenant_left_behind(cluster):
    team = given_tenant(cluster, "bygone", spaces=["dev"])
    expect(cotenant(cluster.admin, "delete", "tenant", team.name, "--yes"))
    everything = cotenant(cluster.admin, "tree").out.splitlines()
    at = everything.index(next(line for line in everything if line.startswith(f"Tenant/{team}  gone")))
    assert [line.split()[-1] for line in everything[at + 1 : at + 3]] == [
        f"Namespace/{team.namespace('dev')}",
        f"Namespace/{team.home}",
    ]


def test_an_owner_makes_a_space_with_stock_rights(cluster):
    team = given_tenant(cluster, "makes", spaces=["dev"], limit=2)
    made = cotenant(team.owner, "create", "space", "feature", "-n", team.namespace("dev"), "--wait")
    expect(made, 0, f"space.cotenant.dev/feature ready: namespace {team.namespace('feature')}")
    again = cotenant(team.owner, "create", "space", "feature", "--tenant", team.name)
    expect(again, 2, "space feature exists already")
    full = cotenant(team.owner, "create", "space", "more", "--tenant", team.name)
    expect(full, 2, "exceeded quota", "limited: count/spaces.cotenant.dev=2")


def test_create_tenant_waits_until_it_can_be_used(cluster):
    name = "made-by-hand"
    made = cotenant(
        cluster.admin, "create", "tenant", name, "--member", "owner=group:makers", "--space", "dev", "--wait"
    )
    expect(made, 0, f"tenant.cotenant.dev/{name} created", f"tenant.cotenant.dev/{name} ready")
    assert is_ready(cluster.there("Space", "dev", f"home-{name}"))


def test_create_says_why_a_space_cannot_become_ready(cluster):
    team = given_tenant(cluster, "clash", limit=3)
    given_namespace(cluster, "taken", named=team.namespace("x"))
    said = cotenant(cluster.admin, "create", "space", "x", "--tenant", team.name, "--wait")
    expect(said, 2, "space x is made and not ready: NamespaceTaken")


def test_create_without_a_tenant_in_sight_is_refused_with_the_sentence_to_ask_for(cluster, nobody):
    expect(cotenant(nobody, "create", "space", "x"), 2, "which namespace is mine?")


def test_bindings_that_are_not_ours_survive_a_release(cluster):
    team = given_tenant(cluster, "theirs")
    namespace = given_space(team, "old")
    labels = {"app.kubernetes.io/managed-by": "cotenant", "cotenant.dev/tenant": team.name}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "roleRef": ref}
    metadata = {"name": "by-hand", "namespace": namespace}
    cluster.apply(binding | {"metadata": metadata, "subjects": []})
    expect(cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, "--yes"))
    assert cluster.names("RoleBinding", namespace) == {"by-hand"}
    cluster.apply(binding | {"metadata": metadata | {"name": "cotenant-owner", "labels": labels}, "subjects": []})
    said = expect(cotenant(cluster.admin, "doctor"))
    assert f"{namespace} is of no tenant, and 1 role bindings of ours give rights in it" in said
    selector = "app.kubernetes.io/managed-by=cotenant,cotenant.dev/tenant"
    assert f"kubectl delete rolebindings -n {namespace} -l {selector}" in said
    cluster.delete("RoleBinding", "cotenant-owner", namespace)


def test_a_dry_run_does_nothing_and_the_server_has_its_say(cluster):
    team = given_tenant(cluster, "dry", spaces=["dev"], limit=1)
    for how, said in (("client", "(dry run)"), ("server", "(server dry run)")):
        made = cotenant(cluster.admin, "create", "tenant", "never", f"--dry-run={how}")
        expect(made, 0, f"tenant.cotenant.dev/never created {said}")
        gone = cotenant(cluster.admin, "delete", "tenant", team.name, f"--dry-run={how}")
        expect(gone, 0, "members lose their rights", f"tenant.cotenant.dev/{team} deleted {said}")
    assert cluster.get("Tenant", "never") is None
    assert "deletionTimestamp" not in team.tenant()["metadata"]
    full = cotenant(team.owner, "create", "space", "more", "--tenant", team.name, "--dry-run=server")
    expect(full, 2, "exceeded quota")
    expect(cotenant(team.owner, "delete", "tenant", team.name, "--dry-run=server"), 2, "forbidden")


def test_version_knows_the_server_and_says_when_it_does_not_answer(cluster, tmp_path):
    expect(cotenant(cluster.admin, "version"), 0, "Server Version: v1.")
    expect(cotenant(cluster.admin, "version", "--kubeconfig", str(tmp_path / "nope")), 3, "Client Version: ")
    expect(cotenant(cluster.admin, "version", "--client"), 0, "Client Version: ")
