"""Who holds a group of a tenant that no tenant gives him: a member who went, or somebody whom another tool let in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from cotenant.api.keys import IAM_GROUPS
from cotenant.model.arn import arn
from cotenant.model.finding import Finding
from cotenant.model.iam.awsauth import AwsAuth
from cotenant.model.iam.claims import Merged, canonical, may_be, tenants_of
from cotenant.model.iam.entries import Entry
from cotenant.model.iam.mode import Store

NOBODY = "no tenant lists it"
"""Origin of a right that comes by such a group."""


class Identity(Struct, frozen=True):
    """Somebody as a store has him."""

    principal: str
    groups: tuple[str, ...]
    store: Store
    ours: bool = True
    """Whether cotenant wrote it, and so takes it away."""


class Stray(Struct, frozen=True, order=True):
    """One principal and the groups that are not his."""

    principal: str
    groups: tuple[str, ...]
    store: Store
    ours: bool

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants whose groups these are."""
        return tenants_of(self.groups)

    @property
    def text(self) -> str:
        """What is wrong, in words that name no other tenant but by its groups."""
        where = "its access entry" if self.store == "entries" else "aws-auth"
        return f"{self.principal}: {where} gives it {', '.join(self.groups)}, and {NOBODY}"

    @property
    def finding(self) -> Finding:
        """The same for the tenants."""
        return Finding("GroupWithoutMember", f"{self.text}; {self.remedy}")

    @property
    def remedy(self) -> str:
        """What takes the groups away."""
        if self.ours:
            return "cotenant iam apply" + (" --store aws-auth --prune" if self.store == "aws-auth" else "")
        if self.store == "entries":
            return "take them off that entry, which is somebody else's: aws eks update-access-entry --kubernetes-groups"
        return "take them off that item, which is somebody else's: kubectl edit configmap aws-auth -n kube-system"


def strays(found: Iterable[Identity], wished: Merged) -> list[Stray]:
    """Everybody with a tenant's group that no wish gives; a permission set that IAM cannot be asked for may be anybody."""
    given: Mapping[str, tuple[str, ...]] = {one.key: one.groups for one in wished.wishes}
    lost = set()
    for one in found:
        mine = given.get(canonical(one.principal), ())
        extra = sorted({each for each in one.groups if each.startswith(IAM_GROUPS) and each not in mine})
        if extra and not may_be(one.principal, wished.unknown):
            lost.add(Stray(one.principal, tuple(extra), one.store, one.ours))
    return sorted(lost)


def of_entries(entries: Iterable[Entry]) -> list[Identity]:
    """Access entries as identities."""
    return [Identity(one.principal, one.groups, "entries", one.ours) for one in entries]


def of_aws_auth(found: AwsAuth) -> list[Identity]:
    """Those of aws-auth that can match somebody: a role with its path never does."""
    return [
        Identity(one.arn, one.identity.groups, "aws-auth", one.ours)
        for one in found.items
        if not ((shape := arn(one.arn)) and shape.is_role and shape.path)
    ]
