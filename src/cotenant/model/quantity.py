"""Kubernetes quantities, exactly: `500m`, `4`, `8Gi`, `1e3`.

Source: apimachinery `pkg/api/resource`; the API server rewrites what it stores (`1000m` becomes `1`), so text is
never compared, values are.
"""

from __future__ import annotations

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


@lru_cache(maxsize=8192)
def parse(quantity: str | int) -> Fraction:
    """The value of a quantity. Raises ValueError for what is none."""
    if isinstance(quantity, int):
        return Fraction(quantity)
    match = SHAPE.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is no quantity; write for example 500m, 4 or 8Gi")
    number, suffix = Fraction(match[1]), match[2] or ""
    if suffix not in SUFFIXES:
        return number * Fraction(10) ** int(suffix[1:])
    return number * SUFFIXES[suffix]


def canonical(quantity: str | int) -> str:
    """One text for each value: equal quantities give equal texts."""
    return str(parse(quantity))


def same(one: dict[str, str | int] | dict[str, str], other: dict[str, str | int] | dict[str, str]) -> bool:
    """Whether two resource lists have the same keys and values."""
    return one.keys() == other.keys() and all(parse(one[key]) == parse(other[key]) for key in one)


def smaller(one: str | int, other: str | int) -> str | int:
    """The smaller of two quantities, as it was written."""
    return one if parse(one) <= parse(other) else other
