"""Owners make Spaces with plain kubectl in their home, and hold no right on the cluster."""

from __future__ import annotations

import time

import pytest

from vocabulary import (
    BUSY,
    condition,
    eventually,
    expect_condition,
    expect_created,
    expect_denied,
    expect_ready,
    given_namespace,
    given_space,
    given_tenant,
    gone,
    never,
    space_of,
    subjects,
)

pytestmark = pytest.mark.cluster
GET_OFF = '{"metadata":{"finalizers":null}}'


def test_an_owner_applies_a_space_and_uses_it(cluster):
    team = given_tenant(cluster, "self")
    started = time.monotonic()

    expect_created(team.owner.apply(space_of(team, "dev")), "space.cotenant.dev/dev")
    waited = team.owner.kubectl("wait", "--for=condition=Ready", "cosp/dev", "-n", team.home, "--timeout=60s")
    assert waited.out == "space.cotenant.dev/dev condition met\n"
    expect_created(team.owner.run_pod("nginx", namespace=team.namespace("dev")), "pod/nginx")

    assert time.monotonic() - started < 5 * BUSY


def test_an_owner_holds_no_right_on_the_cluster(cluster):
    team = given_tenant(cluster, "humble", spaces=["dev"])
    for what in ("namespaces", "tenants.cotenant.dev", "spaces.cotenant.dev", "nodes", "tenantprofiles.cotenant.dev"):
        assert not any(team.owner.may("list watch create update patch delete", what).values()), what
    names = {team.name, f"{team.name}-owners"}
    for one in cluster.list("ClusterRoleBinding"):
        assert not names & {who["name"] for who in one.get("subjects", [])}


def test_a_viewer_sees_spaces_and_makes_none(cluster):
    team = given_tenant(cluster, "seen", spaces=["dev"], members=[{"role": "viewer", "user": "vera"}])
    expect_ready(team, "dev")
    vera = cluster.user("vera")

    assert "dev" in vera.kubectl("get", "cosp", "-n", team.home).out
    expect_denied(
        vera.apply(space_of(team, "more")),
        by="RBAC",
        saying='spaces.cotenant.dev is forbidden: User "vera" cannot create',
    )


def test_the_limit_is_a_native_quota(cluster):
    team = given_tenant(cluster, "limited", spaces=["one"], limit=2)
    expect_created(team.owner.apply(space_of(team, "two")))

    expect_denied(
        team.owner.apply(space_of(team, "three")),
        by="quota",
        saying='spaces.cotenant.dev "three" is forbidden: exceeded quota: cotenant, '
        "requested: count/spaces.cotenant.dev=1, used: count/spaces.cotenant.dev=2, limited: count/spaces.cotenant.dev=2",
    )
    team.change(spaces={"limit": 3})
    eventually(lambda: team.owner.apply(space_of(team, "three")).ok)


def test_no_workload_ever_runs_in_a_home(cluster):
    team = given_tenant(cluster, "noble")

    expect_denied(team.owner.run_pod("x", namespace=team.home), by="RBAC", saying="pods is forbidden: ")
    expect_denied(cluster.admin.run_pod("x", namespace=team.home), saying='pods "x" is forbidden: ')


def test_a_space_outside_a_home_is_ignored_and_says_so(cluster):
    elsewhere = given_namespace(cluster, "elsewhere")
    stray = {
        "apiVersion": "cotenant.dev/v1alpha1",
        "kind": "Space",
        "metadata": {"name": "stray", "namespace": elsewhere},
        "spec": {},
    }
    before = cluster.names("Namespace")
    cluster.apply(stray)

    expect_condition(lambda: cluster.there("Space", "stray", elsewhere), "TenantNotFound", elsewhere)

    assert cluster.names("Namespace") - before == set()
    assert "finalizers" not in cluster.there("Space", "stray", elsewhere)["metadata"]
    cluster.delete("Space", "stray", elsewhere)
    assert cluster.get("Space", "stray", elsewhere) is None


@pytest.mark.parametrize("wanted", ["kube-system", "default", "cotenant-system", "home-of-others", "kube-mine"])
def test_a_space_cannot_adopt_a_reserved_namespace(cluster, wanted):
    team = given_tenant(cluster, "greedy")
    answer = team.owner.apply(space_of(team, "grab", namespace=wanted))

    if answer.ok:
        expect_condition(lambda: team.space("grab"), "NameReserved", f"namespace name {wanted} is reserved")
    assert subjects(cluster, wanted).keys() & {"cotenant-owner", "cotenant-create", "cotenant-read"} == set()
    found = cluster.get("Namespace", wanted)
    assert found is None or "cotenant.dev/tenant" not in found["metadata"].get("labels", {})
    assert not any(team.owner.may("get list create", "pods", namespace=wanted).values())


def test_a_space_cannot_adopt_another_tenants_home_or_space(cluster):
    victim = given_tenant(cluster, "victim", spaces=["dev"])
    expect_ready(victim, "dev")
    team = given_tenant(cluster, "envious")
    before = subjects(cluster, victim.namespace("dev")), subjects(cluster, victim.home)

    team.owner.apply(space_of(team, "home", namespace=victim.home))
    expect_created(team.owner.apply(space_of(team, "space", namespace=victim.namespace("dev"))))

    message = expect_condition(lambda: team.space("space"), "NamespaceNotOffered")
    assert f"tenant {victim.name}" not in message
    assert (subjects(cluster, victim.namespace("dev")), subjects(cluster, victim.home)) == before


@pytest.mark.parametrize(
    ("patch", "rule"),
    [
        (GET_OFF, "COTENANT-GUARD-1"),
        ('{"metadata":{"finalizers":["cotenant.dev/space","example.com/stay"]}}', "COTENANT-GUARD-1"),
        ('{"metadata":{"labels":{"cotenant.dev/tenant":"other"}}}', "COTENANT-GUARD-2"),
        ('{"metadata":{"labels":{"cotenant.dev/declared":null}}}', "COTENANT-GUARD-2"),
    ],
)
def test_an_owner_cannot_patch_what_cotenant_keeps_on_a_space(cluster, patch, rule):
    team = given_tenant(cluster, "patcher", spaces=["dev"])
    expect_ready(team, "dev")
    answer = team.owner.kubectl("patch", "cosp", "dev", "--type=merge", "-p", patch, "-n", team.home)
    expect_denied(answer, by="policy", saying=rule)


@pytest.mark.parametrize("subresource", ["status", "finalizers"])
def test_an_owner_cannot_write_subresources_of_a_space(cluster, subresource):
    team = given_tenant(cluster, "liar", spaces=["dev"])
    assert not any(
        team.owner.may("create update patch", f"spaces/{subresource}.cotenant.dev", namespace=team.home).values()
    )
    assert not any(team.owner.may("update patch", f"spaces.cotenant.dev/{subresource}", namespace=team.home).values())
    answer = team.owner.kubectl(
        "patch",
        "cosp",
        "dev",
        "--type=merge",
        "--subresource=status",
        "-p",
        '{"status":{"phase":"Ready"}}',
        "-n",
        team.home,
    )
    expect_denied(answer, by="RBAC", saying='spaces.cotenant.dev "dev" is forbidden: ')


def test_annotations_and_labels_of_their_own_are_the_owners(cluster):
    team = given_tenant(cluster, "own", spaces=["dev"])
    expect_ready(team, "dev")
    patch = '{"metadata":{"labels":{"team":"red"},"annotations":{"note":"ours","cotenant.dev/confirm-delete":"dev"}}}'

    assert team.owner.kubectl("patch", "cosp", "dev", "--type=merge", "-p", patch, "-n", team.home).ok

    never(lambda: "deletionTimestamp" in cluster.there("Namespace", team.namespace("dev"))["metadata"], during=0.5)
    metadata = team.space("dev")["metadata"]
    assert metadata["labels"]["team"] == "red" and metadata["annotations"]["note"] == "ours"


def test_an_adopt_annotation_by_an_owner_on_a_space_offers_nothing(cluster):
    team = given_tenant(cluster, "trick")
    target = given_namespace(cluster, "target")
    space = space_of(team, "mine", namespace=target)
    space["metadata"]["annotations"] = {"cotenant.dev/adopt": f"{team.name}/mine"}

    expect_created(team.owner.apply(space))

    expect_condition(lambda: team.space("mine"), "NamespaceNotOffered", f"cotenant.dev/adopt={team.name}/mine")
    assert subjects(cluster, target) == {}


def test_the_namespace_of_a_space_cannot_be_changed(cluster):
    team = given_tenant(cluster, "fixed", spaces=["dev"])
    expect_ready(team, "dev")
    patch = '{"spec":{"namespace":"kube-system"}}'
    expect_denied(
        team.owner.kubectl("patch", "cosp", "dev", "--type=merge", "-p", patch, "-n", team.home),
        saying="spec.namespace cannot be changed; delete the Space and make another",
    )


def test_a_space_that_never_got_a_namespace_goes_at_once(cluster):
    team = given_tenant(cluster, "hasty")
    team.owner.apply(space_of(team, "bad", namespace="nowhere-at-all"))
    expect_condition(lambda: team.space("bad"), "NamespaceNotOffered", "namespace nowhere-at-all is not offered")
    assert condition(team.space("bad"), "Stalled")[0] == "True"

    assert team.owner.kubectl("delete", "cosp", "bad", "-n", team.home, "--timeout=60s").ok
    assert given_space(team, "bad") == team.namespace("bad")
    eventually(gone(cluster, "Namespace", "nowhere-at-all"))
