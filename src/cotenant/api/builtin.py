"""The few fields of Kubernetes' own objects that cotenant keeps in memory."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from cotenant.api.meta import ObjectMeta


class NamespaceStatus(Struct, gc=False, frozen=True):
    """`Active` or `Terminating`."""

    phase: str = "Active"


class Namespace(Struct, gc=False, frozen=True):
    """A namespace: its labels and annotations are what matters."""

    metadata: ObjectMeta
    status: NamespaceStatus = NamespaceStatus()


class QuotaAmounts(Struct, gc=False, frozen=True):
    """`spec` or `status` of a ResourceQuota. Values as the API server wrote them."""

    hard: dict[str, str] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)


class ResourceQuota(Struct, gc=False, frozen=True):
    """A ResourceQuota in full: its status is an input, not only a result."""

    metadata: ObjectMeta
    spec: QuotaAmounts = QuotaAmounts()
    status: QuotaAmounts = QuotaAmounts()


class Child(Struct, gc=False, frozen=True):
    """An object that we own whole (RoleBinding, NetworkPolicy, LimitRange, SpacePolicy), reduced to what decides.

    `fingerprint` covers all of the content: whoever changes anything in it shows as a difference, also while no
    operator was running, and nothing has to be written into the object to know.
    """

    metadata: ObjectMeta
    fingerprint: str


class ClusterRole(Struct, gc=False, frozen=True):
    """A ClusterRole by name only: whether a role that members hold exists."""

    metadata: ObjectMeta


Manifest = dict[str, Any]
"""A desired object: plain, made by a pure function."""
