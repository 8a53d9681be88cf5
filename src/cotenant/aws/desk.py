"""Brings the access entries of a cluster to what tenants wish, a bounded number of calls at a time.

What was described is remembered: in the steady state a look costs one ListAccessEntries a hundred entries, one ListRoles
a thousand roles, and no description but the oldest few, so that each entry is looked at anew once a day.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from msgspec import Struct
from msgspec.structs import replace

from cotenant.aws.eks import Eks, Iam
from cotenant.aws.faults import Fault
from cotenant.model.arn import SSO_PATH, arn
from cotenant.model.finding import Finding
from cotenant.model.iam.claims import SETS, Claim, Merged, Wish, canonical, may_be, merged, tenants_of
from cotenant.model.iam.entries import NO_MODE, Entry, EntryPlan, Principal, State, Step, plan
from cotenant.model.iam.strays import of_entries, strays

MOST = 60
"""Descriptions, and writes, in one look: some 25 s at the rate of aws.calls."""
SEEN = 3.0
"""Seconds after which EKS is asked whether it shows what was written, and between two such looks."""
AWAITED = 60.0
"""Seconds for which an entry that was made and is not shown is not made again."""
SOON = 60.0
"""Seconds until the next look while something is wrong that somebody may mend."""
FEW = 10
"""Entries of others, on which somebody is waiting, that one look describes anew."""
DAY = 86_400.0
MODES = 600.0
"""Seconds for which the authentication mode is remembered; it changes once in a cluster's life."""
IN_A_ROW = 3
"""Refusals of one kind after which the rest of a look is not tried."""


class Held(Struct, frozen=True, order=True):
    """What could not be taken from a principal, or not yet, and the tenants that it was a member of."""

    principal: str
    finding: Finding
    tenants: frozenset[str]


class Settled(Struct, frozen=True):
    """What became of all claims: what is wrong with some; the writes done; when to look again, None for the usual time."""

    trouble: Mapping[Claim, Finding]
    done: tuple[Step, ...] = ()
    again: float | None = None
    held: tuple[Held, ...] = ()
    """Of principals that somebody lists no more: no claim tells of it."""
    fault: Finding | None = None
    """Why nothing could be looked at; None where it was."""


def finding(error: Fault) -> Finding:
    """What a refusal means for a member."""
    match error.kind:
        case "denied":
            return Finding("AWSPermissionMissing", error.message)
        case "credentials":
            return Finding("AWSCredentialsMissing", error.message)
        case "throttled" | "unavailable":
            return Finding("AWSUnavailable", error.message, "Unknown")
        case "no principal":
            return Finding("PrincipalNotFound", error.message)
        case "mode":
            return Finding("ModeWithoutEntries", error.message)
        case "no cluster" | "region":
            return Finding("ClusterNotFound", error.message)
        case "limit":
            return Finding("EntryLimitReached", error.message)
        case "library":
            return Finding("AWSNotInstalled", error.message)
    return Finding("AWSRefused", error.message)


class Directory:
    """The principals of our own account, by key. Other accounts cannot be looked into."""

    def __init__(self, iam: Iam) -> None:
        self.iam = iam
        self.account = ""
        self.known: dict[str, Principal] = {}
        self.fault: Fault | None = None
        self.users = False

    async def refresh(self, *, users: bool) -> None:
        """Reads every role, and every user where one is a member. Without the right to, nothing is known."""
        try:
            found = await self.iam.roles()
            self.fault = None
            if users:
                found += await self.iam.users()
        except Fault as error:
            self.fault, found = error, []
        self.known = {canonical(one.arn): one for one in found}
        self.users = users

    def sso(self) -> list[str] | None:
        """The roles of Identity Center; None while they are not known."""
        if self.fault:
            return None
        return [one.arn for one in self.known.values() if f":role/{SSO_PATH}" in one.arn]

    def about(self, wishes: Iterable[Wish]) -> dict[str, Principal]:
        """What is known of the principals of wishes."""
        found = {}
        for one in wishes:
            shape = arn(one.principal)
            here = shape and self.account and shape.account == self.account
            if not self.fault and here and shape and (shape.is_role or self.users):
                found[one.key] = self.known.get(one.key, Principal())
        return found


class EntryDesk:
    """One cluster's entries. clock: seconds that only grow; me: canonical ARN of the identity in use.

    silent: nothing is logged, because whoever asks tells a person what came of it.
    """

    def __init__(self, eks: Eks, iam: Iam, clock: Callable[[], float], *, silent: bool = False) -> None:
        quiet = structlog.make_filtering_bound_logger(logging.CRITICAL)
        self.log: Any = structlog.wrap_logger(None, wrapper_class=quiet) if silent else structlog.get_logger()
        self.eks, self.directory, self.clock = eks, Directory(iam), clock
        self.iam, self.me = iam, ""
        self.known: dict[str, Entry] = {}
        self.described: dict[str, float] = {}
        self.written: dict[str, float] = {}
        self.emptied: dict[str, tuple[str, ...]] = {}
        """By key: the groups that we took from an entry which has to stay."""
        self.odd: set[str] = set()
        """Entries of others that somebody is told to mend."""
        self.mode, self.asked = "", -MODES

    async def settle(
        self, claims: Sequence[Claim], *, removing: bool = True, tenants: frozenset[str] = frozenset()
    ) -> Settled:
        """One look: lists, describes what is not known, writes what differs.

        claims: those of all tenants. removing: whether entries may be deleted. tenants: whose principals this is about,
        nobody else's are written and nobody's removed; empty for everybody's.

        Raises nothing that AWS says: what it refuses is trouble of the claims that it concerns.
        """
        try:
            return await self._settle(claims, tenants, removing=removing)
        except Fault as error:
            self.log.warning("access entries not reached", error=error.message)
            self.asked = -MODES
            said = finding(error)
            wished = merged(claims, self.directory.sso())
            lost = {key: said for key, one in self._had().items() if not may_be(one.principal, wished.unknown)}
            held = self._held(lost, self._had(), wished.wishes)
            return Settled(dict.fromkeys(claims, said), again=SOON, held=held, fault=said)

    async def _settle(self, claims: Sequence[Claim], tenants: frozenset[str], *, removing: bool) -> Settled:
        await self._identify()
        if self.mode == NO_MODE:
            message = f"cluster {self.eks.cluster} reads no access entries (mode CONFIG_MAP); write aws-auth: cotenant iam apply"
            return Settled({one: Finding("ModeWithoutEntries", message) for one in claims})
        found, decided, left = await self.look(claims, most=MOST, tenants=tenants)
        trouble = dict(found.trouble)
        about, had = dict(decided.trouble), self._had()
        conflicting = {key for key, said in about.items() if said.reason == "EntryConflict"}
        self.odd |= {principal for principal, one in self.known.items() if one.key in conflicting}
        steps = [one for one in decided.steps if removing or one.action != "delete"]
        done = await self._write(steps[:MOST], about)
        waiting = {canonical(one) for one in decided.unread} | {one.key for one in steps[MOST:]}
        for key in waiting:
            about.setdefault(key, Finding("IAMPending", "its access entry has not been looked at yet", "Unknown"))
        by_key = spread(found.wishes, claims, self.directory.sso() or [])
        trouble |= {
            claim: about[key] for claim, keys in by_key.items() for key in keys if key in about and claim not in trouble
        }
        coming = any(one.reason in ("IAMPending", "EntryReplaced") for one in about.values())
        held = (*self._held(about, had, found.wishes), *self._foreign(found))
        again = 0.0 if left or waiting else SEEN if coming or done else SOON if trouble or held else None
        return Settled(trouble, tuple(done), again, held)

    def _had(self) -> dict[str, Entry]:
        """Our entries by key, as they were before a look wrote anything."""
        return {one.key: one for one in self.known.values() if one.ours}

    def _held(self, about: Mapping[str, Finding], had: Mapping[str, Entry], wishes: Iterable[Wish]) -> tuple[Held, ...]:
        """The findings of tenants that have a principal in an entry and do not list it any more."""
        listing = {one.key: frozenset(one.tenants) for one in wishes}
        found = []
        for key, entry in had.items():
            former = tenants_of((*entry.groups, *self.emptied.get(key, ()))) - listing.get(key, frozenset())
            if key in about and (former or key not in listing):
                found.append(Held(entry.principal, about[key], former))
        return tuple(sorted(found, key=lambda one: one.principal))

    def _foreign(self, found: Merged) -> list[Held]:
        """Entries of others that give a tenant's group to somebody whom no tenant lists. They are described anew soon."""
        said = []
        for one in strays(of_entries(each for each in self.known.values() if not each.ours), found):
            self.odd.add(one.principal)
            said.append(Held(one.principal, one.finding, one.tenants))
        return said

    async def roles_of_sets(self, claims: Sequence[Claim]) -> list[str] | None:
        """The roles of Identity Center where a claim wants them; None while they are not known."""
        if any(one.target.startswith(SETS) for one in claims):
            await self.directory.refresh(users=False)
        return self.directory.sso()

    async def look(
        self, claims: Sequence[Claim], *, most: int | None = None, tenants: frozenset[str] = frozenset()
    ) -> tuple[Merged, EntryPlan, bool]:
        """What tenants want, what would be written, and whether entries are left undescribed. Writes nothing.

        most: entries that are described; None for all. tenants: as for settle. Raises Fault.
        """
        await self._identify()
        if claims:
            await self.directory.refresh(users=any(":user/" in one.target for one in claims))
        found = merged(claims, self.directory.sso())
        if fault := self.directory.fault:
            said = {one: finding(fault) for one, said in found.trouble.items() if said.reason == "IAMPending"}
            found = replace(found, trouble={**found.trouble, **said})
        listed = await self.eks.listed()
        self._forget(listed)
        unsure = frozenset(canonical(one) for one in listed if may_be(one, found.unknown))
        state = replace(self._state(listed, found.wishes), unsure=unsure)
        only = found.keys(tenants)
        unread = plan(found.wishes, state, self.me, only=only).unread
        gone = await self._describe(unread[:most])
        if gone:
            state = replace(state, listed=[one for one in listed if one not in gone])
        return found, plan(found.wishes, state, self.me, only=only), len(unread) > len(unread[:most])

    async def _identify(self) -> None:
        if self.clock() - self.asked >= MODES:
            found = await self.iam.me()
            self.directory.account = found.account if found else ""
            self.me = canonical(found.role) if found and found.is_session else canonical(found.text) if found else ""
            self.mode = await self.eks.mode()
            self.asked = self.clock()

    def _state(self, listed: Sequence[str], wishes: Iterable[Wish]) -> State:
        return State(
            listed=listed,
            known=self.known,
            principals=self.directory.about(wishes),
            written=frozenset(key for key, at in self.written.items() if self.clock() - at < SEEN),
            awaited=frozenset(self.written),
        )

    def _forget(self, listed: Sequence[str]) -> None:
        """What is gone, what EKS should show by now, and the oldest few of the rest are to be described again."""
        now, there = self.clock(), set(listed)
        self.written = {key: at for key, at in self.written.items() if now - at < AWAITED}
        shown = {key for key, at in self.written.items() if now - at >= SEEN}
        for principal in [one for one in self.known if self.described[one] < now and canonical(one) in shown]:
            if self.described[principal] < self.written[canonical(principal)] + SEEN:
                del self.known[principal]
        for principal in [one for one in self.known if one not in there]:
            del self.known[principal]
        for principal in sorted(one for one in self.odd & self.known.keys() if now - self.described[one] >= SOON)[:FEW]:
            del self.known[principal]
            self.odd.discard(principal)
        old = sorted((at, one) for one, at in self.described.items() if one in self.known and now - at >= DAY)
        for _, principal in old[:MOST]:
            del self.known[principal]

    async def _describe(self, unread: Sequence[str]) -> set[str]:
        """Describes these; those that are gone, though EKS still lists them."""
        gone = set()
        for principal in unread:
            if found := await self.eks.entry(principal):
                self.known[principal] = found
                self.described[principal] = self.clock()
            else:
                gone.add(principal)
        return gone

    async def _write(self, steps: Sequence[Step], about: dict[str, Finding]) -> list[Step]:
        """Carries out steps; those that were done. What is refused goes to `about`."""
        done: list[Step] = []
        refused: list[str] = []
        for at, step in enumerate(steps):
            if len(refused) >= IN_A_ROW and len(set(refused[-IN_A_ROW:])) == 1:
                last = about[steps[at - 1].key]
                about |= {one.key: last for one in steps[at:]}
                break
            try:
                did, said = await self._one(step)
            except Fault as error:
                refused.append(error.kind)
                about[step.key] = finding(error)
                self.log.warning(
                    "access entry refused", action=step.action, principal=step.principal, error=error.message
                )
                if error.kind in ("credentials", "unavailable", "throttled"):
                    about |= {one.key: about[step.key] for one in steps[at:]}
                    break
                continue
            refused.clear()
            if said:
                about[step.key] = said
            if did:
                done.append(did)
        return done

    async def _one(self, step: Step) -> tuple[Step | None, Finding | None]:
        """One step: what was done, and what is still to come. Raises Fault."""
        if step.action == "delete":
            if policies := await self.eks.policies(step.principal):
                return await self._emptied(step, str(policies[0]))
            await self.eks.carry_out(step)
            for memory in (self.known, self.written, self.emptied):
                memory.pop(step.principal if memory is self.known else step.key, None)
            self.log.info("access entry deleted", principal=step.principal, why=step.why)
            if step.unlisted:
                return step, None
            return step, Finding("EntryReplaced", f"{step.principal}: its entry was dead and is made anew", "Unknown")
        try:
            entry = await self.eks.carry_out(step)
        except Fault as error:
            if error.kind != "exists":
                raise
            entry = await self.eks.entry(step.principal)  # somebody was faster, or an answer got lost
        if entry:
            self.known[entry.principal] = entry
            self.described[entry.principal] = self.clock()
        self.written[step.key] = self.clock()
        self.log.info(
            "access entry written", action=step.action, principal=step.principal, groups=step.groups, why=step.why
        )
        return step, Finding("IAMPending", f"{step.principal}: written; EKS takes some seconds to show it", "Unknown")

    async def _emptied(self, step: Step, policy: str) -> tuple[Step | None, Finding]:
        """Instead of a deletion that would take a policy of somebody else's: the entry stays, without groups of tenants."""
        did, entry = None, step.before
        if step.unlisted and entry and entry.groups:
            did = Step(
                "update", step.principal, entry.username, (), why=f"{step.why}; its entry holds {policy}", before=entry
            )
            self.emptied[step.key] = entry.groups
            if entry := await self.eks.carry_out(did):
                self.known[entry.principal] = entry
                self.described[entry.principal] = self.clock()
            self.log.info("access entry emptied", principal=step.principal, why=did.why)
        kept = f"keeps {', '.join(entry.groups)}" if entry and entry.groups else "has no group of a tenant left"
        message = (
            f"{step.principal}: {step.why}, but somebody gave its entry {policy}, which would be lost; the entry stays and "
            f"{kept}; detach the policy and it goes: aws eks disassociate-access-policy"
        )
        return did, Finding("EntryHeld", message)


def spread(wishes: Iterable[Wish], claims: Iterable[Claim], sso: Sequence[str]) -> dict[Claim, list[str]]:
    """The keys of the wishes that each claim became part of."""
    keys = {one.key for one in wishes}
    return {one: [each.key for each in merged([one], sso).wishes if each.key in keys] for one in claims}
