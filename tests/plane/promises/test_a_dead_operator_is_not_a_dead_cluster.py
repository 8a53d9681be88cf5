"""Promise 1: isolation is native objects; without the operator every denial holds, and nothing else is affected."""

from __future__ import annotations

import pytest

from vocabulary import (
    eventually,
    expect_created,
    expect_denied,
    expect_ready,
    expect_settled,
    given_namespace,
    given_space,
    given_tenant,
    in_force,
    may_not_touch,
    pod,
    space_of,
)

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def teams(installation):
    """Two teams and a full one, made while the operator lived."""
    rules = {
        "quota": {"hard": {"pods": 2, "limits.cpu": "2"}},
        "limits": [{"type": "Container", "default": {"cpu": "500m"}, "max": {"cpu": "1"}}],
        "pods": {"security": "restricted"},
    }
    if not installation.operator.running:
        installation.operator.start()
    made = [given_tenant(installation, base, spaces=["dev"], **rules) for base in ("alive", "other")]
    made.append(given_tenant(installation, "full", spaces=["one"], limit=2))
    for team in made[:2]:
        expect_ready(team, "dev")
        eventually(lambda at=team: in_force(installation, at.namespace("dev"))["pods"] == "2")
    given_space(made[2], "two")
    return made


@pytest.fixture(scope="module")
def dead(installation, teams):
    """The cluster with its operator killed, for the tests that follow one another here."""
    installation.operator.kill()
    yield installation
    if not installation.operator.running:
        installation.operator.start()


def test_every_layer_still_refuses_when_the_operator_is_killed(dead, teams):
    team, other, _ = teams
    owner, space = team.owner, team.namespace("dev")

    expect_denied(owner.run_pod("x", namespace=other.namespace("dev")), by="RBAC", saying="pods is forbidden: ")
    may_not_touch(owner, other.namespace("dev"))
    may_not_touch(owner, other.home)
    expect_denied(owner.apply(pod("x", space)), by="pod security", saying='violates PodSecurity "restricted:v1.36"')
    large = pod("x", space, restricted=True, resources={"limits": {"cpu": "2"}})
    expect_denied(owner.apply(large), by="limits", saying="maximum cpu usage per Container is 1, but limit is 2")
    for number in (1, 2):
        expect_created(owner.apply(pod(f"p{number}", space, restricted=True)), f"pod/p{number}")
    expect_denied(
        owner.apply(pod("p3", space, restricted=True)),
        by="quota",
        saying='pods "p3" is forbidden: exceeded quota: cotenant, requested: pods=1, used: pods=2, limited: pods=2',
    )
    for kind in ("networkpolicy", "resourcequota", "limitrange"):
        expect_denied(owner.kubectl("delete", kind, "--all", "-n", space), by="RBAC", saying="is forbidden")
    expect_denied(owner.kubectl("delete", "rolebinding", "--all", "-n", space), by="policy", saying="COTENANT-RIGHT-7")
    assert dead.there("NetworkPolicy", "cotenant-default-deny", space)


def test_the_limit_on_spaces_and_the_guard_hold_when_the_operator_is_killed(dead, teams):
    team = teams[2]

    expect_denied(
        team.owner.apply(space_of(team, "three")),
        by="quota",
        saying='spaces.cotenant.dev "three" is forbidden: exceeded quota: cotenant, '
        "requested: count/spaces.cotenant.dev=1, used: count/spaces.cotenant.dev=2, limited: count/spaces.cotenant.dev=2",
    )
    off = '{"metadata":{"finalizers":null}}'
    expect_denied(
        team.owner.kubectl("patch", "cosp", "two", "--type=merge", "-p", off, "-n", team.home),
        by="policy",
        saying="COTENANT-GUARD-1",
    )


def test_somebody_elses_namespace_works_as_ever_when_the_operator_is_killed(dead):
    foreign = given_namespace(dead, "foreign")

    expect_created(dead.admin.run_pod("nginx", namespace=foreign), "pod/nginx")
    eventually(lambda: dead.there("Pod", "nginx", foreign)["status"]["phase"] == "Running", within=15)
    # The kubelet reports for a team's pods too.
    eventually(lambda: all(one["status"]["phase"] == "Running" for one in dead.list("Pod", labels="run=nginx")))
    expect_created(dead.admin.kubectl("create", "namespace", f"{foreign}-2"), f"namespace/{foreign}-2")


def test_a_space_made_meanwhile_waits_and_is_ready_when_the_operator_is_back(dead, teams):
    team = teams[0]
    expect_created(team.owner.apply(space_of(team, "later")), "space.cotenant.dev/later")
    assert dead.get("Namespace", team.namespace("later")) is None

    dead.operator.start()

    expect_ready(team, "later", within=5)


def test_no_webhook_no_aggregated_api_is_installed(cluster):
    assert cluster.list("ValidatingWebhookConfiguration") == []
    assert cluster.plane.raw("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations")["items"] == []
    assert [one["metadata"]["name"] for one in cluster.list("APIService") if one["spec"].get("service")] == []


def test_a_pod_costs_no_webhook_and_no_call_of_the_operator(cluster, teams):
    team = given_tenant(cluster, "cheap", spaces=["dev"])
    # What the operator still has to tell of the new tenant is no cost of the pod.
    expect_settled(cluster)
    calls = "rest_client_requests_total"
    before, mark = cluster.plane.metrics(), cluster.plane.audit_mark()

    expect_created(team.owner.run_pod("nginx", namespace=team.namespace("dev")), "pod/nginx")

    spent = cluster.plane.metrics().delta(before)
    assert spent.sum("apiserver_admission_webhook_request_total") == 0
    operator = "system:serviceaccount:cotenant-system:cotenant"
    asked = [one for one in cluster.plane.audit_since(mark, user=operator) if team.name in one.uri]
    assert asked == []
    assert calls in cluster.operator.http("/metrics")[1]
