"""Strict accounting on a real control plane: real pods within the limit, and room given back."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from cotenant.api.keys import ACCOUNTING, STRICT
from cotenant.kube.resource import LEASES, NAMESPACES, VALIDATING_POLICIES, VALIDATING_POLICY_BINDINGS
from cotenant.model.platform import Platform
from cotenant.model.refund.managers import strangers
from cotenant.render.install.strict import strict
from plane.quota.churn import Field, churn
from vocabulary import eventually

pytestmark = pytest.mark.cluster
LIMIT = 10
HARD = {"pods": str(LIMIT)}
LABEL = {ACCOUNTING: STRICT}
DEAD = 6.0


class Accountants:
    """Operators that do nothing but strict accounting, and the policy that watches their Lease."""

    def __init__(self, plane) -> None:
        self.plane, self.lease, self.number = plane, f"strict-{uuid.uuid4().hex[:6]}", 0
        wire = plane.wire()
        wire.json("POST", NAMESPACES.path(), {"metadata": {"name": "cotenant-system"}})
        for one in strict(Platform(), lease=self.lease, dead=f"{DEAD:.0f}s"):
            resource = VALIDATING_POLICIES if one["kind"] == "ValidatingAdmissionPolicy" else VALIDATING_POLICY_BINDINGS
            status, answer = wire.json("POST", resource.path(), one)
            assert status == 201, answer
        self.running: list[subprocess.Popen[str]] = []

    def start(self) -> subprocess.Popen[str]:
        self.number += 1
        program = Path(__file__).with_name("accountant.py")
        arguments = [self.plane.kubeconfig, "cotenant-system", self.lease, f"a{self.number}"]
        process = subprocess.Popen(
            [sys.executable, program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            env=self.plane.environment(),
        )
        self.running.append(process)
        return process

    def lead(self) -> subprocess.Popen[str]:
        process = self.start()
        assert process.stdout is not None
        assert process.stdout.readline() == "leads\n"
        return process

    def stop(self, process: subprocess.Popen[str]) -> str:
        process.terminate()
        out, _ = process.communicate(timeout=20)
        self.running.remove(process)
        return out

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.wait()
        self.running.remove(process)

    def close(self) -> None:
        for process in self.running:
            process.kill()
            process.communicate()
        wire = self.plane.wire()
        for resource in (VALIDATING_POLICY_BINDINGS, VALIDATING_POLICIES):
            wire.json("DELETE", resource.path(name="cotenant-strict"))
        wire.json("DELETE", LEASES.path("cotenant-system", self.lease))


@pytest.fixture
def accountants(control_plane):
    found = Accountants(control_plane)
    time.sleep(1)  # until every API server has compiled the policy
    yield found
    found.close()


@pytest.fixture
def field(control_plane):
    with closing(Field(control_plane, HARD, LABEL)) as found:
        yield found


def test_native_quota_gives_the_same_room_away_twice(field, record_property) -> None:
    """What strict accounting is for. Were this to fail one day, Kubernetes would have learned it."""
    witness = field.witness(LIMIT)
    for _ in range(4):
        found = churn(field, 10)
        if witness.most > LIMIT:
            break
    record_property("native", f"most {witness.most}, above {witness.above}, {dict(found)}")
    assert witness.most > LIMIT


def test_real_pods_stay_within_the_limit_and_nothing_leaks(field, accountants, record_property) -> None:
    process = accountants.lead()
    witness = field.witness(LIMIT)
    found = churn(field, 20)
    said = accountants.stop(process) if eventually(lambda: field.used() == "0", within=20) else ""
    record_property("strict", f"most {witness.most}, {dict(found)}, {said}")
    assert witness.above == 0
    assert witness.most > LIMIT / 2
    assert [field.create(f"last{number}")[0] for number in range(LIMIT + 1)] == [201] * LIMIT + [403]


def test_a_trickle_is_never_refused(field, accountants) -> None:
    accountants.lead()
    for number in range(LIMIT):
        field.create(f"stays{number}")
    refused = []
    for number in range(20):
        field.delete(f"stays{number % LIMIT}")
        time.sleep(0.5)
        status, text = field.create(f"stays{number % LIMIT}")
        refused += [text] if status != 201 else []
        time.sleep(0.3)
    assert refused == []


def test_a_killed_operator_leaves_it_tight_and_never_over(field, accountants) -> None:
    process = accountants.lead()
    witness = field.witness(LIMIT)
    churn(field, 4)
    accountants.kill(process)
    churn(field, 3)
    assert witness.above == 0
    accountants.lead()
    churn(field, 4)
    assert witness.above == 0
    eventually(lambda: field.used() == "0", within=30)


def test_two_operators_at_once_give_nothing_back_twice(field, accountants, control_plane, record_property) -> None:
    first = accountants.lead()
    lease, accountants.lease = accountants.lease, f"{accountants.lease}-other"
    second = accountants.lead()
    witness = field.witness(LIMIT)
    churn(field, 10)
    assert witness.above == 0
    eventually(lambda: field.used() == "0", within=20)
    record_property("two", accountants.stop(first) + accountants.stop(second))
    control_plane.wire().json("DELETE", LEASES.path("cotenant-system", accountants.lease))
    accountants.lease = lease


def test_where_the_lease_is_stale_the_quota_controller_counts_as_ever(field, accountants) -> None:
    accountants.kill(accountants.lead())
    time.sleep(DEAD + 1.5)
    for turn in range(5):
        assert field.create(f"p{turn}")[0] == 201
        field.delete(f"p{turn}")
        # At once: not after the two seconds of quiet that a living operator would ask for.
        eventually(lambda: field.used() == "0", within=1.5)


def test_while_the_lease_is_fresh_the_quota_controller_waits(field, accountants) -> None:
    """With an operator that lives and gives nothing back: renewed by hand."""
    spec = {"holderIdentity": "x", "leaseDurationSeconds": 15, "renewTime": "2999-01-01T00:00:00.000000Z"}
    lease = {"metadata": {"name": accountants.lease}, "spec": spec}
    field.wire.expect("POST", LEASES.path("cotenant-system"), lease)
    time.sleep(0.5)
    assert field.create("p")[0] == 201
    field.delete("p")
    time.sleep(1.0)
    assert field.used() == "1"


def test_the_managers_of_this_cluster_are_those_that_the_policy_reads(control_plane) -> None:
    with closing(Field(control_plane, HARD, {})) as canary:
        early = strangers(canary.quota()["metadata"]["managedFields"])
        assert early is not None
        assert "by kube-controller-manager and not by kube-apiserver" in early
        assert canary.create("p")[0] == 201
        assert strangers(canary.quota()["metadata"]["managedFields"]) is None
