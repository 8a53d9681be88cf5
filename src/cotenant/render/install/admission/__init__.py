"""The rules of the API server about what is in a tenant's namespace: which policies, made of which rules."""

from __future__ import annotations

from cotenant.model.platform import Platform
from cotenant.render.install.admission.accounts import ACCOUNTS
from cotenant.render.install.admission.doors import INGRESSES, SERVICES
from cotenant.render.install.admission.grounds import grounds
from cotenant.render.install.admission.pods import EXEC, PODS, WORKLOADS
from cotenant.render.install.admission.rights import rights
from cotenant.render.install.admission.routes import ROUTES
from cotenant.render.install.admission.rule import Policy, Rule, manifests
from cotenant.render.install.admission.volumes import VOLUMES
from cotenant.render.install.values import Manifest

__all__ = ["Policy", "Rule", "admission", "admission_policies"]


def admission_policies(platform: Platform) -> tuple[Policy, ...]:
    """Every policy about tenants' objects; those without parameters first, for they hold in the first moment."""
    return (
        grounds(platform), rights(platform), PODS, WORKLOADS, EXEC, SERVICES, INGRESSES, ROUTES, VOLUMES, ACCOUNTS,
    )  # fmt: skip


def admission(platform: Platform) -> list[Manifest]:
    """Their manifests, each policy with its bindings."""
    return [each for policy in admission_policies(platform) for each in manifests(policy, platform)]
