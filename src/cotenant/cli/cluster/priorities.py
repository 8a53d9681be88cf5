"""The PriorityClass that a cluster gives to pods that name none, and the tenants that must not have it."""

from __future__ import annotations

from cotenant.controllers.world import World
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.model.effective import effective


async def shut_out(client: Client, world: World) -> dict[str, list[str]]:
    """The default class -> tenants whose pods.priorityClasses does not name it: none of their pods begins. Raises ApiError.

    Kubernetes fills the class in before policies look, and of several defaults it takes the one with the lowest value.
    """
    classes = (await client.list(resource.PRIORITY_CLASSES)).items
    defaults = sorted((one["value"], one["metadata"]["name"]) for one in classes if one.get("globalDefault"))
    if not defaults:
        return {}
    name = defaults[0][1]
    profiles = {one.metadata.name: one.spec for one in world.profiles.items()}
    allowed = {
        one.metadata.name: effective(one.spec, profiles.get(one.spec.profile or "")).pods.priority_classes
        for one in world.tenants.items()
    }
    tenants = sorted(tenant for tenant, names in allowed.items() if names is not None and name not in names)
    return {name: tenants} if tenants else {}
