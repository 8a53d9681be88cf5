"""What belongs to a tenant, as a tree: each object with its state, told by the plan that the operator would make."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct, field

from cotenant.api.builtin import Manifest, Namespace, ResourceQuota
from cotenant.api.keys import COTENANT, MANAGED_BY, SPACE, TENANT
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.cli.cluster.observation import OWN, Observation
from cotenant.cli.cluster.standing import Standing, policy, spaces_of
from cotenant.cli.view.output import age
from cotenant.controllers.gather import gather_space, gather_tenant
from cotenant.judge.tenant import condition_of
from cotenant.kube.client import Client
from cotenant.kube.errors import Forbidden
from cotenant.model.allowance import Hard, home_hard
from cotenant.model.plan import Plan
from cotenant.model.platform import Platform
from cotenant.model.pool import wanted
from cotenant.model.quantity import same
from cotenant.model.snapshot import SpaceSnapshot, TenantSnapshot, TenantView
from cotenant.model.strays import bygone, lost, strays
from cotenant.render.space import render_space
from cotenant.render.tenant import render_tenant

BAD = ("DRIFTED", "MISSING", "SURPLUS", "STRAY", "Failed", "False")
RELEASE = f"kubectl label namespace {{}} {TENANT}- {SPACE}-"


class Branch(Struct):
    """One line: what it is, how it is, more about it, and what is below."""

    kind: str
    name: str
    state: str = ""
    detail: str = ""
    below: list[Branch] = field(default_factory=list)

    @property
    def faulty(self) -> bool:
        """Whether this or anything below is not as it should be."""
        return self.state.startswith(BAD) or any(one.faulty for one in self.below)


def tenant_tree(seen: Observation, name: str, platform: Platform, now: datetime, where: Standing | None) -> Branch:
    """A tenant with its home and its spaces; with `where` only the namespace that was asked for."""
    found = gather_tenant(seen.world, name, platform, now)
    assert found is not None
    tenant = found.tenant
    root = Branch("Tenant", name, readiness(tenant), summary(tenant, found.view))
    home = Branch("Namespace", f"home-{name}", "", "home")
    if found.view:
        home.below = [quota_branch(found.home_quota, home_hard(found.view), f"home-{name}")]
    plan = render_tenant(found)
    home.below += objects(seen, f"home-{name}", plan, now)
    home.state = "MISSING" if found.home is None else drift(seen, f"home-{name}", plan, now)
    if where is None or not where.space:
        root.below.append(home)
    for space in found.spaces:
        if where is None or where.space == space.metadata.name:
            snapshot = gather_space(seen.world, space.metadata.key, platform, now)
            assert snapshot is not None
            root.below.append(space_branch(seen, snapshot, now))
    root.below += [
        stray_branch(one, found) for one in strays(found) if where is None or where.namespace == one.metadata.name
    ]
    return root


def stray_branch(one: Namespace, found: TenantSnapshot) -> Branch:
    """A namespace of a tenant that no Space stands for."""
    name, space = one.metadata.name, one.metadata.labels.get(SPACE, "")
    again = "its Space is gone and will be made again" if lost(one, found) else "its Space is gone"
    named = f"space {space}: {again}" if space else "it has no label that names a space"
    return Branch("Namespace", name, "STRAY", f"{named}; nobody's again with: {RELEASE.format(name)}")


def left_behind(seen: Observation) -> list[Branch]:
    """Tenants that are gone, with the namespaces that still carry their labels: kept on purpose, and not to be lost."""
    kept = bygone(seen.world.namespaces.items(), {one.metadata.name for one in seen.world.tenants.items()})
    words = "deleted; its namespaces are kept, and a Tenant of this name takes them up again"
    return [
        Branch("Tenant", name, "gone", words, [Branch("Namespace", one) for one in namespaces])
        for name, namespaces in kept.items()
    ]


def space_branch(seen: Observation, found: SpaceSnapshot, now: datetime) -> Branch:
    """A space and everything in its namespace that is ours."""
    space = found.space
    name = found.namespace.metadata.name if found.namespace else space.status.namespace
    branch = Branch("Space", space.metadata.name, state_of(space), namespace_detail(name, found.view))
    if found.namespace is None or found.view is None:
        return branch
    namespace = found.namespace.metadata.name
    plan = render_space(found)
    itself = Branch("Namespace", namespace, drift(seen, namespace, plan, now) or "ok", "its labels and annotations")
    full = quota_branch(found.quota, wanted(found.view, space, found.quota), namespace)
    branch.below = [itself, full, *objects(seen, namespace, plan, now)]
    return branch


def quota_branch(there: ResourceQuota | None, wanted: Hard, namespace: str) -> Branch:
    """The ResourceQuota: as it should be, and how full."""
    if there is None:
        return Branch("ResourceQuota", COTENANT, "MISSING", f"in {namespace}")
    return Branch("ResourceQuota", COTENANT, "ok" if same(there.spec.hard, wanted) else "DRIFTED", filling(there))


def filling(quota: ResourceQuota) -> str:
    """Used of hard, for every key that is not 0 of 0."""
    used = quota.status.used
    return ", ".join(
        f"{key} {used.get(key, '0')}/{limit}"
        for key, limit in quota.spec.hard.items()
        if (used.get(key), limit) != ("0", "0")
    )


def objects(seen: Observation, namespace: str, plan: Plan, now: datetime) -> list[Branch]:
    """Every step of a plan in one namespace, and what would be pruned."""
    states = {"keep": "ok", "create": "MISSING", "update": "DRIFTED"}
    found = [
        Branch(step.ref.kind, step.ref.name, states[step.action] + blame(seen.raw.get(step.ref), step.action, now))
        for step in plan.steps
        if step.ref.namespace == namespace and step.ref.kind != "Space"
    ]
    return found + [
        Branch(ref.kind, ref.name, "SURPLUS" + blame(seen.raw.get(ref), "update", now)) for ref in plan.prune
    ]


def drift(seen: Observation, namespace: str, plan: Plan, now: datetime) -> str:
    """Whether a namespace that is there has other labels or annotations than it should; "" where it is as it should be."""
    for step in plan.changes:
        if (step.ref.kind, step.ref.name) == ("Namespace", namespace):
            return "DRIFTED" + blame(seen.raw.get(step.ref), "update", now)
    return ""


def blame(manifest: Manifest | None, action: str, now: datetime) -> str:
    """Who wrote last besides us, by the API server's record of managers."""
    if manifest is None or action != "update":
        return ""
    entries = [
        one
        for one in manifest["metadata"].get("managedFields") or ()
        if not str(one.get("manager", "")).startswith(COTENANT) and one.get("time") and not one.get("subresource")
    ]
    if not entries:
        return ""
    last = max(entries, key=lambda one: str(one["time"]))
    return f" by {last['manager']}, {age(last['time'], now)} ago"


def readiness(tenant: Tenant) -> str:
    """Ready, or the reason why not."""
    ready = condition_of(tenant.status.conditions, "Ready")
    return "Unknown" if ready is None else "Ready" if ready.status == "True" else f"False: {ready.reason}"


def summary(tenant: Tenant, view: TenantView | None) -> str:
    """Owners and numbers."""
    owners = [one.subject for one in tenant.spec.members or () if one.role == "owner"]
    counts = tenant.status.spaces
    parts = [f"owners: {', '.join(owners) or 'none'}"]
    if view:
        parts.append(f"spaces {counts.total if counts else 0}/{view.rules.limit}")
        quota = ", ".join(f"{key} {value}" for key, value in view.rules.hard.items())
        parts += [f"quota {quota}"] if quota else []
        parts += ["cordoned"] if view.rules.cordoned else []
    return "  ".join(parts)


def state_of(space: Space) -> str:
    """Phase, and the reason where it is not Ready."""
    ready = condition_of(space.status.conditions, "Ready")
    phase = space.status.phase or "Pending"
    return phase if ready is None or ready.status == "True" else f"{phase}: {ready.reason}"


def namespace_detail(namespace: str, view: TenantView | None) -> str:
    """The namespace of a space and its rules in a word each."""
    parts = [f"namespace {namespace or '-'}"]
    parts += [f"isolation {view.rules.isolation}", f"security {view.rules.security}"] if view else []
    return "  ".join(parts)


async def member_tree(client: Client, found: Standing) -> Branch:
    """What a member may see of the own tenant: the same objects, without a word on whether they are right."""
    rules = await policy(client, found.home)
    root = Branch("Tenant", found.tenant, "", f"home {found.home}")
    if rules and rules.status:
        ready = condition_of(rules.status.conditions, "Ready")
        root.state = "Unknown" if ready is None else "Ready" if ready.status == "True" else f"False: {ready.reason}"
    for item in await spaces_of(client, found.home):
        name, status = item["metadata"]["name"], item.get("status", {})
        namespace = status.get("namespace", "")
        branch = Branch("Space", name, status.get("phase", "Pending"), f"namespace {namespace or '-'}")
        if namespace and (not found.space or found.space == name):
            branch.below = [one async for one in visible(client, namespace)]
        root.below.append(branch)
    return root


async def visible(client: Client, namespace: str) -> Any:
    """Our objects in a namespace, as far as this user may list them."""
    for resource in OWN:
        try:
            items = (await client.list(resource, namespace, labels=f"{MANAGED_BY}={COTENANT}")).items
        except Forbidden:
            yield Branch(resource.kind, "", "not visible to you")
            continue
        for one in items:
            yield Branch(resource.kind, one["metadata"]["name"], "there")


def drawn(branch: Branch, before: str = "", tail: str = "") -> Iterator[str]:
    """The lines of a tree."""
    words = [f"{branch.kind}/{branch.name}", branch.state, branch.detail]
    yield before + "  ".join(word for word in words if word)
    for one in branch.below:
        last = one is branch.below[-1]
        yield from drawn(one, f"{tail}{'└── ' if last else '├── '}", f"{tail}{'    ' if last else '│   '}")


def plain(branch: Branch) -> dict[str, Any]:
    """A branch for -o json."""
    found: dict[str, Any] = {"kind": branch.kind, "name": branch.name}
    found |= {key: value for key, value in (("state", branch.state), ("detail", branch.detail)) if value}
    return found | ({"below": [plain(one) for one in branch.below]} if branch.below else {})
