"""Interleavings on purpose. Each overshoots without one precaution, and is refused with it: random ones may be blind to it.

Each has a tenant of its own with two spaces and a limit of four pods, plays one party by hand, and leaves the rest to
those that are there. It returns what the witness saw and what the last request of the party was answered.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cotenant.local.handle import Handle
from cotenant.model.checked import labelled
from installation import Cluster
from soak.verdict import Verdict
from soak.witness import Witness
from vocabulary import Team, eventually, expect_ready, given_tenant, pod

LIMIT = 4
OPERATOR = {
    "Impersonate-User": "system:serviceaccount:cotenant-system:cotenant",
    "Impersonate-Group": "system:masters",
}
COUNTER = {
    "Impersonate-User": "system:serviceaccount:kube-system:resourcequota-controller",
    "Impersonate-Group": "system:masters",
}


@contextmanager
def frozen(plane: Handle) -> Iterator[None]:
    """The controller manager stands still: status.hard follows nothing by itself."""
    pid = next(one.pid for one in plane.state.programs if "controller-manager" in one.name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def given_pair(cluster: Cluster, accounting: str = "native") -> Team:
    quota = {"hard": {"pods": LIMIT}, "accounting": accounting}
    team = given_tenant(cluster, "pair", spaces=["a", "b"], quota=quota, ready=False)
    expect_ready(team, "a", "b", within=60)
    # A space may open with a share of none, when the other one was faster; these acts are about spaces that have some.
    eventually(lambda: all(int(read(team, quota_of(team, one))["spec"]["hard"]["pods"]) for one in "ab"), within=30)
    return team


def quota_of(team: Team, space: str) -> str:
    return f"/api/v1/namespaces/{team.namespace(space)}/resourcequotas/cotenant"


def ledger_of(team: Team) -> str:
    return f"/apis/cotenant.dev/v1alpha1/namespaces/{team.home}/tenantledgers/pods"


def read(team: Team, path: str) -> dict[str, Any]:
    found: dict[str, Any] = team.cluster.plane.wire().expect("GET", path)
    return found


def put(team: Team, path: str, there: dict[str, Any], **change: Any) -> tuple[int, str]:
    """As an operator does it that has read the object at some time."""
    for field, content in change.items():
        there[field] = there.get(field, {}) | content
    if there["kind"] == "ResourceQuota":
        limits = there["spec"]["hard"], there["status"]["hard"]
        there["metadata"]["labels"] = labelled(there["metadata"]["labels"], *limits)
    status, answer = team.cluster.plane.wire().json(
        "PUT", path + "/status" if "status" in change else path, there, **OPERATOR
    )
    return status, answer.get("message", "")


def write(team: Team, path: str, **change: Any) -> None:
    """As an operator does it that has read the object just now, and looks again where somebody was faster."""

    def stored() -> bool:
        status, answer = put(team, path, read(team, path), **change)
        assert status in (200, 409), answer
        return status == 200

    eventually(stored)


def allocated(team: Team, **amounts: int) -> None:
    entries = [{"space": team.namespace(space), "allocation": amount} for space, amount in sorted(amounts.items())]
    write(team, ledger_of(team), spec={"entries": entries})


def creates(team: Team, space: str, name: str) -> tuple[int, str]:
    path = f"/api/v1/namespaces/{team.namespace(space)}/pods"
    status, answer = team.cluster.plane.wire().json("POST", path, pod(name, team.namespace(space)))
    return status, answer.get("message", "")


def one_lowers_another_charges_a_third_raises(
    cluster: Cluster, stop: Callable[[], None], start: Callable[[], None]
) -> tuple[Verdict, str]:
    """LAW: a transfer of everything from b to a, with a charge in b between its spec.hard and its status.hard."""
    team = given_pair(cluster)
    stop()
    with frozen(cluster.plane):
        witness = Witness(cluster.plane, team.name, {"pods": str(LIMIT)})
        write(team, quota_of(team, "b"), spec={"hard": {"pods": "0"}})
        said: list[str] = []

        def decided() -> bool:
            """An API server may hear of the write a moment later, and of room that there is not even later."""
            status, message = creates(team, "b", "late")
            said.append(message)
            return status == 201 or "COTENANT-QUOTA-1" in message

        eventually(decided)
        allocated(team, a=LIMIT, b=0)
        write(team, quota_of(team, "a"), spec={"hard": {"pods": str(LIMIT)}})
        write(team, quota_of(team, "a"), status={"hard": {"pods": str(LIMIT)}})
        for number in range(LIMIT):
            eventually(lambda name=f"p{number}": creates(team, "a", name)[0] == 201)
        eventually(lambda: witness.so_far().most_used["pods"] >= LIMIT)
        verdict = witness.verdict()
    start()
    return verdict, said[-1]


def the_quota_controller_has_not_heard_of_the_last_pod(
    cluster: Cluster, stop: Callable[[], None], start: Callable[[], None]
) -> tuple[Verdict, str]:
    """LEASE: its count from a cache that is a pod behind, right after that pod was charged. Operators live meanwhile."""
    del stop, start
    team = given_pair(cluster, "strict")
    witness = Witness(cluster.plane, team.name, {"pods": str(LIMIT)}, real=True)
    last = ""
    for number in range(LIMIT):
        last = eventually(lambda name=f"p{number}": next((s for s in "ab" if creates(team, s, name)[0] == 201), ""), 30)
    wire, quota = cluster.plane.wire(), quota_of(team, last)

    def counted() -> tuple[int, str]:
        """Bound to the revision that it knows, like the quota controller itself."""
        there = read(team, quota)
        there["status"]["used"]["pods"] = str(int(there["status"]["used"]["pods"]) - 1)
        status, answer = wire.json("PUT", f"{quota}/status?fieldManager=kube-controller-manager", there, **COUNTER)
        return status, answer.get("message", "")

    status, said = eventually(lambda: next((one for one in [counted()] if one[0] != 409), None))
    if status == 200:
        # Too many, once an API server has heard of it. The operators mend it two seconds later.
        eventually(lambda: creates(team, last, "more")[0] == 201, within=1.5, every=0.01)
    else:
        assert creates(team, last, "more")[0] == 403
    eventually(lambda: witness.so_far().most_real["pods"] >= LIMIT)
    return witness.verdict(), said


def one_drains_what_another_is_about_to_raise(
    cluster: Cluster, stop: Callable[[], None], start: Callable[[], None]
) -> tuple[Verdict, str]:
    """BUMP: a raise hangs before its last write, and meanwhile the tenant's limit comes down by what it was about."""
    team = given_pair(cluster)
    stop()
    # What b held is drained by hand; then a is to have it, and only the write of its quota is left to do.
    for part in ("spec", "status"):
        write(team, quota_of(team, "b"), **{part: {"hard": {"pods": "0"}}})
    there = read(team, quota_of(team, "a"))
    lower = int(there["spec"]["hard"]["pods"])
    assert 0 < lower < LIMIT, there
    witness = Witness(cluster.plane, team.name, {"pods": str(LIMIT)})
    allocated(team, a=LIMIT, b=0)
    team.change(quota={"hard": {"pods": lower}})
    start()
    eventually(lambda: read(team, ledger_of(team))["spec"]["limit"] == lower, within=30)
    status, said = put(team, quota_of(team, "a"), there, spec={"hard": {"pods": str(LIMIT)}})
    assert status in (200, 409), said
    eventually(lambda: witness.so_far().revisions > 4)
    return witness.verdict(), said


ACTS = {
    "law": one_lowers_another_charges_a_third_raises,
    "lease": the_quota_controller_has_not_heard_of_the_last_pod,
    "bump": one_drains_what_another_is_about_to_raise,
}
"""By the precaution that each of them needs."""
