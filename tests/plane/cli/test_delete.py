"""`cotenant delete` against a real cluster: what goes, what stays, and what is asked before."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time

import pytest

from cotenant.api.keys import SPACE, TENANT
from plane.cli.program import PROGRAM, cotenant, expect
from vocabulary import eventually, given_space, given_tenant

pytestmark = pytest.mark.cluster


def test_an_administrator_deletes_a_space_and_its_namespace_is_released(cluster):
    team = given_tenant(cluster, "release")
    namespace = given_space(team, "old")
    asked = cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, stdin="wrong\n")
    expect(asked, 2, f"kept: namespace {namespace}", "that is not old; nothing was done")
    done = cotenant(cluster.admin, "delete", "space", "old", "--tenant", team.name, stdin="old\n")
    expect(done, 0, f"namespace {namespace} is released", "space.cotenant.dev/old deleted")
    assert cluster.names("RoleBinding", namespace) == set()
    assert f"its members lost their rights in {namespace}: " in done.err
    eventually(lambda: not any(team.owner.may("get create", "pods", namespace=namespace).values()))
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
            more = done.stderr.read(1)
            assert more, said
            said += more
        time.sleep(0.5)  # a person needs that long, and the program to begin to listen
        done.send_signal(signal.SIGINT)
        assert done.wait(60) == 130
    finally:
        done.kill()
        done.communicate()
        os.close(mine)
        os.close(theirs)
    assert "deletionTimestamp" not in team.tenant()["metadata"]


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
