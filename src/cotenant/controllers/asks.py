"""Bare pods that wait for quota: told by the assist, heeded by whoever plans transfers. In memory, for a second at most."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping

MOST = 100
"""Pods of one space that may wait at the same time: a flood moves no more than these together could use."""


class Ask:
    """One pod: what it will be charged for, by quota key, in base units. `let_in`: it was told to go on, and is not charged yet."""

    def __init__(self, charges: Mapping[str, int]) -> None:
        self.charges = charges
        self.let_in = False
        self.news = asyncio.Event()


class Asks:
    """All of them, by namespace, in the order of their coming."""

    def __init__(self) -> None:
        self.known: dict[str, list[Ask]] = {}

    def of(self, namespace: str) -> list[Ask]:
        """Those of one space."""
        return self.known.get(namespace, [])

    def add(self, namespace: str, ask: Ask) -> bool:
        """False where too many wait already."""
        if len(self.of(namespace)) >= MOST:
            return False
        self.known.setdefault(namespace, []).append(ask)
        return True

    def remove(self, namespace: str, ask: Ask) -> None:
        """It was charged, refused, or forgotten."""
        there = self.of(namespace)
        if ask in there:
            there.remove(ask)
        if not there:
            self.known.pop(namespace, None)

    def wanted(self, namespace: str, key: str) -> int:
        """What all pods of a space together are about to be charged of a key."""
        return sum(self._of_key(namespace, key))

    def largest(self, namespace: str, key: str) -> int:
        """What the largest of them is."""
        return max(self._of_key(namespace, key), default=0)

    def promised(self, namespace: str, key: str) -> int:
        """What was promised to pods that went on, and is not charged yet."""
        return sum(ask.charges.get(key, 0) for ask in self.of(namespace) if ask.let_in)

    def charged(self, namespace: str, grown: Mapping[str, int]) -> None:
        """Use has grown by that much: pods that went on have arrived."""
        left = dict(grown)
        for ask in [one for one in self.of(namespace) if one.let_in]:
            if all(left.get(key, 0) >= amount for key, amount in ask.charges.items()):
                for key, amount in ask.charges.items():
                    left[key] -= amount
                self.remove(namespace, ask)

    def _of_key(self, namespace: str, key: str) -> Iterator[int]:
        return (ask.charges.get(key, 0) for ask in self.of(namespace))
