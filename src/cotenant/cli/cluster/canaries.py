"""One canary for each policy about tenants' objects: a namespace of a tenant that is none, for as long as the proof takes.

It has no SpacePolicy, so every policy with parameters refuses whatever is new in it, in its own name. The others refuse
only who is not above them: they are tried as a user who exists nowhere else, with rights in this namespace alone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

from cotenant.api import keys
from cotenant.api.builtin import Manifest
from cotenant.cli.cluster.proof import NAME, Canary, unpooled
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import Resource

RBAC = "rbac.authorization.k8s.io"
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", namespaced=True)
POD: Manifest = {"containers": [{"name": "c", "image": "x"}]}
WORDS = "Policy '{}' with binding"
"""How the API server names the policy that refused."""


@contextlib.asynccontextmanager
async def canaries(client: Client) -> AsyncIterator[list[Canary]]:
    """Makes the namespace, yields what is to be tried in it, and deletes it, with whatever an earlier one left."""
    place = f"{NAME}-{secrets.token_hex(4)}"
    try:
        await client.create(resource.NAMESPACES, namespace(place))
        for each in rights(place):
            await client.create(resource.resource_of(each), each)
        yield [
            *parametrised(unpooled(client), place),
            *others(unpooled(client).as_user(NAME, []), unpooled(client), place),
        ]
    finally:
        # By the tenant that there is not, too: one label on somebody's namespace must not be enough to lose it.
        for one in (await client.list(resource.NAMESPACES, labels=f"{keys.CANARY},{keys.TENANT}={NAME}")).items:
            with contextlib.suppress(NotFound):
                await client.delete(resource.NAMESPACES, one["metadata"]["name"])


def namespace(place: str) -> Manifest:
    """A namespace that every policy takes for a tenant's; only the quota policies leave pods in it alone."""
    labels = {keys.TENANT: NAME, keys.CANARY: "true"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place, "labels": labels}}


def rights(place: str) -> list[Manifest]:
    """What the user who exists nowhere else may do here, which is what the policies refuse."""
    rules = [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["create"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "patch"]},
    ]
    metadata = {"name": NAME, "namespace": place}
    about = {"apiVersion": f"{RBAC}/v1", "metadata": metadata}
    role = {"apiGroup": RBAC, "kind": "Role", "name": NAME}
    subject = {"apiGroup": RBAC, "kind": "User", "name": NAME}
    return [
        about | {"kind": "Role", "rules": rules},
        about | {"kind": "RoleBinding", "roleRef": role, "subjects": [subject]},
    ]


def parametrised(client: Client, place: str) -> list[Canary]:
    """What is refused by policies that find no SpacePolicy."""
    labels = {"app": NAME}
    template = {"metadata": {"labels": labels}, "spec": POD}
    asked: tuple[tuple[str, Resource, Manifest], ...] = (
        ("cotenant-pods", resource.PODS, {"spec": POD}),
        (
            "cotenant-workloads",
            resource.DEPLOYMENTS,
            {"spec": {"selector": {"matchLabels": labels}, "template": template}},
        ),
        ("cotenant-services", resource.SERVICES, {"spec": {"ports": [{"port": 80}]}}),
        (
            "cotenant-ingresses",
            INGRESSES,
            {"spec": {"defaultBackend": {"service": {"name": "x", "port": {"number": 80}}}}},
        ),
        (
            "cotenant-volumes",
            resource.PERSISTENT_VOLUME_CLAIMS,
            {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}},
        ),
        ("cotenant-accounts", resource.SERVICE_ACCOUNTS, {}),
    )
    return [
        *(_canary(policy, WORDS.format(policy), _made(client, kind, place, body)) for policy, kind, body in asked),
        _canary("cotenant-exec", WORDS.format("cotenant-exec"), _entered(client, place)),
    ]


def others(somebody: Client, client: Client, place: str) -> list[Canary]:
    """What is refused to whoever is not the platform, by its right in this namespace alone."""
    token = {
        "type": "kubernetes.io/service-account-token",
        "metadata": {"annotations": {"kubernetes.io/service-account.name": "x"}},
    }
    stripped = {"metadata": {"labels": {keys.TENANT: None}}}
    return [
        _canary("cotenant-rights", "COTENANT-RIGHT-4", _made(somebody, resource.SECRETS, place, token)),
        _canary(
            "cotenant-grounds",
            "COTENANT-NAMESPACE-1",
            lambda: somebody.merge(resource.NAMESPACES, place, stripped, dry_run=True),
        ),
        _canary("cotenant-quota-law", "COTENANT-QUOTA-3", _made(client, resource.RESOURCE_QUOTAS, place, {"spec": {}})),
    ]


def _canary(policy: str, words: str, attempt: Callable[[], Awaitable[object]]) -> Canary:
    # Kubernetes itself may refuse first: a pod before the namespace's ServiceAccount is there, a user before its role.
    return Canary(policy, words, attempt, patient=True)


def _made(client: Client, kind: Resource, place: str, body: Manifest) -> Callable[[], Awaitable[object]]:
    about = {"apiVersion": kind.api_version, "kind": kind.kind}
    metadata = body.get("metadata", {}) | {"name": NAME, "namespace": place}
    return lambda: client.create(kind, body | about | {"metadata": metadata}, dry_run=True)


def _entered(client: Client, place: str) -> Callable[[], Awaitable[object]]:
    """A connection into a pod that there is not: without the policy it is not found."""
    path = f"{resource.PODS.path(place, NAME)}/exec"
    return lambda: client.call("POST", path, {"command": "true", "stdout": "true"})
