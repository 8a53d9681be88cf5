"""Between the text of a quantity and the integers of a ledger: milli for cpu, bytes or counts for the rest.

Rounding is on the safe side: a limit rounds down, a use rounds up. Both are exact for what the API server can charge:
cpu in whole millis, everything else in whole units.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

from cotenant.model.quantity import LARGEST, parse

CPU = ("cpu", "requests.cpu", "limits.cpu")


def scale(key: str) -> int:
    """Base units in one whole unit of this quota key."""
    return 1000 if key in CPU else 1


def most(key: str) -> int:
    """The highest limit in base units that a ResourceQuota takes: of what is counted 2^63-1 thousandths.

    Above that the API server finds that it is no integer, and refuses the ResourceQuota with all its other keys.
    """
    counted = key.startswith("count/") or not (key.endswith(("cpu", "memory", "storage")) or "hugepages-" in key)
    return LARGEST // 1000 if counted else LARGEST


def limit_of(key: str, quantity: str | int) -> int:
    """A limit in base units, rounded down, cut off at `most`. Raises ValueError for what is no quantity or negative."""
    return min(most(key), math.floor(amount(key, quantity)))


def use_of(key: str, quantity: str | int) -> int:
    """A use in base units, rounded up. Raises ValueError for what is no quantity or negative."""
    return math.ceil(amount(key, quantity))


@lru_cache(maxsize=4096)
def amount(key: str, quantity: str | int) -> Fraction:
    """Exactly, in base units."""
    value = parse(quantity)
    if value < 0:
        raise ValueError(f"{key}: {quantity} is negative; a quota is 0 or more")
    return value * scale(key)


def text_of(key: str, base: int) -> str:
    """As the API server would write it, so that it is read back as the same amount: `1500m`, `2`, `1073741824`."""
    whole, rest = divmod(base, scale(key))
    return f"{base}m" if rest else str(whole)
