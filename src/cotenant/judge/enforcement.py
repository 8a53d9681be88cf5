"""Which rules of a spec this version writes down and does not enforce: the one list, for condition PolicyEnforced."""

from __future__ import annotations

from collections.abc import Callable

from cotenant.model.effective import Effective

QUOTA_ENFORCES = {"LoadBalancer", "NodePort"}
"""Service types whose absence is a quota of 0, see model.allowance."""
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


def services(rules: Effective) -> str:
    """What of `services.types` nobody enforces. Addresses in `spec.externalIPs` come with any type, also ClusterIP."""
    allowed = {*(rules.services.types or ()), *QUOTA_ENFORCES}
    left = [*(one for one in TYPES if one not in allowed), "externalIPs"]
    return f"services.types ({', '.join(left)})"


UNENFORCED: dict[str, Callable[[Effective], bool | str]] = {
    "pods.registries": lambda rules: rules.pods.registries is not None,
    # Without a word of the tenant's too: system-* classes are not for tenants.
    "pods.priorityClasses": lambda _: True,
    "pods.runtimeClasses": lambda rules: rules.pods.runtime_classes is not None,
    "pods.allowExec": lambda rules: rules.pods.allow_exec is False,
    "nodes.pool": lambda rules: rules.nodes.pool is not None,
    "nodes.dedicated": lambda rules: bool(rules.nodes.dedicated),
    "services.types": services,
    "ingress.classes": lambda rules: rules.ingress.classes is not None,
    # Absent is none for these two, so they always refuse something.
    "ingress.hosts": lambda _: True,
    "storage.classes": lambda rules: rules.storage.classes is not None,
    "serviceAccounts.iamRoles": lambda _: True,
    "enforcement": lambda rules: rules.enforcement != "enforce",
}
"""Leaf of the spec -> whether it says something that nobody enforces, or in which words."""


def unenforced(rules: Effective) -> list[str]:
    """The leaves in force that nobody enforces, as in the spec."""
    found = {name: wanted(rules) for name, wanted in UNENFORCED.items()}
    return [answer if isinstance(answer, str) else name for name, answer in found.items() if answer]
