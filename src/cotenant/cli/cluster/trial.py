"""What runs today and would be refused if every rule refused: each object is asked for once more, as a dry run.

The API server itself answers, by the policies and parameters that are in force: no second opinion that could differ.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from typing import Any

from msgspec import Struct

from cotenant.api.builtin import Manifest
from cotenant.api.keys import SPACE, TENANT
from cotenant.cli.cluster.addons import addons
from cotenant.cli.cluster.workloads import CRON_JOBS
from cotenant.judge.budgets import held
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, ApiError, Forbidden, NotFound, Unavailable
from cotenant.kube.resource import Resource
from cotenant.render.install.admission.catalogue import catalogue
from cotenant.render.install.admission.mode import TRIAL

DECIDED = {rule.id for policy in catalogue() if policy.parameters for rule in policy.rules}
"""Rules that a SpacePolicy decides, firm ones included."""
KINDS = (
    resource.DEPLOYMENTS,
    resource.STATEFUL_SETS,
    resource.DAEMON_SETS,
    resource.REPLICA_SETS,
    resource.REPLICATION_CONTROLLERS,
    CRON_JOBS,
    resource.JOBS,
    resource.PODS,
    resource.SERVICES,
    Resource("networking.k8s.io", "v1", "ingresses", "Ingress", namespaced=True),
    resource.PERSISTENT_VOLUME_CLAIMS,
    resource.SERVICE_ACCOUNTS,
    resource.POD_DISRUPTION_BUDGETS,
)
GIVEN = {
    "Pod": ("nodeName",),
    "Service": ("clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies"),
    "PersistentVolumeClaim": ("volumeName",),
    "Job": ("selector",),
}
"""What the control plane wrote into a spec, and nobody may ask for."""
AT_ONCE = 8
_SAID = re.compile(r"(COTENANT-[A-Z]+-\d+): (.*)", re.DOTALL)


class Refused(Struct, frozen=True, rename="camel"):
    """Something that runs, and the rule that would refuse it were it made today."""

    tenant: str
    namespace: str
    kind: str
    name: str
    rule: str
    message: str


class Held(Struct, frozen=True):
    """Budgets of a namespace that let no pod go, which no rule sees: it looks at one object."""

    namespace: str
    budgets: str
    why: str


class Trial(Struct, frozen=True):
    """What was asked and answered; `unasked` is what could not be, with why."""

    asked: int
    refused: list[Refused]
    unasked: list[str]
    held: list[Held]


async def tried(client: Client, tenants: Collection[str]) -> Trial:
    """Everything in the spaces of these tenants; of all where none is named."""
    chosen = f"{TENANT},{SPACE}" if not tenants else f"{TENANT} in ({','.join(sorted(tenants))}),{SPACE}"
    spaces = (await client.list(resource.NAMESPACES, labels=chosen)).items
    places = {one["metadata"]["name"]: one["metadata"]["labels"][TENANT] for one in spaces}
    gate, unasked = asyncio.Semaphore(AT_ONCE), list[str]()
    found: list[tuple[Resource, Manifest]] = []
    there: dict[tuple[str, str], list[Manifest]] = {}
    for kind in (*KINDS, *await addons(client, unasked)):
        for place in places:
            try:
                listing = await client.list(kind, place)
            except NotFound:
                break  # its definition has gone
            except Forbidden as error:
                unasked.append(str(error))
                break
            if kind in (resource.PODS, resource.POD_DISRUPTION_BUDGETS):
                there[kind.kind, place] = listing.items
            found += [(kind, one) for one in listing.items if not controlled(one)]

    async def one(kind: Resource, existing: Manifest) -> Refused | None:
        async with gate:
            return await _asked(client, kind, existing, places, unasked)

    answers = await asyncio.gather(*(one(kind, existing) for kind, existing in found))
    kept = [
        Held(place, names, why)
        for place in places
        for names, why in held(there.get(("PodDisruptionBudget", place), ()), there.get(("Pod", place), ()))
    ]
    return Trial(len(found), [each for each in answers if each], unasked, kept)


async def _asked(
    client: Client, kind: Resource, there: Manifest, places: dict[str, str], unasked: list[str]
) -> Refused | None:
    name, place = there["metadata"]["name"], there["metadata"]["namespace"]
    try:
        await client.create(kind, again(kind, there), manager=TRIAL, dry_run=True)
    except AlreadyExists:
        return None  # admission comes first, and let it through
    except Forbidden as error:
        said = _SAID.search(error.message)
        if said and said[1] in DECIDED:
            return Refused(places[place], place, kind.kind, name, said[1], said[2])
        if not said and "exceeded quota" not in error.message:
            unasked.append(f"{kind.kind} {place}/{name}: {error.message}")
    except Unavailable:
        raise
    except ApiError as error:
        unasked.append(f"{kind.kind} {place}/{name}: {error}")
    return None


def controlled(one: Manifest) -> bool:
    """Whether a controller made it: what counts then is the template, which is asked for itself."""
    return any(owner.get("controller") for owner in one["metadata"].get("ownerReferences", ()))


def again(kind: Resource, there: Manifest) -> Manifest:
    """The object as somebody would ask for it, without what the API server and controllers wrote into it."""
    metadata = {
        key: there["metadata"][key]
        for key in ("name", "namespace", "labels", "annotations")
        if key in there["metadata"]
    }
    body: dict[str, Any] = {key: value for key, value in there.items() if key not in ("status", "metadata")}
    spec = body.get("spec")
    if isinstance(spec, dict):
        body["spec"] = {key: value for key, value in spec.items() if key not in GIVEN.get(kind.kind, ())}
        if kind.kind == "Service":
            ports = body["spec"].get("ports", ())
            body["spec"]["ports"] = [{key: each[key] for key in each if key != "nodePort"} for each in ports]
        if kind.kind == "Job":
            body["spec"]["template"] = _unmarked(body["spec"]["template"])
    return {"apiVersion": kind.api_version, "kind": kind.kind, **body, "metadata": metadata}


def _unmarked(template: Manifest) -> Manifest:
    """The template of a Job without the labels that its controller gives, and refuses from anybody else."""
    metadata = template.get("metadata", {})
    labels = {key: value for key, value in metadata.get("labels", {}).items() if "controller-uid" not in key}
    return template | {"metadata": metadata | {"labels": labels}}
