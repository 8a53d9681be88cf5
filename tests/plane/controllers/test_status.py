"""What a Tenant and a Space say of themselves, in the ways that kubectl and kstatus read; and events."""

from __future__ import annotations

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
    space_of,
)

pytestmark = pytest.mark.cluster
VERSION = "v1.36"


def types(found):
    return {one["type"]: one["status"] for one in found["status"]["conditions"]}


def test_kubectl_waits_for_a_tenant_and_its_spaces(cluster):
    team = given_tenant(cluster, "waited", spaces=["dev"], ready=False)
    answer = cluster.admin.kubectl("wait", "--for=condition=Ready", f"tenant/{team.name}", "--timeout=60s")
    assert answer.out == f"tenant.cotenant.dev/{team.name} condition met\n"
    answer = team.owner.kubectl("wait", "--for=condition=Ready", "space", "--all", "-n", team.home, "--timeout=60s")
    assert answer.out == "space.cotenant.dev/dev condition met\n"


def test_a_ready_tenant_has_every_condition_and_no_abnormal_one(cluster):
    team = given_tenant(cluster, "whole", spaces=["dev"])
    expected = {"Ready", "AccessSynced", "IAMSynced", "QuotaSynced", "NetworkIsolated", "PolicyEnforced", "Verified"}
    expected |= {"StrictAccounting"}
    eventually(lambda: set(types(team.tenant())) == expected)
    assert team.tenant()["status"]["home"] == team.home
    eventually(lambda: team.tenant()["status"]["spaces"] == {"ready": 1, "total": 1, "limit": 5})
    assert all(one.get("lastTransitionTime") for one in team.tenant()["status"]["conditions"])


def test_the_generation_is_observed_after_every_change(cluster):
    team = given_tenant(cluster, "watched", spaces=["dev"])
    for internet in (False, True):
        team.change(network={"internet": internet})
        generation = team.tenant()["metadata"]["generation"]

        def seen(wanted=generation) -> bool:
            status = team.tenant()["status"]
            return status["observedGeneration"] == wanted and all(
                one["observedGeneration"] == wanted for one in status["conditions"]
            )

        eventually(seen)


def test_stalled_is_there_only_while_somebody_has_to_act(cluster):
    team = given_tenant(cluster, "stuck", spaces=["dev"], profile="not-there", ready=False)
    expect_condition(team.tenant, "ProfileNotFound")
    found = types(team.tenant())
    assert found["Ready"] == "False" and found["Stalled"] == "True" and "Reconciling" not in found

    cluster.patch("Tenant", team.name, {"spec": {"profile": None}})

    expect_ready(team)
    assert not {"Stalled", "Reconciling"} & set(types(team.tenant()))


def test_a_ready_space_says_where_it_is_and_nothing_abnormal(cluster):
    team = given_tenant(cluster, "placed")
    namespace = given_space(team, "dev")
    status = team.space("dev")["status"]
    assert status["namespace"] == namespace and status["phase"] == "Ready" and status["observedGeneration"] == 1
    eventually(lambda: types(team.space("dev")) == {"Ready": "True", "QuotaSynced": "True"})


def test_columns_tell_the_same(cluster):
    team = given_tenant(cluster, "columns", spaces=["dev"])
    expect_ready(team, "dev")
    head, row = team.owner.kubectl("get", "cosp", "-n", team.home).out.splitlines()
    assert head.split() == ["NAME", "NAMESPACE", "PHASE", "READY", "AGE"]
    assert row.split()[:4] == ["dev", team.namespace("dev"), "Ready", "True"]
    assert team.name in cluster.admin.kubectl("get", "cot").out
    assert "True" in cluster.admin.kubectl("get", "cot", team.name, "--no-headers").out


def test_members_read_the_rules_and_the_tenants_state_in_their_home(cluster):
    team = given_tenant(
        cluster, "mirror", spaces=["dev"], quota={"hard": {"pods": 7}}, members=[{"role": "viewer", "user": "vera"}]
    )
    expect_ready(team, "dev")
    vera = cluster.user("vera")

    def mirrored() -> bool:
        status = cluster.there("SpacePolicy", "policy", team.home).get("status", {})
        ready = [one["status"] for one in status.get("conditions", []) if one["type"] == "Ready"]
        return ready == ["True"] and status.get("quota") == {"pods": 7} and status.get("limit") == 5

    eventually(mirrored)
    for namespace in (team.home, team.namespace("dev")):
        assert vera.kubectl("get", "copol", "policy", "-n", namespace).ok


@pytest.mark.parametrize("level", ["restricted", "baseline", "privileged"])
def test_pod_security_is_on_the_namespace_with_its_version(cluster, level):
    team = given_tenant(cluster, level, spaces=["dev"], pods={"security": level})
    expect_ready(team, "dev")
    labels = cluster.there("Namespace", team.namespace("dev"))["metadata"]["labels"]
    for mode in ("enforce", "warn", "audit"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == level
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == VERSION
    home = cluster.there("Namespace", team.home)["metadata"]["labels"]
    assert home["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_namespace_has_all_its_labels_from_birth(cluster):
    mark = cluster.plane.audit_mark()
    team = given_tenant(cluster, "newborn", spaces=["dev"])
    expect_ready(team, "dev")
    about = [
        one
        for one in cluster.writes(mark)
        if one.resource == "namespaces" and one.name in (team.home, team.namespace("dev"))
    ]
    assert [(one.verb, one.code) for one in about] == [("create", 201)] * 2


def test_rights_come_last(cluster):
    mark = cluster.plane.audit_mark()
    team = given_tenant(cluster, "orderly", spaces=["dev"])
    expect_ready(team, "dev")
    about = [one for one in cluster.writes(mark) if one.namespace == team.namespace("dev") and one.code in (200, 201)]
    order = [one.resource for one in about]
    first = order.index("rolebindings")
    assert {"networkpolicies", "limitranges", "resourcequotas"} <= set(order[:first])
    assert not {"networkpolicies", "limitranges"} & set(order[first:])


def test_a_space_that_got_ready_is_an_event(cluster):
    team = given_tenant(cluster, "eventful")
    made = given_space(team, "dev")
    adopted = given_namespace(cluster, "legacy", adopt=f"{team.name}/old")
    given_space(team, "old", namespace=adopted)

    def told() -> set[tuple[str, str, str]]:
        events = [one for one in cluster.list("Event", team.home) if one["reportingController"] == "cotenant"]
        return {(one["regarding"]["name"], one["reason"], one["note"]) for one in events}

    wanted = {
        ("dev", "SpaceCreated", f"namespace {made} is ready"),
        ("old", "SpaceAdopted", f"namespace {adopted} is ready"),
    }
    eventually(lambda: told() == wanted)
    assert "SpaceCreated" in team.owner.kubectl("get", "events", "-n", team.home).out


def test_one_broken_tenant_never_stops_the_others(cluster):
    broken = [
        given_tenant(cluster, "broken", ready=False, profile="not-there"),
        given_tenant(cluster, "broken", ready=False, spaces=["dev"], members=[{"role": "nobody", "user": "n"}]),
        given_tenant(cluster, "broken", ready=False, spaces=["kube-x"], naming="{space}-{tenant}"),
        given_tenant(cluster, "broken", ready=False, naming="{space}", spaces=["dev"]),
    ]
    taken = given_namespace(cluster, "", named=f"{broken[0].name}-taken-dev")
    clashing = given_tenant(cluster, "", named=taken.removesuffix("-dev"), ready=False, spaces=["dev"])

    healthy = given_tenant(cluster, "healthy", spaces=["dev"])
    expect_ready(healthy, "dev", within=5)
    expect_created(healthy.owner.apply(space_of(healthy, "more")))
    expect_ready(healthy, "more", within=5)

    for team, reason in zip(
        [*broken, clashing],
        ["ProfileNotFound", "RoleNotAllowed", "SpacesFailed", "SpacesFailed", "SpacesFailed"],
        strict=True,
    ):
        expect_condition(team.tenant, reason)
        assert condition(team.tenant())[0] == "False"


def test_a_broken_space_names_its_cause_and_its_neighbours_are_ready(cluster):
    team = given_tenant(cluster, "mixed", spaces=["dev"])
    given_namespace(cluster, "", named=team.namespace("test"))
    team.change(spaces={"declared": ["dev", "test"]})

    expect_condition(lambda: team.space("test"), "NamespaceTaken", team.namespace("test"))
    expect_condition(team.tenant, "SpacesFailed", "test")
    expect_ready_space = team.space("dev")
    assert condition(expect_ready_space)[0] == "True"


def test_spaces_beyond_a_lowered_limit_stay_and_are_told(cluster):
    team = given_tenant(cluster, "over", limit=3)
    for name in ("a", "b"):
        given_space(team, name)

    team.change(spaces={"limit": 1})

    expect_condition(team.tenant, "SpacesOverLimit", "2 spaces")
    assert cluster.names("Space", team.home) == {"a", "b"}
    assert condition(team.space("b"))[0] == "True"
