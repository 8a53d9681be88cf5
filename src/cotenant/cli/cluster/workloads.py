"""A pod, what makes pods, or a manifest of either, with what its namespace says about it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import COTENANT, MANAGED_BY
from cotenant.api.limits import LimitItem
from cotenant.api.workload import ClaimTemplate, PodSpec
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
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob", namespaced=True)
KINDS: Mapping[str, Resource] = {
    "pod": resource.PODS,
    "deployment": resource.DEPLOYMENTS,
    "replicaset": resource.REPLICA_SETS,
    "replicationcontroller": resource.REPLICATION_CONTROLLERS,
    "statefulset": resource.STATEFUL_SETS,
    "daemonset": resource.DAEMON_SETS,
    "job": resource.JOBS,
    "cronjob": CRON_JOBS,
}
SHORT = {
    "po": "pod",
    "deploy": "deployment",
    "rs": "replicaset",
    "rc": "replicationcontroller",
    "sts": "statefulset",
    "ds": "daemonset",
    "cj": "cronjob",
}
ORDERS = {"Deployment": "strategy", "StatefulSet": "updateStrategy", "DaemonSet": "updateStrategy"}
"""Where each kind says how it is updated."""
BRIEF = {long: short for short, long in SHORT.items()}
STATEFUL = re.compile(r"^create (?:Pod|Claim) .* in StatefulSet \S+ failed error: ")
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
    first: int = 0
    """The ordinal of the first pod of a StatefulSet."""
    claims: tuple[Item, ...] = ()
    """Volume claims that a StatefulSet makes for each pod."""
    kept: int = 0
    """Pods that are not there, and whose claims are."""
    makers: tuple[Item, ...] = ()
    """The objects that create its pods: of a Deployment its ReplicaSets, of a CronJob its Jobs."""


def named(word: str) -> tuple[Resource, str]:
    """`NAME`, or `KIND/NAME` as kubectl takes them: deploy/web, deployments.apps/web, deployment.v1.apps/web.

    Raises Failure for a kind that makes no pods.
    """
    kind, slash, name = word.partition("/")
    if not slash and word not in ("", ".", ".."):
        return resource.PODS, word
    plain, _, rest = kind.lower().partition(".")
    found = KINDS.get(SHORT.get(plain, plain.removesuffix("s")))
    if found is None or name in ("", ".", "..") or rest not in ("", found.group, f"{found.version}.{found.group}"):
        ways = ", ".join(f"{BRIEF.get(one, one)}/NAME" for one in KINDS if one != "pod")
        raise Failure(f"{word}: name a pod, or one of {ways}")
    return found, name


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
    if made := {"Deployment": resource.REPLICA_SETS, "CronJob": resource.JOBS}.get(kind.kind):
        there = (await client.list(made, namespace)).items
        makers = [one | {"kind": made.kind} for one in there if owned(one, item["metadata"]["uid"])]
    found = demanded(item, makers)
    if found.claims:
        names = {
            one["metadata"]["name"] for one in (await client.list(resource.PERSISTENT_VOLUME_CLAIMS, namespace)).items
        }
        found.kept = max(0, claimed(found, names) - found.has)
    return found


def claimed(found: Demand, names: Collection[str]) -> int:
    """How many pods of a StatefulSet have their claims, `<template>-<set>-<ordinal>`; those of a set that was larger stay."""
    first = f"{found.claims[0].get('metadata', {}).get('name', '')}-{found.name}-"
    # By what is there: a set may want two thousand million pods.
    ordinals = [one.removeprefix(first) for one in names if one.startswith(first)]
    wanted = range(found.first, found.first + found.wants)
    return sum(1 for one in ordinals if one.isdecimal() and str(int(one)) == one and int(one) in wanted)


def owned(item: Item, uid: str) -> bool:
    """Whether an object belongs to the one with this uid."""
    return any(one.get("uid") == uid for one in item["metadata"].get("ownerReferences") or ())


def demanded(item: Item, makers: list[Item], *, exists: bool = True) -> Demand:
    """What an object wants, and what there is."""
    kind, spec, status = item["kind"], item.get("spec", {}), item.get("status", {})
    job = spec.get("jobTemplate", {}).get("spec", {}) if kind == "CronJob" else spec
    found = Demand(
        kind=kind,
        name=item["metadata"].get("name", ""),
        template=spec if kind == "Pod" else job.get("template", {}).get("spec", {}),
        wants=1,
        has=int(exists) if kind == "Pod" else status.get("replicas", 0),
        exists=exists,
        phase=status.get("phase", ""),
        makers=tuple(makers),
    )
    if kind == "Job":
        found.wants, found.has = running(spec, status), status.get("active", 0)
    elif kind == "CronJob":
        runs = [(running(one["spec"], one.get("status", {})), one.get("status", {}).get("active", 0)) for one in makers]
        alone = spec.get("concurrencyPolicy", "Allow") != "Allow" and any(wants for wants, _ in runs)
        found.has = sum(has for _, has in runs)
        found.wants = sum(max(one) for one in runs) + (0 if spec.get("suspend") or alone else running(job, {}))
    elif kind == "DaemonSet":
        found.has = status.get("currentNumberScheduled", 0)
        found.wants = found.replicas = status.get("desiredNumberScheduled", 0) if exists else 1
    elif kind != "Pod":
        found.wants = found.replicas = spec.get("replicas", 1)
    if kind == "StatefulSet":
        found.claims = tuple(spec.get("volumeClaimTemplates") or ())
        found.first = (spec.get("ordinals") or {}).get("start", 0)
    if kind in ORDERS:
        found.strategy = spec.get(ORDERS[kind]) or {}
    if kind == "Deployment" and exists:
        there = [(one["spec"].get("replicas", 1), one.get("status", {}).get("replicas", 0)) for one in makers]
        found.has = sum(has for _, has in there)
        # In the middle of a rolling update the new ReplicaSet may lack pods although there are enough in all.
        found.wants = max(found.wants, found.has + sum(max(0, wants - has) for wants, has in there))
    return found


def running(spec: Item, status: Item) -> int:
    """How many pods a Job wants at the same time."""
    wants: int = spec.get("parallelism", 1)
    left: int | None = spec.get("completions")
    if spec.get("suspend") or ended(status):
        return 0
    return wants if left is None else max(0, min(wants, left - status.get("succeeded", 0)))


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
        claims=tuple(msgspec.convert(one, ClaimTemplate) for one in demand.claims),
        kept=demand.kept,
        rollout=None if demand.strategy is None else rollout(demand.strategy, demand.replicas, demand.kind),
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
    text = text.removeprefix("(combined from similar events): ").removeprefix("Error creating: ")
    return STATEFUL.sub("", text, count=1)
