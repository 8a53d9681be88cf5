"""A canary for every binding about tenants' objects, in namespaces of a tenant that is none, for as long as the proof takes.

One has no SpacePolicy, so every policy with parameters refuses whatever is new in it, in its own name. One has them, and
what is there already: see `settled`. One has no quota. Policies without parameters refuse only who is not above them: they
are tried as a user who exists nowhere else, with rights in these namespaces alone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from cotenant.api import keys
from cotenant.api.builtin import Manifest
from cotenant.cli.cluster.proof import NAME, Canary
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists, NotFound
from cotenant.kube.resource import Resource
from cotenant.model.platform import Platform

RBAC = "rbac.authorization.k8s.io"
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", namespaced=True)
ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", namespaced=True)
POD: Manifest = {"containers": [{"name": "c", "image": "x"}]}
WORDS = "with binding '{}'"
"""How the API server names who refused or warned."""


@dataclass(frozen=True)
class Ground:
    """Where canaries live: namespaces without a SpacePolicy, with them, and without a quota."""

    bare: str
    settled: str
    unmetered: str


@contextlib.asynccontextmanager
async def ground(client: Client) -> AsyncIterator[Ground]:
    """Makes the namespaces, and deletes them with whatever an earlier proof left."""
    mark = secrets.token_hex(4)
    places = Ground(f"{NAME}-{mark}", f"{NAME}-{mark}-settled", f"{NAME}-{mark}-unmetered")
    try:
        # `cotenant-quota-first` leaves the first two alone: it would speak first, and one refusal has one policy.
        for place, kind in ((places.bare, "true"), (places.settled, "true"), (places.unmetered, "unmetered")):
            await client.create(resource.NAMESPACES, namespace(place, kind))
            for each in rights(place):
                await client.create(resource.resource_of(each), each)
        yield places
    finally:
        # By the tenant that there is not, too: one label on somebody's namespace must not be enough to lose it.
        for one in (await client.list(resource.NAMESPACES, labels=f"{keys.CANARY},{keys.TENANT}={NAME}")).items:
            with contextlib.suppress(NotFound):
                await client.delete(resource.NAMESPACES, one["metadata"]["name"])


def canaries(client: Client, platform: Platform, places: Ground, *, routes: bool) -> list[Canary]:
    """What is refused for want of a SpacePolicy, of a right and of a quota. `routes`: whether there is a Gateway API."""
    fresh = client.apart(each=True)
    return [
        *parametrised(fresh, places.bare, routes=routes),
        *others(fresh.as_user(NAME, []), fresh, places.bare),
        *metered(fresh, acting(fresh, platform), places.unmetered),
    ]


def acting(client: Client, platform: Platform) -> Client:
    """The operator, almighty but for the policies: it alone writes SpacePolicies and quotas."""
    return client.as_user(platform.operator, ["system:masters"])


def namespace(place: str, kind: str) -> Manifest:
    """A namespace that every policy takes for a tenant's."""
    labels = {keys.TENANT: NAME, keys.CANARY: kind}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place, "labels": labels}}


def rights(place: str) -> list[Manifest]:
    """What the user who exists nowhere else may do here, which is what the policies refuse."""
    rules = [
        {"apiGroups": [RBAC], "resources": ["rolebindings"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["namespaces", "persistentvolumeclaims"], "verbs": ["get", "patch"]},
    ]
    metadata = {"name": NAME, "namespace": place}
    about = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
    role = {"apiGroup": RBAC, "kind": "Role", "name": NAME}
    subject = {"apiGroup": RBAC, "kind": "User", "name": NAME}
    return [
        about | {"kind": "Role", "rules": rules},
        about | {"kind": "RoleBinding", "roleRef": role, "subjects": [subject]},
    ]


def parametrised(client: Client, place: str, *, routes: bool) -> list[Canary]:
    """What is refused by policies that find no SpacePolicy."""
    labels = {"app": NAME}
    template = {"metadata": {"labels": labels}, "spec": POD}
    backend = {"service": {"name": "x", "port": {"number": 80}}}
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    asked: list[tuple[str, Resource, Manifest]] = [
        ("cotenant-pods", resource.PODS, {"spec": POD}),
        (
            "cotenant-workloads",
            resource.DEPLOYMENTS,
            {"spec": {"selector": {"matchLabels": labels}, "template": template}},
        ),
        ("cotenant-services", resource.SERVICES, {"spec": {"ports": [{"port": 80}]}}),
        ("cotenant-ingresses", INGRESSES, {"spec": {"defaultBackend": backend}}),
        ("cotenant-volumes", resource.PERSISTENT_VOLUME_CLAIMS, {"spec": claim}),
        ("cotenant-accounts", resource.SERVICE_ACCOUNTS, {}),
    ]
    if routes:
        asked.append(("cotenant-routes", ROUTES, {"spec": {"hostnames": ["canary.example.com"]}}))
    return [
        *(refusal(policy, policy, made(client, kind, place, body)) for policy, kind, body in asked),
        refusal("cotenant-exec", "cotenant-exec", entered(client, place)),
    ]


def others(somebody: Client, client: Client, place: str) -> list[Canary]:
    """What is refused to whoever is not the platform, by its right in this namespace alone."""
    # Its name is one of ours. The rule that came with the right to write them: where it acts, no policy without it does.
    binding = {"roleRef": {"apiGroup": RBAC, "kind": "Role", "name": NAME}, "subjects": []}
    stripped = {"metadata": {"labels": {keys.TENANT: None}}}
    return [
        refusal(
            "cotenant-rights",
            "cotenant-rights",
            made(somebody, resource.ROLE_BINDINGS, place, binding),
            "COTENANT-RIGHT-8",
        ),
        refusal(
            "cotenant-grounds",
            "cotenant-grounds",
            lambda: somebody.merge(resource.NAMESPACES, place, stripped, dry_run=True),
        ),
        refusal(
            "cotenant-quota-law",
            "cotenant-quota-law",
            made(client, resource.RESOURCE_QUOTAS, place, {"spec": {}}),
            "COTENANT-QUOTA-3",
        ),
    ]


def metered(client: Client, operator: Client, place: str) -> list[Canary]:
    """A charge above the limit, by each of the two bindings, and something new where no quota is counted."""
    ours = {keys.MANAGED_BY: keys.COTENANT, keys.TENANT: NAME}
    checked = ours | {keys.ACCOUNTING: keys.STRICT, keys.CHECKED: "true"}

    def charged(name: str, labels: dict[str, str]) -> Callable[[], Awaitable[object]]:
        quota = {"metadata": {"name": name, "labels": labels}, "spec": {"hard": {"pods": "0"}}}
        there = standing(operator, resource.RESOURCE_QUOTAS, place, quota)

        async def charge() -> object:
            await there()
            over = {"status": {"used": {"pods": "1"}}}
            return await operator.merge(resource.RESOURCE_QUOTAS, name, over, place, subresource="status", dry_run=True)

        return charge

    return [
        refusal("cotenant-quota-law", "cotenant-quota-law-native", charged(NAME, ours)),
        refusal("cotenant-quota-law", "cotenant-quota-law-checked", charged(f"{NAME}-checked", checked)),
        refusal("cotenant-quota-first", "cotenant-quota-first", made(client, resource.LIMIT_RANGES, place, {})),
    ]


def refusal(policy: str, binding: str, attempt: Callable[[], Awaitable[object]], rule: str = "") -> Canary:
    """A canary that this binding refuses, by this rule if one is named."""
    words = WORDS.format(binding) + (f" denied request: {rule}" if rule else "")
    # Kubernetes itself may refuse first: a pod before the namespace's ServiceAccount is there, a user before its role.
    return Canary(policy, (words,), attempt, patient=True)


def made(client: Client, kind: Resource, place: str, body: Manifest) -> Callable[[], Awaitable[Manifest]]:
    """Asks for an object, as a dry run."""
    return lambda: client.create(kind, named(kind, place, body), dry_run=True)


def standing(client: Client, kind: Resource, place: str, body: Manifest) -> Callable[[], Awaitable[None]]:
    """Makes an object, once."""
    done = False

    async def make() -> None:
        nonlocal done
        if not done:
            with contextlib.suppress(AlreadyExists):
                await client.create(kind, named(kind, place, body))
            done = True

    return make


def named(kind: Resource, place: str, body: Manifest) -> Manifest:
    """The whole manifest; under the canaries' name if it has none."""
    metadata = {"name": NAME, **body.get("metadata", {}), "namespace": place}
    return body | {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def entered(client: Client, place: str) -> Callable[[], Awaitable[object]]:
    """A connection into a pod that there is not: without the policy it is not found."""
    path = f"{resource.PODS.path(place, 'nobody')}/exec"
    return lambda: client.call("POST", path, {"command": "true", "stdout": "true"})
