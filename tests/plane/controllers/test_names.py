"""Names of namespaces: patterns, clashes, reserved ones, and namespaces of others."""

from __future__ import annotations

import secrets

import pytest

from vocabulary import (
    condition,
    eventually,
    expect_condition,
    expect_created,
    expect_ready,
    given_namespace,
    given_space,
    given_tenant,
    never,
    space_of,
    subjects,
    uids,
)

pytestmark = pytest.mark.cluster


def test_a_change_of_naming_applies_to_new_spaces_only(cluster):
    team = given_tenant(cluster, "renamed", spaces=["dev"])
    expect_ready(team, "dev")
    before = uids(cluster, "Namespace", [team.namespace("dev")])

    team.change(spaces={"naming": "{space}-of-{tenant}"})

    assert given_space(team, "test") == f"test-of-{team.name}"
    expect_ready(team, "dev")
    assert team.space("dev")["status"]["namespace"] == team.namespace("dev")
    assert uids(cluster, "Namespace", before) == before
    assert cluster.get("Namespace", f"dev-of-{team.name}") is None


def test_two_tenants_whose_patterns_meet_do_not_share_a_namespace(cluster):
    stem = f"clash{secrets.token_hex(2)}"
    first = given_tenant(cluster, "", named=stem)
    second = given_tenant(cluster, "", named=f"{stem}-b")
    assert given_space(first, "b-c") == f"{stem}-b-c"
    before = cluster.there("Namespace", f"{stem}-b-c")["metadata"]

    expect_created(second.owner.apply(space_of(second, "c")))

    message = expect_condition(lambda: second.space("c"), "NamespaceTaken", f"namespace {stem}-b-c is taken")
    assert f"{stem} " not in message and "b-c" not in message.replace(f"{stem}-b-c", "")
    assert condition(second.space("c"), "Stalled")[0] == "True"
    after = cluster.there("Namespace", f"{stem}-b-c")["metadata"]
    assert after["labels"] == before["labels"] and after["uid"] == before["uid"]
    assert subjects(cluster, f"{stem}-b-c") == {"cotenant-owner": {f"{first.name}-owners"}}
    expect_ready(first, "b-c")


def test_a_reserved_name_is_refused_to_a_space(cluster):
    team = given_tenant(cluster, "lofty", naming="{space}{tenant}")
    for prefix in ("kube-", "aws-", "home-", "eks-", "cotenant-"):
        answer = team.owner.apply(space_of(team, f"{prefix}x"))
        assert answer.ok, answer
        expect_condition(lambda name=f"{prefix}x": team.space(name), "NameReserved", "is reserved; choose another name")
        assert cluster.get("Namespace", f"{prefix}x{team.name}") is None


def test_a_name_beyond_63_characters_is_a_condition(cluster):
    team = given_tenant(cluster, "l" * 30)
    expect_created(team.owner.apply(space_of(team, "s" * 40)))

    message = expect_condition(lambda: team.space("s" * 40), "NameTooLong", "63 are allowed")
    assert "76 characters" in message


@pytest.mark.parametrize(
    "name",
    ["kube-team", "default", "home", "home-x", "cotenant-x", "aws-team", "amazon-x", "eks-x", "Has.Dot", "l" * 41],
)
def test_a_tenants_name_is_refused_by_the_api_server(cluster, name):
    manifest = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name}, "spec": {}}
    answer = cluster.admin.apply(manifest)
    assert not answer.ok, answer
    assert "name" in answer.err


def test_a_namespace_is_adopted_only_after_it_was_offered(cluster):
    team = given_tenant(cluster, "patient", members=[{"role": "viewer", "user": "vera"}])
    legacy = f"{team.name}-legacy"
    expect_created(team.owner.apply(space_of(team, "old", namespace=legacy)))
    expect_condition(lambda: team.space("old"), "NamespaceNotOffered", f"namespace {legacy} is not offered")

    given_namespace(cluster, "", named=legacy)
    expect_condition(
        lambda: team.space("old"),
        "NamespaceNotOffered",
        f"kubectl annotate namespace {legacy} cotenant.dev/adopt={team.name}/old",
    )
    assert subjects(cluster, legacy) == {}
    cluster.annotate("Namespace", legacy, adopt=f"{team.name}/other")
    never(lambda: subjects(cluster, legacy), during=0.5)

    uid = cluster.there("Namespace", legacy)["metadata"]["uid"]
    cluster.annotate("Namespace", legacy, adopt=f"{team.name}/old")

    expect_ready(team, "old", within=5)
    metadata = cluster.there("Namespace", legacy)["metadata"]
    assert metadata["uid"] == uid and metadata["labels"]["cotenant.dev/tenant"] == team.name
    assert set(subjects(cluster, legacy)) == {"cotenant-owner", "cotenant-viewer"}


def test_a_namespace_that_is_there_already_is_not_taken_for_a_new_space(cluster):
    team = given_tenant(cluster, "polite")
    given_namespace(cluster, "", named=team.namespace("dev"))

    expect_created(team.owner.apply(space_of(team, "dev")))

    expect_condition(lambda: team.space("dev"), "NamespaceTaken", f"namespace {team.namespace('dev')} is taken")
    assert subjects(cluster, team.namespace("dev")) == {}


def test_a_declared_space_taken_off_the_list_is_released_and_never_deleted(cluster):
    team = given_tenant(cluster, "list", spaces=["dev", "build"])
    expect_ready(team, "dev", "build")
    before = uids(cluster, "Namespace", [team.namespace("dev"), team.namespace("build")])
    assert "cotenant.dev/declared" in team.space("build")["metadata"]["labels"]

    team.change(spaces={"declared": ["dev"]})

    expect_condition(team.tenant, "Ready")
    eventually(lambda: "cotenant.dev/declared" not in team.space("build")["metadata"]["labels"])
    expect_ready(team, "dev", "build")
    assert uids(cluster, "Namespace", before) == before
    assert "deletionTimestamp" not in team.space("build")["metadata"]


def test_a_declared_space_that_exists_already_becomes_declared(cluster):
    team = given_tenant(cluster, "later")
    namespace = given_space(team, "dev", quota={"max": {"pods": 3}})
    before = uids(cluster, "Namespace", [namespace])

    team.change(spaces={"declared": ["dev"]})

    eventually(lambda: "cotenant.dev/declared" in team.space("dev")["metadata"].get("labels", {}))
    expect_ready(team, "dev")
    assert team.space("dev")["spec"]["quota"] == {"max": {"pods": 3}}
    assert uids(cluster, "Namespace", before) == before
