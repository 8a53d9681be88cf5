"""Which namespace a space is, or why it can be none."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from cotenant.api.builtin import Namespace
from cotenant.api.keys import ADOPT, SPACE, TENANT
from cotenant.api.space import Space
from cotenant.model.finding import Finding
from cotenant.model.names import LONGEST, namespace_name, reserved
from cotenant.model.snapshot import TenantView


class Placement(Struct, frozen=True):
    """The namespace of a space and what has to be done to have it, or the problem."""

    name: str
    action: Literal["create", "adopt", "keep"] = "keep"
    problem: Finding | None = None


def candidate(space: Space, view: TenantView) -> str:
    """The name of the namespace that the space adopts or, without one of its own yet, would get."""
    return (
        space.spec.namespace
        or space.status.namespace
        or namespace_name(view.rules.naming, view.name, space.metadata.name)
    )


def place(space: Space, view: TenantView, own: Namespace | None, occupant: Namespace | None) -> Placement:
    """`own` carries the labels of this space; `occupant` has the name `candidate`. First answer wins."""
    if own:
        # What it is named by, it keeps; but labels on kube-system make no space of it.
        name = own.metadata.name
        return Placement(name, problem=forbidden(name) if reserved(name, (view.platform.namespace,)) else None)
    name = candidate(space, view)
    if problem := unfit(name, space, view):
        return Placement(name, problem=problem)
    if occupant is None and space.spec.namespace:
        return Placement(name, problem=not_offered(name, space, view))
    if occupant is None:
        return Placement(name, "create")
    mistyped = contradicted(occupant) and space.status.namespace == name
    if (unlabelled(occupant, view.name) or mistyped) and offered(occupant, space, view):
        return Placement(name, "adopt")
    return Placement(name, problem=refusal(name, space, view, occupant))


def home_is_ours(home: Namespace | None, tenant: str) -> bool:
    """Whether a tenant's home is free or already its own; one that somebody else made is never touched.

    Its label says so or, where somebody stripped that, the annotation that it has carried from birth.
    """
    if home is None:
        return True
    label = home.metadata.labels.get(TENANT)
    return label == tenant or (label is None and home.metadata.annotations.get(ADOPT) == f"{tenant}/")


def forbidden(name: str) -> Finding:
    """A name that no space has."""
    return Finding("NameReserved", f"namespace name {name} is reserved; choose another name for the space")


def unfit(name: str, space: Space, view: TenantView) -> Finding | None:
    """Why no new space may have this name."""
    if reserved(name, (*view.platform.reserved_names, view.platform.namespace)):
        return forbidden(name)
    if len(name) > LONGEST:
        return Finding(
            "NameTooLong",
            f"namespace name {name} has {len(name)} characters, {LONGEST} are allowed; choose a shorter one",
        )
    if "{tenant}" not in view.rules.naming and not view.platform.naming_without_tenant and not space.spec.namespace:
        return Finding(
            "NamingNotAllowed",
            "spaces.naming must contain {tenant}; the platform allows others with the setting namingWithoutTenant",
        )
    return None


def unlabelled(occupant: Namespace, tenant: str) -> bool:
    """Whether a namespace is nobody's; or still this tenant's, where somebody stripped the label of its space."""
    labels = occupant.metadata.labels
    return TENANT not in labels or (labels[TENANT] == tenant and SPACE not in labels)


def contradicted(namespace: Namespace) -> bool:
    """Whether the labels say something else than the annotation that the namespace has carried from birth or adoption.

    One label, typed by mistake, would otherwise hand a namespace with all that is in it to another tenant.
    """
    labels, note = namespace.metadata.labels, namespace.metadata.annotations.get(ADOPT)
    if note is None or TENANT not in labels:
        return False
    tenant, _, space = note.partition("/")
    return labels[TENANT] != tenant or (SPACE in labels and labels[SPACE] != space)


def offered(occupant: Namespace, space: Space, view: TenantView) -> bool:
    """Whether somebody who may update the namespace has offered it to this very space."""
    return occupant.metadata.annotations.get(ADOPT) == f"{view.name}/{space.metadata.name}"


def refusal(name: str, space: Space, view: TenantView, occupant: Namespace) -> Finding:
    """Why an existing namespace cannot be this space. Says nothing about whose it is."""
    if space.spec.namespace:
        return not_offered(name, space, view)
    if occupant.metadata.labels.get(TENANT) or occupant.metadata.labels.get(SPACE):
        return Finding("NamespaceTaken", f"namespace {name} is taken; choose another name for the space")
    return Finding(
        "NamespaceTaken",
        f"namespace {name} is taken; choose another name, or have it offered: {offer(name, space, view)}",
    )


def not_offered(name: str, space: Space, view: TenantView) -> Finding:
    """The one answer about a namespace that a member names: whether it exists, and whose it is, is not theirs to know."""
    return Finding(
        "NamespaceNotOffered",
        f"namespace {name} is not offered to this space; whoever runs it offers it: {offer(name, space, view)}",
    )


def offer(name: str, space: Space, view: TenantView) -> str:
    """The command that offers a namespace."""
    return f"kubectl annotate namespace {name} {ADOPT}={view.name}/{space.metadata.name}"
