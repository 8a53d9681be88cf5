"""What a task asks the cluster for, what it is told, and how it ends."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from cotenant.model.escrow.values import Ledger, Limit, Quota


class GetQuota(Struct, frozen=True):
    """A live read of the quota of a space. Answers: Read(Quota), NotFound."""

    space: str


class ListQuotas(Struct, frozen=True):
    """A live, consistent list of the quotas of all spaces of the tenant. Answers: Read(tuple of Quota)."""


class GetLedger(Struct, frozen=True):
    """A live read of the ledger. Answers: Read(Ledger), NotFound."""


class GetLimit(Struct, frozen=True):
    """A live read of the tenant (and its profile): what its limit is now. Answers: Read(Limit)."""


class GetNamespace(Struct, frozen=True):
    """A live read of the namespace of a space. Answers: Read(None) while it exists, in whatever phase; NotFound."""

    space: str


class PutLedger(Struct, frozen=True):
    """Store this ledger where `ledger.version` is still the stored one; create it where that is "".

    Answers: Written, Conflict (also: it exists already), NotFound.
    """

    ledger: Ledger


class PutQuota(Struct, frozen=True):
    """Set spec.hard of this resource where `version` is still the stored one. Answers: Written, Conflict, NotFound.

    With `bump` the write must change the object even where `hard` does not (an epoch annotation): whoever read the
    quota before must conflict. With `form` it is bound to that instead of `version`: status may have changed.
    """

    space: str
    hard: int
    version: str
    bump: bool = False
    form: str | None = None


class PutEnforced(Struct, frozen=True):
    """Set status.hard of this resource, status.used untouched, where `version` is still the stored one.

    Answers: Written, Conflict, NotFound.
    """

    space: str
    hard: int
    version: str


Request = GetQuota | ListQuotas | GetLedger | GetLimit | GetNamespace | PutLedger | PutQuota | PutEnforced
Put = PutLedger | PutQuota | PutEnforced


class Read(Struct, frozen=True):
    """What a live read found."""

    value: Ledger | Quota | tuple[Quota, ...] | Limit | None


class Written(Struct, frozen=True):
    """The write is stored, as this version."""

    version: str


class Conflict(Struct, frozen=True):
    """The write is not stored: the object has another version."""


class NotFound(Struct, frozen=True):
    """There is no such object."""


Answer = Read | Written | Conflict | NotFound


class Outcome(Enum):
    """How a task ended. Its value says what the caller may do about it."""

    DONE = "it is as was asked"
    PARTLY = "there was room for a part only: take from others, then ask again"
    BUSY = "the space uses more than was to be left to it; nothing was taken"
    DRAINING = "the space is being drained: finish that first"
    CONVERGING = "more is allocated than the tenant may have now: drain, then ask again"
    UNKNOWN = "the space is not in the ledger: admit it"
    FULL = "the ledger has as many entries as it may have"
    NO_QUOTA = "the space has no ResourceQuota: create one with 0"
    NO_LEDGER = "the ledger is missing or being rebuilt: rebuild it"


class Finished(Struct, frozen=True):
    """A task's end."""

    outcome: Outcome
