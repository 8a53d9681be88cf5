"""Finalizers of our own kinds: put on and taken off by compare-and-swap, never by an apply that could make an object."""

from __future__ import annotations

from cotenant.api.builtin import Manifest
from cotenant.api.meta import ObjectMeta
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import Resource


async def hold(client: Client, resource: Resource, metadata: ObjectMeta, finalizer: str) -> Manifest | None:
    """Puts the finalizer on; the object as it is then, None if it had it. Raises Conflict if somebody was faster."""
    if finalizer in metadata.finalizers or metadata.deletion_timestamp:
        return None
    return await write(client, resource, metadata, [*metadata.finalizers, finalizer])


async def release(client: Client, resource: Resource, metadata: ObjectMeta, finalizer: str) -> None:
    """Takes the finalizer off; an object that is gone is fine. Raises Conflict if somebody was faster."""
    if finalizer not in metadata.finalizers:
        return
    try:
        await write(client, resource, metadata, [one for one in metadata.finalizers if one != finalizer])
    except NotFound:
        return


async def write(client: Client, resource: Resource, metadata: ObjectMeta, finalizers: list[str]) -> Manifest:
    """All finalizers of an object, bound to the version that was looked at."""
    patch = {"metadata": {"finalizers": finalizers, "resourceVersion": metadata.resource_version, "uid": metadata.uid}}
    return await client.merge(resource, metadata.name, patch, metadata.namespace or None)
