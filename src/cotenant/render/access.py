"""RoleBindings: who may do what in a space, and who sees and makes Spaces in the home.

Only RoleBindings to ClusterRoles that the installation made. A roleRef cannot be changed, so everything that changes
(cordon, a member's new role, the right to make Spaces) moves subjects between bindings.
"""

from __future__ import annotations

from collections.abc import Iterator

from cotenant.api.builtin import Manifest
from cotenant.model.access import RBAC, Subject, everybody, in_force
from cotenant.model.plan import labels, manifest
from cotenant.model.snapshot import TenantView


def bindings(view: TenantView, name: str, space: str) -> Iterator[Manifest]:
    """One RoleBinding a role that somebody has; while the tenant is cordoned nobody does more than view."""
    for role, subjects in in_force(view.access, cordoned=view.rules.cordoned).items():
        if subjects:
            yield binding(view, name, f"cotenant-{role}", f"cotenant:{role}", subjects, space)


def home_bindings(view: TenantView) -> Iterator[Manifest]:
    """In the home: every member reads, and the roles of spaces.create make and delete Spaces."""
    if readers := everybody(view.access):
        yield binding(view, view.home, "cotenant-read", "cotenant:home-viewer", readers)
    creators = {tuple(one.values()): one for role in view.rules.create for one in view.access.roles.get(role, ())}
    if creators and not view.rules.cordoned:
        subjects = [creators[key] for key in sorted(creators)]
        yield binding(view, view.home, "cotenant-create", "cotenant:home-owner", subjects)


def binding(
    view: TenantView, namespace: str, name: str, role: str, subjects: list[Subject], space: str | None = None
) -> Manifest:
    """A RoleBinding to one of our ClusterRoles."""
    ref = {"apiGroup": RBAC, "kind": "ClusterRole", "name": role}
    marks = labels(view.name, space)
    return manifest(
        f"{RBAC}/v1",
        "RoleBinding",
        name,
        namespace,
        labels=marks,
        roleRef=ref,
        subjects=[dict(one) for one in subjects],
    )
