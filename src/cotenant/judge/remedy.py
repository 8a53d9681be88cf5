"""What helps a pod that is refused, each step with its command or with whom to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cotenant.api.keys import home_of
from cotenant.judge.accounts import silence
from cotenant.judge.room import Room
from cotenant.model.case import Case

PATIENT = {"rs": "ReplicaSet", "rc": "ReplicationController", "ds": "DaemonSet"}
"""Whose controllers wait longer after each refusal, by their short names, and look at once at one that was changed."""


def remedies(case: Case, rooms: Iterable[Room], silent: Iterable[str], *, fits: bool) -> Iterator[str]:
    """`silent`: keys of the quota that some container leaves open. `fits`: nothing is in the way."""
    if silent:
        yield "set resources of every container, or ask an administrator for defaults in spec.limits of the Tenant"
    if not case.missing:
        return
    moves = False
    for one in rooms:
        moves = moves or one.verdict == "moves"
        yield from remedy(case, one, case.accounts.tenant)
    if fits and moves and case.kind == "Pod":  # nobody hears that it was refused
        yield (
            "no quota is brought to a pod made by hand without the assist: try again, and where that does not help make it "
            "by a Deployment or Job, or ask an administrator for the assist or for quota.space.min"
        )
    elif fits and case.exists:
        yield retry(case, "cotenant moves what is missing here, within a second" if moves else "it fits now")
    elif fits and moves:
        yield "cotenant brings quota to it, within a second"


def unsticking(case: Case, surge: Iterable[Room]) -> Iterator[str]:
    """What helps an update that would stand still: room for it, or one that ends a pod first."""
    for one in surge:
        if one.blocked:
            yield from remedy(case, one, case.accounts.tenant)
    order = "strategy" if case.kind == "Deployment" else "updateStrategy"
    change = f'{{"spec":{{"{order}":{{"rollingUpdate":{{"maxSurge":0,"maxUnavailable":1}}}}}}}}'
    target = f"{case.kind.lower()} {case.name} -n {case.namespace}"
    yield f"let an update end a pod before it starts one: kubectl patch {target} -p '{change}'"


def remedy(case: Case, one: Room, tenant: str) -> Iterator[str]:
    """What helps with one key."""
    more = one.enough(one.used + one.asked)
    match one.verdict:
        case "never":
            yield f"ask for less {one.key} in one pod, or an administrator for a higher limit"
        case "ceiling":
            space = case.accounts.spaces.get(case.namespace)
            own = space and space.spec.quota and one.key in (space.spec.quota.max or {})
            yield (
                f"raise spec.quota.max of the space to {one.key} {more}: kubectl edit cosp {space.metadata.name} -n "
                f"{home_of(tenant)}"
                if space and own
                else f"ask an administrator to raise quota.space.max of tenant {tenant} to {one.key} {more}"
            )
            if one.beyond:
                yield from higher(one, tenant)
        case "floors":
            yield f"ask for a lower min of {one.key}: members change quota.min of their Space, an administrator quota.space.min"
        case "limit":
            yield from higher(one, tenant)
        case "waits" if silence(case.accounts) is not None:
            yield "nothing is moved until an operator is back; an administrator runs: cotenant doctor"
        case "waits" | "unseen":
            yield f"look again in a few seconds: kubectl get cotl -n {home_of(tenant)}"


def higher(one: Room, tenant: str) -> Iterator[str]:
    """What helps where the tenant has not enough left. Deleting does not where all of it were too little."""
    if one.total and one.limit is not None and one.asked <= one.limit:
        yield f"delete what is not needed: cotenant top {tenant}"
    yield f"ask an administrator for spec.quota.hard {one.key}: {one.enough((one.total or 0) + one.asked)} or more"


def retry(case: Case, why: str) -> str:
    """A refused workload tries again later and later, up to a quarter of an hour. `why` it gets through then."""
    short = case.refusal.by if case.refusal else ""
    kind = PATIENT.get(short.partition("/")[0])
    if kind is None:
        return f"{why}: the workload tries again by itself"
    return (
        f"{why}: the {kind} tries again by itself, after many refusals only every quarter of an hour; at once "
        f"with: kubectl annotate {short} -n {case.namespace} --overwrite tried=$(date +%s)"
    )
