"""Access entries: what there is, what tenants wish, and the steps between. Whatever does not carry our tag is not ours.

An entry stores the unique id of its principal: once a role was made again, its entry looks right and lets nobody in, so
the id is kept as a tag. Such an entry is deleted in one round and made in a later one, never both at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from msgspec import Struct, field

from cotenant.model.finding import Finding
from cotenant.model.iam.claims import Wish, canonical

OWNER = "cotenant.dev/managed-by"
"""Tag of what is ours; the operator's IAM policy lets it change nothing else."""
OWNED = {OWNER: "cotenant"}
PRINCIPAL_ID = "cotenant.dev/principal-id"
"""Tag: the unique id (AROA…, AIDA…) that the principal had when its entry was made."""
STANDARD = "STANDARD"
"""The only type that takes groups."""
UNLISTED = "no tenant lists it any more"
TERRAFORM = ("terraform", "opentofu")
Mode = Literal["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
NO_MODE: Mode = "CONFIG_MAP"
"""What a cluster without accessConfig has: its platform version is older than the setting."""


class Entry(Struct, frozen=True, kw_only=True):
    """One access entry."""

    principal: str
    username: str = ""
    groups: tuple[str, ...] = ()
    type: str = STANDARD
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells principals apart."""
        return canonical(self.principal)

    @property
    def ours(self) -> bool:
        """Whether cotenant made it."""
        return self.tags.get(OWNER) == OWNED[OWNER] and self.type == STANDARD

    @property
    def origin(self) -> str:
        """Who made it, as far as its tags tell."""
        if self.ours:
            return "cotenant"
        said = " ".join(f"{key}={value}" for key, value in self.tags.items()).lower()
        if any(word in said for word in TERRAFORM):
            return "Terraform"
        if "eksctl" in said or "cloudformation" in said:
            return "eksctl or CloudFormation"
        return "EKS" if self.type != STANDARD else "somebody else"


class Association(Struct, frozen=True, order=True):
    """An access policy on an entry: rights outside RBAC."""

    policy: str
    scope: str
    """cluster or namespace."""
    namespaces: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`AmazonEKSViewPolicy`."""
        return self.policy.rpartition("/")[2]

    def __str__(self) -> str:
        where = ", ".join(self.namespaces) if self.scope == "namespace" else "the whole cluster"
        return f"{self.name} on {where}"


class Principal(Struct, frozen=True):
    """What IAM says about a principal. Both "" where IAM has none."""

    arn: str = ""
    id: str = ""


class State(Struct, frozen=True, kw_only=True):
    """What was found out so far."""

    listed: Sequence[str]
    """ARNs of the principals of all entries."""
    known: Mapping[str, Entry]
    """Entries that were described, by ARN."""
    principals: Mapping[str, Principal] = field(default_factory=dict)
    """By key; those missing were not asked for, or may not be."""
    written: frozenset[str] = frozenset()
    """Keys of what we wrote moments ago: EKS takes seconds until everybody sees it."""
    awaited: frozenset[str] = frozenset()
    """Keys of what we wrote some time ago: missing still, it is not written again yet."""
    unsure: frozenset[str] = frozenset()
    """Keys of roles that a member's permission set may stand for: IAM could not be asked, so they stay as they are."""


class Step(Struct, frozen=True):
    """One write, and why."""

    action: Literal["create", "update", "delete"]
    principal: str
    username: str = ""
    groups: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    before: Entry | None = None
    unlisted: bool = False
    """Whether no tenant lists the principal any more."""

    @property
    def key(self) -> str:
        """What tells principals apart."""
        return canonical(self.principal)


class EntryPlan(Struct, frozen=True):
    """What is to be asked, what is to be written, and what stands in the way of whom (by key of a principal)."""

    unread: tuple[str, ...] = ()
    """ARNs of entries to describe before anything can be said about them."""
    steps: tuple[Step, ...] = ()
    trouble: Mapping[str, Finding] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()
    """ARNs of entries of others that no wish concerns."""


def plan(wishes: Iterable[Wish], state: State, me: str = "", *, only: frozenset[str] | None = None) -> EntryPlan:
    """The steps from what there is to what is wished. me: canonical ARN of the identity in use."""
    wanted = {one.key: one for one in wishes if only is None or one.key in only}
    there = {canonical(principal): principal for principal in state.listed}
    unread, steps, trouble, foreign = [], [], {}, []
    for key in sorted(wanted):
        said: Step | Finding | None
        if key not in there:
            said = absent(wanted[key], state)
        elif (entry := state.known.get(there[key])) is None:
            unread.append(there[key])
            continue
        else:
            said = present(wanted[key], entry, state, me)
        if isinstance(said, Step):
            steps.append(said)
        elif said is not None:
            trouble[key] = said
    for key in sorted(there.keys() - wanted.keys()):
        found = state.known.get(there[key])
        if found is None:
            unread.append(there[key])
        elif not found.ours:
            foreign.append(there[key])
        elif key in state.unsure or (only is not None and key not in only):
            continue
        elif key == me:
            trouble[key] = Finding("EntryHeld", f"{found.principal}: {UNLISTED}, but you are signed in by it")
        else:
            steps.append(Step("delete", found.principal, why=UNLISTED, before=found, unlisted=True))
    return EntryPlan(tuple(unread), tuple(steps), trouble, tuple(foreign))


def absent(wish: Wish, state: State) -> Step | Finding:
    """What to do about a wish without entry."""
    if wish.key in state.awaited:
        return Finding("IAMPending", f"{wish.principal}: written; EKS takes some seconds to show it", "Unknown")
    asked = state.principals.get(wish.key)
    if asked and not asked.arn:
        return Finding("PrincipalNotFound", f"{wish.principal} does not exist in IAM; make it, or correct its name")
    principal = asked.arn if asked else wish.principal
    tags = OWNED | ({PRINCIPAL_ID: asked.id} if asked else {})
    return Step("create", principal, wish.username, wish.groups, tags, why=f"member of {', '.join(wish.tenants)}")


def present(wish: Wish, entry: Entry, state: State, me: str) -> Step | Finding | None:
    """What to do about a wish with an entry; None if it is as it shall be."""
    if not entry.ours:
        if entry.type == STANDARD and set(wish.groups) <= set(entry.groups):
            return None
        return Finding("EntryConflict", conflict(wish, entry))
    asked, had = state.principals.get(wish.key), entry.tags.get(PRINCIPAL_ID, "")
    if asked and asked.id and had and asked.id != had:
        return Step(
            "delete", entry.principal, why=f"dead: the principal was made again ({had}, now {asked.id})", before=entry
        )
    if entry.username == wish.username and sorted(entry.groups) == sorted(wish.groups):
        if wish.key in state.written:
            return Finding("IAMPending", f"{wish.principal}: written; EKS takes some seconds to show it", "Unknown")
        return None
    if wish.key == me:
        return Finding("EntryHeld", f"{wish.principal}: you are signed in by it; change it as somebody else")
    return Step(
        "update", entry.principal, wish.username, wish.groups, why="differs from what tenants say", before=entry
    )


def conflict(wish: Wish, entry: Entry) -> str:
    """Why an entry of others does not do, and the way out."""
    lacking = ", ".join(sorted(set(wish.groups) - set(entry.groups)))
    return (
        f"{entry.principal} has an access entry of {entry.origin} (type {entry.type}) without group {lacking}; "
        "add the group there, or delete that entry and cotenant makes its own"
    )
