"""What `cotenant doctor` looks at: facts of a cluster, gathered; what may not be read is listed, never guessed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct, field

from cotenant.cli.cluster import proof
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, NotFound, Unavailable
from cotenant.kube.resource import Resource
from cotenant.model.platform import Platform
from cotenant.render.install import GUARD, LEASH
from cotenant.render.install.values import LEASE

T = TypeVar("T")
_NEEDED = (
    resource.CRDS,
    resource.CLUSTER_ROLES,
    resource.CLUSTER_ROLE_BINDINGS,
    resource.VALIDATING_POLICIES,
    resource.NAMESPACES,
)


class Facts(Struct, kw_only=True):
    """None: could not be read, see unseen."""

    major: int
    minor: int
    namespace: str = "cotenant-system"
    validating_served: bool | None = None
    mutating_served: bool | None = None
    daemon_sets: dict[str, list[str]] | None = None
    """DaemonSets of kube-system: name -> arguments of all their containers."""
    definitions: dict[str, dict[str, Any]] | None = None
    namespaces: dict[str, dict[str, str]] | None = None
    """Name -> labels."""
    missing_rights: list[str] | None = None
    policies: dict[str, str] = field(default_factory=dict)
    """Policy -> bound, unbound or missing."""
    guard_denies: bool | None = None
    led: bool | None = None
    """Whether there is a Lease."""
    holder: str = ""
    renewed: datetime | None = None
    unseen: list[str] = field(default_factory=list)

    @property
    def groups(self) -> set[str] | None:
        """API groups of every CustomResourceDefinition."""
        return None if self.definitions is None else {crd["spec"]["group"] for crd in self.definitions.values()}


async def survey(client: Client) -> Facts:
    """Asks everything at once; Unavailable when the cluster does not even tell its version."""
    version = await client.version()
    facts = Facts(major=_number(version["major"]), minor=_number(version["minor"]), namespace=Platform().namespace)
    await asyncio.gather(
        _served(client, facts),
        _workloads(client, facts),
        _rights(client, facts),
        _policies(client, facts),
        _lease(client, facts),
    )
    facts.unseen.sort()
    return facts


def _number(text: str) -> int:
    """EKS writes `36+`."""
    return int(re.sub(r"\D", "", text) or 0)


async def _try(facts: Facts, what: str, question: Awaitable[T]) -> T | None:
    """The answer, or None and a line in unseen."""
    try:
        return await question
    except Unavailable:
        raise
    except ApiError as error:
        facts.unseen.append(f"{what}: {error}")
        return None


async def _exists(client: Client, kind: Resource, name: str, namespace: str | None = None) -> dict[str, Any] | None:
    try:
        return await client.get(kind, name, namespace)
    except NotFound:
        return None


async def _listed(client: Client, kind: Resource) -> bool:
    try:
        await client.list(kind, limit=1)
    except NotFound:
        return False
    return True


async def _served(client: Client, facts: Facts) -> None:
    facts.validating_served = await _try(facts, "validating policies", _listed(client, resource.VALIDATING_POLICIES))
    facts.mutating_served = await _try(facts, "mutating policies", _listed(client, resource.MUTATING_POLICIES))
    found = await _try(facts, "definitions", client.list(resource.CRDS))
    if found is not None:
        facts.definitions = {crd["metadata"]["name"]: crd for crd in found.items}


async def _workloads(client: Client, facts: Facts) -> None:
    sets = await _try(facts, "network policies", client.list(resource.DAEMON_SETS, "kube-system"))
    if sets is not None:
        facts.daemon_sets = {each["metadata"]["name"]: _arguments(each) for each in sets.items}
    namespaces = await _try(facts, "namespaces", client.list(resource.NAMESPACES))
    if namespaces is not None:
        facts.namespaces = {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in namespaces.items}


def _arguments(daemon_set: dict[str, Any]) -> list[str]:
    containers = daemon_set["spec"]["template"]["spec"]["containers"]
    return [argument for container in containers for argument in container.get("args", ())]


async def _rights(client: Client, facts: Facts) -> None:
    missing = []
    for kind in _NEEDED:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"group": kind.group, "resource": kind.plural, "verb": "create"}},
        }
        answer = await _try(facts, "your rights", client.create(resource.SELF_SUBJECT_ACCESS_REVIEWS, review))
        if answer is None:
            return
        if not answer["status"].get("allowed"):
            missing.append(str(kind))
    facts.missing_rights = missing


async def _policies(client: Client, facts: Facts) -> None:
    for name in (LEASH, GUARD):
        try:
            policy = await _exists(client, resource.VALIDATING_POLICIES, name)
            binding = await _exists(client, resource.VALIDATING_POLICY_BINDINGS, name)
        except Unavailable:
            raise
        except ApiError as error:
            facts.unseen.append(f"policies: {error}")
            return
        facts.policies[name] = "missing" if policy is None else "bound" if binding else "not bound"
    if facts.policies[GUARD] == "bound":
        try:
            await proof.prove(proof.guard(client), denials=3, seconds=3.0)
            facts.guard_denies = True
        except proof.NotProven as reason:
            facts.guard_denies = False if reason.tried else None
            if not reason.tried:
                facts.unseen.append(f"policies: {reason}")


async def _lease(client: Client, facts: Facts) -> None:
    try:
        lease = await _exists(client, resource.LEASES, LEASE, facts.namespace)
    except Unavailable:
        raise
    except ApiError as error:
        facts.unseen.append(f"operator: {error}")
        return
    facts.led = lease is not None
    spec = (lease or {}).get("spec", {})
    facts.holder = spec.get("holderIdentity", "")
    if spec.get("renewTime"):
        facts.renewed = datetime.fromisoformat(spec["renewTime"])
