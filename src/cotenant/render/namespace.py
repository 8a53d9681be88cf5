"""Namespaces: labelled at birth, so that no request ever meets one without its rules.

Pod Security Admission reads its level from labels and its default on EKS is privileged. Selectors of admission
policies read namespaces from a cache that lags behind labels added later: hence at birth.
"""

from __future__ import annotations

from cotenant.api.builtin import Manifest, Namespace
from cotenant.api.keys import ADOPT, POD_SECURITY
from cotenant.model import plan
from cotenant.model.plan import manifest
from cotenant.model.snapshot import TenantView


def pod_security(level: str, version: str) -> dict[str, str]:
    """Labels that enforce a Pod Security Standard, and warn and audit by the same one."""
    return {
        f"{POD_SECURITY}/{mode}{suffix}": value
        for mode in ("enforce", "warn", "audit")
        for suffix, value in (("", level), ("-version", version))
    }


def namespace(view: TenantView, name: str, space: str) -> Manifest:
    """The namespace of a space. The annotation lets us put back labels that somebody removes by mistake."""
    marks = plan.labels(view.name, space) | pod_security(view.rules.security, view.platform.pod_security_version)
    wanted = manifest("v1", "Namespace", name, labels=marks)
    wanted["metadata"]["annotations"] = {ADOPT: f"{view.name}/{space}"}
    return wanted


def home(view: TenantView) -> Manifest:
    """The home namespace: Spaces live here, workloads never do."""
    marks = plan.labels(view.name) | pod_security("restricted", view.platform.pod_security_version)
    wanted = manifest("v1", "Namespace", view.home, labels=marks)
    wanted["metadata"]["annotations"] = {ADOPT: f"{view.name}/"}
    return wanted


def settled(wanted: Manifest, found: Namespace) -> bool:
    """Whether a namespace already carries every label and annotation that we want on it."""
    labels, notes = wanted["metadata"]["labels"], wanted["metadata"].get("annotations", {})
    return bool(labels.items() <= found.metadata.labels.items() and notes.items() <= found.metadata.annotations.items())
