"""The commands against a real cluster, as processes, by an administrator and by members with stock rights."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import pytest

from cotenant.api.keys import SPACE, TENANT
from cotenant.cli import answer
from installation import Answer, Person
from vocabulary import eventually, given_namespace, given_space, given_tenant, is_ready

pytestmark = pytest.mark.cluster


def cotenant(person: Person, *arguments: str, stdin: str = "") -> Answer:
    """`cotenant …` of somebody, without the cost of a process; in a thread, as it brings an event loop of its own."""
    out, err = io.StringIO(), io.StringIO()
    terminal = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(stdin), out, err
    try:
        with ThreadPoolExecutor(1) as thread:
            offline = "--kubeconfig" in arguments or arguments[0] == "render"
            given = [*arguments, *([] if offline else ["--kubeconfig", str(person.kubeconfig)])]
            code = thread.submit(answer, given, "cotenant").result(60)
    finally:
        sys.stdin, sys.stdout, sys.stderr = terminal
    return Answer("cotenant " + " ".join(arguments), code, out.getvalue(), err.getvalue())


def expect(said: Answer, code: int = 0, *texts: str) -> str:
    """The answer's stdout, if it is as expected."""
    assert said.code == code, str(said)
    for text in texts:
        assert text in said.text, str(said)
    return said.out


@pytest.fixture
def nobody(cluster):
    return cluster.user("nobody", "strangers")


@pytest.fixture
def manifest(tmp_path):
    def write(text: str) -> str:
        path = Path(tmp_path, "tenant.yaml")
        path.write_text(text)
        return str(path)

    return write


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


# Whoever runs these tests in the background hands down a SIGINT that is ignored.
HEARING = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from cotenant.cli import main; main()"
)
PROGRAM = [sys.executable, "-c", HEARING]


class Watch:
    """`cotenant get … -w` as a process."""

    def __init__(self, person: Person, *arguments: str) -> None:
        program = [*PROGRAM, "get", *arguments, "--kubeconfig", str(person.kubeconfig)]
        self.process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self.reader = Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.start()

    def says(self, *words: str) -> str:
        """The first line with all of these words."""
        return eventually(lambda: next((line for line in self.lines if set(words) <= set(line.split())), ""))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(10)
        self.reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


def test_watch_prints_what_changes_until_ctrl_c(cluster):
    team = given_tenant(cluster, "watched", spaces=["dev"])
    for person, noun in ((cluster.admin, "spaces"), (team.owner, "spaces"), (team.owner, "tenants")):
        name = f"by-{noun}-{len(person.name)}"
        scope = ("--tenant", team.name) if noun == "spaces" else (team.name,)
        watch = Watch(person, noun, *scope, "-w")
        try:
            watch.says("dev" if noun == "spaces" else team.name)
            given_space(team, name)
            if noun == "spaces":
                watch.says(name, team.namespace(name), "Ready", "True")
            else:
                watch.says(team.name, "True", "4/4")
        finally:
            code = watch.stop()
        assert code == 130
        assert [line.split()[0] for line in watch.lines].count("NAME") == 1


def test_watch_prints_documents_too(cluster):
    team = given_tenant(cluster, "stream", spaces=["dev"])
    watch = Watch(cluster.admin, "spaces", "--tenant", team.name, "-w", "-o", "name")
    try:
        watch.says("space.cotenant.dev/dev")
        given_space(team, "more")
        watch.says("space.cotenant.dev/more")
    finally:
        watch.stop()


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


PLAN = """apiVersion: cotenant.dev/v1alpha1
kind: Tenant
metadata:
  name: {name}
spec:
  members:
  - {{role: owner, group: {name}-owners}}
  - {{role: viewer, user: zoe}}
  pods: {{security: baseline}}
  spaces: {{limit: 5, declared: [dev, more]}}
"""


def test_plan_tells_what_would_change_and_changes_nothing(cluster, manifest):
    team = given_tenant(cluster, "plan", spaces=["dev"])
    mark = cluster.plane.audit_mark()
    found = cotenant(cluster.admin, "plan", "-f", manifest(PLAN.format(name=team)))
    expect(
        found, 1, f"Tenant {team} (changed)", "+ members[role viewer, user zoe]", "~ spaces.declared [dev] -> [dev, more]",
        "+ access   User zoe: viewer", "+ Namespace/plan-", "Namespaces deleted: 0", "Hits 1 of 1 tenants",
    )  # fmt: skip
    written = [
        one for one in cluster.plane.audit_since(mark, agent="cotenant-cli", writes=True) if "dryRun" not in one.uri
    ]
    assert written == []
    assert cluster.get("Namespace", team.namespace("more")) is None


def test_plan_tells_the_truth(cluster, manifest):
    """What it foretells is what the operator then makes."""
    team = given_tenant(cluster, "truth", spaces=["dev"])
    path = manifest(PLAN.format(name=team))
    found = json.loads(expect(cotenant(cluster.admin, "plan", "-f", path, "-o", "json"), 1))
    (tenant,) = found["tenants"]
    assert cluster.admin.kubectl("apply", "-f", path).ok
    eventually(lambda: (space := cluster.get("Space", "more", team.home)) and is_ready(space))
    for one in tenant["objects"]:
        there = cluster.get(one["kind"], one["name"], one.get("namespace", ""))
        assert (there is None) == (one["verb"] == "delete"), one
    eventually(lambda: cotenant(cluster.admin, "plan", "-f", path).code == 0)


def test_plan_counts_rights_that_are_missing_in_the_cluster(cluster, manifest):
    """Drift in access is a change of access, though no word of the spec is different."""
    team = given_tenant(cluster, "rights", spaces=["dev"])
    path = manifest(json.dumps(team.tenant() | {"metadata": {"name": team.name}}))
    eventually(lambda: cotenant(cluster.admin, "plan", "-f", path).code == 0)
    cluster.operator.kill()
    cluster.delete("RoleBinding", "cotenant-owner", team.namespace("dev"))
    expect(
        cotenant(cluster.admin, "plan", "-f", path), 1, f"+ access   Group {team}-owners: owner", "1 changes of access"
    )


def test_plan_points_at_the_line_that_the_api_server_refuses(cluster, manifest):
    team = given_tenant(cluster, "line", limit=1, spaces=["dev"])
    text = f"apiVersion: cotenant.dev/v1alpha1\nkind: Space\nmetadata:\n  name: more\n  namespace: {team.home}\n"
    path = manifest(text)
    expect(cotenant(cluster.admin, "plan", "-f", path), 2, f"error: {path}:1: ", "exceeded quota")


def test_plan_is_for_those_who_may_read_the_cluster(cluster, manifest):
    team = given_tenant(cluster, "noplan", spaces=["dev"])
    expect(cotenant(team.owner, "plan", "-f", manifest(PLAN.format(name=team))), 2, "forbidden")


def test_an_administrator_deletes_a_space_and_its_namespace_is_released(cluster):
    team = given_tenant(cluster, "release")
    namespace = given_space(team, "old")
    asked = cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, stdin="wrong\n")
    expect(asked, 2, f"kept: namespace {namespace}", "that is not old; nothing was done")
    done = cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, stdin="old\n")
    expect(done, 0, f"namespace {namespace} is released", "space.cotenant.dev/old deleted")
    if cluster.names("RoleBinding", namespace):
        assert (
            f"members keep their rights in it until you take them: kubectl delete rolebindings -n {namespace}"
            in done.err
        )
    labels = cluster.there("Namespace", namespace)["metadata"]["labels"]
    assert TENANT not in labels and SPACE not in labels
    assert cluster.get("Space", "old", team.home) is None


def test_a_space_and_its_namespace_go_when_that_is_said(cluster):
    team = given_tenant(cluster, "gone")
    namespace = given_space(team, "old")
    done = cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, "--contents=delete", "--yes")
    expect(done, 0, f"DELETED with everything in it: 1 namespace ({namespace})")
    assert cluster.get("Namespace", namespace) is None


def test_a_space_that_a_member_deletes_waits_for_an_administrator(cluster):
    team = given_tenant(cluster, "waits")
    namespace = given_space(team, "old")
    done = cotenant(team.owner, "delete", "space", "old", "--tenant", team.name, "--yes")
    expect(done, 0, f"namespace {namespace} waits for an administrator")
    assert "rolebindings" not in done.text
    assert cluster.there("Namespace", namespace)["metadata"]["labels"][SPACE] == "old"
    expect(cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, "--yes"), 0, "deleted")


def test_a_question_without_a_terminal_is_an_answer_of_its_own(cluster):
    team = given_tenant(cluster, "silent")
    given_space(team, "old")
    for what in (("space", "old", "--tenant", team.name), ("tenant", team.name)):
        said = cotenant(cluster.admin, "delete", *what, stdin="")
        expect(said, 2, f"nobody typed {what[1]}: there is no terminal; in a script say --yes. Nothing was done")
    assert "deletionTimestamp" not in team.space("old")["metadata"]


def test_ctrl_c_at_the_question_ends_at_once(cluster):
    """The first Ctrl-C, not the second."""
    team = given_tenant(cluster, "ctrl")
    mine, theirs = pty.openpty()
    done = subprocess.Popen(
        [*PROGRAM, "delete", "tenant", team.name, "--kubeconfig", str(cluster.admin.kubeconfig)],
        stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        said = ""
        while "to go on" not in said:
            said += done.stderr.read(1)
        time.sleep(0.5)  # a person needs that long, and the program to begin to listen
        done.send_signal(signal.SIGINT)
        assert done.wait(10) == 130
    finally:
        done.kill()
        done.communicate()
        os.close(mine)
        os.close(theirs)
    assert "deletionTimestamp" not in team.tenant()["metadata"]


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


def test_a_declared_space_is_not_deleted_to_come_back(cluster):
    team = given_tenant(cluster, "declared", spaces=["dev"])
    said = cotenant(cluster.admin, "delete", "space", "dev", "--tenant", team.name, "--yes")
    expect(said, 2, "take it off spec.spaces.declared first")
    assert "deletionTimestamp" not in team.space("dev")["metadata"]


def test_a_deleted_tenant_leaves_its_namespaces_unless_told_otherwise(cluster):
    team = given_tenant(cluster, "leaves", spaces=["dev"])
    expect(cotenant(cluster.admin, "delete", "tenant", team.name, "--yes"), 0, "kept: 1 namespaces")
    assert "deletionTimestamp" not in cluster.there("Namespace", team.namespace("dev"))["metadata"]
    assert cluster.names("RoleBinding", team.namespace("dev")) == set()
    other = given_tenant(cluster, "takes", spaces=["dev"])
    expect(cotenant(cluster.admin, "delete", "tenant", other.name, "--spaces=delete", "--yes"), 0, "DELETED")
    assert cluster.get("Namespace", other.namespace("dev")) is None
    assert cluster.get("Namespace", other.home) is None


def test_rendered_objects_are_what_the_operator_makes(cluster, manifest):
    team = given_tenant(cluster, "same", spaces=["dev"])
    text = PLAN.format(name=team).replace("  - {role: viewer, user: zoe}\n", "").replace(", more", "")
    rendered = json.loads(expect(cotenant(cluster.admin, "render", "-f", manifest(text), "-o", "json", "--native")))
    for one in rendered["items"]:
        metadata = one["metadata"]
        there = cluster.there(one["kind"], metadata["name"], metadata.get("namespace", ""))
        assert metadata["labels"].items() <= there["metadata"]["labels"].items()
        assert [key for key in ("subjects", "roleRef") if one.get(key) != there.get(key)] == []
        if one["kind"] in ("NetworkPolicy", "ResourceQuota"):
            assert one["spec"] == there["spec"]


def test_version_knows_the_server_and_says_when_it_does_not_answer(cluster, tmp_path):
    expect(cotenant(cluster.admin, "version"), 0, "Server Version: v1.")
    expect(cotenant(cluster.admin, "version", "--kubeconfig", str(tmp_path / "nope")), 3, "Client Version: ")
    expect(cotenant(cluster.admin, "version", "--client"), 0, "Client Version: ")
