"""Tries every attempt and hands the answers to the judge.

Everything is asked with the caller's own rights: impersonation where the caller may, SubjectAccessReview elsewhere.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any

import msgspec
from msgspec import structs

from cotenant.judge.isolation import accounts, bindings, claims
from cotenant.judge.isolation.alike import Refusals
from cotenant.judge.isolation.claims import Action, Attempt
from cotenant.judge.isolation.pairs import choose
from cotenant.judge.isolation.parties import AUTHENTICATED, Identity, Party
from cotenant.judge.isolation.report import Report, Tally, shared
from cotenant.judge.isolation.request import Request, by_rule, request, review, whoami
from cotenant.judge.isolation.verdict import Answer, found, judge
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, Forbidden, Unavailable
from cotenant.proof.scene import Question, Scene, gather

CONCURRENCY = 8
TRIES = 4
PAUSE = 0.5  # seconds before a busy server is asked again
NAMED = 3  # rules of one review whose bindings are looked for
PATIENCE = 16
"""Requests in a row that may go without an answer before we give up."""
Progress = Callable[[int, int], None]
EKS_NOTE = (
    "not covered: EKS access policies (they do not follow impersonation, nor SubjectAccessReview); "
    "see: aws eks list-associated-access-policies"
)

EKS_READ = "access policies of members and IAM roles of Pods were read from EKS and IAM; nothing of them was tried"


async def verify(client: Client, question: Question, progress: Progress = lambda _done, _total: None) -> Report:
    """Tries everything and reports. ApiError when the tenants cannot be read; UnknownTenant."""
    calm = copy.copy(client)
    calm.on_warning = None
    scene = await gather(calm, question)
    chosen = choose((one.name for one in scene.parties), question.seed, question.only)
    tally = Tally(scene.parties, chosen)
    prover = Prover(calm, question, tally)
    await prover.introduce(scene)
    tally.asked(scene.borrowed)
    total = sum(1 for _ in prover.attempts(scene))
    version = await calm.version()
    try:
        await prover.run(prover.attempts(scene), total, progress)
        await prover.again(scene)
    except* ApiError as group:
        raise group.exceptions[0] from None
    beside = [EKS_NOTE] if question.outside is None else [EKS_READ, *tally.beside(question.outside)]
    return tally.report(
        mode=prover.mode,
        kubernetes=version.get("gitVersion", "?"),
        cluster=calm.host,
        time=question.now.isoformat(timespec="seconds"),
        notes=[*scene.notes, *prover.notes, *prover.spared(), *beside],
    )


class Prover:
    """Tries attempts, eight at a time."""

    def __init__(self, client: Client, question: Question, tally: Tally) -> None:
        self._client = client
        self._question = question
        self._tally = tally
        self._spoken: dict[Identity, Client] = {}
        self._silence = 0
        self._unseen = ""
        self._refusals: Refusals | None = None
        self._stale = False
        self.notes: list[str] = []

    @property
    def mode(self) -> str:
        """static: only SubjectAccessReview was possible or wanted."""
        return "live" if self._spoken else "static"

    async def introduce(self, scene: Scene) -> None:
        """Finds out as whom the caller may speak, and whether the server takes each for who it shall be."""
        tried = [one for one in scene.parties if one.name in self._tally.tried]
        members = {who for one in tried for who in one.identities}
        everybody = members.union(*(one.accounts for one in tried))
        if self._question.static:
            self.notes.append("static: asked by SubjectAccessReview only, nothing was tried")
            await self._compare(await self._overlook())
            return
        refused = ""
        for who in sorted(everybody, key=lambda one: one.user):
            speaker = self._client.as_user(who.user, who.groups)
            status, answer = await self._send(speaker, whoami())
            seen = answer.get("status", {}).get("userInfo", {}) if status == 201 else {}
            if seen.get("username") == who.user and {*who.groups, AUTHENTICATED} >= set(seen.get("groups", ())):
                self._spoken[who] = speaker
            else:
                refused = answer.get("message", f"HTTP {status}")
        if left := len(members - self._spoken.keys()):
            self.notes.append(
                f"you may not impersonate {left} of {len(members)} members; for them everything was asked by "
                f"SubjectAccessReview ({refused})"
            )
        if left := len(everybody - members - self._spoken.keys()):
            self.notes.append(
                f"you may not impersonate {left} ServiceAccounts of the spaces; for them only "
                f"{', '.join(accounts.ASKED)} was asked ({refused})"
            )
        self._unseen = await self._overlook()
        if self._unseen:
            self.notes.append(
                f"not all rules can be seen here ({self._unseen}); what ServiceAccounts may do was also asked by "
                f"SubjectAccessReview: {', '.join(accounts.ASKED)}"
            )
        if everybody - self._spoken.keys():
            await self._compare(self._unseen)

    async def _overlook(self) -> str:
        """Why not all rules are listed, "" where they are. A webhook lists none (EKS), so what it may give is asked for."""
        everything = Action("*", resource.SELF_SUBJECT_RULES_REVIEWS)
        asked = request(
            Attempt("cluster", "", "", Identity("", (), "", ()), everything, "rules"), self._question.nowhere
        )
        _, answer = await self._send(self._client, asked)
        status = answer.get("status")
        if not isinstance(status, dict):
            return f"not answered: {answer.get('message', '')}"
        if not status.get("incomplete"):
            return ""
        return status.get("evaluationError") or "an authorizer does not list its rules"

    async def _compare(self, unseen: str) -> None:
        """One look at RBAC, so that who holds the same bindings is asked for once. `unseen`: why not all rules are listed.

        Not where another authorizer may tell them apart; that of EKS does so by the IAM principal, which no review carries.
        """
        if unseen and self._question.outside is None:
            return
        try:
            self._refusals = await self._look()
        except Forbidden as error:
            self.notes.append(f"who holds the same bindings is not known, so each was asked for: {error.message}")

    async def _look(self) -> Refusals:
        wide = await self._client.list(resource.CLUSTER_ROLE_BINDINGS)
        local = await self._client.list(resource.ROLE_BINDINGS)
        return Refusals(wide.items, local.items)

    async def again(self, scene: Scene) -> None:
        """Asks for whom bindings were made meanwhile: what was concluded for them holds no more."""
        if self._refusals is None or not self._refusals.spared:
            return
        changed = self._refusals.outdated(await self._look())
        if changed:
            self._stale = True
            tried = [one for one in self.attempts(scene) if one.means == "review" and one.identity in changed]
            await self.run(iter(tried), len(tried), lambda _done, _total: None)
            said = f"bindings were made for {len(changed)} identities while this ran"
            self.notes.append(f"{said}: {len(tried):,} attempts were asked for again at the end")

    def spared(self) -> list[str]:
        """What was concluded instead of asked, in words."""
        if self._refusals is None or not self._refusals.spared:
            return []
        said = f"{self._refusals.spared:,} of the refusals were not asked for again"
        return [f"{said}: RBAC had refused the same to somebody for whom the same bindings hold there"]

    def attempts(self, scene: Scene) -> Iterator[Attempt]:
        """Every attempt of this proof."""
        parties = {one.name: one for one in scene.parties}
        for name in self._tally.tried:
            yield from self._own(parties[name], scene)
        for source, target in sorted(self._tally.chosen.pairs, key=lambda pair: pair[1]):
            both = shared(parties[source], parties[target])
            for who in parties[source].identities:
                if who.member not in both:
                    tried = claims.foreign(parties[source], parties[target], who, scene.catalogue)
                    yield from filter(None, map(self._possible, tried))
            for who in parties[source].accounts:
                if not accounts.belongs(who, parties[target]):
                    yield from self._account(parties[source], parties[target], who, scene)

    def _account(self, source: Party, target: Party, who: Identity, scene: Scene) -> Iterator[Attempt]:
        if who in self._spoken:
            yield from accounts.granted(source, target, who)
        if who not in self._spoken or self._unseen:
            yield from accounts.asked(source, target, who, scene.catalogue)

    def _own(self, one: Party, scene: Scene) -> Iterator[Attempt]:
        pods = next(what for what in scene.catalogue if what.name == "pods" and not what.resource.group)
        for who in one.identities:
            tried = chain(
                claims.control(one, who, scene.catalogue, scene.rules),
                claims.fence(one, who, scene.catalogue, scene.rules),
                bindings.given_away(one, who, scene.rules),
                claims.cluster(one, who, scene.system),
                claims.pod_security(one, who, scene.rules, pods),
            )
            yield from filter(None, map(self._possible, tried))
        for who in one.accounts:
            suffice = who in self._spoken and not self._unseen
            wide = accounts.own(one, who, scene.system, rules_suffice=suffice)
            yield from filter(None, map(self._possible, wide))

    def _possible(self, attempt: Attempt) -> Attempt | None:
        """The attempt by the means that are left; None where there are none."""
        if attempt.identity in self._spoken or attempt.means == "review":
            return attempt
        if attempt.means == "rules" or attempt.claim in ("pod security", "bindings"):
            return None
        return structs.replace(attempt, means="review")

    async def run(self, attempts: Iterator[Attempt], total: int, progress: Progress) -> None:
        """Tries all of them."""
        done = 0

        async def worker() -> None:
            nonlocal done
            for attempt in attempts:
                await self.prove(attempt)
                done += 1
                if done % 50 == 0 or done == total:
                    progress(done, total)

        async with asyncio.TaskGroup() as group:
            for _ in range(CONCURRENCY):
                group.create_task(worker())

    async def prove(self, attempt: Attempt) -> None:
        """One attempt and its verdict; what is let through is also explained."""
        asked = request(attempt, self._question.nowhere)
        answer = self._concluded(attempt) or await self._ask(attempt, asked)
        verdict = judge(attempt, answer)
        decider = await self._decider(attempt, answer) if verdict.outcome == "ALLOWED" else ""
        self._tally.add(attempt, verdict, answer, asked, self._question.nowhere, decider)

    def _concluded(self, attempt: Attempt) -> Answer | None:
        if attempt.means != "review" or self._refusals is None or self._stale:
            return None
        return Answer(201, allowed=False) if self._refusals.covers(attempt.identity, attempt.action) else None

    async def _decider(self, attempt: Attempt, answer: Answer) -> str:
        if attempt.claim == "pod security":
            return ""
        who = attempt.identity
        asked = [review(who, attempt.action)]
        if attempt.means == "rules":
            asked = [by_rule(who, rule, attempt.action.namespace) for rule in found(attempt, answer)[:NAMED]]
        reasons = [await self._reason(one) for one in asked]
        return "; ".join(dict.fromkeys(filter(None, reasons)))

    async def _reason(self, asked: Request) -> str:
        status, answer = await self._send(self._client, asked)
        reason: str = answer.get("status", {}).get("reason", "") if status == 201 else ""
        return reason

    async def _ask(self, attempt: Attempt, asked: Request) -> Answer:
        speaker = self._client if asked.speaker == "caller" else self._spoken[attempt.identity]
        status, answer = await self._send(speaker, asked)
        if status != 201 or attempt.means == "request":
            message = "" if status < 300 else str(answer.get("message", ""))
            return Answer(status, message, composed=answer.get("kind") == "Status")
        said = answer["status"]
        if attempt.means == "review":
            reason, allowed = said.get("reason", ""), bool(said.get("allowed"))
            # What is denied outright, RBAC did not refuse: another authorizer did, and perhaps to nobody else.
            if self._refusals and not allowed and not reason and not said.get("denied"):
                self._refusals.add(attempt.identity, attempt.action)
            return Answer(status, reason, allowed)
        unseen = said.get("incomplete") and not self._unseen
        return Answer(
            status,
            rules=tuple(said.get("resourceRules") or ()),
            paths=tuple(said.get("nonResourceRules") or ()),
            unseen=said.get("evaluationError") or "an authorizer does not list its rules" if unseen else "",
        )

    async def _send(self, speaker: Client, asked: Request) -> tuple[int, dict[str, Any]]:
        """Status and metav1.Status or review; status 0 when no answer came. A busy server is asked again."""
        status, body = 0, b""
        for attempt in range(TRIES):
            try:
                kind = asked.content_type if asked.body is not None else None
                status, body = await speaker.raw(
                    asked.method, asked.path, query=asked.query, body=asked.body, content_type=kind
                )
                self._silence = 0
            except Unavailable as error:
                self._silence += 1
                if self._silence > PATIENCE:
                    raise
                status, body = 0, msgspec.json.encode({"message": error.message})
            if status not in (0, 429, 503):
                break
            await asyncio.sleep(PAUSE * 2**attempt)
        if status < 300 and asked.method != "POST":
            return status, {}
        try:
            return status, msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            return status, {"message": body[:200].decode("utf-8", "replace")}
