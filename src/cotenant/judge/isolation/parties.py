"""The tenants of a proof: the namespaces that they have, and the identities that speak for their members."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec import Struct, structs

from cotenant.api.builtin import Namespace
from cotenant.api.keys import POD_SECURITY, SPACE, TENANT, home_of
from cotenant.api.space import Space
from cotenant.api.tenant import Tenant
from cotenant.model.access import Subject, access, everybody, in_force
from cotenant.model.platform import Platform

SYNTHETIC = "cotenant-verify:"
"""Prefix of the user name that stands for "anybody in this group"."""
AUTHENTICATED = "system:authenticated"
LEVELS = ("privileged", "baseline", "restricted")
"""Pod Security levels, each stricter than the one before it."""
ANY = "any ServiceAccount of "
"""Beginning of the name of whoever stands for all ServiceAccounts of a namespace."""


class Identity(Struct, frozen=True):
    """Somebody as the API server sees them. `member` names the subject as the Tenant does: `group iam-devteam`."""

    user: str
    groups: tuple[str, ...]
    member: str
    roles: tuple[str, ...]

    @property
    def flags(self) -> str:
        """What makes kubectl act as this identity."""
        return " ".join([f"--as {self.user}", *(f"--as-group {group}" for group in self.groups)])


class Lax(Struct, frozen=True):
    """A namespace whose label enforces less than the rules of its tenant say."""

    namespace: str
    label: str
    """"" where there is none."""
    wanted: str


class Party(Struct, frozen=True):
    """One tenant: its home, the namespaces of its spaces with their Pod Security level, and its members."""

    name: str
    home: str
    spaces: Mapping[str, str]
    """Namespace -> the Pod Security level that it must have, by the rules; where those are not known, its label."""
    identities: tuple[Identity, ...]
    untried: tuple[str, ...]
    """Members that cannot be tried here, each with the reason."""
    accounts: tuple[Identity, ...] = ()
    """ServiceAccounts of the tenant's namespaces that are no members; "default" stands for any of its namespace."""
    lax: tuple[Lax, ...] = ()
    """Namespaces that a privileged pod, or a less privileged one, may get into against the rules."""

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that others must not reach."""
        return (*self.spaces, self.home)


def identity(subject: Subject, roles: Iterable[str]) -> Identity:
    """Who speaks for a subject of a RoleBinding. For a group that is a user who exists nowhere else."""
    name, granted = subject["name"], tuple(sorted(roles))
    if subject["kind"] == "User":
        return Identity(name, (), f"user {name}", granted)
    if subject["kind"] == "Group":
        return Identity(SYNTHETIC + name, (name,), f"group {name}", granted)
    space = subject["namespace"]
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{space}")
    return Identity(f"system:serviceaccount:{space}:{name}", groups, f"serviceAccount {space}/{name}", granted)


def anybody(namespace: str) -> Identity:
    """Whom each pod of a namespace can be: its default ServiceAccount, with the groups that all of them have."""
    one = identity({"kind": "ServiceAccount", "namespace": namespace, "name": "default"}, ())
    return structs.replace(one, member=ANY + namespace)


def accounted(namespaces: Iterable[Namespace], spaces: Iterable[Space]) -> tuple[list[Namespace], list[str]]:
    """The namespaces that are homes or that a Space stands for; and the names of those that only labels call a space."""
    there = {one.metadata.key for one in spaces}
    kept, left = [], []
    for one in namespaces:
        labels = one.metadata.labels
        if SPACE not in labels or f"{home_of(labels.get(TENANT, ''))}/{labels[SPACE]}" in there:
            kept.append(one)
        else:
            left.append(one.metadata.name)
    return kept, sorted(left)


def party(
    tenant: Tenant, namespaces: Iterable[Namespace], platform: Platform, now: datetime, *, cordoned: bool, level: str
) -> Party:
    """A tenant with its namespaces, which are found by their labels.

    level: the Pod Security level by the effective rules; "" where these are not known. Never that of the labels, which
    is what is to be proven.
    """
    name = tenant.metadata.name
    granted = access(tenant.spec.members or (), platform, now)
    roles: dict[tuple[str, ...], set[str]] = {}
    subjects: dict[tuple[str, ...], Subject] = {}
    for subject in everybody(granted):
        key = tuple(subject.values())
        subjects[key], roles[key] = subject, set()
    for role, found in in_force(granted, cordoned=cordoned).items():
        for subject in found:
            roles[tuple(subject.values())].add(role)
    own = [one for one in namespaces if one.metadata.labels.get(TENANT) == name and SPACE in one.metadata.labels]
    untried = [f"{one.iam_role or one.iam_user}: an IAM principal, no user of this cluster" for one in granted.iam]
    untried += [f"role {one.role}: none that this installation allows" for one in granted.refused]
    untried += [] if level else ["its profile is missing: which Pod Security level it must have is not known"]
    labels = {
        one.metadata.name: one.metadata.labels.get(f"{POD_SECURITY}/enforce", "")
        for one in sorted(own, key=lambda one: one.metadata.name)
        if one.status.phase == "Active"
    }
    spaces = {name: level or label for name, label in labels.items()}
    identities = tuple(identity(subjects[key], roles[key]) for key in sorted(subjects))
    users = {who.user for who in identities}
    return Party(
        name=name,
        home=home_of(name),
        spaces=spaces,
        identities=identities,
        untried=tuple(untried),
        accounts=tuple(who for who in map(anybody, spaces) if who.user not in users),
        lax=tuple(Lax(name, label, level) for name, label in labels.items() if level and laxer(label, level)),
    )


def laxer(label: str, wanted: str) -> bool:
    """Whether a label lets in what the wanted level does not. A value that is no level enforces nothing."""
    return wanted != LEVELS[0] and label not in LEVELS[LEVELS.index(wanted) :]
