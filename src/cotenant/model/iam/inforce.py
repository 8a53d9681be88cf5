"""What aws-auth makes of the members of tenants, where it is all that a cluster reads; and what somebody did to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from cotenant.model.finding import Finding
from cotenant.model.iam.awsauth import ROLES, USERS, AwsAuth, read
from cotenant.model.iam.claims import Claim, merged, tenants_of
from cotenant.model.iam.history import holds
from cotenant.model.iam.strays import of_aws_auth, strays

EDIT = "kubectl edit configmap aws-auth -n kube-system"
REPAIR = f"repair it: cotenant iam rollback, or {EDIT}"


def by_aws_auth(claims: Sequence[Claim], data: Mapping[str, str], sso: Sequence[str] | None) -> dict[Claim, Finding]:
    """What is wrong with each claim that aws-auth does not make true. sso: as for merged."""
    found = read(data)
    unread = {one.section: one for one in found.faults}
    now = found.identities()
    trouble: dict[Claim, Finding] = {}
    for claim in claims:
        one = merged([claim], sso)
        trouble |= one.trouble
        for wish in one.wishes:
            section = USERS if ":user/" in wish.principal else ROLES
            mapped = now.get(wish.key)
            if section in unread:
                text = f"aws-auth, {unread[section]}, so nobody in {section} can sign in; {REPAIR}"
                trouble.setdefault(claim, Finding("AwsAuthDamaged", text))
            elif mapped is None:
                text = f"aws-auth does not map {wish.principal}, and the cluster reads nothing else; cotenant iam apply"
                trouble.setdefault(claim, Finding("ModeWithoutEntries", text))
            elif claim.group not in mapped.groups:
                text = f"aws-auth maps {wish.principal} without group {claim.group}; cotenant iam plan"
                trouble.setdefault(claim, Finding("ModeWithoutEntries", text))
    return trouble


def left_over(
    claims: Sequence[Claim], data: Mapping[str, str], sso: Sequence[str] | None
) -> Iterator[tuple[str, Finding]]:
    """(tenant, finding) for each group of a tenant that aws-auth gives somebody whom the tenant does not list."""
    for one in strays(of_aws_auth(read(data)), merged(claims, sso)):
        for tenant in sorted(one.tenants):
            mine = replace(one, groups=tuple(each for each in one.groups if tenant in tenants_of([each])))
            yield tenant, mine.finding


def damage(before: Mapping[str, str] | None, now: Mapping[str, str]) -> list[str]:
    """What a change of aws-auth did that somebody should know of, in words. before: None where nobody has looked."""
    found = read(now)
    said = [f"{one}, so nobody in {one.section} can sign in" for one in found.faults]
    if before is None:
        return said
    old = read(before)
    have, keep = old.identities(), found.identities()
    unread = {one.section for one in found.faults}
    for key, one in sorted(have.items()):
        if one.protected and not holds(one, keep.get(key)) and not within(old, key, unread):
            said.append(f"{'nodes join' if one.is_node else 'administrators sign in'} by {key}, which is lost")
    return said


def raised(before: Mapping[str, str] | None, now: Mapping[str, str]) -> list[str]:
    """Whom a change of aws-auth made an administrator, in words. A rollback takes no administrator away, a person may."""
    if before is None:
        return []
    have = read(before).identities()
    new = sorted(key for key, one in read(now).identities().items() if one.is_admin)
    return [f"{key} is in system:masters now" for key in new if not (key in have and have[key].is_admin)]


def within(found: AwsAuth, key: str, sections: set[str]) -> bool:
    """Whether an ARN stands in one of some sections: that these are unread says it already."""
    return any(one.key == key and one.section in sections for one in found.items)
