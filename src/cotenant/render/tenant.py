"""The Plan of a tenant's home: the namespace, the Spaces that the tenant declares, what members may do there."""

from __future__ import annotations

from collections.abc import Iterator

from cotenant.api.builtin import Manifest
from cotenant.api.keys import API_VERSION, DECLARED, SPACE, SPACE_FINALIZER
from cotenant.api.space import Space
from cotenant.model.allowance import SPACES
from cotenant.model.finding import Ref
from cotenant.model.placement import home_is_ours
from cotenant.model.plan import Action, Plan, Step, difference, labels, manifest
from cotenant.model.snapshot import TenantSnapshot, TenantView
from cotenant.model.strays import astray, lost, strays
from cotenant.render import access, namespace, rules
from cotenant.render.space import apart, shrunk, surplus


def render_tenant(found: TenantSnapshot) -> Plan:
    """What there should be in the home now. Empty while the home is somebody else's.

    While the profile is missing, only members that left are taken off.
    """
    view = found.view
    if found.stranded and found.home and home_is_ours(found.home, found.stranded.name):
        wanted = [(one, "members that are left") for one in access.home_bindings(found.stranded)]
        return Plan(*shrunk(wanted, found.children), wishes=access.wishes(found.stranded))
    if view is None or not home_is_ours(found.home, view.name):
        return Plan()
    if found.home and found.home.metadata.deletion_timestamp:
        return Plan(waiting=f"namespace {view.home} is being deleted")
    leaving = bool(found.tenant.metadata.deletion_timestamp)
    given, new = apart(((one, "members see and make Spaces") for one in access.home_bindings(view)), found.children)
    steps = [] if leaving else [home_step(found, view)]
    steps += difference(given, found.children)
    if count_in_force(found) and not leaving:
        steps += space_steps(found, view)
    told = [(one, "what members may know of their tenant") for one in rules.policies(view, view.home)]
    steps += difference(told, found.children)
    if count_in_force(found):
        steps += difference(new, found.children)
    keep = [wanted for wanted, _ in (*told, *given, *new)]
    waiting = "" if count_in_force(found) else "the limit on spaces is not in force yet"
    prune = (*surplus(found.children, keep), *left_behind(found))
    return Plan(tuple(steps), prune, waiting, access.wishes(view))


def home_step(found: TenantSnapshot, view: TenantView) -> Step:
    """The home namespace."""
    wanted = namespace.home(view)
    if found.home is None:
        return Step(wanted, "create", "the home: Spaces live here")
    action: Action = "keep" if namespace.settled(wanted, found.home) else "update"
    return Step(wanted, action, "the home: Spaces live here", uid=found.home.metadata.uid)


def space_steps(found: TenantSnapshot, view: TenantView) -> Iterator[Step]:
    """Spaces that are declared and missing, those taken off the list, and those that were lost."""
    there = {space.metadata.name: space for space in found.spaces}
    declared = set(view.rules.declared)
    for name in view.rules.declared:
        space = there.get(name)
        marked = space is not None and DECLARED in space.metadata.labels
        settled = marked or (space is not None and space.metadata.deletion_timestamp is not None)
        yield space_step(view, name, space, "keep" if settled else "update", "declared", declared=True)
    for name, space in there.items():
        released = name not in declared and DECLARED in space.metadata.labels
        if released and not space.metadata.deletion_timestamp:
            yield space_step(view, name, space, "update", "no longer declared: released, kept", declared=False)
    for one in strays(found):
        if found.spaces_born and lost(one, found):
            name = one.metadata.labels[SPACE]
            why = f"lost, and namespace {one.metadata.name} remembers it"
            yield space_step(view, name, None, "create", why, declared=False)


def left_behind(found: TenantSnapshot) -> Iterator[Ref]:
    """RoleBindings in namespaces that were let go. While the definition of Spaces is missing, all of them look so."""
    if found.spaces_born:
        for one in astray(found):
            yield from found.rights.get(one.metadata.name, ())


def space_step(view: TenantView, name: str, there: Space | None, action: Action, why: str, *, declared: bool) -> Step:
    """A Space as far as we own it: its labels. Everything else in it belongs to whoever wrote it."""
    marks = labels(view.name, name) | ({DECLARED: "true"} if declared else {})
    wanted: Manifest = manifest(API_VERSION, "Space", name, view.home, labels=marks)
    # With the finalizer from the first write on, no deletion can begin without it; one put on later may lose against
    # a deletion under way.
    wanted["metadata"]["finalizers"] = [SPACE_FINALIZER]
    if there is None:
        return Step(wanted | {"spec": {}}, "create", why)
    return Step(wanted, action, why, uid=there.metadata.uid)


def count_in_force(found: TenantSnapshot) -> bool:
    """Whether the API server counts Spaces: until it knows both limit and use it refuses them all."""
    status = found.home_quota.status if found.home_quota else None
    return status is not None and SPACES in status.hard and SPACES in status.used
