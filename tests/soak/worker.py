"""An operator of the soak: the product's own, except for what the run takes away from it to see that it is missed.

A file `trouble` in its folder says what it meets between the steps of its tasks: it `hangs`, or its raises arrive `late`. It also
forgets some of them half done then.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from contextlib import suppress
from pathlib import Path

from cotenant.apply import escrow
from cotenant.cli import main
from cotenant.controllers.world import World
from cotenant.kube.errors import ApiError
from cotenant.model.escrow.messages import PutEnforced, PutQuota, Request, Written

PAUSE = 0.05
"""Seconds, on average."""
TROUBLE = Path("trouble")
DROPPED = 0.01
"""How many requests are not made, and their tasks forgotten."""
HANGS = (0.2, 1.5)
"""Seconds. In one tenant only: it goes on being alive."""
LATE = (0.2, 3.0)
"""Seconds for which a raise is under way."""
SPELL = 3
"""Seconds in which most raises are late, or few."""
WITHOUT = os.environ.pop("SOAK_WITHOUT", "").split(",")


class Believing(World):
    """Never doubts that the policies act."""

    @property
    def fenced(self) -> bool:
        return True

    @fenced.setter
    def fenced(self, value: bool | None) -> None:
        """Whatever was seen."""


def forget_the_write() -> None:
    """A drain that leaves alone what is low enough: the write that makes a raise in flight conflict is missing."""
    carry_out = escrow.Escrow.put_quota

    async def put_quota(self, books, space, group):
        there = books.quotas.get(space)
        for deed in list(group):
            asked = deed.request
            if isinstance(asked, PutQuota) and asked.bump and there and amount(there, deed.key) == asked.hard:
                group.remove(deed)
                deed.answer(Written(asked.version))
        if group:
            await carry_out(self, books, space, group)

    def amount(there, key: str) -> int:
        return escrow.pool.quota(there, key).hard

    escrow.Escrow.put_quota = put_quota


def hesitate() -> None:
    """A pause before every request: what can happen between two steps of a task then does happen."""
    attempt, mood, late = escrow.Escrow.attempt, Mood(), set[asyncio.Task[None]]()

    async def slow(self, books, group):
        await asyncio.sleep(random.expovariate(1 / PAUSE))
        request, trouble = group[0].request, troubled()
        if trouble == "late" and raises(request) and random.random() < lateness():
            sending = asyncio.create_task(arrive(self, books.quotas.get(request.space), list(group)))
            late.add(sending)
            sending.add_done_callback(late.discard)
            drop(group)
            return
        if trouble and random.random() < DROPPED:
            drop(group)
            return
        if trouble == "hangs" and mood.hangs(request):
            await asyncio.sleep(random.uniform(*HANGS))
        await attempt(self, books, group)

    escrow.Escrow.attempt = slow


def troubled() -> str:
    """By what; nothing while there is no file."""
    try:
        return TROUBLE.read_text()
    except FileNotFoundError:
        return ""


def raises(request: Request) -> bool:
    return isinstance(request, PutQuota) and request.form is not None


def lateness() -> float:
    """How likely a raise is late: the same for both operators, as the one that is in time sends the late one back."""
    return 0.9 if random.Random(time.time() // SPELL).random() < 0.5 else 0.1


async def arrive(self, there, group) -> None:
    """A request that its operator has given up, and is stored nevertheless, if what it is bound to is still so."""
    current = [deed for deed in group if there and escrow.fits(deed, there)]
    await asyncio.sleep(random.uniform(*LATE))
    if current:
        with suppress(ApiError):
            await self.store_quota(there, current)


def drop(group) -> None:
    """What a crash leaves of these tasks, without the seconds that a process needs to start again."""
    for deed in group:
        deed.error = TimeoutError("dropped")


class Mood:
    """Before which step it hangs, for some seconds: a raise that was decided, or status.hard after spec.hard."""

    def __init__(self) -> None:
        self.until, self.raising = 0.0, False

    def hangs(self, request: Request) -> bool:
        if time.monotonic() > self.until:
            self.until, self.raising = time.monotonic() + random.uniform(1, 6), not self.raising
        match request:
            case PutQuota(form=str()):
                return self.raising and random.random() < 0.6
            case PutEnforced():
                return not self.raising and random.random() < 0.4
            case _:
                return random.random() < 0.01


if __name__ == "__main__":
    hesitate()
    if "law" in WITHOUT:
        import cotenant.app
        from cotenant.controllers import fence

        cotenant.app.World = Believing
        # Else it would look again and again.
        fence.Fence.rehearsals = lambda _: (fence.refused_first,)
    if "bump" in WITHOUT:
        forget_the_write()
    sys.exit(main(sys.argv[1:]))
