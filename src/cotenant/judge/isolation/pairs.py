"""Which ordered pairs of tenants are tried: all of them, or above ten tenants a fair sample."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from msgspec import Struct

ALL_UP_TO = 10
"""Tenants up to which every ordered pair is tried."""
EACH = 4
"""How often each tenant of a sample is a source, and how often a target."""
Pair = tuple[str, str]


class Chosen(Struct, frozen=True):
    """The ordered pairs (from, to) to try, of how many, and the seed of the sample; no seed means all of them."""

    pairs: tuple[Pair, ...]
    possible: int
    seed: int | None = None

    @property
    def sampled(self) -> bool:
        """Whether some possible pair is left out."""
        return len(self.pairs) < self.possible


def choose(names: Iterable[str], seed: int, only: Sequence[str] = ()) -> Chosen:
    """Every pair, or with more than ten tenants a sample in which each is source and target equally often.

    `only`: just the pairs that one of these tenants is part of. Those between them are never left out; of the others as
    many are drawn as make ten with them, at least four, and each of `only` is tried both ways against all of these.
    """
    ordered = sorted(set(names))
    wanted = set(only) or set(ordered)
    possible = [(a, b) for a in ordered for b in ordered if a != b and (a in wanted or b in wanted)]
    if len(ordered) <= ALL_UP_TO:
        return Chosen(tuple(possible), len(possible))
    if not only:
        return Chosen(tuple(sorted(rounds(ordered, seed))), len(possible), seed)
    others = [one for one in ordered if one not in wanted]
    drawn = min(len(others), max(EACH, ALL_UP_TO - len(wanted)))
    met = wanted.union(random.Random(seed).sample(others, drawn))  # noqa: S311 - a sample, no secret
    pairs = tuple((a, b) for a, b in possible if a in met and b in met)
    return Chosen(pairs, len(possible), seed if len(pairs) < len(possible) else None)


def rounds(ordered: Sequence[str], seed: int) -> Iterable[Pair]:
    """Shuffled rings: in each, everybody is source once and target once, and no pair comes twice."""
    ring = list(ordered)
    random.Random(seed).shuffle(ring)  # noqa: S311 - a sample, no secret
    for step in range(1, EACH + 1):
        for place, source in enumerate(ring):
            yield source, ring[(place + step) % len(ring)]
