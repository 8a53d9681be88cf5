"""SpacePolicy: the effective rules as one small object in each namespace, for members to read and policies to use.

The one in the home also mirrors the tenant's state: members hold no right on the cluster-scoped Tenant.
"""

from __future__ import annotations

import msgspec

from cotenant.api.builtin import Manifest
from cotenant.api.keys import API_VERSION, ENFORCEMENT, POLICY, POOLED
from cotenant.api.policy import NetworkRules, SpacePolicySpec, TenantMirror
from cotenant.api.tenant import SpaceBounds
from cotenant.model.plan import labels, manifest
from cotenant.model.snapshot import TenantView

SOFT = ("warn", "observe")
"""Names of the copies beside it: a binding of the API server that warns, or audits, evaluates rules by one of its own."""


def policies(view: TenantView, namespace: str, space: str | None = None) -> list[Manifest]:
    """The SpacePolicy of a space or home, and a copy for each way of not refusing that a rule of the tenant is in."""
    first = policy(view, namespace, space)
    modes = {view.rules.enforcement, *view.rules.modes.values()}
    return [first, *(soft(first, mode) for mode in SOFT if mode in modes)]


def soft(of: Manifest, mode: str) -> Manifest:
    """The copy by which the API server warns or audits."""
    metadata = of["metadata"] | {"name": mode, "labels": of["metadata"]["labels"] | {ENFORCEMENT: mode}}
    return {key: value for key, value in of.items() if key != "status"} | {"metadata": metadata}


def policy(view: TenantView, namespace: str, space: str | None = None) -> Manifest:
    """The SpacePolicy of a space, or of the home where `space` is None."""
    rules = view.rules
    spec = SpacePolicySpec(
        tenant=view.name,
        space=space,
        network=NetworkRules(isolation=rules.isolation, internet=rules.internet),
        pods=rules.pods,
        nodes=rules.nodes if rules.nodes.pool or rules.nodes.tolerations else None,
        services=rules.services,
        ingress=rules.ingress,
        storage=rules.storage,
        service_accounts=rules.service_accounts,
        addons=rules.addons if rules.addons.shared else None,
        enforcement=rules.enforcement,
        rules=dict(rules.modes) or None,
        cordoned=rules.cordoned,
    )
    content = {"spec": msgspec.to_builtins(spec)}
    if space is None:
        content["status"] = msgspec.to_builtins(mirror(view))
    marks = labels(view.name, space) | ({POOLED: rules.nodes.pool} if rules.nodes.pool else {})
    return manifest(API_VERSION, "SpacePolicy", POLICY, namespace, labels=marks, **content)


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
