"""Items of aws-auth as access entries: what each would be, and what cannot be carried over."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from cotenant.model.arn import arn, refusal
from cotenant.model.iam.awsauth import AwsAuth, Item
from cotenant.model.iam.entries import STANDARD, Principal

ADMIN_POLICY = "AmazonEKSClusterAdminPolicy"
RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")


class Proposal(Struct, frozen=True):
    """One access entry instead of one item."""

    principal: str
    type: str = STANDARD
    username: str = ""
    groups: tuple[str, ...] = ()
    policy: str = ""
    """Name of an access policy to associate in the whole cluster."""
    note: str = ""

    def commands(self, cluster: str) -> list[str]:
        """The same for a shell."""
        where = f"--cluster-name {cluster} --principal-arn {quoted(self.principal)}"
        create = f"aws eks create-access-entry {where} --type {self.type}"
        create += f" --username {quoted(self.username)}" if self.username else ""
        create += f" --kubernetes-groups {' '.join(map(quoted, self.groups))}" if self.groups else ""
        if not self.policy:
            return [create]
        policy = f"--policy-arn arn:{self.principal.split(':')[1]}:eks::aws:cluster-access-policy/{self.policy}"
        return [create, f"aws eks associate-access-policy {where} {policy} --access-scope type=cluster"]


class Migration(Struct, frozen=True):
    """All of aws-auth."""

    proposals: tuple[Proposal, ...]
    left: tuple[str, ...]
    """What stays behind, in words."""


def quoted(text: str) -> str:
    """A word for a shell, whatever somebody wrote into aws-auth."""
    return "'" + text.replace("'", "'\\''") + "'"


def migration(found: AwsAuth, principals: Mapping[str, Principal], entries: Collection[str] = frozenset()) -> Migration:
    """What each item becomes.

    principals: what IAM knows, by key: aws-auth has lost the paths of roles. entries: keys of principals that have one.
    """
    proposals: list[Proposal] = []
    left = [str(one) for one in found.faults]
    last = {one.key: one for one in found.items}
    for one in found.items:
        if last[one.key] is not one:
            left.append(f"{one.section}[{one.at}] {one.arn}: a later item for it holds")
        elif one.canonical in entries:
            left.append(f"{one.section}[{one.at}] {one.arn}: has an access entry already, which holds over this item")
        elif one.ours:
            left.append(f"{one.section}[{one.at}] {one.arn}: a tenant's member; cotenant iam apply makes its entry")
        else:
            said = proposed(one, principals)
            if isinstance(said, str):
                left.append(said)
            else:
                proposals.append(said)
    for section in found.sections.values():
        left += [f"{one}, and maps nobody" for one in section.dropped]
    left += [f"mapAccounts {one}: entries are of single principals" for one in found.accounts]
    return Migration(tuple(proposals), tuple(left))


def proposed(one: Item, principals: Mapping[str, Principal]) -> Proposal | str:
    """One item as an entry, or why not."""
    where = f"{one.section}[{one.at}] {one.arn}"
    if reason := refusal(one.arn):
        return f"{where}: {reason}"
    known = principals.get(one.canonical)
    if known is not None and not known.arn:
        return f"{where}: does not exist in IAM"
    shape = arn(one.arn)
    assert shape
    principal = known.arn if known else one.arn
    note = "" if known or not shape.is_role else "the role's path is not known"
    user, groups = one.identity
    if one.identity.is_node:
        kind = "EC2_WINDOWS" if "eks:kube-proxy-windows" in groups else "EC2_LINUX"
        kind = "FARGATE_LINUX" if "system:node-proxier" in groups else kind
        return Proposal(principal, kind, note=note)
    policy = ADMIN_POLICY if one.identity.is_admin else ""
    kept = tuple(each for each in groups if each != "system:masters")
    if bad := next((each for each in (user, *kept) if each.startswith(RESERVED) and not each.startswith("arn:")), ""):
        return f"{where}: {bad} is reserved in access entries"
    if any("{{" in each for each in kept):
        return f"{where}: groups chosen by the caller are not carried over"
    return Proposal(principal, STANDARD, user, kept, policy, note)
