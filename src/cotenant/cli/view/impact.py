"""What a forecast means for a tenant: its spec, its objects, its members, its quota."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from cotenant.api.builtin import QuotaAmounts
from cotenant.api.keys import SPACE, TENANT, home_of
from cotenant.api.tenant import Tenant
from cotenant.cli.cluster.observation import Observation
from cotenant.cli.view.forecast import Forecast, Write, shortcomings
from cotenant.model.quantity import parse

NEVER = "Namespaces deleted: 0 (a manifest never deletes a namespace)"
FINISHED = "Nothing was changed."
ROLE = "cotenant:"


class Change(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One object that would be written."""

    verb: str
    kind: str
    name: str
    namespace: str = ""
    space: str = ""
    why: str = ""
    fields: list[str] = field(default_factory=list)


class Impact(Struct, rename="camel", kw_only=True):
    """Everything that would happen to one tenant."""

    tenant: str
    state: str
    """new, changed or unchanged."""
    spec: list[str] = field(default_factory=list)
    """`~ quota.hard.pods 20 -> 10`."""
    gains: list[str] = field(default_factory=list)
    loses: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    objects: list[Change] = field(default_factory=list)
    spaces: int = 0
    """How many spaces the tenant has then."""

    @property
    def changed(self) -> bool:
        """Whether anything would be written."""
        return bool(self.spec or self.objects) or self.state == "new"


def impact(
    forecast: Forecast,
    live: Observation,
    name: str,
    old: Tenant | None,
    used: Mapping[str, QuotaAmounts],
) -> Impact:
    """Compares a settled forecast with what the cluster has. `used`: quota status by namespace, before."""
    tenant = forecast.world.tenants.get(None, name)
    found = Impact(tenant=name, state="missing" if tenant is None else "unchanged" if old else "new")
    if tenant is None:
        found.warnings.append("there is no such tenant, here or in the cluster: its Spaces are ignored until there is")
        return found
    if tenant.metadata.deletion_timestamp:
        found.warnings.append("the tenant is being deleted: nothing of these manifests will be carried out")
        return found
    found.spec = [] if old is None else list(differences(flat(old.spec), flat(tenant.spec)))
    found.gains, found.loses = access(forecast, live, name)
    found.objects = [change(one, live) for one in forecast.ordered()]
    found.spaces = len(forecast.keys(name))
    found.warnings = [f"{one.reason}: {one.message}" for one in shortcomings(tenant.status.conditions)]
    for key in forecast.keys(name):
        space = forecast.world.spaces.at(key)
        conditions = space.status.conditions if space else []
        found.warnings += [f"space {key}: {one.reason}: {one.message}" for one in shortcomings(conditions)]
    found.warnings += cuts(forecast, name, used)
    if found.state == "unchanged" and found.changed:
        found.state = "changed"
    return found


def flat(spec: Any) -> dict[str, str]:
    """A spec as path -> value. Items of lists are named by their content: their order alone says nothing here."""
    found: dict[str, str] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{path}.{key}" if path else key)
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            for item in value:
                found[f"{path}[{words(item)}]"] = ""
        else:
            found[path] = words(value)

    walk(msgspec.to_builtins(spec), "")
    return found


def words(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"[{', '.join(map(words, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    """`+ path value`, `- path value`, `~ path old -> new`."""
    for path in sorted(old.keys() | new.keys()):
        if path not in old:
            yield f"+ {path} {new[path]}".rstrip()
        elif path not in new:
            yield f"- {path} {old[path]}".rstrip()
        elif old[path] != new[path]:
            yield f"~ {path} {old[path]} -> {new[path]}"


def access(forecast: Forecast, live: Observation, tenant: str) -> tuple[list[str], list[str]]:
    """Who gets and who loses which role, and where: by the RoleBindings that would be written, against those there are."""
    gains: dict[str, set[str]] = {}
    loses: dict[str, set[str]] = {}
    for one in forecast.writes.values():
        if one.ref.kind != "RoleBinding":
            continue
        before = holders(live.raw.get(one.ref, {}))
        after = set() if one.verb == "delete" else holders(one.manifest)
        for found, who in ((gains, after - before), (loses, before - after)):
            for each in who:
                found.setdefault(each, set()).add(one.ref.namespace)
    then = {one.metadata.name for one in forecast.world.namespaces.by("tenant", tenant)} - {home_of(tenant)}
    now = {
        ref.name
        for ref, one in live.raw.items()
        if ref.kind == "Namespace" and one["metadata"].get("labels", {}).get(TENANT) == tenant
    } - {home_of(tenant)}
    return list(located(gains, then)), list(located(loses, now))


def holders(binding: Mapping[str, Any]) -> set[str]:
    """`User zoe: viewer` for everybody whom a RoleBinding names; those of the home say so."""
    role = str(binding.get("roleRef", {}).get("name", "")).removeprefix(ROLE).replace("home-owner", "makes spaces")
    return {
        f"{one['kind']} {one['namespace'] + '/' if one.get('namespace') else ''}{one['name']}: {role}"
        for one in binding.get("subjects") or ()
        if role != "home-viewer"  # everybody who has a role in a space reads the home
    }


def located(found: Mapping[str, set[str]], spaces: set[str]) -> Iterator[str]:
    """Each with the namespaces that it is about, unless that is every space."""
    for who, where in sorted(found.items()):
        names = sorted(where)
        some = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        yield who if where == spaces or who.endswith("makes spaces") else f"{who} in {some}"


def change(one: Write, live: Observation) -> Change:
    """A write with the fields that differ."""
    there = live.raw.get(one.ref)
    fields = (
        []
        if there is None or one.verb != "update"
        else list(differences(content(there, one), content(one.manifest, one)))
    )
    return Change(one.verb, one.ref.kind, one.ref.name, one.ref.namespace, one.space, one.why, fields[:8])


def content(manifest: Mapping[str, Any], one: Write) -> dict[str, str]:
    """What of an object is ours to write: labels of ours, and everything but metadata and status."""
    metadata = manifest.get("metadata", {})
    wanted = one.manifest["metadata"]
    kept = {key: metadata.get(key, {}) for key in ("labels", "annotations")}
    chosen = {
        key: {name: value for name, value in found.items() if name in wanted.get(key, {}) or name in (TENANT, SPACE)}
        for key, found in kept.items()
    }
    body = {key: manifest[key] for key in ("spec", "subjects", "roleRef") if key in manifest and key in one.manifest}
    return flat({key: value for key, value in chosen.items() if value} | body)


def cuts(forecast: Forecast, tenant: str, used: Mapping[str, QuotaAmounts]) -> list[str]:
    """Quotas that would be below what is used: nothing is evicted, nothing more is admitted."""
    found = []
    for namespace in forecast.world.namespaces.by("tenant", tenant):
        name = namespace.metadata.name
        quota = forecast.world.quotas.get(name, "cotenant")
        for key, limit in quota.spec.hard.items() if quota and name in used else ():
            amount = used[name].used.get(key, "0")
            if parse(amount) > parse(limit):
                found.append(
                    f"{name} uses {key} {amount}, and would be allowed {limit}: nothing is evicted, nothing more admitted"
                )
    return found


def lines(impacts: list[Impact]) -> Iterator[str]:
    """The plan for a person."""
    for one in impacts:
        yield f"Tenant {one.tenant} ({one.state})"
        yield from (f"  {line}" for line in one.spec)
        yield from (f"  + access   {line}" for line in one.gains)
        yield from (f"  - access   {line}" for line in one.loses)
        yield from (f"  ! {line}" for line in dict.fromkeys(one.warnings))
        group = ""
        for item in one.objects:
            place = f"space {item.space}" if item.space and item.kind != "Space" else "home"
            if place != group:
                group = place
                yield f"  {place}"
            sign = {"create": "+", "update": "~", "delete": "-"}[item.verb]
            yield f"    {sign} {item.kind}/{item.name}".ljust(46) + f"  {item.why}".rstrip()
            yield from (f"        {line}" for line in item.fields)
    objects = [item for one in impacts for item in one.objects]
    verbs = {verb: sum(item.verb == verb for item in objects) for verb in ("create", "update", "delete")}
    yield NEVER
    hit = [one for one in impacts if one.changed]
    members = len({line for one in hit for line in (*one.gains, *one.loses)})
    yield f"Objects: {verbs['create']} create, {verbs['update']} update, {verbs['delete']} delete."
    yield f"Hits {len(hit)} of {len(impacts)} tenants, {sum(one.spaces for one in hit)} spaces, {members} changes of access. {FINISHED}"


def report(impacts: list[Impact]) -> dict[str, Any]:
    """The plan for a program."""
    return {"tenants": msgspec.to_builtins(impacts), "namespacesDeleted": 0}
