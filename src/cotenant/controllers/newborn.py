"""Namespaces that were made for a Space which then vanished before anybody got rights in them: those go again.

A deletion that an API server began before our finalizer was on the Space ends all the same, and may end while we make
its namespace. That is then labelled, empty and nobody's. The operator may not list pods or secrets, so it shows that
a namespace is empty by other means: this process made it and gave nobody rights in it, nobody has changed its labels
and annotations, there is nothing but ours among the kinds that it may list, and its quota has counted nothing. Of a
namespace that another process made nothing of this is known: it stays, and the Tenant's condition names it.
"""

from __future__ import annotations

from cotenant.api.builtin import Namespace
from cotenant.api.keys import COTENANT, MANAGED_BY
from cotenant.api.meta import ObjectMeta
from cotenant.controllers.guard import Guard
from cotenant.kube.client import Client
from cotenant.kube.errors import NotFound
from cotenant.kube.resource import (
    LIMIT_RANGES,
    NETWORK_POLICIES,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    SPACE_POLICIES,
    SPACES,
    TENANTS,
)
from cotenant.model.deletion import Fate, fate
from cotenant.model.quantity import parse

LISTED = (ROLE_BINDINGS, RESOURCE_QUOTAS, LIMIT_RANGES, NETWORK_POLICIES, SPACE_POLICIES)


class Newborns:
    """Namespaces that this process made and has not opened, as they were at birth, by the key of their Space."""

    def __init__(self, client: Client, guard: Guard) -> None:
        self.client, self.guard = client, guard
        self.known: dict[str, ObjectMeta] = {}

    def made(self, key: str, namespace: Namespace | None) -> None:
        """A namespace was made just now for the Space `key`; None if it is gone already."""
        if namespace:
            self.known[key] = namespace.metadata

    def opened(self, key: str) -> None:
        """Somebody gets rights in it: from now on what is in it may be somebody's."""
        self.known.pop(key, None)

    async def bury(self, key: str) -> None:
        """The Space is gone: deletes the namespace if it was never opened. Raises Conflict if somebody changes it now."""
        born = self.known.get(key)
        if born is None:
            return
        there = await self.guard.namespace(born.name)
        if there and unchanged(born, there) and await self.forsaken(key) and await self.empty(born.name):
            await self.guard.delete(there)
        self.known.pop(key, None)

    async def forsaken(self, key: str) -> bool:
        """Whether the Space is gone for itself: not because its kind, its tenant's kind or its home goes. Read live."""
        home, _, name = key.partition("/")
        try:
            await self.client.get(SPACES, name, home)
        except NotFound:
            kinds = await self.guard.kind_leaves(SPACES) or await self.guard.kind_leaves(TENANTS)
            leaves = await self.guard.namespace_leaves(home)
            return fate(self.known[key], delete=True, kind_leaves=kinds, home_leaves=leaves) is Fate.DELETE
        return False

    async def empty(self, namespace: str) -> bool:
        """Whether nothing shows that anybody was ever in it. Read live."""
        for resource in LISTED:
            for one in (await self.client.list(resource, namespace)).items:
                foreign = one["metadata"].get("labels", {}).get(MANAGED_BY) != COTENANT
                used = one.get("status", {}).get("used", {}) if resource is RESOURCE_QUOTAS else {}
                if foreign or resource is ROLE_BINDINGS or any(map(parse, used.values())):
                    return False
        return True


def unchanged(born: ObjectMeta, there: ObjectMeta) -> bool:
    """Whether a namespace is the very one, and nobody has written anything on it."""
    return born.uid == there.uid and born.labels == there.labels and born.annotations == there.annotations
