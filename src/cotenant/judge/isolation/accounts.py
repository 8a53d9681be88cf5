"""The ServiceAccounts of a tenant's namespaces: whoever may run a pod there is all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cotenant.judge.isolation.catalogue import Served
from cotenant.judge.isolation.claims import Action, Attempt, cluster, wide
from cotenant.judge.isolation.parties import ANY, Identity, Party, identity
from cotenant.kube import resource

AT_MOST = 20
"""ServiceAccounts of one namespace that are tried by name."""
ASKED = ("get", "list", "create")
"""Verbs that are asked for where rules cannot be read, or not all of them."""


def existing(party: Party, names: Mapping[str, Iterable[str]]) -> tuple[tuple[Identity, ...], list[str]]:
    """The ServiceAccounts (namespace -> names) of a tenant's namespaces that are not tried anyway, and what was left out."""
    known = {who.user for who in (*party.identities, *party.accounts)}
    found, notes = [], []
    for namespace in party.namespaces:
        here = [
            identity({"kind": "ServiceAccount", "namespace": namespace, "name": name}, ())
            for name in sorted(names.get(namespace, ()))
        ]
        here = [who for who in here if who.user not in known]
        found += here[:AT_MOST]
        if len(here) > AT_MOST:
            notes.append(f"{namespace} has {len(here)} ServiceAccounts: {AT_MOST} of them tried by name")
    return tuple(found), notes


def belongs(who: Identity, target: Party) -> bool:
    """Whether a ServiceAccount is a member of the other tenant: by its name, or as one of a group."""
    users = {one.user for one in target.identities if not one.member.startswith("group ")}
    groups = {group for one in target.identities if one.member.startswith("group ") for group in one.groups}
    return who.user in users or bool(groups.intersection(who.groups))


def granted(source: Party, target: Party, who: Identity) -> Iterator[Attempt]:
    """All rules that it has in each namespace of another tenant: one request each, and complete as far as RBAC goes."""
    for namespace in target.namespaces:
        everything = Action("*", resource.SELF_SUBJECT_RULES_REVIEWS, namespace=namespace)
        yield Attempt("grants", source.name, target.name, who, everything, "rules")


def asked(source: Party, target: Party, who: Identity, catalogue: Sequence[Served]) -> Iterator[Attempt]:
    """The questions that stand in for the rules: reading and making each resource in another tenant's namespaces."""
    for namespace in target.namespaces:
        for what in catalogue:
            for verb in what.verbs:
                if verb in ASKED:
                    action = Action(verb, what.resource, what.subresource, namespace)
                    yield Attempt("foreign", source.name, target.name, who, action, "review")


def own(party: Party, who: Identity, system: Iterable[str], *, rules_suffice: bool) -> Iterator[Attempt]:
    """Cluster-wide: everything for "any ServiceAccount", the rules for each other one where they tell everything."""
    if rules_suffice and not who.member.startswith(ANY):
        yield from wide(party, who, system)
    else:
        yield from cluster(party, who, system)
