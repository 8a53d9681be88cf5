"""What tenants want for IAM principals, put together: a cluster has one identity a principal, whatever lists it."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from cotenant.api.keys import IAM_GROUPS
from cotenant.api.member import Member
from cotenant.model.access import Access, group_of
from cotenant.model.arn import SSO, SSO_PATH, Arn, arn, refusal
from cotenant.model.finding import Finding

SETS = "permission-set "
"""What a target begins with that is found by name: `permission-set 111122223333/TeamA`."""
Person = tuple[str, str]
"""A member who is a user: its name, and the group of its tenant and role."""


class Claim(Struct, frozen=True, order=True):
    """One member by IAM principal, as its tenant names it."""

    tenant: str
    target: str
    """ARN of a role or user, or a permission set."""
    group: str
    username: str = ""
    """"" for the name that EKS gives."""
    borrows: bool = False
    """Whether that username can be a user's who is a member: `guarded` finds it, of the members of all tenants."""


class Wish(Struct, frozen=True, order=True):
    """One principal and what it shall be in the cluster, by the word of all tenants that list it."""

    principal: str
    """ARN, as complete as it is known: with the path of a role if anybody names it."""
    username: str
    groups: tuple[str, ...]
    """Sorted; never empty."""
    tenants: tuple[str, ...]

    @property
    def key(self) -> str:
        """What tells principals apart: the ARN without path, in lower case."""
        return canonical(self.principal)


class Merged(Struct, frozen=True):
    """The wishes of all tenants, and what became of claims that are none: trouble by claim."""

    wishes: tuple[Wish, ...]
    trouble: Mapping[Claim, Finding]
    """A reason of judge.reasons.REASONS each; status Unknown where it may be in force, or soon."""
    unknown: tuple[str, ...] = ()
    """Permission sets whose roles IAM could not be asked for: what may be theirs stays as it is."""

    def keys(self, tenants: frozenset[str]) -> frozenset[str] | None:
        """Of the wishes that one of these tenants has a part in; None, for everything, where none is named.

        A principal that others list too keeps what they give it, so wishes are always made of the claims of all.
        """
        if not tenants:
            return None
        return frozenset(one.key for one in self.wishes if not tenants.isdisjoint(one.tenants))

    def trouble_of(self, tenants: frozenset[str]) -> dict[Claim, Finding]:
        """The trouble of these tenants; of all where none is named."""
        return {one: said for one, said in self.trouble.items() if not tenants or one.tenant in tenants}


def claims(tenant: str, granted: Access) -> tuple[Claim, ...]:
    """The claims of a tenant's members; of those who have expired or whose role is refused there is none."""
    found = {Claim(tenant, target(one), group_of(tenant, one.role), one.username or "") for one in granted.iam}
    return tuple(sorted(found))


def target(member: Member) -> str:
    """Whom a member by IAM principal means."""
    if member.permission_set:
        return f"{SETS}{member.permission_set.account}/{member.permission_set.name}"
    return member.iam_role or member.iam_user or ""


def canonical(principal: str) -> str:
    """The key of an ARN; a text that is none is its own."""
    found = arn(principal)
    return found.canonical if found else principal.lower()


def default_username(found: Arn) -> str:
    """The user name that EKS gives, session included: nobody else can have it, and an audit tells people apart."""
    if found.kind == "user":
        return found.text
    return f"arn:{found.partition}:sts::{found.account}:assumed-role/{found.name}/{{{{SessionName}}}}"


def of_set(target: str, roles: Iterable[str]) -> list[str]:
    """The roles that Identity Center made of a permission set, among the ARNs of roles.

    The name ends in 16 hex digits that change with every new assignment; the set's own name may contain `_`.
    """
    account, _, name = target.removeprefix(SETS).partition("/")
    found = []
    for text in roles:
        one = arn(text)
        if one and one.account == account and one.path.startswith(SSO_PATH):
            matched = SSO.fullmatch(one.name)
            if matched and matched[1] == name:
                found.append(text)
    return sorted(found)


def may_be(principal: str, sets: Iterable[str]) -> bool:
    """Whether an ARN, with its path or without, has the name of a role of one of these permission sets."""
    one = arn(principal)
    return bool(one and one.permission_set and f"{SETS}{one.account}/{one.permission_set}" in set(sets))


def merged(found: Sequence[Claim], directory: Iterable[str] | None) -> Merged:
    """One wish a principal. directory: ARNs of the roles of Identity Center, None while they are not known."""
    trouble: dict[Claim, Finding] = {}
    by_key: dict[str, list[tuple[Claim, str]]] = {}
    known = list(directory) if directory is not None else None
    for one in sorted(found):
        for principal in targets(one, known, trouble):
            by_key.setdefault(canonical(principal), []).append((one, principal))
    wishes = []
    for mine in by_key.values():
        # One tenant may know the path of a role that another leaves out.
        principal = max((principal for _, principal in mine), key=lambda text: (len(text), text))
        shape = arn(principal)
        assert shape
        names = sorted({one.username for one, _ in mine if one.username})
        if len(names) > 1:
            for one, _ in mine:
                trouble.setdefault(one, two_names(one))
        taken = any(one.borrows for one, _ in mine)
        for one, _ in mine if taken else ():
            if one.username:
                trouble.setdefault(one, somebodys(one))
        wishes.append(
            Wish(
                principal,
                names[0] if len(names) == 1 and not taken else default_username(shape),
                tuple(sorted({one.group for one, _ in mine})),
                tuple(sorted({one.tenant for one, _ in mine})),
            )
        )
    unknown = sorted({one.target for one in found if known is None and one.target.startswith(SETS)})
    return Merged(tuple(sorted(wishes)), trouble, tuple(unknown))


def targets(one: Claim, known: list[str] | None, trouble: dict[Claim, Finding]) -> list[str]:
    """The principals that a claim means; what is wrong with it goes to `trouble`."""
    if not one.target.startswith(SETS):
        if reason := refusal(one.target):
            trouble[one] = Finding("PrincipalRefused", f"{one.target} {reason}")
            return []
        return [one.target]
    if known is None:
        trouble[one] = Finding("IAMPending", f"{one.target}: the roles of Identity Center are not known yet", "Unknown")
        return []
    roles = of_set(one.target, known)
    if not roles:
        message = f"{one.target}: IAM has no role of it; assign it in that account, or correct its name"
        trouble[one] = Finding("PermissionSetNotFound", message)
    return roles


def two_names(one: Claim) -> Finding:
    """Two tenants call one principal by different names: it has one only, so it keeps that of EKS."""
    message = f"{one.target}: members elsewhere give it another username; a principal has one, now that of EKS"
    return Finding("UsernameConflict", message)


def people(tenant: str, members: Iterable[Member]) -> Iterator[Person]:
    """The users among a tenant's members; also those who have no rights now, for they may have them again."""
    return ((one.user, group_of(tenant, one.role)) for one in members if one.user)


def guarded(found: Iterable[Claim], known: Iterable[Person]) -> list[Claim]:
    """The claims, those marked whose username can be that of a user. known: the people of all tenants."""
    held = sorted(set(known))
    return [replace(one, borrows=any(borrowed(one.username, (one.group,), held))) for one in found]


def borrowed(username: str, groups: Iterable[str], known: Sequence[Person]) -> Iterator[Person]:
    """Who of some people somebody with this user name can be: whoever assumes a role names the session.

    known: sorted. Who has the group already that it is about gains nothing by the name.
    """
    if not username:
        return
    literal, *rest = SHAPE.split(username)
    fills = [FILL.get(one, ".*") if at % 2 == 0 else re.escape(one) for at, one in enumerate(rest)]
    shape, mine = re.compile(re.escape(literal) + "".join(fills), re.DOTALL), set(groups)
    for at in range(bisect_left(known, (literal, "")), len(known)):
        name, group = known[at]
        if not name.startswith(literal):
            return
        if group not in mine and shape.fullmatch(name):
            yield known[at]


def somebodys(one: Claim) -> Finding:
    """The username can be that of a member who is a user; so the principal keeps that of EKS."""
    message = f"{one.target}: its username {one.username} can be that of a member who is a user; that of EKS is written"
    return Finding("UsernameConflict", message)


def tenants_of(groups: Iterable[str]) -> frozenset[str]:
    """The tenants whose groups these are: `cotenant:<tenant>:<role>`."""
    return frozenset(one.removeprefix(IAM_GROUPS).partition(":")[0] for one in groups if one.startswith(IAM_GROUPS))


SHAPE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
FILL = {"SessionName": r"[\w+=,.@-]*", "SessionNameRaw": r"[\w+=,.@-]*", "AccountID": r"\d{12}"}
"""What may stand for a name in braces; for one that is not here, anything."""


def who(template: str, session: str, account: str = "") -> str:
    """A user name as the authenticator fills it in for a session; a template that it does not know stays."""
    values = {"SessionName": session.replace("@", "-"), "SessionNameRaw": session, "AccountID": account}
    return SHAPE.sub(lambda found: values.get(found[1], found[0]), template)
