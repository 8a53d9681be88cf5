"""Strict accounting with the operator as it is installed: real objects within the limit, and room given back."""

from __future__ import annotations

import itertools
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest

from cotenant.api.keys import ACCOUNTING, FROZEN, HEARTBEAT, REFUNDED, REHEARSAL, STRICT
from cotenant.kube.resource import (
    CLUSTER_ROLES,
    LEASES,
    RESOURCE_QUOTAS,
    SPACES,
    VALIDATING_POLICY_BINDINGS,
)
from cotenant.render.install.strict import DEAD, POLICY, RIGHTS
from installation import APPLY, Operator
from plane.quota.churn import OPERATOR, Field, Witness, churn, connect, trickle
from soak.scene import Replica
from vocabulary import BUSY, condition, eventually, expect_condition, never, space_of

pytestmark = pytest.mark.cluster
LIMIT = 10
HARD = {"pods": str(LIMIT)}
HOME = "cotenant-system"
STALE = float(DEAD.removesuffix("s"))


@pytest.fixture
def field(cluster):
    with closing(Field(cluster, HARD)) as found:
        yield found


@pytest.fixture
def native(cluster):
    with closing(Field(cluster, HARD, "native")) as found:
        yield found


def renewed(cluster, at: str) -> None:
    """The sign of life of an operator that was last heard of at that time; nobody else renews it."""
    body = {"spec": {"holderIdentity": "x", "renewTime": f"{at}T00:00:00.000000Z"}}
    cluster.plane.wire().expect("PATCH", LEASES.path(HOME, HEARTBEAT), body)
    time.sleep(0.5)


@pytest.fixture
def alive(cluster):
    """No operator, but its sign of life for ever."""

    def begin() -> None:
        cluster.operator.kill()
        renewed(cluster, f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}")

    yield begin
    renewed(cluster, "2001-01-01")


def waits(field: Field) -> bool:
    """Whether the quota controller may not yet give back the room of a pod that went. Without an operator."""
    eventually(lambda: field.used() == "0")
    assert field.create("canary")[0] == 201
    field.delete("canary")
    time.sleep(0.8)
    return field.used() == "1"


def rehearsed(field: Field, server: int) -> int:
    """What an API server answers to what the operator tries when it starts: 403 where the policy acts."""
    with closing(connect(field.plane, server)) as wire:
        quota = field.quota()
        quota["metadata"].setdefault("annotations", {})[REHEARSAL] = STRICT
        path = RESOURCE_QUOTAS.path(field.name, "cotenant", "status")
        return wire.json("PUT", f"{path}?dryRun=All", quota, **OPERATOR)[0]


def found_waiting(field: Field) -> bool:
    """Whether it waits; looked at again where the machine stood still for so long that it was over, or not yet heard of."""
    return any(waits(field) for _ in range(5))


def found_free(field: Field) -> bool:
    """Whether it does not wait, as soon as the API servers have heard that it need not."""
    return not all(waits(field) for _ in range(5))


# -- what it promises


def test_real_pods_stay_within_the_limit_where_native_quota_gives_room_away_twice(
    field, native, record_property
) -> None:
    """By turns, so that a busy machine is busy for both. Nothing leaks: afterwards one client has exactly the limit."""
    strict, loose = field.witness(LIMIT), native.witness(LIMIT)
    made = {"strict": 0, "native": 0}
    for turn in range(20):
        if turn >= 3 and loose.most > LIMIT and made["strict"] >= made["native"] / 2:
            break
        made["strict"] += churn(field, 3)["created"]
        made["native"] += churn(native, 3)["created"]
    record_property("most", f"strict {strict.most}, native {loose.most}, above {loose.above}; {made}")
    assert strict.above == 0
    assert strict.most > LIMIT / 2
    # What strict accounting is for. Were this to fail one day, Kubernetes would have learned it.
    assert loose.most > LIMIT
    assert made["strict"] >= made["native"] / 2
    eventually(lambda: field.used() == "0", within=30)
    assert field.fits() == LIMIT


def test_a_trickle_is_never_refused(field) -> None:
    for number in range(LIMIT):
        field.create(f"stays{number}")
    times = []
    for number in range(12):
        name = f"stays{number % LIMIT}"
        field.delete(name)
        began = time.monotonic()
        eventually(lambda it=name: field.create(it)[0] == 201, every=0.1)
        times.append(time.monotonic() - began)
    # The quota controller alone, which waits until all is quiet, takes two seconds for each.
    assert median(times) < 1, times


def test_spaces_stay_within_their_limit_while_they_come_and_go(cluster) -> None:
    limit = 4
    with closing(Field(cluster, HARD, limit=limit)) as field:
        home = eventually(lambda: cluster.there("ResourceQuota", "cotenant", field.team.home))
        assert home["metadata"]["labels"][ACCOUNTING] == STRICT
        witness = Witness(field, limit, SPACES.path(field.team.home))
        begun = time.monotonic()

        def enough() -> bool:
            lasted = time.monotonic() - begun
            return lasted > 6 * BUSY or (lasted > 6 and witness.most >= limit)

        def client(number: int) -> None:
            with closing(connect(cluster.plane, number)) as wire:
                for turn in itertools.count():
                    if enough():
                        return
                    name = f"s{number}-{turn}"
                    path = SPACES.path(field.team.home)
                    if wire.json("POST", path, space_of(field.team, name))[0] == 201:
                        wire.json("DELETE", f"{path}/{name}")

        threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        witness.close()
        assert witness.above == 0
        assert witness.most == limit


# -- operators that die, stand by, or are two


def test_a_killed_operator_leaves_it_tight_and_the_next_takes_off_the_mark_that_it_left(field) -> None:
    operator = field.cluster.operator
    witness = field.witness(LIMIT)
    churn(field, 2)
    operator.kill()
    churn(field, 2)
    assert witness.above == 0
    field.closed()
    operator.start()
    eventually(lambda: field.quota()["spec"]["hard"]["pods"] == HARD["pods"], within=30)
    assert FROZEN not in field.quota()["metadata"].get("annotations", {})
    churn(field, 3)
    assert witness.above == 0
    eventually(lambda: field.used() == "0", within=30)


def test_a_standby_keeps_it_strict_until_it_leads(field, tmp_path) -> None:
    """Until its heartbeat alone has kept the policy up for twice as long as it outlasts the last one."""
    standby = Operator(field.plane, tmp_path)
    standby.start()
    try:
        witness = field.witness(LIMIT)
        field.cluster.operator.kill()
        time.sleep(STALE)
        churn(field, STALE)
        assert witness.above == 0
        assert "leader_election_master_status" in standby.http("/metrics")[1]
        eventually(lambda: field.used() == "0", within=30)
    finally:
        standby.stop()


def test_two_operators_at_once_give_nothing_back_twice(field) -> None:
    other = Replica(field.cluster, 1, "")
    other.start()
    try:
        witness = field.witness(LIMIT)
        churn(field, 6)
        eventually(lambda: field.used() == "0", within=20)
        assert witness.above == 0
    finally:
        other.kill()


def test_with_no_operator_left_a_trickle_finds_its_room_again_and_native_quota_is_back(field) -> None:
    """Killed for good. While its sign of life is fresh what goes stays charged."""
    field.cluster.operator.kill()
    creates, longest = trickle(field, 18)
    assert creates > 12
    assert longest <= 10
    eventually(lambda: field.used() == "0", within=10)
    for turn in range(3):
        assert field.create(f"p{turn}")[0] == 201
        field.delete(f"p{turn}")
        eventually(lambda: field.used() == "0")
    # At once: not after the two seconds of quiet that a living operator would ask for.
    assert found_free(field)


def test_while_the_sign_of_life_is_fresh_the_quota_controller_waits_after_every_writer(field, native, alive) -> None:
    """An operator that lives and gives nothing back."""
    alive()
    assert found_waiting(field)
    eventually(lambda: field.used() == "0", within=10)
    assert found_free(native)

    def held_after_a_refund() -> bool:
        """A refund takes `used` over, and with it the API server's time of its charge goes out of managedFields."""
        for name in ("stays", "goes"):
            eventually(lambda it=name: field.create(it)[0] == 201)
        field.leak(5)
        field.delete("goes")
        time.sleep(0.8)
        held = field.used() == "5"
        eventually(lambda: field.used() == "1", within=10)
        field.delete("stays")
        eventually(lambda: field.used() == "0", within=10)
        return held

    assert any(held_after_a_refund() for _ in range(3))


def test_nobody_takes_away_the_times_by_which_the_policy_knows_what_is_quiet(field, alive) -> None:
    alive()
    assert found_waiting(field)
    path = RESOURCE_QUOTAS.path(field.name, "cotenant")
    early = [one | {"time": "2001-01-01T00:00:00Z"} for one in field.quota()["metadata"]["managedFields"]]
    for times in ([{}], early):
        change = {"metadata": {"managedFields": times}}
        status, answer = field.wire.json("PATCH", path, change)
        assert status == 403, answer
        assert "COTENANT-QUOTA-4" in answer["message"]
    # Nor writes the status of a quota whose charges the law is not asked about.
    for change in ({"status": {"used": {"pods": "0"}}}, {"status": {"hard": {"pods": "99"}}}):
        status, answer = field.wire.json("PATCH", f"{path}/status", change)
        assert (status, "cotenant-strict" in answer["message"], "COTENANT-QUOTA-4" in answer["message"]) == (
            403,
            True,
            True,
        )
    field.wire.expect("PATCH", path, {"metadata": {"annotations": {"note": "x"}}})
    # The operator may. What has no times waits for nothing, and stops nobody.
    assert field.wire.json("PATCH", path, {"metadata": {"managedFields": [{}]}}, **OPERATOR)[0] == 200
    eventually(lambda: field.used() == "0")
    assert found_free(field)
    eventually(lambda: field.used() == "0")
    # Whoever applies something begins the list again; without it the operator would find that the policy does not act.
    body = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "cotenant"}}
    status, _ = field.wire.json("PATCH", f"{path}?fieldManager=test", body, **OPERATOR, **{"Content-Type": APPLY})
    assert status == 200
    assert found_waiting(field)


# -- leaks


def test_a_leak_is_found_and_mended_while_others_wait_for_nothing(field) -> None:
    for number in range(2):
        field.create(f"p{number}")
    field.leak(9)
    eventually(lambda: field.used() == "2", within=8)
    assert field.quota()["metadata"]["annotations"][REFUNDED].startswith("pods=")


def test_a_leak_in_a_space_that_is_never_quiet_is_mended_behind_a_closed_door(field) -> None:
    """And the escrow keeps off while it is closed, and opens it again."""

    def held_while_mended() -> bool:
        held, end = False, time.monotonic() + 50
        field.leak(LIMIT - 1)
        while time.monotonic() < end:
            field.create("restless")
            field.delete("restless")
            found = field.quota()
            held = held or FROZEN in found["metadata"].get("annotations", {})
            if int(found["status"]["used"]["pods"]) <= 1:
                return held
            time.sleep(0.15)
        raise TimeoutError(f"a leak of {LIMIT - 1} is still there: {found}")

    # A machine that stands still for two seconds makes quiet by itself.
    assert any(held_while_mended() for _ in range(3))
    eventually(lambda: field.quota()["spec"]["hard"]["pods"] == HARD["pods"])
    assert field.ledger()["spec"]["entries"][0]["allocation"] == LIMIT
    assert FROZEN not in field.quota()["metadata"].get("annotations", {})
    eventually(lambda: field.create("free")[0] == 201)


# -- coming and going


def test_strict_and_native_can_be_changed_under_load(field) -> None:
    witness = field.witness(LIMIT)

    def label() -> str | None:
        homes = (field.quota(), field.cluster.there("ResourceQuota", "cotenant", field.team.home))
        found = {one["metadata"]["labels"].get(ACCOUNTING) for one in homes}
        return found.pop() if len(found) == 1 else ""

    storm = threading.Thread(target=churn, args=(field, 9, 4))
    storm.start()
    eventually(lambda: field.quota()["metadata"]["annotations"][REFUNDED])
    field.team.change(quota={"accounting": "native"})
    eventually(lambda: label() is None)
    eventually(lambda: condition(field.team.tenant(), "StrictAccounting") == ("", "", ""))
    time.sleep(1)
    field.team.change(quota={"accounting": "strict"})
    eventually(lambda: label() == STRICT)
    storm.join()
    field.proven()
    # What was decided while it was strict stays on record through the time in which it was not.
    assert REFUNDED in field.quota()["metadata"]["annotations"]
    eventually(lambda: field.used() == str(len(field.pods())), within=20)
    witness.close()
    after = field.witness(LIMIT)
    churn(field, 3)
    assert after.above == 0
    eventually(lambda: field.used() == "0", within=30)
    assert field.fits() == LIMIT


def test_a_policy_that_does_not_act_is_told(field) -> None:
    wire, path = field.cluster.plane.wire(), VALIDATING_POLICY_BINDINGS.path(name=POLICY)
    servers = range(len(field.plane.urls))
    eventually(lambda: {rehearsed(field, one) for one in servers} == {403})
    wire.expect("PATCH", path, {"spec": {"validationActions": ["Audit"]}})
    try:
        # It looks when it starts. An API server hears of a changed binding within a second, or later where much else runs.
        eventually(lambda: {rehearsed(field, one) for one in servers} == {200}, within=20)
        field.cluster.operator.kill()
        field.cluster.operator.start()
        expect_condition(field.team.tenant, "AccountingNotProven", "run: cotenant install", of="StrictAccounting")
    finally:
        wire.expect("PATCH", path, {"spec": {"validationActions": ["Deny"]}})
    field.proven()


def test_an_operator_that_may_not_read_pods_says_so_and_leaves_them_to_kubernetes(field) -> None:
    field.proven()
    cluster = field.cluster
    role = cluster.there("ClusterRole", RIGHTS)
    cluster.delete("ClusterRole", RIGHTS)
    try:
        cluster.operator.kill()
        cluster.operator.start()
        said = expect_condition(
            field.team.tenant, "AccountingNotAvailable", "run: cotenant install", of="StrictAccounting", within=30
        )
        assert "no right to list and watch" in said and "pods" in said
        eventually(lambda: not waits(field), within=STALE + 30)
    finally:
        kept = {key: role["metadata"][key] for key in ("name", "labels", "annotations") if key in role["metadata"]}
        cluster.plane.wire().expect("POST", CLUSTER_ROLES.path(), role | {"metadata": kept})
    field.proven()


def test_a_tenant_that_wants_it_natively_has_neither_label_nor_condition(native) -> None:
    never(lambda: condition(native.team.tenant(), "StrictAccounting")[0], during=1)
    assert ACCOUNTING not in native.quota()["metadata"]["labels"]
