"""Whether so much of one key fits into a space, where it would come from, and what is in the way if it does not."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from cotenant.model.accounts import Account, Holding
from cotenant.model.pool import rounded, spelled

Verdict = Literal["fits", "moves", "waits", "never", "ceiling", "floors", "limit", "unseen", "charged"]
BIGGEST = 3


class Room(Struct, frozen=True, kw_only=True):
    """One key of a question. Amounts in base units; None where the key is not shared between spaces.

    fits: the space has it. moves: the tenant has it, cotenant brings it here. waits: nothing can be moved now. never:
    one pod alone asks for more than there may ever be. ceiling, floors, limit: what is in the way. unseen: the rest is
    with spaces that this reader may not see. charged: it is there already.
    """

    key: str
    verdict: Verdict
    asked: int
    used: int
    hard: int
    ceiling: int
    pool: int | None = None
    idle: int | None = None
    """What other spaces hold, do not use, and need not keep."""
    reserved: int | None = None
    """What other spaces do not use and keep as their floor."""
    limit: int | None = None
    total: int | None = None
    """What all spaces use together."""
    words: str = ""
    allocated: int | None = None
    """What this space may grow to without another transfer."""
    holders: tuple[tuple[str, int], ...] = ()
    """Other spaces that hold more than they use, most first: name, and how much is left with each."""

    @property
    def left(self) -> int | None:
        """What the tenant has left in all."""
        if self.limit is None or self.total is None:
            return None
        return max(0, self.limit - self.total)

    @property
    def where(self) -> str:
        """What is left, and where it is held; "" where nothing is, or the key is not shared."""
        if not self.left:
            return ""
        places = [("here", self.here), ("pool", self.pool or 0), *self.holders[:BIGGEST]]
        held = [f"{name} {self.said(amount)}" for name, amount in places if amount]
        more = len(self.holders) - BIGGEST
        told = ", ".join(held) + (f" and {more} more spaces" if more > 0 else "")
        return f"{self.said(self.left)} of {self.said(self.limit)} left: {told}" if told else ""

    @property
    def beyond(self) -> bool:
        """Whether it is more than the tenant has left, whatever else is in the way."""
        return self.limit is not None and (self.total or 0) + self.asked > self.limit

    @property
    def here(self) -> int:
        """What the space can use at once."""
        return max(0, self.hard - self.used)

    @property
    def blocked(self) -> bool:
        """Whether somebody has to do something."""
        return self.verdict not in ("fits", "moves", "charged")

    def said(self, amount: int | None) -> str:
        """An amount of this key, for people."""
        return "-" if amount is None else rounded(self.key, amount)

    def exact(self, amount: int) -> str:
        """The same, for programs."""
        return spelled(self.key, amount)

    def enough(self, amount: int) -> str:
        """An amount of this key to ask for: not less."""
        return rounded(self.key, amount, up=True)


def fixed_room(key: str, asked: int, used: int, hard: int) -> Room:
    """A key that is not shared: a ceiling of this space alone."""
    found = Room(key=key, verdict="fits", asked=asked, used=used, hard=hard, ceiling=hard)
    if asked <= found.here:
        return found
    words = f"this space may have {found.said(hard)} and uses {found.said(used)}"
    return Room(key=key, verdict="ceiling", asked=asked, used=used, hard=hard, ceiling=hard, words=words)


def room(account: Account, namespace: str, asked: int, each: int, silent: float | None = None) -> Room:
    """`asked` in all, in pieces of `each`: one pod's. `silent`: for so many seconds nobody has been there to move quota.

    KeyError for a namespace that is none of the tenant's.
    """
    own = account.holding(namespace)
    if own is None:
        raise KeyError(namespace)
    others = [one for one in account.holdings if one is not own]
    pool = account.headroom or 0
    idle, reserved = sum(one.movable for one in others), sum(one.reserved for one in others)
    verdict, words = judged(account, own, asked, each, pool + idle, reserved)
    if verdict == "moves" and silent is not None:
        verdict, words = "waits", f"the tenant has it elsewhere, and no operator has moved anything for {silent:.0f} s"
    return Room(
        key=account.key,
        verdict=verdict,
        asked=asked,
        used=own.used or 0,
        hard=own.hard or 0,
        ceiling=own.ceiling,
        pool=pool,
        idle=idle,
        reserved=reserved,
        limit=account.limit,
        total=account.used,
        words=words,
        allocated=own.allocation,
        holders=holders(others),
    )


def holders(others: list[Holding]) -> tuple[tuple[str, int], ...]:
    """Spaces that hold more than they use, most first."""
    found = [(one.space or one.namespace, one.movable + one.reserved) for one in others if one.movable + one.reserved]
    return tuple(sorted(found, key=lambda one: (-one[1], one[0])))


def judged(account: Account, own: Holding, asked: int, each: int, elsewhere: int, reserved: int) -> tuple[Verdict, str]:
    """The first thing that is in the way, in words."""
    used, hard = own.used or 0, max(own.hard or 0, own.allocation or 0)

    def said(amount: int) -> str:
        return rounded(account.key, amount)

    if own.hard is not None and used + asked <= own.hard:
        return "fits", ""
    if each > account.limit:
        return "never", f"one pod asks for {said(each)}, and the whole tenant may have {said(account.limit)}"
    if each > own.ceiling:
        return "never", f"one pod asks for {said(each)}, and this space may have {said(own.ceiling)} at most"
    if used + asked > own.ceiling < account.limit:
        here = f"this space may have {said(own.ceiling)} at most and uses {said(used)}"
        return "ceiling", here if account.used + asked <= account.limit else f"{here}; {spent(account)}"
    if account.used + asked > account.limit:
        return "limit", spent(account)
    if account.state != "open":
        return "waits", "its ledger is being made anew: nothing can be moved before that is done"
    if own.allocation is None:
        why = "which has no room for it" if account.full else "which happens within a second where an operator runs"
        return "waits", f"this space is not in the ledger yet, {why}"
    if used + asked <= hard + elsewhere:
        return "moves", ""
    if used + asked <= hard + elsewhere + reserved:
        keepers = ", ".join(f"{one.space or one.namespace} {said(one.reserved)}" for one in keeping(account, own))
        return "floors", f"what is left is kept for other spaces by their min: {keepers}"
    if any(one.used is None for one in account.holdings):
        return "unseen", "what is left is with spaces that you may not see"
    return "waits", "what is left is held by spaces that are being drained or deleted"


def keeping(account: Account, own: Holding) -> list[Holding]:
    """Spaces that keep something by their floor, most first."""
    found = [one for one in account.holdings if one is not own and one.reserved]
    return sorted(found, key=lambda one: -one.reserved)[:BIGGEST]


def spent(account: Account) -> str:
    """How much of its limit the tenant uses, and where most of it."""
    told = f"the tenant uses {rounded(account.key, account.used)} of {rounded(account.key, account.limit)}"
    return f"{told}: {biggest(account)}" if account.used else told


def biggest(account: Account) -> str:
    """The spaces that use most."""
    users = sorted((one for one in account.holdings if one.used), key=lambda one: -(one.used or 0))
    named = [f"{one.space or one.namespace} {rounded(account.key, one.used or 0)}" for one in users[:BIGGEST]]
    more = len(users) - BIGGEST
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")
