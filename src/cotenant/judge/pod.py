"""Why the pods of a workload are not there, or whether they would be: quota first, then whoever else refused them.

Values in, an Explanation out. Scheduling is not looked at: a pod that exists was admitted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from cotenant.api.workload import Container
from cotenant.judge.accounts import Remark, remarks, silence
from cotenant.judge.remedy import remedies, unsticking
from cotenant.judge.room import Room, fixed_room, room
from cotenant.model.case import Case
from cotenant.model.escrow.units import limit_of, use_of
from cotenant.model.limits import filled
from cotenant.model.workload import amount, charge, claimed

Verdict = Literal["admitted", "complete", "fits", "refused", "unspecified", "short"]
BY_LAYER = {
    "pod security": "Pod Security refuses it, not the quota: change the pod, or an administrator pods.security of the Tenant",
    "limits": "the LimitRange of the namespace refuses it, not the quota: change resources of the pod, or limits of the Tenant",
    "policy": "an admission policy refuses it, not the quota: the message says which",
    "webhook": "a webhook refuses it, not the quota: the message says which",
    "RBAC": "whoever creates the pod has no right to",
    "validation": "the API server finds the pod invalid",
}
"""What a refusal by another layer means."""
MUST = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")
"""Keys that every container must fill, kubernetes pkg/quota/v1/evaluator/core/pods.go (Constraints)."""


class Explanation(Struct, kw_only=True):
    """The answer. `rooms` and `surge`: by key, of the missing pods (or one), and of a rolling update."""

    verdict: Verdict
    summary: str
    rooms: tuple[Room, ...] = ()
    surge: tuple[Room, ...] = ()
    rolling: str = ""
    reasons: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
    stuck: bool = False
    """Whether a rolling update would stand still."""

    @property
    def blocked(self) -> bool:
        """Whether somebody has to do something."""
        return self.stuck or self.verdict in ("refused", "unspecified", "short")


def explain(case: Case) -> Explanation:
    """Everything there is to say, most certain first."""
    if case.kind == "Pod" and case.exists:
        return admitted(case)
    pods = max(1, case.missing)
    rooms = rooms_for(case, pods)
    silent, elsewhere = unspecified(case), refused_by_layer(case)
    short = (
        [f"{one.key}: {one.words}" for one in rooms if one.blocked] + list(beside(case, pods)) if case.missing else []
    )
    verdict: Verdict = "complete" if case.exists and not case.missing else "fits"
    if silent:
        verdict = "unspecified"
    elif elsewhere:
        verdict = "refused"
    elif short:
        verdict = "short"
    mute = (
        [f"the quota wants every container to say {', '.join(silent)}, and no LimitRange fills it in"] if silent else []
    )
    surge = surge_rooms(case)
    stuck = stands_still(case, surge)
    # What is missing and what an update needs beside it are asked for once: together.
    wider = {(one.key, one.verdict) for one in surge if stuck and one.blocked}
    alone = [one for one in rooms if (one.key, one.verdict) not in wider]
    return Explanation(
        verdict=verdict,
        summary=summary(case),
        rooms=rooms,
        surge=surge,
        rolling=rolling(case, surge, stuck=stuck),
        reasons=(*elsewhere, *mute, *short),
        advice=tuple(
            dict.fromkeys(
                (*remedies(case, alone, silent, fits=verdict == "fits"), *(unsticking(case, surge) if stuck else ()))
            )
        ),
        remarks=tuple(remarks(case.accounts)),
        stuck=stuck,
    )


def admitted(case: Case) -> Explanation:
    """A pod that exists: no quota keeps it from running."""
    waits = f"waits ({case.phase})" if case.phase == "Pending" else f"is {case.phase or 'there'}"
    return Explanation(
        verdict="admitted",
        summary=f"Pod {case.name} was admitted and {waits}: no quota holds it up",
        rooms=charges(case),
        advice=(f"kubectl describe pod {case.name} -n {case.namespace}  (scheduling, images, volumes)",),
        remarks=tuple(remarks(case.accounts)),
    )


def charges(case: Case) -> tuple[Room, ...]:
    """What a pod that is there takes."""
    found = []
    for key, text in sorted(case.quota.spec.hard.items()) if case.quota else ():
        if each := charge(case.spec, key, case.limits):
            used = use_of(key, case.quota.status.used.get(key, "0")) if case.quota else 0
            hard = limit_of(key, text)
            found.append(Room(key=key, verdict="charged", asked=each, used=used, hard=hard, ceiling=hard))
    return tuple(found)


def summary(case: Case) -> str:
    """What is wanted and what is there."""
    if case.kind == "CronJob":
        return f"CronJob {case.name} wants {counted(case.wants)} with its next run, has {case.has}"
    if not case.exists and case.kind == "DaemonSet":
        return f"DaemonSet {case.name} would want 1 pod on each node that fits, and this is about one of them"
    if not case.exists:
        return f"{case.kind} {case.name} would want {counted(case.wants)}"
    return f"{case.kind} {case.name} wants {counted(case.wants)}, has {case.has}"


def counted(pods: int) -> str:
    """A number of pods."""
    return "1 pod" if pods == 1 else f"{pods} pods"


def rooms_for(case: Case, pods: int) -> tuple[Room, ...]:
    """Every key that pods of the case are charged for."""
    if case.quota is None:
        return ()
    found, silent = list[Room](), silence(case.accounts)
    for key, text in sorted(case.quota.spec.hard.items()):
        asked, each = amounts_of(case, key, pods)
        if not each:
            continue
        if key in case.accounts.hard:
            found.append(room(case.accounts.account(key), case.namespace, asked, each, silent))
        else:
            used = use_of(key, case.quota.status.used.get(key, "0"))
            found.append(fixed_room(key, asked, used, limit_of(key, text)))
    return tuple(found)


def amounts_of(case: Case, key: str, pods: int) -> tuple[int, int]:
    """What so many pods are charged of a key, and what one of them is. Claims that are there are not charged again."""
    each, claims = charge(case.spec, key, case.limits), claimed(case.claims, key)
    return pods * each + max(0, pods - case.kept) * claims, each + claims


def unspecified(case: Case) -> list[str]:
    """Keys of the quota that some container leaves open; resources of the whole pod count for all of them."""
    if case.quota is None or case.spec.resources.requests or case.spec.resources.limits:
        return []
    items = [filled(item) for item in case.limits if item.type == "Container"]

    def open_in(container: Container, key: str) -> bool:
        part, _, name = key.rpartition(".")
        return not amount(container, part or "requests", name, items)

    containers = [*case.spec.containers, *case.spec.init_containers]
    return [key for key in MUST if key in case.quota.spec.hard and any(open_in(one, key) for one in containers)]


def refused_by_layer(case: Case) -> list[str]:
    """What somebody else than a quota said, while pods are missing."""
    told = case.refusal if case.missing else None
    if told is None or told.layer not in BY_LAYER:
        return []
    return [BY_LAYER[told.layer]]


def beside(case: Case, pods: int) -> Iterator[str]:
    """What a quota says that is not cotenant's."""
    for one in case.foreign:
        for key, text in sorted(one.spec.hard.items()):
            asked, _ = amounts_of(case, key, pods)
            used = use_of(key, one.status.used.get(key, "0"))
            if asked and used + asked > limit_of(key, text):
                yield (
                    f"{key}: ResourceQuota {one.metadata.name}, which is not cotenant's, admits {text}, {used} used; an "
                    f"administrator: kubectl delete resourcequota {one.metadata.name} -n {case.namespace}"
                )


def surge_rooms(case: Case) -> tuple[Room, ...]:
    """What a rolling update needs beside all replicas."""
    if case.rollout is None or not case.rollout.surge:
        return ()
    return rooms_for(case, max(0, case.rollout.replicas + case.rollout.surge - case.has))


def stands_still(case: Case, surge: tuple[Room, ...]) -> bool:
    """Whether a rolling update would not get the one pod more that it cannot begin without."""
    plan = case.rollout
    if plan is None or plan.recreate or not plan.surge or plan.unavailable or not any(one.blocked for one in surge):
        return False
    return any(each.blocked for each in rooms_for(case, max(0, plan.replicas - case.has) + 1))


def rolling(case: Case, surge: tuple[Room, ...], *, stuck: bool) -> str:
    """Whether a rolling update fits."""
    plan = case.rollout
    if plan is None:
        return ""
    if plan.by_hand:
        return "a pod is replaced when somebody deletes it (OnDelete): it needs nothing more"
    if plan.recreate:
        return "an update ends all pods before it starts new ones (strategy Recreate): it needs nothing more"
    if not plan.surge:
        return f"a rolling update ends {counted(plan.unavailable)} at a time before it starts new ones: it needs nothing more"
    short = [one for one in surge if one.blocked]
    more = f"a rolling update needs {counted(plan.surge)} more for a while (maxSurge)"
    if not short:
        return f"{more}: it fits"
    keys = ", ".join(one.key for one in short)
    if plan.unavailable:
        return f"{more}, and is short of {keys}; it goes on all the same, ending {counted(plan.unavailable)} at a time first"
    end = "it stands still" if stuck else "it goes on with fewer at a time"
    return f"{more}, and is short of {keys}; {end}, for maxUnavailable is 0"
