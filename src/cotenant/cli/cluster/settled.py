"""Canaries of the bindings that look at updates, warn and audit, and of the policy that writes: where SpacePolicies are.

Each binding has a SpacePolicy of its own, which here says something else: `policy` refuses, `warn` warns, `observe`
audits. So one request that breaks a rule is refused, warned about and counted, by three bindings. What is updated must be
there: a pod that nobody schedules, a Deployment of no replicas, an Ingress and a claim of classes that do not exist.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any

from cotenant.api import keys
from cotenant.api.builtin import Manifest
from cotenant.cli.cluster.canaries import (
    INGRESSES,
    ROUTES,
    WORDS,
    acting,
    entered,
    made,
    named,
    refusal,
    standing,
)
from cotenant.cli.cluster.proof import NAME, Canary
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.resource import Resource
from cotenant.model.platform import Platform
from cotenant.render.install.admission import pools
from cotenant.render.install.admission.accounts import ROLE
from cotenant.render.install.admission.mode import ACTIONS

HOST = f"{NAME}.example.com"
REGISTRY = "registry.example.com/"
RULES: Manifest = {
    "tenant": NAME,
    "network": {"isolation": "tenant", "internet": True},
    "pods": {"registries": [REGISTRY], "allowExec": False},
    "nodes": {"pool": NAME},
    "services": {"types": ["ClusterIP"]},
    "ingress": {"hosts": [HOST]},
    "storage": {"classes": [NAME]},
    "serviceAccounts": {},
}
POD: Manifest = {
    "containers": [{"name": "c", "image": f"{REGISTRY}canary"}],
    "schedulingGates": [{"name": keys.CANARY}],
    "nodeSelector": {keys.POOL: NAME},
    "automountServiceAccountToken": False,
}
FOREIGN = [{"name": "c", "image": "elsewhere.example.com/canary"}]
CLAIM: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
NOTED: Manifest = {"metadata": {"annotations": {"external-dns.alpha.kubernetes.io/hostname": "elsewhere.example.com"}}}


async def settle(client: Client, platform: Platform, place: str) -> None:
    """Makes the SpacePolicies, as the operator; Forbidden for who may not impersonate it."""
    operator = acting(client, platform)
    for name in (keys.POLICY, *ACTIONS):
        labels = {keys.POOLED: NAME} if name == keys.POLICY else {keys.ENFORCEMENT: name}
        mode = "enforce" if name == keys.POLICY else name
        body = named(resource.SPACE_POLICIES, place, {"metadata": {"name": name, "labels": labels}})
        await operator.create(resource.SPACE_POLICIES, body | {"spec": RULES | {"enforcement": mode}})


def changes(client: Client, place: str, *, routes: bool) -> list[Canary]:
    """What is refused by a binding about updates, and warned about beside it; then what only something new can show."""
    labels = {"app": NAME}
    backend = {"service": {"name": NAME, "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    # By the old annotation: controllers that look at every Ingress, and their webhooks, leave other classes alone.
    ingress: Manifest = {
        "metadata": {"annotations": {"kubernetes.io/ingress.class": NAME}},
        "spec": {"rules": [{"host": HOST, "http": {"paths": paths}}]},
    }
    template = {"metadata": {"labels": labels}, "spec": {"containers": POD["containers"]}}
    deployment = {"spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}}
    updates: list[tuple[str, Resource, Manifest, Manifest]] = [
        ("cotenant-pods", resource.PODS, {"spec": POD}, {"spec": {"containers": FOREIGN}}),
        (
            "cotenant-workloads",
            resource.DEPLOYMENTS,
            deployment,
            {"spec": {"template": {"spec": {"containers": FOREIGN}}}},
        ),
        ("cotenant-services", resource.SERVICES, {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}}, NOTED),
        ("cotenant-ingresses", INGRESSES, ingress, NOTED),
        (
            "cotenant-accounts",
            resource.SERVICE_ACCOUNTS,
            {},
            {"metadata": {"annotations": {ROLE: "arn:aws:iam::111122223333:role/canary"}}},
        ),
    ]
    if routes:
        updates.append(("cotenant-routes", ROUTES, {"spec": {"hostnames": [HOST]}}, NOTED))
    claim = {"metadata": {"name": "elsewhere"}, "spec": CLAIM | {"storageClassName": "elsewhere"}}
    return [
        *(updated(client, place, *each) for each in updates),
        warned(
            "cotenant-volumes",
            "cotenant-volumes",
            client,
            lambda by: made(by, resource.PERSISTENT_VOLUME_CLAIMS, place, claim),
        ),
        warned("cotenant-exec", "cotenant-exec", client, lambda by: entered(by, place)),
    ]


def claims(client: Client, somebody: Client, place: str) -> Canary:
    """An update of a claim: of what a rule could say of one, the API server itself lets through the choice of a volume.

    That is refused to who may not update PersistentVolumes, in every mode.
    """
    good = {"spec": CLAIM | {"storageClassName": NAME}}
    patch: Manifest = {"spec": {"volumeName": "somebodys"}}
    attempt = changed(somebody, resource.PERSISTENT_VOLUME_CLAIMS, place, good, patch, maker=client)
    return refusal("cotenant-volumes", "cotenant-volumes-update", attempt)


def writing(client: Client, place: str) -> Canary:
    """A pod into which the pool of its tenant is written."""
    pod = {name: value for name, value in POD.items() if name != "nodeSelector"}

    def pooled(answer: Any) -> bool:
        return bool(answer["spec"].get("nodeSelector", {}).get(keys.POOL) == NAME)

    attempt = made(client, resource.PODS, place, {"metadata": {"name": "written"}, "spec": pod})
    return Canary(pools.NAME, (), attempt, patient=True, written=pooled)


def updated(client: Client, place: str, policy: str, kind: Resource, good: Manifest, patch: Manifest) -> Canary:
    """A canary about a change of what is there."""
    return warned(policy, f"{policy}-update", client, lambda by: changed(by, kind, place, good, patch))


def warned(
    policy: str, binding: str, client: Client, attempt: Callable[[Client], Callable[[], Awaitable[object]]]
) -> Canary:
    """A canary that one binding refuses, and that which warns warns of."""
    mine = copy.copy(client)
    canary = Canary(policy, (WORDS.format(binding), WORDS.format(f"{policy}-warn")), attempt(mine), patient=True)
    mine.on_warning = canary.heard.append
    return canary


def changed(
    client: Client, kind: Resource, place: str, good: Manifest, patch: Manifest, *, maker: Client | None = None
) -> Callable[[], Awaitable[object]]:
    """Makes a good object once, and asks for a change of it, as a dry run."""
    there = standing(maker or client, kind, place, good)

    async def change() -> object:
        await there()
        return await client.merge(kind, NAME, patch, place, dry_run=True)

    return change
