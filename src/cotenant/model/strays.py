"""Namespaces that carry a tenant's label and belong to none of its Spaces.

A Space may be lost: its definition, its home or its Tenant was deleted and made again. Then the namespace is older than
what it hangs on, and the Space is made again from its labels. Otherwise somebody let the namespace go: it is not ours
to bring back, and nobody keeps rights in it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from cotenant.api.builtin import Namespace
from cotenant.api.keys import CANARY, DELETED, SPACE, TENANT
from cotenant.model.snapshot import TenantSnapshot


def strays(found: TenantSnapshot) -> list[Namespace]:
    """Namespaces of the tenant, its home excepted, that no Space accounts for. Those that are being deleted are none."""
    if found.home is None or found.home.metadata.deletion_timestamp:
        return []
    spaces = {one.metadata.name for one in found.spaces}
    declared = set(found.view.rules.declared) if found.view else set()
    return [
        one
        for one in found.namespaces
        if one.metadata.labels.get(SPACE) not in spaces | declared and not one.metadata.deletion_timestamp
    ]


def astray(found: TenantSnapshot) -> list[Namespace]:
    """The strays that nobody will bring back: an administrator releases or deletes them."""
    return [one for one in strays(found) if not lost(one, found)]


def bygone(namespaces: Iterable[Namespace], tenants: Container[str]) -> dict[str, list[str]]:
    """Tenants that are gone, each with the names of the namespaces that still carry its label.

    Those of an installation's proof are none: the next installation deletes what an interrupted one left.
    """
    kept: dict[str, list[str]] = {}
    for one in sorted(namespaces, key=lambda one: one.metadata.name):
        name = one.metadata.labels.get(TENANT, "")
        if name and name not in tenants and CANARY not in one.metadata.labels:
            kept.setdefault(name, []).append(one.metadata.name)
    return dict(sorted(kept.items()))


def lost(one: Namespace, found: TenantSnapshot) -> bool:
    """Whether the Space of a stray was lost, not given up: the namespace is older than what its Space hung on.

    The API server's clock wrote all of these times, RFC 3339 in UTC, so their texts compare.
    """
    if SPACE not in one.metadata.labels or DELETED in one.metadata.annotations:
        return False
    home = found.home.metadata.creation_timestamp if found.home else None
    hung_on = (found.tenant.metadata.creation_timestamp, home, found.spaces_born)
    return any((one.metadata.creation_timestamp or "") < (born or "") for born in hung_on)
