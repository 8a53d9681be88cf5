"""What `cotenant doctor` looks at: facts of a cluster, gathered; what may not be read is listed, never guessed."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Container, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from msgspec import Struct, field

from cotenant.api.meta import Condition
from cotenant.api.tenant import Tenant
from cotenant.cli import Failure
from cotenant.cli.cluster import proof
from cotenant.cli.cluster.glazing import Broken, lifted
from cotenant.cli.cluster.observation import Observation, observe
from cotenant.cli.cluster.placement import Placement, placement
from cotenant.cli.cluster.priorities import shut_out
from cotenant.cli.cluster.signs import NAMES, Sign, sign
from cotenant.cli.settings_source import platform
from cotenant.controllers.gather import gather_tenant
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, NotFound, Unavailable
from cotenant.kube.resource import Resource
from cotenant.model.iam import awsauth
from cotenant.model.platform import Platform
from cotenant.model.rights import TENANTS, origin, outsiders
from cotenant.model.strays import astray, bygone
from cotenant.render.install import deny, force

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
    aws_auth: dict[str, str] | None = None
    """The texts of ConfigMap aws-auth; None where there is none, too."""
    definitions: dict[str, dict[str, Any]] | None = None
    namespaces: dict[str, dict[str, str]] | None = None
    """Name -> labels."""
    missing_rights: list[str] | None = None
    policies: dict[str, str] = field(default_factory=dict)
    """Policy -> bound, not bound, missing, or what its binding does instead of denying."""
    lifted: list[Broken] = field(default_factory=list)
    """Policies whose glass somebody broke, also where the time is over."""
    denies: dict[str, bool] = field(default_factory=dict)
    """Policy -> whether it denied what it must, of those that could be tried."""
    astray: list[str] | None = None
    """Namespaces with a tenant's label that no Space of it stands for, and that nobody will bring back."""
    bygone: dict[str, list[str]] = field(default_factory=dict)
    """Tenants that are gone -> namespaces that still carry their label."""
    bound: dict[str, int] | None = None
    """Namespaces of no tenant -> how many RoleBindings of ours give rights there."""
    unsynced: dict[str, Condition] | None = None
    """Tenants whose IAM principals are not what they should be -> their condition IAMSynced."""
    outsiders: list[tuple[str, str, str]] | None = None
    """RoleBindings in namespaces of tenants that name others than ServiceAccounts there: namespace, binding, subject."""
    placement: Placement | None = None
    """Nodes of pools and whose pods are on them."""
    shut_out: dict[str, list[str]] | None = None
    """The PriorityClass that pods get by default -> tenants that may not have it."""
    signs: list[Sign] | None = None
    """What the Leases say of operators, of each that was ever renewed."""
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
        _identities(client, facts),
        _rights(client, facts),
        _policies(client, facts),
        operators(client, facts),
        _left(client, facts),
    )
    facts.unseen.sort()
    return facts


async def _identities(client: Client, facts: Facts) -> None:
    found = await _try(facts, "aws-auth", _exists(client, resource.CONFIG_MAPS, awsauth.NAME, awsauth.NAMESPACE))
    facts.aws_auth = (found.get("data") or {}) if found else None


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


async def listed(client: Client, kind: Resource) -> bool:
    """Whether the API server serves a kind."""
    try:
        await client.list(kind, limit=1)
    except NotFound:
        return False
    return True


async def _served(client: Client, facts: Facts) -> None:
    facts.validating_served = await _try(facts, "validating policies", listed(client, resource.VALIDATING_POLICIES))
    facts.mutating_served = await _try(facts, "mutating policies", listed(client, resource.MUTATING_POLICIES))
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


_KINDS = {
    resource.VALIDATING_POLICIES.kind: (resource.VALIDATING_POLICIES, resource.VALIDATING_POLICY_BINDINGS),
    resource.MUTATING_POLICIES.kind: (resource.MUTATING_POLICIES, resource.MUTATING_POLICY_BINDINGS),
}


async def _policies(client: Client, facts: Facts) -> None:
    try:
        installed = await platform(client)
    except Failure as error:
        facts.unseen.append(f"settings: {error}")
        installed = Platform()
    for one in (*deny(installed), *force(installed)):
        if one["kind"] not in _KINDS:
            continue
        name, (policies, bindings) = one["metadata"]["name"], _KINDS[one["kind"]]
        try:
            if policies is resource.MUTATING_POLICIES and not await listed(client, policies):
                continue
            policy = await _exists(client, policies, name)
            binding = await _exists(client, bindings, name)
        except Unavailable:
            raise
        except ApiError as error:
            facts.unseen.append(f"policies: {error}")
            return
        facts.policies[name] = "missing" if policy is None else _binding(name, binding)
        facts.lifted += lifted([policy] if policy else [])
    for canary in (*proof.leashes(client, Platform()), proof.guard(client)):
        if facts.policies[canary.policy] != "bound":
            continue
        try:
            await proof.prove(canary, denials=3, seconds=3.0)
            facts.denies.setdefault(canary.policy, True)
        except proof.NotProven as reason:
            if reason.tried:
                facts.denies[canary.policy] = False
            else:
                facts.unseen.append(f"policies: {reason}")


def _binding(name: str, found: dict[str, Any] | None) -> str:
    if found is None or found["spec"].get("policyName") != name:
        return "not bound"
    if found.get("kind", "") == resource.MUTATING_POLICY_BINDINGS.kind:
        return "bound"
    actions = found["spec"].get("validationActions") or ()
    return "bound" if "Deny" in actions else f"bound for {', '.join(actions) or 'nothing'} only"


async def _left(client: Client, facts: Facts) -> None:
    """What nobody owns any more; nothing where there are no Tenants yet."""
    seen = await _try(facts, "left behind", _tenancy(client))
    if seen is None:
        return
    world, now = seen.world, datetime.now(UTC)
    tenants = {one.metadata.name for one in world.tenants.items()}
    found = [gather_tenant(world, name, Platform(), now) for name in sorted(tenants)]
    facts.astray = sorted(one.metadata.name for each in found if each for one in astray(each))
    facts.unsynced = unsynced(world.tenants.items())
    facts.bygone = bygone(world.namespaces.items(), tenants)
    facts.placement = await _try(facts, "node pools", placement(client, world))
    facts.shut_out = await _try(facts, "priority classes", shut_out(client, world))
    owned = {one.metadata.name for name in tenants for one in world.namespaces.by("tenant", name)}
    found_bindings = await _try(facts, "role bindings", client.list(resource.ROLE_BINDINGS))
    if found_bindings is not None:
        facts.bound = rights(found_bindings.items, owned)
        facts.outsiders = outsiders(found_bindings.items, owned)


def unsynced(tenants: Iterable[Tenant]) -> dict[str, Condition]:
    """Tenants with an IAMSynced that is not True."""
    said = {one.metadata.name: one.status.conditions for one in tenants if one.status.conditions}
    return {
        name: condition
        for name, conditions in sorted(said.items())
        for condition in conditions
        if condition.type == "IAMSynced" and condition.status != "True"
    }


def rights(bindings: Iterable[dict[str, Any]], owned: Container[str]) -> dict[str, int]:
    """How many role bindings of tenants there are in namespaces that are not `owned`: those of the operator are not meant."""
    places = [one["metadata"]["namespace"] for one in bindings if origin(one["metadata"]) == TENANTS]
    return dict(sorted(Counter(place for place in places if place not in owned).items()))


async def _tenancy(client: Client) -> Observation | None:
    """Tenants and namespaces without what is in them; None where our kinds are not installed."""
    try:
        return await observe(client, [])
    except NotFound:
        return None


async def operators(client: Client, facts: Facts) -> None:
    """Who leads, and who beats."""
    asked = asyncio.gather(*(sign(client, name, facts.namespace) for name in NAMES))
    found = await _try(facts, "operator", asked)
    facts.signs = None if found is None else [one for one in found if one]
