"""The installation: everything that `cotenant install` applies and the chart carries, in the order of applying.

What denies comes before what grants: an operator never has rights that its leash does not hold yet.
"""

from __future__ import annotations

from cotenant.api import keys, schema
from cotenant.model.platform import Platform
from cotenant.render.install.admission import admission
from cotenant.render.install.admission.pools import forced
from cotenant.render.install.assist import ASSIST, assist
from cotenant.render.install.fairness import FAIRNESS, fairness
from cotenant.render.install.members import member_roles
from cotenant.render.install.operator import operator, settings
from cotenant.render.install.policies import GUARD, LEASH, policies
from cotenant.render.install.quotas import quota_policies
from cotenant.render.install.rights import operator_rights
from cotenant.render.install.strict import strict, strict_rights
from cotenant.render.install.values import InstallValues, Manifest, manifest

__all__ = [
    "ASSIST",
    "FAIRNESS",
    "GUARD",
    "LEASH",
    "InstallValues",
    "Manifest",
    "assist",
    "definitions",
    "deny",
    "fairness",
    "force",
    "grant",
    "ground",
    "optional",
    "refused",
    "render",
    "rights",
    "run",
]


def render(values: InstallValues, *, with_operator: bool = True) -> list[Manifest]:
    """Every manifest, in order. Without the operator: for a plane where it runs as a process."""
    return [
        *ground(values),
        *definitions(),
        *deny(values.platform),
        *force(values.platform),
        *grant(values),
        *fairness(values),
        *assist(values),
        *(run(values) if with_operator else []),
    ]


def ground(values: InstallValues) -> list[Manifest]:
    """The operator's namespace and identity."""
    standard = {f"{keys.POD_SECURITY}/{mode}": "restricted" for mode in ("enforce", "audit", "warn")}
    version = {f"{keys.POD_SECURITY}/{mode}-version": "latest" for mode in ("enforce", "audit", "warn")}
    platform = values.platform
    return [
        manifest("v1", "Namespace", platform.namespace, labels=standard | version),
        manifest("v1", "ServiceAccount", platform.service_account, platform.namespace),
    ]


def definitions() -> list[Manifest]:
    """The CustomResourceDefinitions. helm leaves them behind: without them every Tenant and Space would be gone."""
    return [crd | {"metadata": crd["metadata"] | {"annotations": keys.HELM_KEEPS}} for crd in schema.crds()]


def deny(platform: Platform) -> list[Manifest]:
    """The policies that hold without the operator."""
    more = strict(platform) if platform.strict_accounting else []
    return [*policies(platform), *admission(platform), *quota_policies(platform), *more]


def force(platform: Platform) -> list[Manifest]:
    """What the API server writes into pods by itself, of kinds that Kubernetes serves since 1.36. Its twins in `deny` first."""
    return forced(platform)


def grant(values: InstallValues) -> list[Manifest]:
    """Roles of members, rights of the operator, its settings."""
    more = strict_rights(values.platform) if values.platform.strict_accounting else []
    return [*member_roles(), *operator_rights(values.platform), *more, settings(values)]


def optional(platform: Platform) -> list[Manifest]:
    """What strict accounting adds, the grant last."""
    return [*strict(platform), *strict_rights(platform)]


def refused(platform: Platform) -> list[Manifest]:
    """What an installation without strict accounting takes away again: the rights. Its policy does nothing then."""
    return strict_rights(platform)


def rights(values: InstallValues) -> list[Manifest]:
    """What the operator alone has: taken away again by an uninstall, unlike the roles of members and the settings.

    The settings stay, or coming back would take the roles of the platform away from those who hold them.
    """
    return [*reversed([*operator_rights(values.platform), *strict_rights(values.platform)])]


def run(values: InstallValues) -> list[Manifest]:
    """The operator itself."""
    return operator(values)
