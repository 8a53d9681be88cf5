"""What `cotenant why pod` is asked about: a pod, or what makes pods, with everything that decides about them."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from cotenant.api.builtin import ResourceQuota
from cotenant.api.limits import LimitItem
from cotenant.api.workload import ClaimTemplate, PodSpec
from cotenant.model.accounts import Accounts
from cotenant.model.denial import layer
from cotenant.model.rollout import Rollout


class Refusal(Struct, frozen=True):
    """What the API server said when a pod was to be created. `when`: the last time, as far as is known."""

    text: str
    when: datetime | None = None
    by: str = ""
    """The object that tells, as in rs/web-7d4f."""

    @property
    def layer(self) -> str:
        """Who refused: see model.denial."""
        return layer(403, self.text)


class Case(Struct, frozen=True, kw_only=True):
    """A pod or a workload in a space, and everything that decides about its pods."""

    kind: str
    name: str
    namespace: str
    spec: PodSpec
    wants: int
    has: int
    exists: bool = True
    """False for a manifest that is not applied yet."""
    rollout: Rollout | None = None
    refusal: Refusal | None = None
    phase: str = ""
    quota: ResourceQuota | None = None
    foreign: tuple[ResourceQuota, ...] = ()
    """ResourceQuotas that somebody else put into the namespace."""
    limits: tuple[LimitItem, ...] = ()
    claims: tuple[ClaimTemplate, ...] = ()
    """Volume claims that each pod of a StatefulSet gets."""
    kept: int = 0
    """Missing pods whose claims are there already."""
    accounts: Accounts

    @property
    def missing(self) -> int:
        """Pods that are wanted and not there."""
        return max(0, self.wants - self.has)
