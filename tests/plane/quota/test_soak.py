"""The soak in short, and one interleaving on purpose that overshoots without the policy."""

from __future__ import annotations

import os
import signal

import pytest

from cotenant.model.platform import Platform
from cotenant.render.install.quotas import LAW, quota_policies
from soak.scene import LIMIT, Replica, run
from soak.witness import Verdict, Witness
from vocabulary import Team, eventually, expect_ready, given_tenant, pod

pytestmark = pytest.mark.cluster

OPERATOR = {
    "Impersonate-User": "system:serviceaccount:cotenant-system:cotenant",
    "Impersonate-Group": "system:masters",
}
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"


def test_two_operators_that_are_killed_and_clients_at_the_limit_never_overshoot(cluster):
    cluster.operator.kill()
    replicas = [Replica(cluster, server, "") for server in (0, 1)]
    for one in replicas:
        one.start()
    try:
        verdict, counts, starts, left = run(cluster, replicas, 12, clients=6, every=2)
    finally:
        for one in replicas:
            one.kill()
    assert not verdict.violations, verdict.broken
    assert left == LIMIT
    # It was a soak: the limit was reached, and operators died.
    assert verdict.most_used > LIMIT // 2
    assert counts["create 201"] > 20
    assert starts > len(replicas) + 1


@pytest.fixture
def manager(cluster):
    """The controller manager stands still: status.hard follows nothing by itself."""
    pid = next(one.pid for one in cluster.plane.state.programs if "controller-manager" in one.name)
    stopped = []

    def stop() -> None:
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    yield stop
    for one in stopped:
        os.kill(one, signal.SIGCONT)


@pytest.fixture
def lawless(cluster):
    """No policy binds charges to spec.hard any more."""
    cluster.operator.kill()
    cluster.plane.wire().expect("DELETE", f"{BINDINGS}/{LAW}")
    yield
    for one in quota_policies(Platform()):
        if one["kind"] == "ValidatingAdmissionPolicyBinding" and one["metadata"]["name"] == LAW:
            cluster.apply(one)
    wire = cluster.plane.wire()
    eventually(lambda: wire.json("GET", f"{BINDINGS}/{LAW}")[0] == 200)


def put(team: Team, path: str, **change) -> None:
    """As an operator does it that has read the object just now."""
    wire = team.cluster.plane.wire()
    there = wire.expect("GET", path)
    for field, content in change.items():
        there[field] = there.get(field, {}) | content
    path = path + "/status" if "status" in change else path
    status, answer = wire.json("PUT", path, there, **OPERATOR)
    assert status == 200, answer


def quota_of(team: Team, space: str) -> str:
    return f"/api/v1/namespaces/{team.namespace(space)}/resourcequotas/cotenant"


def creates(team: Team, space: str, name: str) -> tuple[int, str]:
    path = f"/api/v1/namespaces/{team.namespace(space)}/pods"
    status, answer = team.cluster.plane.wire().json("POST", path, pod(name, team.namespace(space)))
    return status, answer.get("message", "")


def one_lowers_another_charges_a_third_raises(team: Team, stop, *, until: int) -> tuple[Verdict, str]:
    """A transfer of everything from b to a, with a charge in b between its spec.hard and its status.hard."""
    limit = 4
    team.cluster.operator.kill()
    stop()
    witness = Witness(team.cluster.plane, team.name)
    put(team, quota_of(team, "b"), spec={"hard": {"pods": "0"}})
    said: list[str] = []

    def charged() -> bool:
        status, message = creates(team, "b", "late")
        said.append(message)
        return status == until

    eventually(charged)
    entries = [{"space": team.namespace("a"), "allocation": limit}, {"space": team.namespace("b"), "allocation": 0}]
    put(team, f"/apis/cotenant.dev/v1alpha1/namespaces/{team.home}/tenantledgers/pods", spec={"entries": entries})
    put(team, quota_of(team, "a"), spec={"hard": {"pods": str(limit)}})
    put(team, quota_of(team, "a"), status={"hard": {"pods": str(limit)}})
    for number in range(limit):
        eventually(lambda name=f"p{number}": creates(team, "a", name)[0] == 201)
    eventually(lambda: witness.so_far(limit).most_used >= limit)
    return witness.verdict(limit), said[-1]


def given_pair(cluster) -> Team:
    team = given_tenant(cluster, "pair", spaces=["a", "b"], quota={"hard": {"pods": 4}})
    expect_ready(team, "a", "b")
    return team


def test_a_charge_against_a_status_that_is_old_is_refused(cluster, manager):
    verdict, said = one_lowers_another_charges_a_third_raises(given_pair(cluster), manager, until=403)
    assert "COTENANT-QUOTA-1" in said
    assert not verdict.violations, verdict.broken


def test_without_the_policy_the_same_charge_overshoots(cluster, manager, request):
    team = given_pair(cluster)
    request.getfixturevalue("lawless")
    verdict, _ = one_lowers_another_charges_a_third_raises(team, manager, until=201)
    assert verdict.violations["use over the limit"]
