"""An operator of the soak: the product's own, except for what the run takes away from it to see that it is missed."""

from __future__ import annotations

import asyncio
import os
import random
import sys

from cotenant.apply import escrow
from cotenant.cli import main
from cotenant.controllers.world import World
from cotenant.model.escrow.messages import PutQuota, Written

PAUSE = 0.05
"""Seconds, on average."""
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
    attempt = escrow.Escrow.attempt

    async def late(self, books, group):
        await asyncio.sleep(random.expovariate(1 / PAUSE))
        await attempt(self, books, group)

    escrow.Escrow.attempt = late


if __name__ == "__main__":
    hesitate()
    if "law" in WITHOUT:
        import cotenant.app

        cotenant.app.World = Believing
    if "bump" in WITHOUT:
        forget_the_write()
    sys.exit(main(sys.argv[1:]))
