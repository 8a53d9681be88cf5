"""The quota controller: makes ResourceQuotas and keeps what is the same for every space, always by compare-and-swap.

For a home it also writes status. The quota controller of Kubernetes discovers a new kind only every few minutes, and
until then the API server refuses every Space with "status unknown for quota".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from cotenant.api.builtin import Manifest, ResourceQuota
from cotenant.api.keys import ACCOUNTING, COTENANT, FROZEN, QUOTA_MANAGER, SPACE, TENANT, home_of
from cotenant.api.space import Space
from cotenant.apply.escrow import Escrow, Moot
from cotenant.controllers.gather import gather_view, namespace_of
from cotenant.controllers.status import Patience
from cotenant.controllers.world import World
from cotenant.kube.client import Client
from cotenant.kube.errors import AlreadyExists
from cotenant.kube.resource import RESOURCE_QUOTAS, SPACES
from cotenant.model import allowance, pool
from cotenant.model.checked import labelled, lowered
from cotenant.model.finding import Ref
from cotenant.model.platform import Platform
from cotenant.model.pool import frozen, strict
from cotenant.model.quantity import parse, same
from cotenant.model.snapshot import TenantView
from cotenant.render.quota import quota
from cotenant.runtime.controller import Result

SOON = 1.0
IN_FORCE = 0.2
"""Seconds after which a limit that was lowered is in force, as a rule."""
OTHERS = 0.25
"""Seconds for the quota controller's first write, and for a charge to reach us: a count before them is one for nothing."""
QUIET = 3.0
"""Seconds without a charge after which a home's count may be lowered to what a live list finds."""


class Wanted(Struct, frozen=True):
    """The quota that a namespace should have, and whether it is a home. `source`: by which revision of the tenant.

    What is pooled is as it is: the ledger controller alone raises and lowers that.
    """

    manifest: Manifest
    home: bool
    tenant: str = ""
    source: str = ""

    @property
    def hard(self) -> dict[str, str]:
        """spec.hard."""
        found: dict[str, str] = self.manifest["spec"]["hard"]
        return found


class QuotaController:
    """Keys are names of namespaces."""

    def __init__(self, client: Client, world: World, platform: Platform, now: Callable[[], datetime]) -> None:
        self.client, self.world, self.platform, self.now = client, world, platform, now
        self.escrow = Escrow(client, world.remember)
        self.quiet: dict[str, tuple[str, float]] = {}
        self.patience = Patience(now, OTHERS)

    async def reconcile(self, key: str) -> Result:
        """Brings spec.hard to what the rules say, and the count of a home to what is there."""
        there = self.world.quotas.get(key, COTENANT)
        wanted = self.wanted(key, there)
        if wanted is None:
            self.quiet.pop(key, None)
            self.patience.over(key)
            return Result()
        if there is None:
            there = await self.create(key, wanted)
            # One that was there and nobody knew of may have been given something already.
            wanted = self.wanted(key, there) or wanted
        marks = wanted.manifest["metadata"]["labels"]
        if there.spec.hard.keys() - wanted.hard.keys() and not await self.current(wanted):
            return Result(after=SOON)
        marked = marks.items() <= there.metadata.labels.items() and strict(there) == (ACCOUNTING in marks)
        # What a recount holds back for two seconds is not ours to give meanwhile.
        held = marked and frozen(there)
        if not (marked and (held or (same(there.spec.hard, wanted.hard) and rightly_labelled(there)))):
            there = await self.write(wanted.manifest, there)
        if wanted.home and not held:
            return await self.count(key, there, wanted)
        # Where the quota controller is the first to bring status.hard down, the label is left for us.
        return Result(after=IN_FORCE) if lowered(there.spec.hard, there.status.hard) else Result()

    def wanted(self, key: str, there: ResourceQuota | None) -> Wanted | None:
        """What the rules say; None for a namespace that is not ours or goes."""
        namespace = self.world.namespaces.get(None, key)
        if namespace is None or namespace.metadata.deletion_timestamp:
            return None
        name, label = namespace.metadata.labels.get(TENANT, ""), namespace.metadata.labels.get(SPACE)
        tenant = self.world.tenants.get(None, name)
        view = gather_view(self.world, tenant, self.platform, self.now()) if tenant else None
        if view is None:
            return None
        if key == view.home:
            return Wanted(quota(view, key, allowance.home_hard(view)), home=True)
        space = self.world.spaces.get(home_of(name), label) if label else None
        if space is None or namespace_of(self.world, space, name) != namespace:
            return None
        manifest = quota(view, key, pool.wanted(view, space, there), label)
        return Wanted(manifest, home=False, tenant=name, source=self.source(view))

    def source(self, view: TenantView) -> str:
        """The revision of tenant and profile in the stores."""
        named = view.tenant.spec.profile
        return pool.revision(view.tenant, self.world.profiles.get(None, named) if named else None)

    async def current(self, wanted: Wanted) -> bool:
        """Live: whether the tenant is still as we know it. Who takes a key off by old rules takes off a limit."""
        if wanted.home:
            return True
        try:
            _, source = await self.escrow.limits(wanted.tenant)
        except Moot:
            return False
        return source == wanted.source

    async def create(self, key: str, wanted: Wanted) -> ResourceQuota:
        """The ResourceQuota, made now or found where the store did not know of it yet."""
        try:
            made = await self.client.create(RESOURCE_QUOTAS, born(wanted.manifest), manager=QUOTA_MANAGER)
        except AlreadyExists:
            return await self.client.get(RESOURCE_QUOTAS, COTENANT, key, type=ResourceQuota)
        return self.remember(made)

    async def write(self, manifest: Manifest, there: ResourceQuota) -> ResourceQuota:
        """PUT with the version that was read. Raises Conflict if it was charged meanwhile: then we look again."""
        return self.remember(await self.client.replace(RESOURCE_QUOTAS, bound(manifest, there), manager=QUOTA_MANAGER))

    async def count(self, key: str, there: ResourceQuota, wanted: Wanted) -> Result:
        """A home's status: limit and count, as soon as it exists and whenever its count is wrong.

        Raising the count is safe at any time. Lowering it waits for quiet: a Space that was charged a moment ago may
        not be in the list yet.
        """
        used = there.status.used.get(allowance.SPACES)
        have = len(self.world.spaces.by("namespace", key))
        ready = used is not None and same(there.status.hard, wanted.hard)
        if ready and used is not None and parse(used) == have:
            self.quiet.pop(key, None)
            self.patience.over(key)
            return Result()
        early = not there.status.used or (ready and used is not None and parse(used) < have)
        if early and (left := self.patience.left(key)):
            return Result(after=left)
        rested = self.rested(key, there)
        if ready and used is not None and parse(used) > have and not rested:
            return Result(after=QUIET)
        found = len((await self.client.list(SPACES, key, type=Space)).items)
        # The store may know of Spaces that are gone, and the list not of one that was charged a moment ago.
        amount = str(found if used is None or rested else max(found, int(parse(used))))
        if ready and used == amount:
            return Result(after=QUIET)
        status: dict[str, Any] = {"hard": wanted.hard, "used": {allowance.SPACES: amount, "pods": "0"}}
        # A PUT of status replaces labels too, unlike for most kinds: they are sent along.
        body = bound(wanted.manifest, there, wanted.hard) | {"status": status}
        self.remember(await self.client.replace(RESOURCE_QUOTAS, body, subresource="status", manager=QUOTA_MANAGER))
        return Result(after=QUIET)

    def rested(self, key: str, there: ResourceQuota) -> bool:
        """Whether nothing was charged to this quota for QUIET seconds: its version has not changed."""
        version, since = self.quiet.get(key, ("", 0.0))
        if version != there.metadata.resource_version:
            self.quiet[key] = (there.metadata.resource_version, self.now().timestamp())
            return False
        return self.now().timestamp() - since >= QUIET

    def remember(self, answer: Manifest) -> ResourceQuota:
        """Puts the answer into the store, and gives it back as the store has it."""
        metadata = answer["metadata"]
        self.world.remember(Ref("v1", "ResourceQuota", metadata["namespace"], metadata["name"]), answer)
        found = self.world.quotas.get(metadata["namespace"], metadata["name"])
        assert found is not None
        return found


def born(manifest: Manifest) -> Manifest:
    """With the label, where nothing but the policy binds what is charged to some key."""
    labels = labelled(manifest["metadata"]["labels"], manifest["spec"]["hard"], {})
    return manifest | {"metadata": manifest["metadata"] | {"labels": labels}}


def rightly_labelled(there: ResourceQuota) -> bool:
    """Whether it has the label by which its charges are checked, or needs none."""
    labels = there.metadata.labels
    return labelled(labels, there.spec.hard, there.status.hard) == labels


def bound(manifest: Manifest, there: ResourceQuota, enforced: Mapping[str, str] | None = None) -> Manifest:
    """The manifest, bound to the version that was read, with the annotations and labels of others kept.

    `enforced`: status.hard, where that is written. What refunds have decided stays on record, also while they rest; what a
    recount holds goes with its label.
    """
    have, marks = there.metadata, manifest["metadata"]["labels"]
    strict = ACCOUNTING in marks
    labels = {key: value for key, value in have.labels.items() if strict or key != ACCOUNTING} | marks
    metadata = manifest["metadata"] | {
        "labels": labelled(labels, manifest["spec"]["hard"], there.status.hard if enforced is None else enforced),
        "annotations": {key: value for key, value in have.annotations.items() if strict or key != FROZEN},
        "resourceVersion": have.resource_version,
        "uid": have.uid,
    }
    return manifest | {"metadata": metadata}
