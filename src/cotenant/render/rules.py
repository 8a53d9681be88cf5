"""SpacePolicy: the effective rules as one small object in each namespace, for members to read and policies to use.

The one in the home also mirrors the tenant's state: members hold no right on the cluster-scoped Tenant.
"""

from __future__ import annotations

import msgspec

from cotenant.api.builtin import Manifest
from cotenant.api.keys import API_VERSION, POLICY
from cotenant.api.policy import NetworkRules, SpacePolicySpec, TenantMirror
from cotenant.api.tenant import SpaceBounds
from cotenant.model.plan import labels, manifest
from cotenant.model.snapshot import TenantView


def policy(view: TenantView, namespace: str, space: str | None = None) -> Manifest:
    """The SpacePolicy of a space, or of the home where `space` is None."""
    rules = view.rules
    spec = SpacePolicySpec(
        tenant=view.name,
        space=space,
        network=NetworkRules(isolation=rules.isolation, internet=rules.internet),
        pods=rules.pods,
        nodes=rules.nodes if rules.nodes.pool else None,
        services=rules.services,
        ingress=rules.ingress,
        storage=rules.storage,
        service_accounts=rules.service_accounts,
        enforcement=rules.enforcement,
        cordoned=rules.cordoned,
    )
    content = {"spec": msgspec.to_builtins(spec)}
    if space is None:
        content["status"] = msgspec.to_builtins(mirror(view))
    return manifest(API_VERSION, "SpacePolicy", POLICY, namespace, labels=labels(view.name, space), **content)


def mirror(view: TenantView) -> TenantMirror:
    """What members may know of their Tenant."""
    status, rules = view.tenant.status, view.rules
    limited = rules.space_min or rules.space_max
    return TenantMirror(
        spaces=status.spaces,
        limit=rules.limit,
        quota=rules.hard or None,
        bounds=SpaceBounds(min=rules.space_min or None, max=rules.space_max or None) if limited else None,
        limits=rules.limits or None,
        conditions=status.conditions,
    )
