"""Where a member stands: the tenant of a namespace, found with nothing but the rights of a member.

A member may get the own namespace, whose label names the tenant; the tenant's home is home-<tenant>; Spaces may be
listed there, and the SpacePolicy in it tells what members may know of their Tenant.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from cotenant.api.builtin import Namespace
from cotenant.api.keys import API_VERSION, HOME_PREFIX, POLICY, SPACE, TENANT, home_of
from cotenant.api.policy import SpacePolicy
from cotenant.cli import PARTLY, Failure
from cotenant.cli.cluster.connect import Cluster
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden, NotFound
from cotenant.kube.resource import NAMESPACES, ROLE_BINDINGS, SPACE_POLICIES, SPACES
from cotenant.model.access import Subject

ROLE_PREFIX = "cotenant-"


class Standing(Struct, frozen=True):
    """The tenant that a namespace belongs to, and the space that it is; "" in the home."""

    tenant: str
    namespace: str
    space: str = ""

    @property
    def home(self) -> str:
        """The tenant's home namespace."""
        return home_of(self.tenant)


async def standing(cluster: Cluster) -> Standing | None:
    """The tenant of the namespace that was asked for; None if it is of none, or not to be seen."""
    return await tenant_of(cluster.client, cluster.namespace)


async def tenant_of(client: Client, namespace: str) -> Standing | None:
    """The same of any namespace, by its labels."""
    try:
        found = await client.get(NAMESPACES, namespace, type=Namespace)
    except (Forbidden, NotFound):
        return None
    tenant = found.metadata.labels.get(TENANT)
    return Standing(tenant, namespace, found.metadata.labels.get(SPACE, "")) if tenant else None


async def required(cluster: Cluster, code: int = PARTLY) -> Standing:
    """The tenant of the namespace, or a Failure with this exit code and the sentence to ask for."""
    found = await standing(cluster)
    if found is None:
        raise nowhere(cluster, code)
    return found


async def home_by_name(client: Client, tenant: str) -> Standing:
    """A tenant that was named, by a member's right to get its home; a Failure for whoever has none."""
    found = await tenant_of(client, home_of(tenant))
    if found is None or found.tenant != tenant:
        raise not_yours(tenant)
    return found


def not_yours(tenant: str) -> Failure:
    """One answer for what is not there and for what is of others: whether it exists is not for everybody to know."""
    return Failure(f"tenant {tenant} is not there, or not yours; see yours: cotenant whoami")


def nowhere(cluster: Cluster, code: int = PARTLY) -> Failure:
    """A member without a namespace to start from."""
    where = f"namespace {cluster.namespace} is of no tenant that you can see"
    ask = "ask an owner of your tenant: which namespace is mine?"
    return Failure(f"{where}; {ask} Then: kubectl config set-context --current --namespace=NAME, or -n NAME", code)


async def policy(client: Client, namespace: str) -> SpacePolicy | None:
    """The rules in force in a namespace; None where there are none yet."""
    try:
        return await client.get(SPACE_POLICIES, POLICY, namespace, type=SpacePolicy)
    except NotFound:
        return None


async def spaces_of(client: Client, home: str, labels: str = "") -> list[dict[str, Any]]:
    """The Spaces in a home."""
    return (await client.list(SPACES, home, labels=labels)).items


async def as_tenant(client: Client, found: Standing) -> dict[str, Any]:
    """What a member may know of the Tenant, in the shape of a Tenant."""
    rules = await policy(client, found.home)
    status: dict[str, Any] = {"home": found.home}
    spec: dict[str, Any] = {}
    if rules and rules.status:
        mirror = rules.status
        status |= {"conditions": msgspec.to_builtins(mirror.conditions)}
        status |= {"spaces": msgspec.to_builtins(mirror.spaces)} if mirror.spaces else {}
        spec |= {"spaces": {"limit": mirror.limit}} if mirror.limit is not None else {}
        spec |= {"quota": {"hard": mirror.quota}} if mirror.quota else {}
        spec |= {"limits": msgspec.to_builtins(mirror.limits)} if mirror.limits else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "Tenant",
        "metadata": {"name": found.tenant},
        "spec": spec,
        "status": status,
    }


async def roles_in(client: Client, namespace: str, user: str, groups: list[str]) -> list[str]:
    """The roles that somebody has in a space, by our RoleBindings there. Forbidden is no role."""
    try:
        bindings = (await client.list(ROLE_BINDINGS, namespace)).items
    except Forbidden:
        return []
    return sorted(
        one["metadata"]["name"].removeprefix(ROLE_PREFIX)
        for one in bindings
        if one["metadata"]["name"].startswith(ROLE_PREFIX)
        and any(means(subject, user, groups) for subject in one.get("subjects") or ())
    )


def means(subject: Subject, user: str, groups: list[str]) -> bool:
    """Whether a subject of a RoleBinding is this user."""
    if subject["kind"] == "Group":
        return subject["name"] in groups
    if subject["kind"] == "ServiceAccount":
        return user == f"system:serviceaccount:{subject.get('namespace', '')}:{subject['name']}"
    return subject["name"] == user


def home_tenant(namespace: str) -> str:
    """The tenant whose home a namespace is by its name; "" for any other."""
    return namespace.removeprefix(HOME_PREFIX) if namespace.startswith(HOME_PREFIX) else ""
