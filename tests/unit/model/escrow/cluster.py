"""A cluster of any number of spaces with versions that count, for tasks played one by one."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from cotenant.model.escrow import messages as m
from cotenant.model.escrow.protocol import advance, begin
from cotenant.model.escrow.values import Ledger, Limit, Quota


class Cluster:
    """Everything stored, and every version of it that ever was: what a cache may still show."""

    def __init__(self, limit: int, spaces: list[str]) -> None:
        self.limit = Limit(limit, "t0")
        self.ceiling = limit
        self.ledger: Ledger | None = None
        self.quotas: dict[str, Quota] = {}
        self.ledgers: list[Ledger] = []
        self.past: dict[str, list[Quota]] = {name: [] for name in spaces}
        self.clock = 0
        self.asked: list[Any] = []
        for name in spaces:
            self.open(name)

    def version(self) -> str:
        self.clock += 1
        return str(self.clock)

    def open(self, name: str) -> None:
        """A namespace with its quota, which is born with nothing."""
        self.store(Quota(name, 0, 0, 0, ""))

    def close(self, name: str) -> None:
        self.quotas.pop(name, None)

    def store(self, quota: Quota, *, whole: bool = True) -> str:
        found = replace(quota, version=self.version())
        found = replace(found, form=f"form {found.version}") if whole else found
        self.quotas[quota.space] = found
        self.past[quota.space].append(found)
        return found.version

    def resize(self, limit: int) -> None:
        self.limit = Limit(limit, f"t{self.version()}")
        self.ceiling = max(self.ceiling, limit)
        self.follow()

    def follow(self) -> None:
        """Once the ledger has followed a revision of the tenant, no more than its limit is allowed."""
        ledger = self.ledger
        if (
            ledger
            and not ledger.rebuilding
            and ledger.source == self.limit.source
            and ledger.limit <= self.limit.amount
        ):
            self.ceiling = self.limit.amount

    def perform(self, request: Any) -> Any:
        self.asked.append(request)
        match request:
            case m.ListQuotas():
                return m.Read(tuple(self.quotas.values()))
            case m.GetLimit():
                return m.Read(self.limit)
            case m.GetLedger():
                return m.Read(self.ledger) if self.ledger else m.NotFound()
            case m.PutLedger(ledger):
                return self.put_ledger(ledger)
        quota = self.quotas.get(request.space)
        if quota is None:
            return m.NotFound()
        match request:
            case m.GetQuota():
                return m.Read(quota)
            case m.GetNamespace():
                return m.Read(None)
        form = getattr(request, "form", None)
        if (form or request.version) != (quota.form if form else quota.version):
            return m.Conflict()
        if isinstance(request, m.PutEnforced):
            return m.Written(self.store(replace(quota, enforced=request.hard), whole=False))
        changes = request.bump or request.hard != quota.hard
        # The API server stores nothing where nothing changes, and the version stays.
        return m.Written(self.store(replace(quota, hard=request.hard)) if changes else quota.version)

    def put_ledger(self, ledger: Ledger) -> Any:
        there = self.ledger.version if self.ledger else ""
        if ledger.version != there:
            return m.NotFound() if self.ledger is None else m.Conflict()
        assert ledger.allocated <= ledger.limit, "the API server refuses a ledger that allocates too much"
        assert list(ledger.entries) == sorted(ledger.entries)
        self.ledger = ledger.at(self.version())
        self.ledgers.append(self.ledger)
        self.follow()
        return m.Written(self.ledger.version)

    def play(self, intent: Any, ledger: Ledger | None = None, quota: Quota | None = None) -> m.Outcome:
        """One task to its end, undisturbed."""
        step = begin(intent, ledger, quota)
        for _ in range(100):
            if isinstance(step, m.Finished):
                return step.outcome
            step = advance(step, self.perform(step.request))
        raise AssertionError(f"{intent} comes to no end")
