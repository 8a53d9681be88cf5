"""Every interleaving of creates, deletions, a quota controller with an old cache, and operators that give refunds.

One key, `pods`; its amounts are floats, so that an integer is always a revision. The books and recounts are the product's own functions; the cluster around them is a few numbers. A
create is charged, then stored or lost; everybody hears of pods and of quotas by two watches, each in order, each as late
as it likes. Revisions are only ever compared, so a state is the same when all of its revisions are moved together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from cotenant.model.refund import book as books
from cotenant.model.refund import recount as recounts
from cotenant.model.refund.book import Book
from cotenant.model.refund.recount import Recount, Recounting
from cotenant.model.refund.values import Refund, Release, Stored

KIND = "pods"
ONE = ((KIND, 1.0),)


class Rules(Struct, frozen=True):
    """What may happen, how often, and which precautions are taken."""

    limit: int = 1
    creates: int = 3
    crashes: int = 1
    recounts: int = 1
    leaders: int = 2
    freeze: bool = False
    ends: bool = False
    """Pods are overdue for a while before they are gone: whoever goes by the clock may leave them out already."""
    prompt: bool = False
    """An operator that takes it that such a pod was charged until it was gone."""
    informed: bool = False
    """A recount that was waited for while refunds were written: it goes by what the book says of charges."""
    quiet: bool = True
    """The policy: the quota controller lowers only when every create has ended and it has heard of all."""
    forgetful: bool = False
    """A policy that knows of charges alone, and forgets them when a refund takes their field over."""
    patient: bool = True
    """A recount waits for creates under way."""
    bound: bool = True
    """Writes are bound to the revision that was read."""
    watched: Callable[..., Book] = books.watched
    plan: Callable[[Book], Refund | None] = books.plan


class Leader(Struct, frozen=True):
    """An operator: its book, what its watches have yet to tell it (None: not begun), and its recount."""

    book: Book = Book()
    quotas: tuple[Stored, ...] | None = None
    deletions: tuple[tuple[int, int], ...] | None = None
    """Of each the revisions since which it may be off the books, and of its end."""
    task: Recounting | None = None


class World(Struct, frozen=True):
    """`coming` creates are charged and not stored: the revisions of their charges, where somebody asks. `heard` is the quota controller's cache, `unheard` what follows.

    `ending` are pods that are overdue, by the revision since when, `late` how many of them the quota controller still counts.
    """

    stored: Stored
    exists: int
    coming: tuple[int, ...]
    heard: int
    unheard: tuple[str, ...]
    leaders: tuple[Leader, ...]
    budget: tuple[float, ...]
    now: int
    ending: tuple[int, ...] = ()
    late: int = 0
    taken: bool = False
    """The last write of `used` was an operator's."""

    @property
    def used(self) -> int:
        return int(dict(self.stored.used)[KIND])


CREATE, CRASH, RECOUNT = range(3)
HEARD = {"added": (1, 0), "deleted": (-1, 0), "ended": (-1, 1), "gone": (0, -1)}
"""What an event changes in what the quota controller counts for certain, and in what is overdue."""


class Explorer:
    def __init__(self, rules: Rules) -> None:
        self.rules = rules

    def run(self, check: Callable[[World], str | None], most: int = 3_000_000) -> tuple[int, str | None, list[str]]:
        """States seen, what was broken, and the shortest way there."""
        first = self.canonical(self.beginning())
        came: dict[World, tuple[World, str] | None] = {first: None}
        layer = [first]
        while layer:
            following = []
            for world in layer:
                for word, after in self.successors(world):
                    found = self.canonical(after)
                    if found in came:
                        continue
                    came[found] = (world, word)
                    following.append(found)
                    if broken := check(found):
                        return len(came), broken, trace(came, found)
            assert len(came) < most, "more states than expected"
            layer = following
        return len(came), None, []

    def beginning(self) -> World:
        rules = self.rules
        stored = Stored(1, ((KIND, 0.0),), ((KIND, float(rules.limit)),))
        leader = Leader(self.rules.watched(Book(), told(stored)), (), ())
        budget = tuple(map(float, (rules.creates, rules.crashes, rules.recounts)))
        return World(stored, 0, (), 0, (), (leader,) * rules.leaders, budget, 1)

    def successors(self, world: World) -> Iterator[tuple[str, World]]:
        yield from self.pods(world)
        yield from self.controller(world)
        for number in range(len(world.leaders)):
            for word, after in self.leader(world, number):
                yield f"{number} {word}", after

    def canonical(self, world: World) -> World:
        """The same world with its revisions numbered from 1, without what nobody can ask about any more."""
        parts = forgetful(world, bound=self.rules.bound)
        known = sorted({revision for part in parts for revision in revisions(part)} - {0})
        names = {old: new for new, old in enumerate(known, 1)} | {0: 0}
        stored, ending, coming, *leaders = [
            rename(part, tuple(names[one] for one in revisions(part))) for part in parts
        ]
        cluster = {"stored": stored, "ending": ending, "coming": coming}
        return replace(world, **cluster, leaders=tuple(sorted(leaders, key=order)), now=len(known))

    # -- the cluster

    def pods(self, world: World) -> Iterator[tuple[str, World]]:
        hard = int(dict(world.stored.hard)[KIND])
        if world.budget[CREATE] and world.used < hard:
            at = world.now + 1 if self.rules.informed else 0
            yield "charge", self.store(replace(spent(world, CREATE), coming=(*world.coming, at)), used=world.used + 1)
        for at in sorted({*world.coming}):
            left = without(world.coming, at)
            yield "land", self.pod(replace(world, coming=left, exists=world.exists + 1), "added")
            yield "lose", replace(world, coming=left)
        now = world.now + 1
        if world.exists:
            fewer = replace(world, exists=world.exists - 1)
            yield "delete", self.pod(fewer, "deleted", (now, now))
            if self.rules.ends:
                yield "end", self.pod(replace(fewer, ending=(*world.ending, now)), "ended")
        for since in world.ending:
            left = replace(world, ending=without(world.ending, since))
            yield "go", self.pod(left, "gone", (now if self.rules.prompt else since, now))

    def pod(self, world: World, event: str, deletion: tuple[int, int] | None = None) -> World:
        leaders = [
            replace(one, deletions=(*one.deletions, deletion)) if deletion and one.deletions is not None else one
            for one in world.leaders
        ]
        return replace(world, unheard=(*world.unheard, event), leaders=tuple(leaders), now=world.now + 1)

    def store(self, world: World, *, used: int | None = None, writer: int | None = None, **more: Any) -> World:
        """A write of the quota: a new revision, of which everybody hears one day."""
        now = world.now + 1
        amounts = world.stored.used if used is None else ((KIND, float(used)),)
        stored = replace(world.stored, revision=now, **({"used": amounts} | more))
        leaders = [
            one if number == writer or one.quotas is None else replace(one, quotas=(*one.quotas, told(stored)))
            for number, one in enumerate(world.leaders)
        ]
        taken = self.rules.forgetful and "refunded" in more
        return replace(world, stored=stored, leaders=tuple(leaders), now=now, taken=taken)

    def controller(self, world: World) -> Iterator[tuple[str, World]]:
        if world.unheard:
            heard, late = HEARD[world.unheard[0]]
            known = max(world.late + late, 0)
            yield "hear", replace(world, heard=world.heard + heard, late=known, unheard=world.unheard[1:])
        calm = not world.coming and "added" not in world.unheard
        if self.rules.freeze and dict(world.stored.hard)[KIND] < self.rules.limit:
            # The escrow should wait until the mark is gone. Whatever it does, the limit holds.
            yield "raise", self.store(world, hard=((KIND, float(self.rules.limit)),))
        free = calm or world.taken or not self.rules.quiet
        for late in range(world.late + 1):
            count = world.heard + late
            if count != world.used and (count > world.used or free):
                # What it has left out once stays out: clocks go forward.
                yield "count", self.store(replace(world, late=late), used=count)

    # -- an operator

    def leader(self, world: World, number: int) -> Iterator[tuple[str, World]]:
        me = world.leaders[number]
        if me.quotas is None:
            book = self.rules.watched(me.book, told(world.stored))
            yield "reads quota", changed(world, number, replace(me, book=book, quotas=()))
        elif me.quotas:
            book = self.rules.watched(me.book, me.quotas[0])
            yield "sees quota", changed(world, number, replace(me, book=book, quotas=me.quotas[1:]))
        if me.deletions is None:
            yield "lists pods", changed(world, number, replace(me, deletions=()))
        elif me.deletions:
            book = books.ended(me.book, Release(KIND, ONE, *me.deletions[0]))
            yield "sees deletion", changed(world, number, replace(me, book=book, deletions=me.deletions[1:]))
        refund = self.rules.plan(me.book)
        if refund is not None and refund.revision == world.stored.revision:
            after = self.write(world, refund, number)
            book = books.settled(me.book, refund, after.stored.revision)
            yield "refunds", changed(after, number, replace(me, book=book))
            yield "refunds, hears nothing", self.write(world, refund, None)
        yield from self.recount(world, number, me)
        if world.budget[CRASH] and me != Leader():
            yield "crashes", changed(spent(world, CRASH), number, Leader())

    def write(self, world: World, refund: Refund, number: int | None) -> World:
        return self.store(world, used=int(dict(refund.used)[KIND]), writer=number, refunded=refund.refunded)

    def recount(self, world: World, number: int, me: Leader) -> Iterator[tuple[str, World]]:
        if me.task is None:
            if world.budget[RECOUNT]:
                for task in self.begun(world, me):
                    yield "recounts", changed(spent(world, RECOUNT), number, replace(me, task=task))
            return
        listing = isinstance(me.task.request, recounts.ListObjects)
        for late in range(len(world.ending) + 1 if listing else 1):
            answer, after = self.perform(world, me.task, late)
            if answer is not None:
                step = recounts.advance(me.task, answer)
                it = replace(after.leaders[number], task=step if isinstance(step, Recounting) else None)
                yield f"recount: {type(answer).__name__}", changed(after, number, it)

    def begun(self, world: World, me: Leader) -> Iterator[Recounting]:
        yield recounts.begin(Recount(freeze=self.rules.freeze))
        known = me.book.stored
        # All that the book takes to be admitted has come to its end.
        waited = not any(at <= me.book.charged for at in world.coming)
        if self.rules.informed and waited and known and known.revision == world.stored.revision:
            yield recounts.begin(Recount(), known)

    def perform(self, world: World, task: Recounting, late: int = 0) -> tuple[Any, World]:
        """The answer, None while there is none. A list counts so many of those that are overdue."""
        current = getattr(task.request, "revision", 0) == world.stored.revision
        match task.request:
            case recounts.GetQuota():
                return recounts.Read(world.stored), world
            case recounts.Wait():
                over = not world.coming or task.stored.revision != world.stored.revision
                return (recounts.Waited() if over or not self.rules.patient else None), world
            case recounts.ListObjects():
                return recounts.Listed(((KIND, float(world.exists + late)),), ((KIND, world.now),)), world
            case recounts.Freeze(hard) if current:
                after = self.store(world, hard=hard)
                return recounts.Written(after.stored.revision), after
            case Refund() if current or not self.rules.bound:
                after = self.write(world, task.request, None)
                return recounts.Written(after.stored.revision), after
        return recounts.Conflict(), world


def told(stored: Stored) -> Stored:
    """What a book is told of a revision: it never asks for spec.hard."""
    return replace(stored, hard=())


def changed(world: World, number: int, leader: Leader) -> World:
    return replace(world, leaders=(*world.leaders[:number], leader, *world.leaders[number + 1 :]))


def spent(world: World, what: int) -> World:
    return replace(world, budget=tuple(left - (number == what) for number, left in enumerate(world.budget)))


def trace(came: dict, world: World) -> list[str]:
    words = []
    while (before := came[world]) is not None:
        words.append(before[1])
        world = before[0]
    return words[::-1]


# -- states that differ in nothing but the size of their revisions


def forgetful(world: World, *, bound: bool) -> tuple[Any, ...]:
    """The parts of a world, without what makes no difference any more.

    What lies before every open deletion is as good as never. An overtaken recount ends in a conflict, whatever it does
    first: it has given up, or reads again, which costs it steps that nobody else sees.
    """
    leaders = [
        replace(one, task=pursued(one.task, world.stored, bound=bound), quotas=telling(one)) for one in world.leaders
    ]
    first = min(world.ending, default=world.now + 1)
    known = [leaving(one, min([first, *opened(one)]), world.coming) for one in leaders]
    return world.stored, world.ending, world.coming, *known


def pursued(task: Recounting | None, stored: Stored, *, bound: bool) -> Recounting | None:
    if task is None or task.stored is None or not bound or task.stored.revision == stored.revision:
        return task
    return recounts.begin(task.goal) if task.goal.freeze else None


def telling(one: Leader) -> tuple[Stored, ...] | None:
    """What a watch has yet to tell, without revisions that change nothing a book looks at, and are not the last.

    Who has heard of such a revision can write as little as before, for there is a newer one; and of that it learns the
    same, whether it has heard of this one or not.
    """
    if not one.quotas:
        return one.quotas
    kept: list[Stored] = []
    for found in one.quotas[:-1]:
        before = kept[-1] if kept else one.book.stored
        if (before.used, before.refunded) != (found.used, found.refunded):
            kept.append(found)
    return *kept, one.quotas[-1]


def opened(one: Leader) -> list[int]:
    return [*(since for since, _ in one.deletions or ()), *(release.since for release in one.book.pending)]


def leaving(one: Leader, first: int, coming: tuple[int, ...]) -> Leader:
    lowered = tuple((key, at if at >= first else 0) for key, at in one.book.lowered)
    charged = max((at for at in coming if at <= one.book.charged), default=0)
    return replace(one, book=replace(one.book, lowered=lowered, charged=charged))


def without(some: tuple[int, ...], one: int) -> tuple[int, ...]:
    number = some.index(one)
    return some[:number] + some[number + 1 :]


@cache
def order(part: Any) -> str:
    return repr(part)


@cache
def revisions(part: Stored | Leader | tuple[int, ...]) -> tuple[int, ...]:
    """Every revision in a value, in order."""
    # Only whole values are cached: their parts would be mistaken for each other, as 1 is equal to 1.0.
    return tuple(within(part))


def within(part: Any) -> Iterator[int]:
    if type(part) is int:
        yield part
    elif isinstance(part, Struct):
        for name in part.__struct_fields__:
            yield from within(getattr(part, name))
    elif isinstance(part, tuple):
        for item in part:
            yield from within(item)


@cache
def rename(part: Any, names: tuple[int, ...]) -> Any:
    return renamed(part, iter(names))


def renamed(part: Any, names: Iterator[int]) -> Any:
    if type(part) is int:
        return next(names)
    if isinstance(part, Struct):
        return type(part)(**{name: renamed(getattr(part, name), names) for name in part.__struct_fields__})
    return tuple([renamed(item, names) for item in part]) if isinstance(part, tuple) else part
