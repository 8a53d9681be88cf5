"""Every interleaving of leaders, crashes and a cluster, driving the protocol's own functions.

A state is six small numbers: two quotas, the ledger, the tenant, and what each of two leaders waits for. A number
stands for a value; what a value does next is computed once, by `begin` and `advance`, and looked up ever after.
A request and its answer are one step: nothing can tell whether a leader crashed before or after it heard the answer.
Any two leaders may also be two tasks of one process, which stores what both want of the ledger in one write.

Versions are "now" or "old": every write makes the snapshots of that object in everybody else's hands old. So is the form
of a quota, which charges and other writes of its status leave as it is.

Reductions, all of which `test_reductions_change_no_verdict` takes away again: leaders are alike; spaces are alike; what
can only conflict does so at once; a leader that can only conflict, or has asked nothing yet, is an idle one; and of an
old snapshot that is only written back nothing but its age is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow import protocol
from cotenant.model.escrow.merge import merge
from cotenant.model.escrow.resize import Resize
from cotenant.model.escrow.values import Entry, Ledger, Quota
from unit.model.escrow.board import ALL, LEDGER, NAMES, NOW, TENANT, Tenant, answer_to, place_of
from unit.model.escrow.snapshots import age, blank, brief, holds_old, mirror, possible

IDLE = 0
State = tuple[int, ...]


UNDISTURBED = Tenant(2, 2)


@dataclass(frozen=True)
class Rules:
    """What the cluster does, and which protocol is played in it."""

    intents: tuple[Any, ...]
    tenant: Tenant = UNDISTURBED
    native: bool = False
    epochs: bool = True
    """Whether a raise is bound to the epoch too, and not to spec.hard alone."""
    freezes: bool = False
    """A recount may bring spec.hard down to what is used, at any moment."""
    leaders: int = 2
    crash: bool = True
    begin: Callable[..., Any] = protocol.begin
    advance: Callable[..., Any] = protocol.advance
    merge: Callable[..., Any] = merge
    start: tuple[int, int] = (1, 1)
    reduce: bool = True
    mirror: bool = True


@dataclass
class Table:
    """Numbers for values."""

    values: list[Any] = field(default_factory=list)
    numbers: dict[Any, int] = field(default_factory=dict)

    def number(self, value: Any) -> int:
        found = self.numbers.get(value)
        if found is None:
            found = self.numbers[value] = len(self.values)
            self.values.append(value)
        return found


class Mirrors(dict[int, int]):
    """The number of a value -> that of its mirror image. Looked up ten million times."""

    def __init__(self, table: Table) -> None:
        super().__init__({IDLE: IDLE})
        self.table = table

    def __missing__(self, number: int) -> int:
        found = self[number] = self.table.number(mirror(self.table.values[number]))
        self[found] = number
        return found


@dataclass
class Result:
    states: int
    worlds: set[State]
    broken: str | None = None
    trace: list[str] = field(default_factory=list)


class Explorer:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.table = Table()
        self.idle = self.table.number("idle")
        assert self.idle == IDLE
        self.results: dict[tuple[int, Any], tuple[int, int, bool]] = {}
        self.ages: dict[tuple[int, int, bool], int] = {}
        self.mirrors = Mirrors(self.table)
        self.nature: dict[int, list[tuple[int, bool]]] = {}
        self.mergers: dict[tuple[int, int, int], list[tuple[int, int, int]]] = {}
        self.busy: set[Any] = set()
        self.places: dict[int, int] = {}
        starts = {rules.begin(intent): intent for intent in rules.intents}
        self.starts = [(str(intent), self.table.number(step)) for step, intent in starts.items()]
        self.fresh = set(starts)

    # -- the search

    def run(self, check: Callable[[tuple[Any, ...]], str | None], limit: int = 10_000_000) -> Result:
        """Breadth first: a violation is found by one of the shortest ways."""
        first = self.canonical(self.beginning())
        seen: dict[State, State | None] = {first: None}
        worlds = {first[:4]}
        layer = [first]
        while layer:
            following: list[State] = []
            for state in layer:
                for after in self.successors(state):
                    if after in seen:
                        continue
                    canonical = self.canonical(after)
                    if canonical in seen:
                        continue
                    seen[canonical] = state
                    following.append(canonical)
                    if canonical[:4] not in worlds:
                        worlds.add(canonical[:4])
                        if broken := check(self.world(canonical)):
                            return Result(len(seen), worlds, broken, self.trace(seen, canonical))
            assert len(seen) < limit, "more states than expected: look at what a task remembers"
            layer = following
        return Result(len(seen), worlds)

    def world(self, state: State) -> tuple[Any, ...]:
        return tuple(self.table.values[one] for one in state[:4])

    def beginning(self) -> State:
        quotas = [Quota(name, hard, hard, 0, NOW) for name, hard in zip(NAMES, self.rules.start, strict=True)]
        ledger = Ledger(self.rules.tenant.limit, tuple(Entry(quota.space, quota.hard) for quota in quotas), NOW)
        objects = [self.table.number(one) for one in (*quotas, ledger, self.rules.tenant)]
        return (*objects, *[IDLE] * self.rules.leaders)

    def successors(self, state: State) -> Iterator[State]:
        yield from self.happenings(state)
        yield from self.together(state)
        tried = set()
        for leader in range(4, len(state)):
            task = state[leader]
            if task in tried:
                continue
            tried.add(task)
            if task == IDLE:
                for _, start in self.starts:
                    yield self.act(state, leader, start)
            else:
                yield self.act(state, leader, task)
                if self.rules.crash:
                    yield (*state[:leader], IDLE, *state[leader + 1 :])

    def trace(self, seen: dict[State, State | None], state: State) -> list[str]:
        lines: list[str] = []
        at: State | None = state
        while at is not None:
            lines.append(" | ".join(brief(self.table.values[one]) for one in at))
            at = seen[at]
        return lines[::-1]

    # -- leaders

    def act(self, state: State, leader: int, task: int) -> State:
        """The request of this task is carried out, and the leader hears the answer."""
        place = self.places.get(task)
        if place is None:
            place = self.places[task] = place_of(self.table.values[task].request)
        key = (task, state[:2] if place == ALL else state[place])
        found = self.results.get(key)
        if found is None:
            found = self.results[key] = self.perform(task, state, place)
        there, step, changed = found
        after = list(state)
        after[leader] = step
        if changed:
            after[place] = there
            whole = self.forms(task, state[place], there)
            for other in range(4, len(state)):
                if other != leader and after[other] != IDLE:
                    after[other] = self.aged(after[other], place, whole)
            if place == LEDGER:
                after[TENANT] = self.watch(there, after[TENANT])
        return tuple(after)

    def forms(self, task: int, before: int, after: int) -> bool:
        """Whether a write changed more of an object than its status, as those see it who are bound to that."""
        if self.rules.epochs or not isinstance(self.table.values[task].request, m.PutQuota):
            return forms(self.table.values[task].request)
        return bool(self.table.values[before].hard != self.table.values[after].hard)

    def perform(self, number: int, state: State, place: int) -> tuple[int, int, bool]:
        task = self.table.values[number]
        objects = self.world(state)
        there = None if place == ALL else objects[place]
        answer, after = answer_to(task.request, there, objects)
        # The API server stores nothing where nothing changes, and the version stays; an epoch makes a change.
        changed = after != there or (isinstance(answer, m.Written) and getattr(task.request, "bump", False))
        if changed:
            task = age(task, place, forms(task.request))
        step = self.settled(self.rules.advance(task, answer))
        return self.table.number(after) if place != ALL else 0, self.table.number(step), changed

    def aged(self, number: int, place: int, whole: bool) -> int:
        found = self.ages.get((number, place, whole))
        if found is None:
            step = self.settled(age(self.table.values[number], place, whole))
            found = self.ages[number, place, whole] = self.table.number(step)
        return found

    def watch(self, ledger: int, tenant: int) -> int:
        """Notes that the ledger's limit has followed the tenant's."""
        found, now = self.table.values[ledger], self.table.values[tenant]
        if found is None or now.followed or found.rebuilding or found.limit > now.limit:
            return tenant
        if found.source != now.source and not now.by_number:
            return tenant
        return self.table.number(replace(now, followed=True))

    def settled(self, step: Any) -> Any:
        """The same step, the more alike the better."""
        if isinstance(step, m.Finished) or step == "idle":
            return "idle"
        if not self.rules.reduce:
            return step
        if step in self.fresh:
            return "idle"
        if not holds_old(step):
            return step
        if isinstance(step.request, m.Put):
            return self.settled(self.rules.advance(step, m.Conflict())) if holds_old(step.request) else blank(step)
        return "idle" if self.hopeless(step) else blank(step)

    def hopeless(self, step: Any) -> bool:
        """Whether a task with an old snapshot changes nothing, whatever its reads will tell."""
        if step in self.busy:
            return False
        self.busy.add(step)
        try:
            return all(self.settled(self.rules.advance(step, answer)) == "idle" for answer in possible(step.request))
        finally:
            self.busy.discard(step)

    def together(self, state: State) -> Iterator[State]:
        """Two tasks of one process write the ledger, and both hear that it is stored."""
        for one, other in permutations(range(4, len(state)), 2):
            key = state[LEDGER], state[one], state[other]
            found = self.mergers.get(key)
            if found is None:
                found = self.mergers[key] = self.merged(*key)
            for ledger, *steps in found:
                after = list(self.written(state, LEDGER, ledger) if ledger != state[LEDGER] else state)
                after[one], after[other] = steps
                after[TENANT] = self.watch(ledger, after[TENANT])
                yield tuple(after)

    def merged(self, ledger: int, one: int, other: int) -> list[tuple[int, int, int]]:
        """What is stored and how both go on; nothing where one is left out, who might as well have come later."""
        base, tasks = self.table.values[ledger], [self.table.values[one], self.table.values[other]]
        if base is None or not all(current(task) for task in tasks):
            return []
        found = []
        for within in {believed(task) for task in tasks}:
            stored, taken = self.rules.merge(base, [task.request.ledger for task in tasks], within)
            if len(taken) < len(tasks):
                continue
            assert stored.allocated <= stored.limit, "the API server refuses a ledger that allocates too much"
            told = [replace(task, request=m.PutLedger(stored)) for task in tasks]
            told = [age(task, LEDGER) for task in told] if stored != base else told
            steps = [self.settled(self.rules.advance(task, m.Written(NOW))) for task in told]
            found.append((self.table.number(stored), *(self.table.number(step) for step in steps)))
        return found

    # -- the cluster

    def happenings(self, state: State) -> Iterator[State]:
        for place in (0, 1):
            for after, whole in self.natural(state[place]):
                yield self.written(state, place, after, whole)
        tenant = self.table.values[state[TENANT]]
        if tenant.changes:
            limit, *changes = tenant.changes
            changed = replace(tenant, limit=limit, changes=tuple(changes), source=f"{len(changes)}", followed=False)
            number = self.watch(state[LEDGER], self.table.number(changed))
            yield (*state[:TENANT], number, *state[TENANT + 1 :])
        if tenant.losses and self.table.values[state[LEDGER]] is not None:
            number = self.table.number(replace(tenant, losses=tenant.losses - 1))
            after = self.written(state, LEDGER, self.table.number(None))
            yield (*after[:TENANT], number, *after[TENANT + 1 :])
        for place in (0, 1):
            if tenant.moves and self.table.values[state[place]] is not None:
                number = self.table.number(replace(tenant, moves=tenant.moves - 1))
                after = self.written(state, place, self.table.number(None))
                yield (*after[:TENANT], number, *after[TENANT + 1 :])
            if self.table.values[state[place]] is None:
                yield self.written(state, place, self.table.number(Quota(NAMES[place], 0, 0, 0, NOW)))

    def natural(self, number: int) -> list[tuple[int, bool]]:
        """Charges, frees, and the quota controller; and whether more than the status changes."""
        found = self.nature.get(number)
        if found is None:
            quota, after = self.table.values[number], []
            if quota is not None:
                bound = quota.enforced if self.rules.native else min(quota.hard, quota.enforced)
                if quota.used + 1 <= bound:
                    after.append(replace(quota, used=quota.used + 1))
                if quota.used:
                    after.append(replace(quota, used=quota.used - 1))
                if quota.enforced != quota.hard:
                    after.append(replace(quota, enforced=quota.hard))
                if self.rules.freezes and quota.used < quota.hard:
                    after.append(replace(quota, hard=quota.used))
            found = self.nature[number] = [(self.table.number(one), one.hard != quota.hard) for one in after]
        return found

    def written(self, state: State, place: int, value: int, whole: bool = True) -> State:
        after = list(state)
        after[place] = value
        for leader in range(4, len(state)):
            if after[leader] != IDLE:
                after[leader] = self.aged(after[leader], place, whole)
        return tuple(after)

    # -- symmetry

    def canonical(self, state: State) -> State:
        if not self.rules.reduce:
            return state
        mine = (*state[:4], *sorted(state[4:]))
        if not self.rules.mirror:
            return mine
        second, first, ledger, tenant, *tasks = map(self.mirrors.__getitem__, state)
        tasks.sort()
        return min(mine, (first, second, ledger, tenant, *tasks))


def forms(request: Any) -> bool:
    """Whether a write changes more of a quota than its status."""
    return not isinstance(request, m.PutEnforced)


def current(task: Any) -> bool:
    """Whether a task waits to write a ledger that is still as it knows it."""
    request = getattr(task, "request", None)
    return isinstance(request, m.PutLedger) and request.ledger.version == NOW


def believed(task: Any) -> int:
    """The tenant's limit as the process knows it."""
    goal = getattr(task, "goal", None)
    return goal.limit.amount if isinstance(goal, Resize) else getattr(goal, "within", 0)
