"""What a check found, and what an apply did: the values between apply and status."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from cotenant.api.meta import ConditionStatus


class Finding(Struct, frozen=True):
    """The answer of a check: why a condition is not True. `reason` is one of judge.reasons.REASONS."""

    reason: str
    message: str
    """One line for people; never names another tenant."""
    status: ConditionStatus = "False"


Verb = Literal["created", "applied", "replaced", "deleted", "unchanged", "conflict", "denied", "failed"]


class Ref(Struct, frozen=True, order=True):
    """Which object: apiVersion, kind, namespace ("" for none) and name."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Done(Struct, frozen=True):
    """What became of one object. `detail` says by whom or by which layer it was refused."""

    ref: Ref
    verb: Verb
    detail: str = ""

    @property
    def bad(self) -> bool:
        """Whether the object is not as desired now."""
        return self.verb in ("conflict", "denied", "failed")


class Outcome(Struct, frozen=True):
    """What became of a whole plan, in order."""

    done: tuple[Done, ...] = ()

    @property
    def trouble(self) -> tuple[Done, ...]:
        """The objects that are not as desired."""
        return tuple(one for one in self.done if one.bad)
