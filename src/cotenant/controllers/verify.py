"""The executor of `verify`: gathers the tenants, tries every attempt, hands answers to the judge.

Everything is asked with the caller's own rights: impersonation where the caller may, SubjectAccessReview elsewhere.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct, structs

from cotenant.api.builtin import Namespace
from cotenant.api.profile import TenantProfile
from cotenant.api.tenant import Tenant
from cotenant.judge.isolation import claims
from cotenant.judge.isolation.catalogue import GROUPS, Served, served
from cotenant.judge.isolation.claims import Attempt
from cotenant.judge.isolation.pairs import choose
from cotenant.judge.isolation.parties import AUTHENTICATED, Identity, Party, party
from cotenant.judge.isolation.report import Report, Tally, shared
from cotenant.judge.isolation.request import Request, request, review, whoami
from cotenant.judge.isolation.verdict import Answer, judge
from cotenant.kube import resource
from cotenant.kube.client import Client
from cotenant.kube.errors import ApiError, NotFound, Unavailable, from_response
from cotenant.model.effective import effective
from cotenant.model.platform import Platform

CONCURRENCY = 8
TRIES = 4
PAUSE = 0.5  # seconds before a busy server is asked again
PATIENCE = 16
"""Requests in a row that may go without an answer before we give up."""
SYSTEM = ("kube-system", "default")
Progress = Callable[[int, int], None]
Rules = Mapping[str, Sequence[Mapping[str, Any]]]
EKS_NOTE = (
    "not covered: EKS access policies (they do not follow impersonation, nor SubjectAccessReview); "
    "see: aws eks list-associated-access-policies"
)


class Question(Struct, frozen=True):
    """What to prove. `nowhere`: a name that no object has; `seed`: of the sample above ten tenants."""

    nowhere: str
    seed: int
    now: datetime
    only: tuple[str, ...] = ()
    static: bool = False
    platform: Platform = Platform()


class Scene(Struct, frozen=True):
    """Everything that is needed to write down the attempts."""

    parties: tuple[Party, ...]
    catalogue: tuple[Served, ...]
    rules: Rules
    system: tuple[str, ...]


class UnknownTenant(Exception):
    """A tenant asked for by name does not exist."""


async def verify(client: Client, question: Question, progress: Progress = lambda _done, _total: None) -> Report:
    """Tries everything and reports. ApiError when the tenants cannot be read; UnknownTenant."""
    calm = copy.copy(client)
    calm.on_warning = None
    scene = await gather(calm, question)
    chosen = choose((one.name for one in scene.parties), question.seed, question.only)
    tally = Tally(scene.parties, chosen)
    prover = Prover(calm, question, tally)
    await prover.introduce(scene)
    total = sum(1 for _ in prover.attempts(scene))
    version = await calm.version()
    try:
        await prover.run(prover.attempts(scene), total, progress)
    except* ApiError as group:
        raise group.exceptions[0] from None
    return tally.report(
        mode=prover.mode,
        kubernetes=version.get("gitVersion", "?"),
        cluster=calm.host,
        time=question.now.isoformat(timespec="seconds"),
        notes=[*prover.notes, EKS_NOTE],
    )


async def gather(client: Client, question: Question) -> Scene:
    """Tenants, their namespaces, their roles and what the cluster serves."""
    tenants = await client.list(resource.TENANTS, type=Tenant)
    if missing := set(question.only) - {one.metadata.name for one in tenants.items}:
        raise UnknownTenant(f"no tenant {', '.join(sorted(missing))}; there are: cotenant get tenants")
    profiles = {
        one.metadata.name: one for one in (await client.list(resource.TENANT_PROFILES, type=TenantProfile)).items
    }
    namespaces = (await client.list(resource.NAMESPACES, type=Namespace)).items
    parties = []
    for one in sorted(tenants.items, key=lambda one: one.metadata.name):
        profile = profiles.get(one.spec.profile or "")
        cordoned = effective(one.spec, profile.spec if profile else None).cordoned
        parties.append(party(one, namespaces, question.platform, question.now, cordoned=cordoned))
    present = {one.metadata.name for one in namespaces}
    return Scene(
        parties=tuple(parties),
        catalogue=tuple(await discover(client)),
        rules=await roles(client, {role for one in parties for who in one.identities for role in who.roles}),
        system=tuple(name for name in (*SYSTEM, question.platform.namespace) if name in present),
    )


async def discover(client: Client) -> list[Served]:
    """The namespaced resources of the groups that are tried, each in its preferred version."""
    groups = await _json(client, "/apis")
    preferred = {one["name"]: one["preferredVersion"]["version"] for one in groups["groups"]}
    found = []
    for group in GROUPS:
        if group and group not in preferred:
            continue
        version = preferred[group] if group else "v1"
        listed = await _json(client, f"/apis/{group}/{version}" if group else f"/api/{version}")
        found += served(group, version, listed["resources"])
    return found


async def roles(client: Client, names: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """The rules of each member role; none for a role whose ClusterRole nobody has made."""
    found = {}
    for name in sorted(names):
        try:
            role = await client.get(resource.CLUSTER_ROLES, f"cotenant:{name}")
        except NotFound:
            role = {}
        found[name] = role.get("rules") or []
    return found


class Prover:
    """Tries attempts, eight at a time."""

    def __init__(self, client: Client, question: Question, tally: Tally) -> None:
        self._client = client
        self._question = question
        self._tally = tally
        self._spoken: dict[Identity, Client] = {}
        self._silence = 0
        self.notes: list[str] = []

    @property
    def mode(self) -> str:
        """static: only SubjectAccessReview was possible or wanted."""
        return "live" if self._spoken else "static"

    async def introduce(self, scene: Scene) -> None:
        """Finds out as whom the caller may speak, and whether the server takes each for who it shall be."""
        everybody = {who for one in scene.parties for who in one.identities if one.name in self._tally.tried}
        if self._question.static:
            self.notes.append("static: asked by SubjectAccessReview only, nothing was tried")
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
        if left := len(everybody) - len(self._spoken):
            self.notes.append(
                f"you may not impersonate {left} of {len(everybody)} members; for them everything was asked by "
                f"SubjectAccessReview ({refused})"
            )

    def attempts(self, scene: Scene) -> Iterator[Attempt]:
        """Every attempt of this proof."""
        parties = {one.name: one for one in scene.parties}
        for name in self._tally.tried:
            yield from self._own(parties[name], scene)
        for source, target in self._tally.chosen.pairs:
            both = shared(parties[source], parties[target])
            for who in parties[source].identities:
                if who.member not in both:
                    found = claims.foreign(parties[source], parties[target], who, scene.catalogue)
                    yield from filter(None, map(self._possible, found))

    def _own(self, one: Party, scene: Scene) -> Iterator[Attempt]:
        pods = next(what for what in scene.catalogue if what.name == "pods" and not what.resource.group)
        for who in one.identities:
            tried = chain(
                claims.control(one, who, scene.catalogue, scene.rules),
                claims.fence(one, who, scene.catalogue),
                claims.cluster(one, who, scene.system),
                claims.pod_security(one, who, scene.rules, pods),
            )
            yield from filter(None, map(self._possible, tried))

    def _possible(self, attempt: Attempt) -> Attempt | None:
        """The attempt by the means that are left; None where there are none."""
        if attempt.identity in self._spoken or attempt.means == "review":
            return attempt
        if attempt.means == "rules" or attempt.claim == "pod security":
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
        answer = await self._ask(attempt, asked)
        verdict = judge(attempt, answer)
        decider = await self._decider(attempt) if verdict.outcome == "ALLOWED" else ""
        self._tally.add(attempt, verdict, answer, asked, self._question.nowhere, decider)

    async def _decider(self, attempt: Attempt) -> str:
        if attempt.means == "rules" or attempt.claim == "pod security":
            return ""
        status, answer = await self._send(self._client, review(attempt.identity, attempt.action))
        found: str = answer.get("status", {}).get("reason", "") if status == 201 else ""
        return found

    async def _ask(self, attempt: Attempt, asked: Request) -> Answer:
        speaker = self._client if asked.speaker == "caller" else self._spoken[attempt.identity]
        status, answer = await self._send(speaker, asked)
        if status != 201 or attempt.means == "request":
            return Answer(status, "" if status < 300 else str(answer.get("message", "")))
        found = answer["status"]
        if attempt.means == "rules":
            return Answer(status, rules=tuple(found.get("resourceRules") or ()))
        return Answer(status, found.get("reason", ""), bool(found.get("allowed")))

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


async def _json(client: Client, path: str) -> dict[str, Any]:
    status, body = await client.raw("GET", path)
    if status >= 400:
        raise from_response(status, body)
    return msgspec.json.decode(body, type=dict[str, Any])
