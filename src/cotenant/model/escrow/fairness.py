"""Weighted max-min fairness: nobody gets more while somebody with less per weight could have it."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

from msgspec import Struct
from msgspec.structs import replace


class Claim(Struct, frozen=True):
    """Who has `have` and wants `want`. What is given comes in pieces of `grain`: half a pod helps nobody."""

    space: str
    have: int
    want: int
    weight: int = 1
    grain: int = 1

    @property
    def piece(self) -> int:
        """The next that could be given: a grain, or what is missing if that is less."""
        return min(self.grain, self.want - self.have)


def fill(capacity: int, claims: Sequence[Claim]) -> dict[str, int]:
    """What each has afterwards; together they get at most `capacity` more.

    The level that all could reach is exact. What rounding to grains leaves over is shared out once more among those
    whose next piece fits, and in the end goes piece by piece to whoever has least per weight.
    """
    now = {claim.space: claim for claim in claims}
    left = capacity
    while hungry := [claim for claim in now.values() if 0 < claim.piece <= left]:
        height = level(left, hungry)
        lifted = [replace(claim, have=claim.have + granted(claim, height)) for claim in hungry]
        rest = left - sum(claim.have for claim in lifted) + sum(claim.have for claim in hungry)
        if rest == left:
            lifted, rest = dealt(left, hungry)
        now |= {claim.space: claim for claim in lifted}
        left = rest
    return {claim.space: claim.have for claim in now.values()}


def dealt(left: int, claims: Sequence[Claim]) -> tuple[list[Claim], int]:
    """One piece each, as long as they last; and what is left."""
    found = []
    for claim in sorted(claims, key=lambda claim: (Fraction(claim.have, claim.weight), claim.space)):
        piece = claim.piece if claim.piece <= left else 0
        found.append(replace(claim, have=claim.have + piece))
        left -= piece
    return found, left


def level(capacity: int, claims: Sequence[Claim]) -> Fraction:
    """The amount per weight up to which everybody can be lifted."""
    rising = [claim for claim in claims if claim.want > claim.have]
    # Heights and what is left in units of 1/scale: whole numbers. Fractions cost ten times as much, and this is half of a plan.
    scale = lcm(*(claim.weight for claim in rising))
    turns = [(claim.have * (scale // claim.weight), claim.weight) for claim in rising]
    turns += [(claim.want * (scale // claim.weight), -claim.weight) for claim in rising]
    height, width, left = 0, 0, max(0, capacity) * scale
    for at, change in sorted(turns):
        needed = width * (at - height)
        if needed > left:
            return Fraction(height * width + left, width * scale)
        left, height, width = left - needed, at, width + change
    return Fraction(height, scale)


def granted(claim: Claim, height: Fraction) -> int:
    """What one gets at this level, in whole pieces."""
    if claim.want <= claim.have:
        return 0
    share = claim.weight * height.numerator // height.denominator
    if share >= claim.want:
        return claim.want - claim.have
    return max(0, share - claim.have) // claim.grain * claim.grain
