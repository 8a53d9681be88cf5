"""Deleting Spaces and Tenants: namespaces are kept, unless somebody says Delete and types the name."""

from __future__ import annotations

import pytest

from vocabulary import (
    Team,
    condition,
    eventually,
    expect_condition,
    expect_created,
    expect_denied,
    expect_ready,
    given_space,
    given_tenant,
    gone,
    never,
    pod,
    space_of,
    subjects,
)

pytestmark = pytest.mark.cluster
CONFIRM = "cotenant.dev/confirm-delete"


def used(team: Team) -> str:
    status = team.cluster.there("ResourceQuota", "cotenant", team.home)["status"]
    return str(status["used"]["count/spaces.cotenant.dev"])


def terminating(cluster, namespace: str) -> bool:
    found = cluster.get("Namespace", namespace)
    return found is None or "deletionTimestamp" in found["metadata"]


def delete_space(team: Team, name: str) -> None:
    answer = team.owner.kubectl("delete", "cosp", name, "-n", team.home, "--wait=false")
    assert answer.ok, answer


def test_a_space_deleted_by_a_member_waits_and_counts_until_an_administrator_releases_it(cluster):
    team = given_tenant(cluster, "orphan", limit=1)
    namespace = given_space(team, "dev")
    expect_created(lambda: team.owner.apply(pod("work", namespace)))

    delete_space(team, "dev")

    message = expect_condition(lambda: team.space("dev"), "WaitsForRelease", namespace)
    assert "administrator" in message and team.space("dev")["status"]["phase"] == "Terminating"
    eventually(lambda: used(team) == "1")
    expect_denied(team.owner.apply(space_of(team, "more")), by="quota", saying="exceeded quota: cotenant")
    assert not terminating(cluster, namespace) and cluster.get("Pod", "work", namespace)

    answer = cluster.admin.kubectl("label", "namespace", namespace, "cotenant.dev/tenant-", "cotenant.dev/space-")
    assert answer.ok, answer

    eventually(gone(cluster, "Space", "dev", team.home), within=5)
    never(lambda: cluster.get("Space", "dev", team.home), during=0.5)
    labels = cluster.there("Namespace", namespace)["metadata"]["labels"]
    assert "cotenant.dev/tenant" not in labels and not terminating(cluster, namespace)
    eventually(lambda: used(team) == "0")


@pytest.mark.parametrize(
    ("policy", "confirmation"),
    [("Delete", None), ("Delete", "other"), ("Delete", ""), ("Orphan", "dev"), (None, "dev")],
)
def test_without_policy_and_confirmation_the_namespace_stays(cluster, policy, confirmation):
    team = given_tenant(cluster, "keep")
    namespace = given_space(team, "dev", **({"deletionPolicy": policy} if policy else {}))
    if confirmation is not None:
        assert team.owner.kubectl("annotate", "cosp", "dev", f"{CONFIRM}={confirmation}", "-n", team.home).ok

    delete_space(team, "dev")

    reason = "DeletionNotConfirmed" if policy == "Delete" else "WaitsForRelease"
    message = expect_condition(lambda: team.space("dev"), reason, f"namespace {namespace} is kept")
    assert (f"{CONFIRM}=dev" in message) is (policy == "Delete")
    assert not terminating(cluster, namespace)


def test_whoever_leaves_the_tenant_loses_a_waiting_namespace_too(cluster):
    eve = {"role": "editor", "user": "eve"}
    team = given_tenant(cluster, "tricky", members=[eve])
    namespace = given_space(team, "dev")
    delete_space(team, "dev")
    expect_condition(lambda: team.space("dev"), "WaitsForRelease")

    team.change(members=[{"role": "owner", "group": f"{team.name}-owners"}])

    eventually(lambda: "eve" not in set().union(*subjects(cluster, namespace).values()), within=5)


def test_with_policy_and_confirmation_the_namespace_goes_and_then_the_space(cluster):
    team = given_tenant(cluster, "erase", limit=1)
    namespace = given_space(team, "dev", deletionPolicy="Delete")
    assert team.owner.kubectl("annotate", "cosp", "dev", f"{CONFIRM}=dev", "-n", team.home).ok

    delete_space(team, "dev")

    eventually(lambda: terminating(cluster, namespace), within=3)
    if cluster.get("Space", "dev", team.home):
        assert condition(team.space("dev"))[1] in ("DeletingNamespace", "Ready")
    eventually(gone(cluster, "Space", "dev", team.home), within=25)
    assert cluster.get("Namespace", namespace) is None
    eventually(lambda: used(team) == "0")
    eventually(lambda: team.owner.apply(space_of(team, "dev")).ok)


def test_a_confirmation_may_come_after_the_deletion(cluster):
    team = given_tenant(cluster, "second")
    namespace = given_space(team, "dev", deletionPolicy="Delete")
    delete_space(team, "dev")
    expect_condition(lambda: team.space("dev"), "DeletionNotConfirmed")

    assert team.owner.kubectl("annotate", "cosp", "dev", f"{CONFIRM}=dev", "-n", team.home).ok

    eventually(lambda: terminating(cluster, namespace), within=5)


def test_a_deleted_declared_space_is_not_made_again_while_its_namespace_waits(cluster):
    team = given_tenant(cluster, "declared", spaces=["dev"])
    expect_ready(team, "dev")
    uid = team.space("dev")["metadata"]["uid"]
    delete_space(team, "dev")
    expect_condition(lambda: team.space("dev"), "WaitsForRelease")
    assert team.space("dev")["metadata"]["uid"] == uid


def test_an_orphaning_tenant_leaves_everything_but_rights(cluster):
    team = given_tenant(cluster, "left", spaces=["dev"])
    namespace = team.namespace("dev")
    expect_created(lambda: team.owner.apply(pod("work", namespace)))

    cluster.delete("Tenant", team.name)

    eventually(gone(cluster, "Tenant", team.name), within=5)
    assert subjects(cluster, namespace) == subjects(cluster, team.home) == {}
    for kind in ("NetworkPolicy", "ResourceQuota", "LimitRange"):
        assert cluster.list(kind, namespace), kind
    assert cluster.get("Pod", "work", namespace)
    never(lambda: terminating(cluster, namespace) or terminating(cluster, team.home), during=0.5)


def test_a_tenant_with_policy_delete_and_no_confirmation_keeps_its_namespaces(cluster):
    team = given_tenant(cluster, "unsure", spaces=["dev"], deletionPolicy="Delete")
    expect_ready(team, "dev")

    cluster.delete("Tenant", team.name)

    eventually(gone(cluster, "Tenant", team.name), within=10)
    assert not terminating(cluster, team.namespace("dev")) and not terminating(cluster, team.home)
    assert subjects(cluster, team.namespace("dev")) == {}


def test_a_confirmation_of_another_name_deletes_nothing(cluster):
    team = given_tenant(cluster, "typo", spaces=["dev"], deletionPolicy="Delete", annotations={CONFIRM: "typ0"})
    expect_ready(team, "dev")

    cluster.delete("Tenant", team.name)

    eventually(gone(cluster, "Tenant", team.name), within=10)
    assert not terminating(cluster, team.namespace("dev"))


def test_a_tenant_with_policy_and_confirmation_begins_to_delete_its_namespaces(cluster):
    team = given_tenant(cluster, "erased", spaces=["dev"], deletionPolicy="Delete")
    own = given_space(team, "own")
    cluster.annotate("Tenant", team.name, confirm_delete=team.name)

    cluster.delete("Tenant", team.name)

    for namespace in (team.namespace("dev"), own):
        eventually(lambda where=namespace: terminating(cluster, where), within=5)
    expect_denied(lambda: team.owner.kubectl("get", "pods", "-n", own), by="RBAC", saying="pods is forbidden: ")


def test_a_tenant_made_again_takes_its_spaces_back(cluster):
    team = given_tenant(cluster, "phoenix", spaces=["dev"])
    own = given_space(team, "own")
    spec = team.tenant()["spec"]
    uid = cluster.there("Namespace", own)["metadata"]["uid"]
    cluster.delete("Tenant", team.name)
    eventually(gone(cluster, "Tenant", team.name))

    cluster.apply(
        {"apiVersion": "cotenant.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": team.name}, "spec": spec}
    )

    expect_ready(team, "dev", "own")
    assert cluster.there("Namespace", own)["metadata"]["uid"] == uid
    eventually(lambda: team.owner.run_pod("back", namespace=own).ok)


def test_a_space_deleted_while_no_operator_runs_is_decided_at_its_start(cluster):
    team = given_tenant(cluster, "absent")
    kept, erased = given_space(team, "kept"), given_space(team, "erased", deletionPolicy="Delete")
    cluster.annotate("Space", "erased", team.home, confirm_delete="erased")
    cluster.operator.kill()
    for name in ("kept", "erased"):
        delete_space(team, name)
    assert not terminating(cluster, erased)

    cluster.operator.start()

    eventually(lambda: terminating(cluster, erased), within=5)
    expect_condition(lambda: team.space("kept"), "WaitsForRelease")
    assert not terminating(cluster, kept)
