"""A pod, what makes pods, or a manifest of either, with what its namespace says about it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import COTENANT, MANAGED_BY
from cotenant.api.limits import LimitItem
from cotenant.api.workload import PodSpec
from cotenant.cli import Failure
from cotenant.cli.cluster.accounts import one_tenant
from cotenant.cli.cluster.standing import Standing
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import Resource
from cotenant.model.case import Case, Refusal
from cotenant.model.rollout import rollout

Item = dict[str, Any]
KINDS: Mapping[str, Resource] = {
    "pod": resource.PODS,
    "deployment": resource.DEPLOYMENTS,
    "replicaset": resource.REPLICA_SETS,
    "statefulset": resource.STATEFUL_SETS,
    "job": resource.JOBS,
}
SHORT = {"po": "pod", "deploy": "deployment", "rs": "replicaset", "sts": "statefulset"}
BRIEF = {long: short for short, long in SHORT.items()}
TYPES = ("Container", "Pod", "PersistentVolumeClaim")


class Demand(Struct, kw_only=True):
    """What an object wants, before anybody asks whether that fits."""

    kind: str
    name: str
    template: Item
    wants: int
    has: int
    exists: bool = True
    phase: str = ""
    strategy: Item | None = None
    replicas: int = 1
    makers: tuple[Item, ...] = ()
    """The objects that create its pods: of a Deployment its ReplicaSets."""


def named(word: str) -> tuple[Resource, str]:
    """`NAME` or `KIND/NAME` as kubectl takes them. Raises Failure for a kind that makes no pods."""
    kind, slash, name = word.partition("/")
    if not slash:
        return resource.PODS, word
    singular = kind.lower().partition(".")[0]
    singular = SHORT.get(singular, singular.removesuffix("s"))
    if singular not in KINDS or not name:
        raise Failure(f"{word}: name a pod, or one of deploy/NAME, rs/NAME, sts/NAME, job/NAME")
    return KINDS[singular], name


async def demand_of(client: Client, kind: Resource, name: str, namespace: str) -> Demand:
    """Of an object in the cluster."""
    try:
        item = await client.get(kind, name, namespace)
    except NotFound as error:
        hint = ""
        if kind is resource.PODS:
            hint = "; a pod that was refused leaves nothing behind: ask about what makes it, deploy/NAME, or give its manifest with -f"
        raise Failure(f"{kind.kind} {name} is not in namespace {namespace}{hint}") from error
    makers: list[Item] = [item]
    if kind is resource.DEPLOYMENTS:
        sets = (await client.list(resource.REPLICA_SETS, namespace)).items
        makers = [one for one in sets if owned(one, item["metadata"]["uid"])]
    return demanded(item, makers)


def owned(item: Item, uid: str) -> bool:
    """Whether an object belongs to the one with this uid."""
    return any(one.get("uid") == uid for one in item["metadata"].get("ownerReferences") or ())


def demanded(item: Item, makers: list[Item], *, exists: bool = True) -> Demand:
    """What an object wants, and what there is."""
    kind, spec, status = item["kind"], item.get("spec", {}), item.get("status", {})
    found = Demand(
        kind=kind,
        name=item["metadata"].get("name", ""),
        template=spec if kind == "Pod" else spec.get("template", {}).get("spec", {}),
        wants=1,
        has=int(exists) if kind == "Pod" else status.get("replicas", 0),
        exists=exists,
        phase=status.get("phase", ""),
        makers=tuple(makers),
    )
    if kind == "Job":
        left = spec.get("completions")
        wants = spec.get("parallelism", 1)
        found.wants = wants if left is None else max(0, min(wants, left - status.get("succeeded", 0)))
        found.wants = 0 if spec.get("suspend") or ended(status) else found.wants
        found.has = status.get("active", 0)
    elif kind != "Pod":
        found.wants = found.replicas = spec.get("replicas", 1)
    if kind == "Deployment":
        found.strategy = spec.get("strategy") or {}
        if exists:
            there = [(one["spec"].get("replicas", 1), one.get("status", {}).get("replicas", 0)) for one in makers]
            found.has = sum(has for _, has in there)
            # In the middle of a rolling update the new ReplicaSet may lack pods although there are enough in all.
            found.wants = max(found.wants, found.has + sum(max(0, wants - has) for wants, has in there))
    return found


def ended(status: Item) -> bool:
    """Whether a Job is over."""
    return any(
        one["type"] in ("Complete", "Failed") and one["status"] == "True" for one in status.get("conditions") or ()
    )


async def case(client: Client, where: Standing, demand: Demand) -> Case:
    """With the quota of its namespace and of its tenant, and the last refusal."""
    namespace = where.namespace
    accounts, quotas, ranges, refusal = await asyncio.gather(
        one_tenant(client, where.tenant),
        client.list(resource.RESOURCE_QUOTAS, namespace, type=ResourceQuota),
        client.list(resource.LIMIT_RANGES, namespace),
        last_refusal(client, namespace, demand.makers) if demand.exists and demand.kind != "Pod" else nothing(),
    )
    ours = [
        one for one in quotas.items if one.metadata.name == COTENANT and one.metadata.labels.get(MANAGED_BY) == COTENANT
    ]
    items = [item for one in ranges.items for item in one["spec"].get("limits") or () if item.get("type") in TYPES]
    return Case(
        kind=demand.kind,
        name=demand.name,
        namespace=namespace,
        spec=msgspec.convert(demand.template, PodSpec),
        wants=demand.wants,
        has=demand.has,
        exists=demand.exists,
        phase=demand.phase,
        rollout=None if demand.strategy is None else rollout(demand.strategy, demand.replicas),
        refusal=refusal,
        quota=ours[0] if ours else None,
        foreign=tuple(one for one in quotas.items if one not in ours),
        limits=tuple(msgspec.convert(item, LimitItem) for item in items),
        accounts=accounts,
    )


async def nothing() -> None:
    """No refusal."""
    return


async def last_refusal(client: Client, namespace: str, makers: tuple[Item, ...]) -> Refusal | None:
    """The newest event that a pod could not be created, else what a condition says."""
    known = {
        one["metadata"]["uid"]: f"{BRIEF.get(one['kind'].lower(), one['kind'].lower())}/{one['metadata']['name']}"
        for one in makers
    }
    try:
        events = (await client.list(resource.EVENTS, namespace, fields="reason=FailedCreate")).items
    except Forbidden:
        events = []
    mine = [one for one in events if one.get("regarding", {}).get("uid") in known]
    if mine:
        last = max(mine, key=moment)
        return Refusal(said(last.get("note", "")), moment(last), known[last["regarding"]["uid"]])
    for one in makers:
        for found in one.get("status", {}).get("conditions") or ():
            if found["type"] == "ReplicaFailure" and found["status"] == "True":
                when = datetime.fromisoformat(found["lastTransitionTime"]) if found.get("lastTransitionTime") else None
                return Refusal(said(found.get("message", "")), when, known[one["metadata"]["uid"]])
    return None


def moment(event: Item) -> datetime:
    """When an event was seen last."""
    series = event.get("series") or {}
    text = series.get("lastObservedTime") or event.get("deprecatedLastTimestamp") or event.get("eventTime")
    return datetime.fromisoformat(text or event["metadata"]["creationTimestamp"])


def said(text: str) -> str:
    """Without the words that a controller and the recorder of events put before what the API server said."""
    return text.removeprefix("(combined from similar events): ").removeprefix("Error creating: ")
