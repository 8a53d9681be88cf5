"""Amounts by resource name, and the sums, maxima and differences that quota is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from cotenant.model.quantity import parse

Amounts = Mapping[str, Fraction]
"""Resource name or quota key -> exact amount in whole units: cores, bytes, objects."""

NOTHING: Amounts = {}
STEPS = ("", "m", "u", "n")
"""Thousandths: how a quantity that is no whole number is written."""


def read(quantities: Any) -> dict[str, Fraction]:
    """A resource list as the API server stores it. Raises ValueError for what is no quantity."""
    return {name: parse(one) for name, one in (quantities or {}).items()}


def write(amount: Fraction) -> str:
    """A quantity that is read back as the same amount, in the largest unit that keeps it whole."""
    for step in STEPS:
        if amount.denominator == 1:
            return f"{amount.numerator}{step}"
        amount *= 1000
    raise ValueError("no quantity is finer than 1n")


def added(*lists: Amounts) -> dict[str, Fraction]:
    """The sum by name."""
    total: dict[str, Fraction] = {}
    for one in lists:
        for name, amount in one.items():
            total[name] = total.get(name, Fraction(0)) + amount
    return total


def highest(*lists: Amounts) -> dict[str, Fraction]:
    """The maximum by name, over the lists that have the name."""
    total: dict[str, Fraction] = {}
    for one in lists:
        for name, amount in one.items():
            total[name] = max(total.get(name, amount), amount)
    return total


def excess(one: Amounts, other: Amounts) -> dict[str, Fraction]:
    """By how much `one` is above `other`; only names of which it is."""
    differences = {name: amount - other.get(name, Fraction(0)) for name, amount in one.items()}
    return {name: amount for name, amount in differences.items() if amount > 0}


def of(amounts: Amounts, keys: Iterable[str]) -> dict[str, Fraction]:
    """What there is of these keys; 0 of those that are missing."""
    return {key: amounts.get(key, Fraction(0)) for key in keys}
