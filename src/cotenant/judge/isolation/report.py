"""The proof as a whole: one cell for each ordered pair of tenants, one for each tenant with itself, and the verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from cotenant.api.keys import POD_SECURITY
from cotenant.judge.isolation.claims import Attempt
from cotenant.judge.isolation.outside import Beside, Borrowed, Outside, crossing, remarks
from cotenant.judge.isolation.pairs import Chosen, Pair
from cotenant.judge.isolation.parties import Lax, Party
from cotenant.judge.isolation.request import Request, reproduction
from cotenant.judge.isolation.verdict import Answer, State, Verdict
from cotenant.kube import resource
from cotenant.model.iam.strays import Stray
from cotenant.model.iam.workloads import Fault

KEPT = 20
"""Failures that are kept with evidence for each cell and decider; all are counted."""
EXIT = {"PROVEN": 0, "BROKEN": 1, "INCOMPLETE": 3}


class Evidence(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One attempt with everything that shows what came of it."""

    claim: str
    member: str
    user: str
    groups: tuple[str, ...]
    action: str
    request: str
    status: int
    answer: str
    outcome: str
    reproduce: str
    decider: str = ""
    """Who allowed it, in RBAC's words: binding, role and subject."""


class Cell(Struct):
    """What the members of one tenant could do in another one; in their own where both are the same."""

    source: str = field(name="from")
    target: str = field(name="to")
    state: State = "PROVEN"
    checks: int = 0
    counts: dict[str, int] = {}
    """`DENIED by RBAC` -> number."""
    failed: int = 0
    failures: list[Evidence] = []
    sample: Evidence | None = None
    """A denial as the server wrote it."""
    notes: list[str] = []

    @property
    def own(self) -> bool:
        """Whether this is a tenant with itself."""
        return self.source == self.target

    def worsen(self, state: State, note: str = "") -> None:
        """The worst that is known stays."""
        self.state = worst((self.state, state))
        if note and note not in self.notes:
            self.notes.append(note)


class Report(Struct, rename="camel"):
    """IsolationReport of the command line."""

    mode: str
    kubernetes: str
    cluster: str
    time: str
    verdict: State
    tenants: tuple[str, ...]
    members: int
    checks: int
    possible_pairs: int
    counts: dict[str, int]
    cells: list[Cell]
    notes: list[str]
    level: int = 1
    cluster_wide: int = 0
    """Things allowed that reach beyond any namespace. They break every pair of their tenant."""
    seed: int | None = None
    api_version: str = "cli.cotenant.dev/v1"
    kind: str = "IsolationReport"

    @property
    def exit_code(self) -> int:
        """0 proven, 1 broken, 2 nothing could be tried, 3 incomplete."""
        return EXIT[self.verdict] if self.checks else 2

    @property
    def pairs(self) -> list[Cell]:
        """The cells of one tenant against another."""
        return [cell for cell in self.cells if not cell.own]

    def json(self) -> bytes:
        """The report for programs."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2)


def worst(states: Iterable[State]) -> State:
    """BROKEN before INCOMPLETE before PROVEN."""
    found = set(states)
    return "BROKEN" if "BROKEN" in found else "INCOMPLETE" if "INCOMPLETE" in found else "PROVEN"


class Tally:
    """Counts verdicts as they come. Memory grows with the pairs and with the failures kept, not with the attempts."""

    def __init__(self, parties: Sequence[Party], chosen: Chosen) -> None:
        self.parties = {one.name: one for one in parties}
        self.chosen = chosen
        names = {name for pair in chosen.pairs for name in pair} or set(self.parties)
        self.tried = tuple(sorted(names))
        self.cells: dict[Pair, Cell] = {(name, name): Cell(name, name) for name in self.tried}
        self.cells |= {pair: Cell(*pair) for pair in chosen.pairs}
        self._kept: dict[tuple[Pair, str], int] = {}
        self._wide: dict[str, list[State]] = {}
        self._works: set[tuple[str, str]] = set()
        self._fails: set[tuple[str, str]] = set()

    def add(
        self, attempt: Attempt, verdict: Verdict, answer: Answer, asked: Request, nowhere: str, decider: str = ""
    ) -> None:
        """One attempt more."""
        cell = self.cells[attempt.source, attempt.target]
        cell.checks += 1
        by = f" by {verdict.layer}" if verdict.outcome == "DENIED" else ""
        cell.counts[verdict.outcome + by] = cell.counts.get(verdict.outcome + by, 0) + 1
        cell.worsen(verdict.state)
        if attempt.claim == "cluster" and verdict.state != "PROVEN":
            self._wide.setdefault(attempt.source, []).append(verdict.state)
        if attempt.claim == "control" and attempt.action.namespace in self.parties[attempt.source].spaces:
            (self._works if verdict.state == "PROVEN" else self._fails).add((attempt.source, attempt.identity.member))
        telling = verdict.outcome == "DENIED" and answer.status == 403 and _tells_more(attempt, cell.sample)
        if verdict.state == "PROVEN" and not telling:
            return
        found = _evidence(attempt, verdict, answer, asked, nowhere, decider)
        if verdict.state == "PROVEN":
            cell.sample = found
            return
        cell.failed += 1
        key = ((attempt.source, attempt.target), decider)
        self._kept[key] = self._kept.get(key, 0) + 1
        if self._kept[key] <= KEPT:
            cell.failures.append(found)

    def beside(self, found: Beside) -> list[str]:
        """What reaches beyond a tenant outside RBAC breaks it; what else is to be said of that."""
        for one, party, reached in crossing(found.policies, self.parties):
            if (one.tenant, party.name) in self.cells:
                self._hole(self.cells[one.tenant, party.name], _policy(one, reached))
        faults = [one for one in found.faults if one.tenant in self.tried]
        for fault in faults:
            if fault.breach:
                self._hole(self.cells[fault.tenant, fault.tenant], _role(fault))
        for tenant, stray in found.strays:
            if tenant in self.tried:
                self._hole(self.cells[tenant, tenant], _stray(stray))
        for lent in found.borrowed:
            if cell := self._cell(lent):
                self._hole(cell, _username(lent))
        amiss = [f"{one.tenant}: {one.text}: {one.role}" for one in faults if not one.breach]
        return [*remarks(found.policies, self.parties), *amiss, *(f"not read: {one}" for one in found.unread)]

    def asked(self, found: Iterable[Borrowed]) -> None:
        """Usernames that Tenants ask for and cotenant does not write: what the cluster has of them nobody tried."""
        for one in found:
            if cell := self._cell(one):
                cell.worsen("INCOMPLETE", f"{one.text}, unless it has the name of EKS; leave username out")

    def _cell(self, one: Borrowed) -> Cell | None:
        return self.cells.get((one.tenant, one.of)) or self.cells.get((one.tenant, one.tenant))

    @staticmethod
    def _hole(cell: Cell, evidence: Evidence) -> None:
        """Something that holds without anybody having tried it."""
        cell.checks += 1
        cell.counts["ALLOWED"] = cell.counts.get("ALLOWED", 0) + 1
        cell.failed += 1
        cell.worsen("BROKEN")
        cell.failures.append(evidence)

    def report(self, *, mode: str, kubernetes: str, cluster: str, time: str, notes: Iterable[str] = ()) -> Report:
        """The proof. Whoever can do nothing in an own space is not proven isolated by being refused elsewhere."""
        for name in self.tried:
            self._alive(self.parties[name])
            self._labelled(self.parties[name])
        for (source, _), cell in self.cells.items():
            cell.worsen(worst(self._wide.get(source, ())))
        cells = [self.cells[key] for key in sorted(self.cells)]
        said = [*notes, *_overlaps(self.parties.values()), *_sampling(self.chosen, len(self.parties))]
        state = worst(cell.state for cell in cells)
        if len(self.parties) < 2:
            said.append("there is no second tenant to be isolated from")
            state = worst((state, "INCOMPLETE"))
        return Report(
            mode=mode,
            kubernetes=kubernetes,
            cluster=cluster,
            time=time,
            verdict=state,
            tenants=self.tried,
            members=sum(len(self.parties[name].identities) for name in self.tried),
            checks=sum(cell.checks for cell in cells),
            possible_pairs=self.chosen.possible,
            counts=_sum(cell.counts for cell in cells),
            cells=cells,
            notes=said,
            cluster_wide=sum(states.count("BROKEN") for states in self._wide.values()),
            seed=self.chosen.seed,
        )

    def _alive(self, party: Party) -> None:
        """Positive control: marks the tenant, and what was tried from it, where its members do not even work at home."""
        dead = [
            who.member
            for who in party.identities
            if (party.name, who.member) in self._fails or (party.name, who.member) not in self._works
        ]
        reasons = [f"{member} cannot do in an own space what its role says" for member in dead if party.spaces]
        if not party.spaces:
            reasons.append(f"{party.name} has no space to try anything in")
        if not party.identities:
            reasons.append(f"{party.name} has no member that can be tried")
        reasons += [f"{party.name}: {one}" for one in party.untried]
        for (source, _), cell in self.cells.items():
            if source == party.name and cell.checks + len(reasons):
                for reason in reasons:
                    cell.worsen("INCOMPLETE", reason)

    def _labelled(self, party: Party) -> None:
        """A label that enforces too little is broken, whoever may make pods there today."""
        cell = self.cells[party.name, party.name]
        for one in party.lax:
            self._hole(cell, _label(one))


def shared(source: Party, target: Party) -> set[str]:
    """Members of both tenants: what they do in the other one is their right."""
    return {one.member for one in source.identities} & {one.member for one in target.identities}


def _tells_more(attempt: Attempt, sample: Evidence | None) -> bool:
    """People understand "cannot create secrets" at once; any refusal is better than none."""
    return sample is None or ("secrets" in str(attempt.action) and "create secrets" not in sample.action)


def _overlaps(parties: Iterable[Party]) -> list[str]:
    tenants: dict[str, list[str]] = {}
    for party in parties:
        for who in party.identities:
            tenants.setdefault(who.member, []).append(party.name)
    return [
        f"{member} is a member of {', '.join(names)}: not tried between them"
        for member, names in sorted(tenants.items())
        if len(names) > 1
    ]


def _sampling(chosen: Chosen, tenants: int) -> list[str]:
    if not chosen.sampled:
        return []
    tried = f"a sample, seed {chosen.seed}: {len(chosen.pairs)} of {chosen.possible} ordered pairs tried"
    left = tenants - len({name for pair in chosen.pairs for name in pair})
    return [f"{tried}, {f'none with {left} other tenants' if left else 'each tenant as source and as target'}"]


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for key, number in one.items():
            total[key] = total.get(key, 0) + number
    return dict(sorted(total.items()))


def _evidence(
    attempt: Attempt, verdict: Verdict, answer: Answer, asked: Request, nowhere: str, decider: str
) -> Evidence:
    who = attempt.identity
    said: Any = verdict.message or answer.message
    return Evidence(
        claim=attempt.claim,
        member=who.member,
        user=who.user,
        groups=who.groups,
        action=str(attempt.action),
        request=str(asked),
        status=answer.status,
        answer=said,
        outcome=verdict.outcome,
        reproduce=reproduction(attempt, nowhere),
        decider=decider,
    )


def _policy(found: Outside, reached: tuple[str, ...]) -> Evidence:
    return Evidence(
        claim="access policy",
        member=found.principal,
        user="",
        groups=found.groups,
        action=f"what {found.association.name} gives in {', '.join(reached)}",
        request="ListAssociatedAccessPolicies",
        status=200,
        answer=f"EKS access policy {found.association}",
        outcome="ALLOWED",
        reproduce=found.remedy,
        decider="EKS beside RBAC: kubectl auth can-i and impersonation do not show it",
    )


def _role(found: Fault) -> Evidence:
    return Evidence(
        claim="IAM role",
        member="Pods",
        user="",
        groups=(),
        action=f"role {found.role}",
        request="ListRoles, ListPodIdentityAssociations",
        status=200,
        answer=found.text,
        outcome="ALLOWED",
        reproduce=found.remedy,
    )


def _stray(found: Stray) -> Evidence:
    return Evidence(
        claim="membership",
        member=found.principal,
        user="",
        groups=found.groups,
        action="sign in with groups of the tenant",
        request="DescribeAccessEntry" if found.store == "entries" else "get configmap aws-auth",
        status=200,
        answer=found.text,
        outcome="ALLOWED",
        reproduce=found.remedy,
    )


def _username(found: Borrowed) -> Evidence:
    return Evidence(
        claim="username",
        member=found.principal,
        user=found.user,
        groups=(),
        action="sign in as another member",
        request="DescribeAccessEntry, get configmap aws-auth",
        status=200,
        answer=found.text,
        outcome="ALLOWED",
        reproduce=f"cotenant iam plan {found.tenant}",
    )


def _label(found: Lax) -> Evidence:
    enforces = f"enforces {found.label}" if found.label else "enforces no level"
    return Evidence(
        claim="pod security",
        member="whoever makes pods",
        user="",
        groups=(),
        action=f"label of {found.namespace}",
        request=f"GET {resource.NAMESPACES.path(name=found.namespace)}",
        status=200,
        answer=f"namespace {found.namespace} {enforces}; the rules of its Tenant say {found.wanted}",
        outcome="ALLOWED",
        reproduce=f"kubectl get namespace {found.namespace} -L {POD_SECURITY}/enforce,{POD_SECURITY}/enforce-version",
    )
