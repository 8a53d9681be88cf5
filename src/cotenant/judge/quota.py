"""Is a tenant's quota what its spec says, and can plain pods live under it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from cotenant.api.builtin import ResourceQuota
from cotenant.api.keys import SPACE
from cotenant.api.space import Space
from cotenant.judge.ceiling import exceeded
from cotenant.judge.chain import Chain
from cotenant.judge.floors import own, unlimited, unmet
from cotenant.model.allowance import Hard
from cotenant.model.effective import Effective
from cotenant.model.escrow.policy import Share
from cotenant.model.escrow.values import MOST
from cotenant.model.finding import Finding
from cotenant.model.limits import filled
from cotenant.model.pool import Reckoned, fixed, floor, limits, quota, served, share, spelled, strict
from cotenant.model.quantity import parse, same
from cotenant.model.snapshot import PLUGIN, TenantSnapshot, TenantView, on_servers
from cotenant.model.usage.objects import native

COMPUTE = {
    "cpu": ("defaultRequest", "cpu"),
    "memory": ("defaultRequest", "memory"),
    "requests.cpu": ("defaultRequest", "cpu"),
    "requests.memory": ("defaultRequest", "memory"),
    "limits.cpu": ("default", "cpu"),
    "limits.memory": ("default", "memory"),
}
"""Quota keys that every container must fill, and the LimitRange default that fills each."""


_ROOT = "; Kubernetes makes kube-root-ca.crt in every space, and counts it"
BORN = {"configmaps": _ROOT, "count/configmaps": _ROOT}
"""What is made without asking, before a namespace has a quota, by key: why a new space may be too much."""


def rules_known(found: TenantSnapshot) -> Finding | None:
    """Without its profile there is no quota to judge."""
    return None if found.view else Finding("ProfileNotFound", "the rules are not known", "Unknown")


def has_quota(found: TenantSnapshot) -> Finding | None:
    """A tenant without quota has nothing to sync."""
    if found.view and not (found.view.rules.hard or found.view.rules.space_max):
        return floors_limited(found) or Finding("NoQuota", "spec.quota.hard is empty", "True")
    return None


def accounting_available(found: TenantSnapshot) -> Finding | None:
    """Strict accounting is refused openly, not silently replaced."""
    return available(found) if asked(found) else None


def asked(found: TenantSnapshot) -> bool:
    """Whether the tenant is to be counted strictly: it says so, or says nothing where that is usual."""
    return found.view is not None and found.view.rules.accounting == "strict"


def available(found: TenantSnapshot) -> Finding | None:
    """The installation has what strict accounting needs."""
    if found.platform.strict_accounting:
        return None
    return Finding(
        "AccountingNotAvailable",
        "spec.quota.accounting is strict, and this installation counts natively; run: cotenant install --strict-accounting",
    )


def readable(found: TenantSnapshot) -> Finding | None:
    """Nobody gives back what the operator may not read, so meanwhile it does not hold the quota controller back."""
    if not found.barred:
        return None
    return Finding(
        "AccountingNotAvailable",
        f"the operator has no right to list and watch {', '.join(found.barred)}, so it gives nothing back and Kubernetes "
        "counts as ever; run: cotenant install",
    )


def marked(found: TenantSnapshot) -> Finding | None:
    """Every quota carries the label, the home's too."""
    for one in (*found.quotas, *((found.home_quota,) if found.home_quota else ())):
        if not strict(one):
            return Finding("AccountingPending", f"the quota of namespace {one.metadata.namespace} is not marked yet")
    return None


def seen_to_act(found: TenantSnapshot) -> Finding | None:
    """Its policy was met, on every API server that answered.

    An operator that has just begun has tried nothing yet; until it has, what was last said holds: a restart is no news.
    """
    said = next((one.reason for one in found.tenant.status.conditions if one.type == "StrictAccounting"), "")
    if found.strict or (found.strict is None and said == "Strict"):
        return None
    if found.strict is None and said != "AccountingNotProven":
        return Finding("AccountingPending", "whether the policy cotenant-strict acts has not been tried yet", "Unknown")
    return Finding(
        "AccountingNotProven",
        f"the policy cotenant-strict was not seen to act on {on_servers(found.unstrict)}, so real objects may exceed the "
        f"limit; run: cotenant install; if its binding was ever deleted, the API servers have to be restarted; else {PLUGIN}",
    )


def pods_can_live(found: TenantSnapshot) -> Finding | None:
    """Under a compute quota a container without requests is refused, unless a LimitRange fills them in."""
    rules = found.view.rules if found.view else None
    missing = without_defaults(rules, rules.hard | rules.space_max) if rules else []
    if missing:
        keys = ", ".join(missing)
        return Finding(
            "QuotaWithoutDefaults", f"pods that do not say {keys} are refused; add spec.limits with defaults"
        )
    return None


def policies_act(found: TenantSnapshot) -> Finding | None:
    """What makes quotas strict are policies; without them they are native quotas with their gaps."""
    if found.fenced:
        return None
    return Finding(
        "QuotaNotStrict",
        f"the policies cotenant-quota-* were not seen to act on {on_servers(found.unfenced)}: no new space is opened; if that "
        f"stays, run: cotenant install; else {PLUGIN}",
    )


def floors_fit(found: TenantSnapshot) -> Finding | None:
    """What spaces may count on together is not more than there is."""
    if (view := found.view) is None:
        return None
    spaces = [one for one in found.spaces if not one.metadata.deletion_timestamp]
    for key, limit in limits(view).items():
        of = Reckoned[Share](partial(share, view, key=key))
        floors = sum(of(one).floor for one in spaces)
        if floors > limit:
            return Finding(
                "FloorsExceedLimit",
                f"the min of {len(spaces)} spaces adds up to {key} {spelled(key, floors)}, the tenant has "
                f"{spelled(key, limit)}; lower min or raise quota.hard",
            )
    return None


def floors_below_ceilings(found: TenantSnapshot) -> Finding | None:
    """A floor that is more than its space may have ends at the ceiling."""
    if (view := found.view) is None:
        return None
    for key in limits(view):
        asked, allowed = Reckoned[int](partial(floor, view, key=key)), Reckoned[Share](partial(share, view, key=key))
        for one in found.spaces:
            least, ceiling = asked(one), allowed(one).ceiling
            if ceiling is not None and least > ceiling:
                own = one.spec.quota and key in (one.spec.quota.min or {})
                return Finding(
                    "FloorAboveCeiling",
                    f"space {one.metadata.name}: {'its quota.min' if own else 'quota.space.min'} {key} {spelled(key, least)} is above "
                    f"its ceiling {spelled(key, ceiling)}, so it keeps {spelled(key, ceiling)}; lower min or raise what limits it",
                )
    return None


def floors_met(found: TenantSnapshot) -> Finding | None:
    """Everybody is given what he is promised, or it is said who uses it."""
    return unmet(found.view, found.quotas, spaces_by_namespace(found)) if found.view else None


def floors_limited(found: TenantSnapshot) -> Finding | None:
    """A floor is a part of a limit."""
    if (view := found.view) is None:
        return None
    return unlimited(view, {"quota.space.min": view.rules.space_min} | own(found.spaces))


def room_in_ledger(found: TenantSnapshot) -> Finding | None:
    """A ledger has an end."""
    for key, one in sorted(found.ledgers.items()):
        entries = {entry.space for entry in one.spec.entries}
        without = [there.metadata.namespace for there in found.quotas if there.metadata.namespace not in entries]
        if len(entries) >= MOST and without:
            return Finding(
                "LedgerFull",
                f"{key}: its ledger has {MOST} entries, the most there can be, and namespace {without[0]} has none: it gets no "
                "quota until a space is deleted and its namespace gone",
            )
    return None


def limits_followed(found: TenantSnapshot) -> Finding | None:
    """Every ledger has the tenant's limit; one that was lowered below what is in use comes down as that does.

    What was in use before its key was limited is in no ledger.
    """
    too_much = too_much_in_use(found)
    for key, limit in limits(found.view).items() if found.view else ():
        there = found.ledgers.get(key)
        if there is None or there.spec.rebuilding:
            return Finding("QuotaPending", f"the ledger of {key} is being made")
        if there.spec.limit > limit or key in too_much:
            return Finding(
                "Converging",
                f"{key}: {spelled(key, in_use(found, key))} used, limit {spelled(key, limit)}; nothing is evicted and nothing more "
                f"admitted until enough is gone{BORN.get(key, '')}",
            )
        # By the number alone one cannot tell: it may have gone up and down again meanwhile.
        if there.spec.source != found.source or there.spec.limit < limit:
            return Finding("QuotaPending", f"the ledger of {key} is being brought to the tenant's limit")
    return None


def written(found: TenantSnapshot) -> Finding | None:
    """Every space has its quota, the API server counts it, and every ledger knows the space."""
    spaces = {one.metadata.name: one for one in found.spaces}
    quotas = {one.metadata.namespace: one for one in found.quotas}
    if (view := found.view) is None:
        return None
    wanted = Reckoned[Hard](partial(fixed, view))
    for namespace in found.namespaces:
        space, there = spaces.get(namespace.metadata.labels.get(SPACE, "")), quotas.get(namespace.metadata.name)
        if space is None or space.metadata.deletion_timestamp:
            continue
        if problem := pending(found, view, wanted(space), there):
            return Finding("QuotaPending", f"namespace {namespace.metadata.name} {problem}")
    return None


def pending(found: TenantSnapshot, view: TenantView, wanted: Hard, there: ResourceQuota | None) -> str:
    """What a space waits for whose quota says that of keys that are not pooled, in words; "" for nothing."""
    if there is None or there.spec.hard.keys() != wanted.keys() | view.rules.hard.keys() or not there.status.used:
        return "has no quota in force yet"
    if not same({key: there.spec.hard[key] for key in wanted}, wanted):
        return "has another quota until it is written"
    waiting = [key for key in sorted(view.rules.hard) if not served(found.ledgers.get(key), there, key)]
    return f"waits for its share of {waiting[0]}" if waiting else ""


def within(found: TenantSnapshot) -> Finding | None:
    """No space uses more than it may; happens after a ceiling was lowered, and in a namespace that was adopted.

    Of what the tenant has too much of in all, the limit of each space is below what it uses, and that is said as Converging.
    """
    of = spaces_by_namespace(found)
    too_much = too_much_in_use(found)
    for one in found.quotas:
        space = of.get(one.metadata.namespace)
        if found.view and space and (problem := exceeded(found.view, space, one)):
            return problem
        for key, limit in one.spec.hard.items():
            used = one.status.used.get(key, "0")
            if key not in too_much and parse(used) > parse(limit):
                return Finding(
                    "QuotaExceeded",
                    f"namespace {one.metadata.namespace} uses {key} {used}, {limit} allowed; nothing is evicted",
                )
    return None


def too_much_in_use(found: TenantSnapshot) -> set[str]:
    """Keys of which all spaces together use more than the tenant may. One of them then uses more than its quota says."""
    bounds = limits(found.view) if found.view else {}
    above = {
        key
        for one in found.quotas
        for key, limit in one.spec.hard.items()
        if key in bounds and parse(one.status.used.get(key, "0")) > parse(limit)
    }
    return {key for key in above if in_use(found, key) > bounds[key]}


def in_use(found: TenantSnapshot, key: str) -> int:
    """What all spaces use together, in base units."""
    return sum(quota(one, key).used for one in found.quotas)


def spaces_by_namespace(found: TenantSnapshot) -> dict[str, Space]:
    """The Space of each namespace, by the namespace's label."""
    spaces = {one.metadata.name: one for one in found.spaces}
    labels = {one.metadata.name: one.metadata.labels.get(SPACE, "") for one in found.namespaces}
    return {name: spaces[label] for name, label in labels.items() if label in spaces}


def alone(found: TenantSnapshot) -> Finding | None:
    """Nobody else's ResourceQuota limits a space; there may be one from before the namespace was adopted."""
    for one in found.foreign:
        name, namespace = one.metadata.name, one.metadata.namespace
        return Finding(
            "ForeignQuota",
            f"namespace {namespace} has ResourceQuota {name} of somebody else: what one refuses the other may admit "
            f"(kubernetes#141904); kubectl delete resourcequota {name} -n {namespace}",
        )
    return None


def counted(found: TenantSnapshot) -> Finding | None:
    """Kubernetes counts every key; one of a kind that it does not know limits nothing."""
    for one in found.quotas:
        unknown = [key for key in one.spec.hard if key not in one.status.used]
        if unknown and one.status.used:
            return Finding(
                "KeyNotCounted",
                f"Kubernetes does not count {unknown[0]}: it knows no such kind, or has not discovered it yet; "
                "nothing of it is limited",
            )
    return None


def beside(found: TenantSnapshot) -> Finding | None:
    """What the operator never reads is limited as Kubernetes limits it."""
    rules = found.view.rules if found.view else None
    keys = {key for one in found.quotas for key in one.spec.hard} | (
        {*rules.hard, *rules.space_max} if rules else set()
    )
    named = sorted(filter(native, keys))
    return Finding("Strict", f"{GOOD.message}; {clause(named)}", "True") if named else None


def clause(keys: list[str]) -> str:
    """Which keys Kubernetes alone counts, as many of them as there is room for."""
    shown = len(keys)
    while len(", ".join(keys[:shown])) > NAMED:
        shown -= 1
    names = [*keys[:shown], *([f"{len(keys) - shown} more"] if shown < len(keys) else [])]
    return f"counted by Kubernetes alone, as ever: {', '.join(names)}"


GOOD = Finding("Strict", "what exists stays within the limit while an operator lives", "True")
NAMED = 160
"""Characters of keys that a message names; a key has 128 at most."""
STRICT: Chain[TenantSnapshot] = Chain(
    "StrictAccounting",
    available,
    readable,
    marked,
    seen_to_act,
    beside,
    good=GOOD,
)
SYNCED: Chain[TenantSnapshot] = Chain(
    "QuotaSynced",
    rules_known,
    has_quota,
    accounting_available,
    policies_act,
    floors_fit,
    room_in_ledger,
    limits_followed,
    written,
    within,
    alone,
    floors_below_ceilings,
    floors_met,
    floors_limited,
    counted,
    pods_can_live,
    good=Finding("Synced", "", "True"),
    also=(
        floors_fit,
        room_in_ledger,
        within,
        alone,
        floors_below_ceilings,
        floors_met,
        floors_limited,
        counted,
        pods_can_live,
    ),
)


def without_defaults(rules: Effective, keys: Iterable[str]) -> list[str]:
    """Those of the quota keys that plain pods do not fill and no LimitRange default fills for them."""
    items = [filled(item) for item in rules.limits if item.type == "Container"]

    def defaulted(field: str, key: str) -> bool:
        return any(key in part for item in items if isinstance(part := item.get(field), dict))

    return [key for key in keys if key in COMPUTE and not defaulted(*COMPUTE[key])]
