"""Who is on the list has rights; who leaves it, or whose time is over, has none."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from vocabulary import (
    condition,
    eventually,
    expect_condition,
    expect_created,
    expect_denied,
    expect_ready,
    given_role,
    given_tenant,
    pod,
    space_of,
    subjects,
)

pytestmark = pytest.mark.cluster


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def owners(team):
    return {"role": "owner", "group": f"{team.name}-owners"}


def test_a_removed_member_is_out_of_every_space_at_once(cluster):
    team = given_tenant(cluster, "drop", spaces=["dev", "test"], members=[{"role": "editor", "user": "eve"}])
    expect_ready(team, "dev", "test")
    eve = cluster.user("eve")
    expect_created(lambda: eve.run_pod("nginx", namespace=team.namespace("dev")), "pod/nginx")

    team.change(members=[owners(team)])

    def out() -> bool:
        places = (team.namespace("dev"), team.namespace("test"), team.home)
        return not any("eve" in who for place in places for who in subjects(cluster, place).values())

    eventually(out, within=2)
    expect_denied(
        lambda: eve.kubectl("get", "pods", "-n", team.namespace("test")), by="RBAC", saying="pods is forbidden: "
    )


def test_a_member_is_removed_also_while_the_profile_of_its_tenant_is_missing(cluster):
    name = f"lead-{secrets.token_hex(2)}"
    profile = {"apiVersion": "cotenant.dev/v1alpha1", "kind": "TenantProfile", "metadata": {"name": name}, "spec": {}}
    cluster.apply(profile)
    ivy = {"role": "editor", "user": "ivy"}
    team = given_tenant(cluster, "stranded", spaces=["dev"], members=[ivy], profile=name)
    expect_ready(team, "dev")
    cluster.admin.kubectl("delete", "cotp", name)
    expect_condition(team.tenant, "ProfileNotFound")

    team.change(members=[owners(team)])

    places = (team.namespace("dev"), team.home)
    eventually(lambda: not any("ivy" in who for at in places for who in subjects(cluster, at).values()), within=3)
    assert any(f"{team.name}-owners" in who for who in subjects(cluster, team.namespace("dev")).values())


def test_a_member_expires_by_the_clock(cluster):
    member = {"role": "editor", "user": "temp"}
    team = given_tenant(cluster, "clock", spaces=["dev"], members=[member])
    expect_ready(team, "dev")
    temp = cluster.user("temp")
    eventually(lambda: temp.kubectl("get", "pods", "-n", team.namespace("dev")).ok)

    team.change(members=[owners(team), member | {"expires": in_seconds(3)}])

    expect_condition(team.tenant, "MemberExpired", "user temp", of="AccessSynced", within=6)
    eventually(lambda: not any("temp" in who for who in subjects(cluster, team.namespace("dev")).values()), within=3)
    expect_denied(
        lambda: temp.kubectl("get", "pods", "-n", team.namespace("dev")), by="RBAC", saying="pods is forbidden: "
    )
    eventually(lambda: condition(team.tenant())[0] == "True")


def test_a_member_who_had_expired_before_never_gets_in(cluster):
    team = given_tenant(
        cluster, "late", spaces=["dev"], members=[{"role": "editor", "user": "past", "expires": "2020-01-01T00:00:00Z"}]
    )
    expect_ready(team, "dev")
    assert "cotenant-editor" not in subjects(cluster, team.namespace("dev"))
    assert condition(team.tenant(), "AccessSynced")[:2] == ("True", "MemberExpired")


def test_a_cordoned_tenant_reads_and_changes_nothing_until_it_is_uncordoned(cluster):
    team = given_tenant(cluster, "quarantine", spaces=["dev"])
    space = team.namespace("dev")
    expect_created(lambda: team.owner.run_pod("before", namespace=space), "pod/before")

    team.change(cordoned=True)
    eventually(lambda: set(subjects(cluster, space)) == {"cotenant-viewer"}, within=3)
    eventually(lambda: set(subjects(cluster, team.home)) == {"cotenant-read"}, within=3)

    assert "before" in team.owner.kubectl("get", "pods", "-n", space).out
    expect_denied(lambda: team.owner.run_pod("during", namespace=space), by="RBAC", saying="pods is forbidden: ")
    expect_denied(
        team.owner.kubectl("delete", "pod", "before", "-n", space), by="RBAC", saying='pods "before" is forbidden: '
    )
    expect_denied(lambda: team.owner.apply(space_of(team, "more")), by="RBAC", saying="spaces.cotenant.dev")

    team.change(cordoned=False)
    eventually(lambda: set(subjects(cluster, space)) == {"cotenant-owner"}, within=3)
    eventually(lambda: team.owner.run_pod("after", namespace=space).ok)


def test_a_role_that_the_installation_does_not_allow_is_named_and_the_others_have_theirs(cluster):
    team = given_tenant(
        cluster, "admins", spaces=["dev"], members=[{"role": "cluster-admin", "user": "mallory"}], ready=False
    )

    expect_condition(team.tenant, "RoleNotAllowed", "user mallory")

    eventually(lambda: set(subjects(cluster, team.namespace("dev"))) == {"cotenant-owner"})
    expect_created(lambda: team.owner.run_pod("nginx", namespace=team.namespace("dev")))
    team.change(members=[owners(team)])
    expect_ready(team)


def test_a_role_whose_cluster_role_is_missing_is_named_until_it_is_there(cluster):
    if cluster.get("ClusterRole", "cotenant:developer"):
        cluster.delete("ClusterRole", "cotenant:developer")
    team = given_tenant(cluster, "early", spaces=["dev"], members=[{"role": "developer", "user": "dan"}], ready=False)

    expect_condition(team.tenant, "RoleNotFound", "ClusterRole cotenant:developer does not exist")
    eventually(lambda: "cotenant-owner" in subjects(cluster, team.namespace("dev")))

    given_role(cluster, "developer", ("get list create", "core", "pods"))
    expect_ready(team, "dev")
    eventually(lambda: cluster.user("dan").apply(pod("work", team.namespace("dev"))).ok)


def test_a_new_role_of_a_member_replaces_the_old_one(cluster):
    team = given_tenant(cluster, "promoted", spaces=["dev"], members=[{"role": "viewer", "user": "amy"}])
    expect_ready(team, "dev")

    team.change(members=[owners(team), {"role": "editor", "user": "amy"}])

    def moved() -> bool:
        return subjects(cluster, team.namespace("dev")) == {
            "cotenant-owner": {f"{team.name}-owners"},
            "cotenant-editor": {"amy"},
        }

    eventually(moved)
    expect_created(lambda: cluster.user("amy").run_pod("nginx", namespace=team.namespace("dev")))


def test_a_service_account_is_a_member_by_namespace_and_name(cluster):
    account = {"namespace": "default", "name": "deployer"}
    team = given_tenant(cluster, "robot", spaces=["dev"], members=[{"role": "editor", "serviceAccount": account}])
    expect_ready(team, "dev")
    (binding,) = [
        one for one in cluster.list("RoleBinding", team.namespace("dev")) if "editor" in one["metadata"]["name"]
    ]
    assert binding["subjects"] == [{"kind": "ServiceAccount", **account}]


def test_an_iam_member_is_bound_by_its_group_and_told_openly_that_nobody_maps_it_yet(cluster):
    role = {"role": "editor", "iamRole": "arn:aws:iam::123456789012:role/BackendTeamDeveloper"}
    team = given_tenant(cluster, "iam", spaces=["dev"], members=[role])
    expect_ready(team, "dev")
    assert condition(team.tenant(), "IAMSynced")[:2] == ("Unknown", "IAMNotManaged")
    bound = {one["metadata"]["name"]: one["subjects"] for one in cluster.list("RoleBinding", team.namespace("dev"))}
    assert set(bound) == {"cotenant-owner", "cotenant-editor"}
    assert [one["name"] for one in bound["cotenant-editor"]] == [f"cotenant:{team.name}:editor"]


def test_a_chart_of_an_owner_gets_its_role_and_goes_on_under_a_cordon_while_the_owner_grants_nothing_more(cluster):
    team = given_tenant(cluster, "chart", spaces=["dev"])
    expect_ready(team, "dev")
    place = team.namespace("dev")
    said = ["-n", place, "--dry-run=client", "-o", "yaml"]
    for words in (
        ("serviceaccount", "app"),
        ("role", "app", "--verb=get,list", "--resource=configmaps"),
        ("rolebinding", "app", "--role=app", f"--serviceaccount={place}:app"),
    ):
        body = team.owner.kubectl("create", *words, *said)
        expect_created(team.owner.kubectl("apply", "-n", place, "-f", "-", stdin=body.out))
    app = ["--as", f"system:serviceaccount:{place}:app"]
    eventually(lambda: cluster.admin.kubectl("get", "configmaps", "-n", place, *app).ok)
    expect_denied(cluster.admin.kubectl("get", "secrets", "-n", place, *app), by="RBAC")
    stranger = ("create", "rolebinding", "x", "--role=app", "--group=system:authenticated", "-n", place)
    expect_denied(team.owner.kubectl(*stranger), saying="COTENANT-RIGHT-3")
    expect_denied(team.owner.kubectl("delete", "rolebinding", "cotenant-owner", "-n", place), saying="COTENANT-RIGHT-7")
    in_the_home = ("create", "role", "x", "--verb=get", "--resource=pods", "-n", team.home)
    expect_denied(team.owner.kubectl(*in_the_home), by="RBAC")

    team.change(cordoned=True)

    eventually(lambda: set(subjects(cluster, place)) == {"cotenant-viewer", "app"})
    more = ("create", "rolebinding", "y", "--role=app", f"--serviceaccount={place}:app", "-n", place)
    eventually(lambda: "forbidden" in team.owner.kubectl(*more, "--dry-run=server").text.lower())
    expect_denied(lambda: team.owner.kubectl("delete", "rolebinding", "app", "-n", place), by="RBAC")
    assert cluster.admin.kubectl("get", "configmaps", "-n", place, *app).ok
