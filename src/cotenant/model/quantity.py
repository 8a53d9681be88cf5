"""Kubernetes quantities, exactly: `500m`, `4`, `8Gi`, `1e3`.

Source: apimachinery `pkg/api/resource`; the API server rewrites what it stores (`1000m` becomes `1`), so text is
never compared, values are.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from functools import lru_cache

SUFFIXES = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}
SHAPE = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?", re.ASCII)


LARGEST = 2**63 - 1
SMALLEST = Fraction(1, 10**9)
SHORT = 18
"""So many digits are never cut off."""
FAR = 100
"""Exponents beyond this change nothing any more: the value is the largest, the smallest or 0 anyway."""


@lru_cache(maxsize=8192)
def parse(quantity: str | int) -> Fraction:
    """The value as the API server stores it: cut off at 2^63-1, rounded away from zero to 10^-9. Raises ValueError."""
    if isinstance(quantity, int):
        return stored(Fraction(quantity))
    if len(quantity) <= SHORT and quantity.isascii() and quantity.isdigit():
        return Fraction(int(quantity))  # what is counted, another text with every pod: in a tenth of the time
    match = SHAPE.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity; write for example 500m, 4 or 8Gi")
    number, suffix = Fraction(match[1]), match[2] or ""
    if suffix in SUFFIXES:
        return stored(number * SUFFIXES[suffix])
    # Members write quantities too: 1e999999999 must not cost its digits.
    return stored(number * Fraction(10) ** max(-FAR, min(FAR, int(suffix[1:]))))


def stored(value: Fraction) -> Fraction:
    """Source: `ParseQuantity`, apimachinery pkg/api/resource/quantity.go."""
    size = min(abs(value), Fraction(LARGEST))
    rounded = size if SMALLEST.denominator % size.denominator == 0 else math.ceil(size / SMALLEST) * SMALLEST
    return -rounded if value < 0 else rounded


def canonical(quantity: str | int) -> str:
    """One text for each value: equal quantities give equal texts."""
    return str(parse(quantity))


def same(one: dict[str, str | int] | dict[str, str], other: dict[str, str | int] | dict[str, str]) -> bool:
    """Whether two resource lists have the same keys and values."""
    return one.keys() == other.keys() and all(parse(one[key]) == parse(other[key]) for key in one)


def smaller(one: str | int, other: str | int) -> str | int:
    """The smaller of two quantities, as it was written."""
    return one if parse(one) <= parse(other) else other
