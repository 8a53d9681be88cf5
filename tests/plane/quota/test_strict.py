"""Strict accounting on a real control plane: real pods within the limit, and room given back."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from cotenant.model.refund.managers import strangers

from cotenant.api.keys import ACCOUNTING, REFUNDED, STRICT
from cotenant.kube.resource import (
    LEASES,
    NAMESPACES,
    PODS,
    RESOURCE_QUOTAS,
    SECRETS,
    SERVICES,
    VALIDATING_POLICIES,
    VALIDATING_POLICY_BINDINGS,
)
from cotenant.model.platform import Platform
from cotenant.render.install.strict import strict
from plane.quota.churn import Field, churn
from vocabulary import eventually

pytestmark = pytest.mark.cluster
LIMIT = 10
HARD = {"pods": str(LIMIT)}
LABEL = {ACCOUNTING: STRICT}
DEAD = 5.0
"""Shorter than the Lease of a leader: what a standby outlasts by its heartbeat alone."""


HOME, LEASE, LEADERS = "cotenant-system", "strict-test", "strict-leaders"


def renewed(at: str) -> dict:
    """The Lease of an operator that was last heard of at that time."""
    stamp = f"{at}T00:00:00.000000Z"
    return {"metadata": {"name": LEASE}, "spec": {"holderIdentity": "x", "leaseDurationSeconds": 1, "renewTime": stamp}}


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


class Accountants:
    """Operators that do nothing but strict accounting."""

    def __init__(self, plane) -> None:
        self.plane = plane
        self.running: list[subprocess.Popen[str]] = []

    def stand_by(self, leaders: str = LEADERS) -> subprocess.Popen[str]:
        """One that gives signs of life, and leads when it may."""
        program = Path(__file__).with_name("accountant.py")
        arguments = [self.plane.kubeconfig, HOME, leaders, LEASE, uuid.uuid4().hex[:6]]
        process = subprocess.Popen(
            [sys.executable, program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            text=True,
            env=self.plane.environment(),
        )
        self.running.append(process)
        assert said(process) == "stands by\n"
        return process

    def lead(self, leaders: str = LEADERS) -> subprocess.Popen[str]:
        """Returns when it leads."""
        process = self.stand_by(leaders)
        assert said(process) == "leads\n"
        return process

    def stop(self, process: subprocess.Popen[str]) -> str:
        """What it says of itself."""
        process.terminate()
        return self.ended(process)

    def kill(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        self.ended(process)

    def ended(self, process: subprocess.Popen[str]) -> str:
        self.running.remove(process)
        return process.communicate(timeout=20)[0]

    def close(self) -> None:
        for process in list(self.running):
            self.kill(process)


@pytest.fixture(scope="module")
def policy(control_plane):
    """The policy, seen to act."""
    wire = control_plane.wire()
    wire.json("POST", NAMESPACES.path(), {"metadata": {"name": HOME}})
    wire.json("POST", LEASES.path(HOME), renewed("2999-01-01"))
    for one in strict(Platform(), lease=LEASE, dead=f"{DEAD:.0f}s"):
        resource = VALIDATING_POLICIES if one["kind"] == "ValidatingAdmissionPolicy" else VALIDATING_POLICY_BINDINGS
        wire.expect("POST", resource.path(), one)
    with closing(Field(control_plane, HARD, LABEL)) as canary:
        eventually(lambda: waits(canary), within=30)
    yield
    for resource in (VALIDATING_POLICY_BINDINGS, VALIDATING_POLICIES):
        wire.json("DELETE", resource.path(name="cotenant-strict"))


def waits(field: Field) -> bool:
    """Whether the quota controller may not yet give back the room of a pod that went."""
    eventually(lambda: field.used() == "0")
    assert field.create("canary")[0] == 201
    field.delete("canary")
    time.sleep(0.8)
    return field.used() == "1"


@pytest.fixture
def accountants(control_plane, policy):
    for lease in (LEASE, LEADERS, f"{LEADERS}-other"):
        control_plane.wire().json("DELETE", LEASES.path(HOME, lease))
    with closing(Accountants(control_plane)) as found:
        yield found


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
    churn(field, 2)
    assert witness.above == 0
    accountants.lead()
    churn(field, 4)
    assert witness.above == 0
    eventually(lambda: field.used() == "0", within=30)


def test_a_standby_keeps_it_strict_until_it_leads(field, accountants) -> None:
    process = accountants.lead()
    standby = accountants.stand_by()
    witness = field.witness(LIMIT)
    storm = threading.Thread(target=churn, args=(field, 14))
    storm.start()
    time.sleep(2)
    accountants.kill(process)
    assert said(standby) == "leads\n"
    storm.join()
    assert witness.above == 0
    eventually(lambda: field.used() == "0", within=30)


def test_two_operators_at_once_give_nothing_back_twice(field, accountants, record_property) -> None:
    both = [accountants.lead(), accountants.lead(f"{LEADERS}-other")]
    witness = field.witness(LIMIT)
    churn(field, 10)
    eventually(lambda: field.used() == "0", within=20)
    record_property("two", " ".join([accountants.stop(one) for one in both]))
    assert witness.above == 0


def test_a_leak_is_found_and_mended_while_others_wait_for_nothing(field, accountants) -> None:
    accountants.lead()
    for number in range(2):
        field.create(f"p{number}")
    quota = field.quota()
    quota["status"]["used"]["pods"] = "9"
    field.wire.expect("PUT", RESOURCE_QUOTAS.path(field.name, "cotenant", "status"), quota)
    eventually(lambda: field.used() == "2", within=8)
    assert field.quota()["metadata"]["annotations"][REFUNDED].startswith("pods=")


def test_a_leak_in_a_space_that_is_never_quiet_is_mended_behind_a_closed_door(field, accountants) -> None:
    accountants.lead()
    quota = field.quota()
    quota["status"]["used"]["pods"] = str(LIMIT - 1)
    field.wire.expect("PUT", RESOURCE_QUOTAS.path(field.name, "cotenant", "status"), quota)
    end, mended = time.monotonic() + 40, False
    while time.monotonic() < end and not mended:
        field.create("restless")
        field.delete("restless")
        time.sleep(0.3)
        mended = int(field.used()) <= 1
    assert mended
    eventually(lambda: field.quota()["spec"]["hard"] == HARD)
    eventually(lambda: field.create("free")[0] == 201)


def test_every_kind_gives_back_what_it_was_charged(control_plane, accountants) -> None:
    hard = {"pods": "5", "count/pods": "5", "services": "5", "services.loadbalancers": "5", "secrets": "5"}
    with closing(Field(control_plane, hard, LABEL)) as field:
        accountants.lead()
        service = {"metadata": {"name": "s"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}
        field.wire.expect("POST", SERVICES.path(field.name), service)
        field.wire.expect("POST", SECRETS.path(field.name), {"metadata": {"name": "x"}})
        field.create("p")
        time.sleep(1)
        field.wire.expect("POST", SECRETS.path(field.name), {"metadata": {"name": "y"}})
        field.wire.expect("PATCH", SERVICES.path(field.name, "s"), {"spec": {"type": "ClusterIP"}})
        field.wire.expect("PATCH", PODS.path(field.name, "p", "status"), {"status": {"phase": "Succeeded"}})
        field.wire.expect("DELETE", SECRETS.path(field.name, "x"))
        want = {"pods": "0", "count/pods": "1", "services": "1", "services.loadbalancers": "0", "secrets": "1"}
        # Before the quota controller may: that is two seconds after the last charge.
        eventually(lambda: field.quota()["status"]["used"] == want, within=1.0)


def test_with_no_operator_left_a_trickle_finds_its_room_again(field, accountants) -> None:
    """Killed for good. While its Lease is fresh what goes stays charged; after that native quota is back."""
    accountants.kill(accountants.lead())
    waiting = longest = 0.0
    end = time.monotonic() + 20
    for number in itertools.count():
        if time.monotonic() > end:
            break
        status, _ = field.create(f"t{number}")
        waiting = 0.0 if status == 201 else waiting + 1
        longest = max(longest, waiting)
        field.delete(f"t{number}")
        time.sleep(1)
    assert longest <= 2


def test_where_the_lease_is_stale_the_quota_controller_counts_as_ever(field, accountants) -> None:
    accountants.kill(accountants.lead())
    time.sleep(DEAD + 1.5)
    for turn in range(5):
        assert field.create(f"p{turn}")[0] == 201
        field.delete(f"p{turn}")
        # At once: not after the two seconds of quiet that a living operator would ask for.
        eventually(lambda: field.used() == "0", within=1.5)


def test_while_the_lease_is_fresh_the_quota_controller_waits(field, policy) -> None:
    """An operator that lives and gives nothing back: its Lease is renewed by hand."""
    field.wire.json("DELETE", LEASES.path(HOME, LEASE))
    field.wire.expect("POST", LEASES.path(HOME), renewed("2999-01-01"))
    time.sleep(0.5)
    assert waits(field)
    eventually(lambda: field.used() == "0", within=10)


def test_without_the_label_nothing_changes(control_plane, policy) -> None:
    with closing(Field(control_plane, HARD, {})) as native:
        assert not waits(native)


def test_the_managers_of_this_cluster_are_those_that_the_policy_reads(control_plane) -> None:
    with closing(Field(control_plane, HARD, {})) as canary:
        early = strangers(canary.quota()["metadata"]["managedFields"])
        assert early is not None
        assert "by kube-controller-manager and not by kube-apiserver" in early
        assert canary.create("p")[0] == 201
        assert strangers(canary.quota()["metadata"]["managedFields"]) is None
