"""The Plan of a space: its rooms in order, rights last."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cotenant.api.builtin import Child, Manifest
from cotenant.model.finding import Ref
from cotenant.model.placement import Placement, place
from cotenant.model.plan import Plan, Step, difference, ref_of
from cotenant.model.snapshot import PLUGIN, SpaceSnapshot, TenantView, on_servers
from cotenant.render import access, limits, namespace, network, rules


def rooms(view: TenantView, name: str, space: str) -> Iterator[tuple[Manifest, str]]:
    """What closes a space, each with its why. Rights are not among them: they come after the quota."""
    for wanted in network.network(view, name, space):
        yield wanted, f"isolation {view.rules.isolation}, internet {'on' if view.rules.internet else 'off'}"
    for wanted in limits.limits(view, name, space):
        yield wanted, "defaults and bounds of containers" if view.rules.limits else "spares the first pod a live list"
    for wanted in rules.policies(view, name, space):
        yield wanted, "the effective rules, readable by members"


def rights(view: TenantView, name: str, space: str) -> Iterator[tuple[Manifest, str]]:
    """Who may do what in the space, each with its why."""
    for wanted in access.bindings(view, name, space):
        yield (
            wanted,
            "cordoned: members with a built-in role view"
            if view.rules.cordoned
            else f"members with role {wanted['metadata']['name'][9:]}",
        )


def render_space(found: SpaceSnapshot) -> Plan:
    """What there should be for this space now. Empty while its tenant, profile or namespace is missing.

    A Space that goes makes no namespace and keeps none labelled; what closes its namespace and who may do what in it
    holds until the namespace is released.
    """
    view, space = found.view, found.space
    if found.stranded and found.namespace:
        wanted = rights(found.stranded, found.namespace.metadata.name, space.metadata.name)
        return Plan(*shrunk(wanted, found.children))
    leaving = space.metadata.deletion_timestamp is not None
    if view is None or (leaving and found.namespace is None):
        return Plan()
    placement = place(space, view, found.namespace, found.occupant)
    if placement.problem:
        return Plan(waiting=placement.problem.message)
    if placement.action != "keep" and view.tenant.metadata.deletion_timestamp:
        return Plan(waiting=f"tenant {view.name} is being deleted")
    name, label = placement.name, space.metadata.name
    if found.namespace and found.namespace.metadata.deletion_timestamp:
        return Plan(waiting=f"namespace {name} is being deleted")
    birth = [] if leaving else [namespace_step(found, placement, namespace.namespace(view, name, label))]
    closing = list(rooms(view, name, label))
    given, new = apart(rights(view, name, label), found.children)
    opening = new if quota_in_force(found) else []
    order = (given, closing, opening)
    steps = (*birth, *(step for wanted in order for step in difference(wanted, found.children)))
    keep = [wanted for wanted, _ in (*given, *closing, *new)]
    waiting = "" if quota_in_force(found) else unready(found)
    return Plan(steps, tuple(surplus(found.children, keep)), waiting)


def shrunk(
    wanted: Iterable[tuple[Manifest, str]], observed: Mapping[Ref, Child]
) -> tuple[tuple[Step, ...], tuple[Ref, ...]]:
    """Bindings that exist, with the members that are left; no new ones. For a tenant whose profile is missing.

    Who is a member does not hang on the profile, so who is none any more loses its rights without it.
    """
    given, new = apart(wanted, observed)
    bindings = {ref: child for ref, child in observed.items() if ref.kind == "RoleBinding"}
    gone = surplus(bindings, (manifest for manifest, _ in (*given, *new)))
    return tuple(difference(given, observed)), tuple(gone)


def apart(
    wanted: Iterable[tuple[Manifest, str]], observed: Mapping[Ref, Child]
) -> tuple[list[tuple[Manifest, str]], list[tuple[Manifest, str]]]:
    """Bindings that are there already, and those that are not.

    The former come first and wait for nothing: a member who left loses its rights also where the quota is gone or
    something that closes the space is refused.
    """
    found: tuple[list[tuple[Manifest, str]], list[tuple[Manifest, str]]] = ([], [])
    for one in wanted:
        found[ref_of(one[0]) not in observed].append(one)
    return found


def namespace_step(found: SpaceSnapshot, placement: Placement, wanted: Manifest) -> Step:
    """Create, adopt or repair the namespace; by uid, so that one of the same name made meanwhile is not touched."""
    if placement.action == "create":
        return Step(wanted, "create", "the space's namespace, labelled at birth")
    there = found.namespace or found.occupant
    assert there is not None
    settled = namespace.settled(wanted, there)
    why = "adopted: it was offered to this space" if placement.action == "adopt" else "its labels carry the rules"
    return Step(wanted, "keep" if settled else "update", why, uid=there.metadata.uid)


def quota_in_force(found: SpaceSnapshot) -> bool:
    """Whether admission counts against the quota, and the space has its share of it.

    The API server ignores a ResourceQuota with an empty status. A space that was opened once is not closed because its
    share is being moved.
    """
    there = found.quota
    opened = any(ref.kind == "RoleBinding" for ref in found.children)
    return there is not None and bool(there.status.used) and (opened or (found.served and found.fenced))


def unready(found: SpaceSnapshot) -> str:
    """What a space waits for before anybody gets rights in it."""
    if found.quota is None or not found.quota.status.used:
        return "the ResourceQuota is not in force yet"
    if not found.fenced:
        where = on_servers(found.unfenced)
        return (
            f"the policies cotenant-quota-* are not in force on {where}; if it stays: cotenant install; else {PLUGIN}"
        )
    return "the space has not got its share of the tenant's quota yet"


def surplus(observed: Mapping[Ref, Child], wanted: Iterable[Manifest]) -> Iterator[Ref]:
    """What we made once and do not want any more: the exact inventory, one object at a time."""
    keep = {ref_of(one) for one in wanted}
    for ref, child in sorted(observed.items()):
        if ref not in keep and not child.metadata.deletion_timestamp:
            yield ref
