"""Live reads before anything is deleted: caches are late, and a deletion cannot be taken back.

Source of the caution: projectcapsule/capsule#1181, where reinstalled CRDs cost every tenant its namespaces.
"""

from __future__ import annotations

from cotenant.api.builtin import Namespace
from cotenant.api.meta import ObjectMeta
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import CRDS, NAMESPACES, Resource


class Guard:
    """Answers from the API server, never from a store."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def namespace(self, name: str) -> ObjectMeta | None:
        """The namespace's metadata; None if it is gone."""
        try:
            return (await self.client.get(NAMESPACES, name, type=Namespace)).metadata
        except NotFound:
            return None

    async def namespace_leaves(self, name: str) -> bool:
        """Whether a namespace is being deleted or gone."""
        metadata = await self.namespace(name)
        return metadata is None or metadata.deletion_timestamp is not None

    async def kind_leaves(self, resource: Resource) -> bool:
        """Whether the CustomResourceDefinition is being deleted or gone: its objects then go without anybody's wish."""
        found = await self.definition(resource)
        return found is None or found.deletion_timestamp is not None

    async def kind_born(self, resource: Resource) -> str:
        """When the CustomResourceDefinition was made, RFC 3339; "" if it is being deleted or gone."""
        found = await self.definition(resource)
        return (found.creation_timestamp or "") if found and not found.deletion_timestamp else ""

    async def definition(self, resource: Resource) -> ObjectMeta | None:
        """The metadata of a CustomResourceDefinition; None if there is none."""
        try:
            return (await self.client.get(CRDS, f"{resource.plural}.{resource.group}", type=Namespace)).metadata
        except NotFound:
            return None

    async def delete(self, namespace: ObjectMeta) -> None:
        """Deletes exactly the namespace that was looked at: bound to its uid and to the labels it had then."""
        if namespace.deletion_timestamp:
            return
        try:
            await self.client.delete(
                NAMESPACES, namespace.name, uid=namespace.uid, resource_version=namespace.resource_version
            )
        except NotFound:
            return
