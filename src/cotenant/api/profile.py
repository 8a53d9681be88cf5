"""TenantProfile: what a tenant that names it gets where it says nothing itself."""

from __future__ import annotations

from msgspec import Struct

from cotenant.api.meta import ObjectMeta
from cotenant.api.tenant import Rules, SpacesSpec


class ProfileSpec(Rules, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """The spec of a Tenant without members, displayName and declared spaces."""

    spaces: SpacesSpec | None = None
    """Limit, naming and creators of spaces."""


class TenantProfile(Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Values for every tenant that names this profile; a tenant's own leaf wins, lists and maps are replaced whole."""

    metadata: ObjectMeta
    spec: ProfileSpec = ProfileSpec()
    """Values for the fields that a tenant leaves out."""
