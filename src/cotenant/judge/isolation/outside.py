"""Rights outside RBAC, which nobody can try by impersonation: EKS access policies of members, and IAM roles of Pods."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from cotenant.api.tenant import Tenant
from cotenant.judge.isolation.parties import Party
from cotenant.model.access import access
from cotenant.model.iam.accesspolicies import TABLE, within
from cotenant.model.iam.claims import Person, borrowed, claims, people, tenants_of
from cotenant.model.iam.entries import Association
from cotenant.model.iam.strays import Stray
from cotenant.model.iam.workloads import Fault
from cotenant.model.platform import Platform


class Outside(Struct, frozen=True, order=True):
    """An access policy that a member of a tenant holds besides its groups."""

    tenant: str
    principal: str
    groups: tuple[str, ...]
    association: Association

    @property
    def wide(self) -> bool:
        """Whether it holds in the whole cluster."""
        return self.association.scope != "namespace"

    @property
    def silent(self) -> bool:
        """Whether the policy is known to give a person nothing."""
        found = TABLE.get(self.association.name)
        return found is not None and not found

    def reached(self, party: Party) -> tuple[str, ...]:
        """The namespaces of a tenant in which it holds."""
        return tuple(sorted(one for one in party.namespaces if within(self.association, one)))

    @property
    def remedy(self) -> str:
        """The command that takes it away; the cluster's name is for its reader to fill in."""
        return (
            "aws eks disassociate-access-policy --cluster-name CLUSTER "
            f"--principal-arn {self.principal} --policy-arn {self.association.policy}"
        )


class Borrowed(Struct, frozen=True, order=True):
    """A principal of a tenant under a username that can be a user's who is a member of another, or more in its own."""

    tenant: str
    principal: str
    username: str
    user: str
    of: str
    """The tenant of that user."""

    @property
    def text(self) -> str:
        """What is wrong, in words."""
        return f"{self.principal} of {self.tenant} under username {self.username} can be user {self.user} of {self.of}"


class Beside(Struct, frozen=True):
    """What EKS and IAM give beside RBAC."""

    policies: tuple[Outside, ...] = ()
    faults: tuple[Fault, ...] = ()
    """Of IAM roles that Pods carry, or could."""
    unread: tuple[str, ...] = ()
    """What could not be read of it, in words."""
    strays: tuple[tuple[str, Stray], ...] = ()
    """(tenant, who): principals with groups of a tenant that does not list them."""
    borrowed: tuple[Borrowed, ...] = ()
    """Usernames in force by which somebody can be a member who is a user."""


def borrowing(tenants: Sequence[Tenant], platform: Platform, now: datetime) -> Iterator[Borrowed]:
    """What Tenants ask for of that; cotenant writes no such username, an older aws-auth may have it."""
    known = users(tenants)
    for one in tenants:
        name = one.metadata.name
        for each in claims(name, access(one.spec.members or (), platform, now, name)):
            yield from borrows(name, each.target, each.username, [each.group], known)


def users(tenants: Iterable[Tenant]) -> list[Person]:
    """The members of all tenants who are users, sorted."""
    return sorted(who for one in tenants for who in people(one.metadata.name, one.spec.members or ()))


def borrows(
    tenant: str, principal: str, username: str, groups: Sequence[str], known: Sequence[Person]
) -> Iterator[Borrowed]:
    """Whom one principal can be by its username. known: sorted."""
    for user, group in borrowed(username, groups, known):
        for of in tenants_of([group]):
            yield Borrowed(tenant, principal, username, user, of)


def crossing(
    found: Iterable[Outside], parties: Mapping[str, Party]
) -> Iterable[tuple[Outside, Party, tuple[str, ...]]]:
    """Each policy with each other tenant whose namespaces it reaches."""
    for one in sorted(set(found)):
        for party in parties.values() if not one.silent else ():
            if party.name != one.tenant and (reached := one.reached(party)):
                yield one, party, reached


def remarks(found: Iterable[Outside], parties: Mapping[str, Party]) -> list[str]:
    """What reaches no other tenant: rights at home, in other people's namespaces, in namespaces that nobody has made yet."""
    theirs = {name for party in parties.values() for name in party.namespaces}
    said = []
    for one in sorted(set(found)):
        mine = parties.get(one.tenant)
        if one.wide or one.silent or mine is None:
            continue
        who = f"{one.principal} of {one.tenant} has {one.association}"
        later = [name for name in one.association.namespaces if "*" in name or "?" in name]
        if later:
            said.append(f"{who}: namespaces made later may match {', '.join(later)}")
        if stray := sorted(set(one.association.namespaces) - theirs - set(later)):
            said.append(f"{who}: {', '.join(stray)} is no tenant's namespace")
        if one.reached(mine):
            said.append(f"{who} besides its role: a right outside RBAC")
    return said
