"""The soak in short, and the acts: interleavings on purpose that overshoot where one precaution is missing."""

from __future__ import annotations

import time
from typing import Any

import pytest

from soak.acts import ACTS, quota_of, read
from soak.clients import service
from soak.scene import LIMIT, LOW, OVERSHOOTS, POLICIES, Replica, hunt, play, run
from soak.verdict import counted
from soak.witness import Witness
from vocabulary import eventually, expect_ready, given_tenant, pod

pytestmark = pytest.mark.cluster
BINDINGS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
REFUSALS = {"law": "COTENANT-QUOTA-1", "lease": "COTENANT-STRICT-1", "bump": "has been modified"}


@pytest.fixture
def replicas(cluster):
    """Two of them, on two API servers, without election. What they lack is said before the first one starts."""
    cluster.operator.kill()
    found = [Replica(cluster, server, "") for server in (0, 1)]

    def begin(without: str = "") -> list[Replica]:
        for one in found:
            one.without = without
            one.start()
        return found

    yield begin
    for one in found:
        one.kill()


@pytest.fixture
def without(cluster):
    """A policy does not bind any more."""
    wire, gone = cluster.plane.wire(), []

    def take(name: str) -> None:
        gone.append(f"{BINDINGS}/{POLICIES[name]}")
        wire.expect("PATCH", gone[-1], {"spec": {"validationActions": ["Audit"]}})
        time.sleep(2)

    yield take
    for path in gone:
        wire.expect("PATCH", path, {"spec": {"validationActions": ["Deny"]}})
        time.sleep(2)


@pytest.mark.parametrize("strict", [False, True], ids=["native", "strict"])
def test_two_operators_that_are_killed_and_clients_at_the_limit_never_overshoot(cluster, replicas, strict):
    found = run(cluster, replicas(), 12, clients=6, every=2, strict=strict)
    assert not found.violations, found.broken
    assert found.left == LIMIT
    # It was a soak: there was more than the least that the limit ever is, and operators died.
    assert found.verdict.most_used["pods"] > int(LOW["pods"])
    assert found.counts["create 201"] > 10
    assert found.starts > 2  # two of them, and at least one was killed
    if strict:
        assert found.verdict.most_real["pods"] > int(LOW["pods"])


@pytest.mark.parametrize("name", OVERSHOOTS)
def test_the_same_soak_without_one_precaution_overshoots(cluster, replicas, without, name) -> None:
    """Nobody says when: until the first violation, however slow the machine is."""
    if name in POLICIES:
        without(name)
    storms = name == "lease"
    found = hunt(cluster, replicas(without=name), 12 if storms else 8, 2 if storms else 10, name)
    assert found.violations.keys() & OVERSHOOTS[name], (found.violations, found.counts)


def test_a_quota_tells_what_was_charged_from_what_was_counted(cluster):
    """On what the witness relies: an API server charges a pod, the quota controller finds services of a key limited later."""
    team = given_tenant(cluster, "told", spaces=["a"], quota={"hard": {"pods": 1}})
    expect_ready(team, "a")
    wire, space = cluster.plane.wire(), team.namespace("a")
    for number in range(2):
        wire.expect("POST", f"/api/v1/namespaces/{space}/services", service(f"s{number}"))
    wire.expect("POST", f"/api/v1/namespaces/{space}/pods", pod("p", space))
    witness = Witness(cluster.plane, team.name, {"pods": "1", "count/services": "1"})
    team.change(quota={"hard": {"pods": 1, "count/services": 1}})

    def counts() -> dict[str, Any] | None:
        quota = read(team, quota_of(team, "a"))
        return quota if quota["status"]["used"]["count/services"] == "2" else None

    quota = eventually(counts)
    assert int(quota["spec"]["hard"]["count/services"]) < 2
    assert counted("count/services", quota)
    assert quota["status"]["used"]["pods"] == "1"
    assert not counted("pods", quota)
    verdict = witness.verdict()
    assert verdict.most_used["count/services"] == 2
    assert "charged over spec.hard" not in verdict.violations


def test_every_act_is_refused(cluster, replicas):
    for name, (verdict, said) in play(cluster, replicas(), ACTS).items():
        assert REFUSALS[name] in said, name
        assert not verdict.violations, verdict.broken


@pytest.mark.parametrize("name", ACTS)
def test_without_the_precaution_the_same_act_overshoots(cluster, replicas, without, name):
    if name in POLICIES:
        without(name)
    crew = replicas(without=name)
    # On a busy machine others are sometimes too late for the act, and nothing happens at all: then once more.
    for _ in range(3):
        verdict, said = play(cluster, crew, [name])[name]
        assert REFUSALS[name] not in said
        # A charge over spec.hard alone leaves the sum as it is.
        if verdict.violations.keys() - {"charged over spec.hard"}:
            return
    raise AssertionError("nothing overshot")
