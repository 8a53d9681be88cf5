"""What somebody who reads a tenant's quota must know besides the figures: why there are none, or why they stand still."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from cotenant.judge.chain import ALSO
from cotenant.model.accounts import Account, Accounts
from cotenant.model.escrow.values import MOST
from cotenant.model.pool import spelled

STALE = 60.0
"""Seconds without a sign of an operator after which none is taken to run: its Lease, or a charge that no ledger tells."""
TOLD = ("NoQuota", "LedgerFull", "Converging", "QuotaPending", "Synced")
"""Reasons of QuotaSynced that the figures say themselves, or that pass."""


class Remark(Struct, frozen=True):
    """One sentence. `topic` is a word for scripts."""

    topic: str
    text: str


def remarks(found: Accounts) -> list[Remark]:
    """In the order of what matters."""
    accounts = found.all()
    return [*quota_there(found), *operator_runs(found, accounts), *ledgers_there(accounts), *others(found, accounts)]


def quota_there(found: Accounts) -> Iterator[Remark]:
    """A tenant may have no quota at all."""
    if not found.hard:
        yield Remark(
            "no-quota",
            f"tenant {found.tenant} has no quota: what its spaces use together is not limited; an administrator sets "
            "spec.quota.hard of the Tenant",
        )


def silence(found: Accounts, accounts: list[Account] | None = None) -> float | None:
    """Seconds without a sign of an operator, where that is too long for one to run; None where one may run.

    Told by its Lease, or for who may not read that by ledgers that do not follow what is used.
    """
    since = found.renewed
    if since is None and not found.unseen:
        behind = any(one.told not in (None, one.used) for one in (found.all() if accounts is None else accounts))
        since = found.charged if behind else None
    silent = (found.now - since).total_seconds() if since else 0
    return silent if silent > STALE else None


def operator_runs(found: Accounts, accounts: list[Account]) -> Iterator[Remark]:
    """Where none does, the figures stand still."""
    silent = silence(found, accounts)
    if silent is not None:
        yield Remark(
            "no-operator",
            f"no sign of an operator for {silent:.0f} s: what spaces hold stays and is enforced, nothing is moved; an "
            "administrator runs: cotenant doctor",
        )


def ledgers_there(accounts: list[Account]) -> Iterator[Remark]:
    """Lost, being made anew, or at their end."""
    for state, words in (("missing", "missing"), ("rebuilding", "being made anew")):
        keys = [one.key for one in accounts if one.state == state]
        if keys:
            plural = "s" if len(keys) > 1 else ""
            yield Remark(
                f"ledger-{state}",
                f"the ledger{plural} of {', '.join(keys)} {'are' if plural else 'is'} {words}: spaces keep what they "
                "have, nothing grows; an operator makes it again within seconds",
            )
    full = next((one for one in accounts if one.full and one.left_out), None)
    if full:
        yield Remark(
            "ledger-full",
            f"{len(full.left_out)} of {len(full.holdings)} namespaces are in no ledger, which has {MOST} entries: they get "
            "no quota; delete spaces, or make a second tenant",
        )


def others(found: Accounts, accounts: list[Account]) -> Iterator[Remark]:
    """Limits that are being lowered, keys that nobody counts, what cannot be seen, and what the Tenant says of itself."""
    for one in accounts:
        if one.granted is not None and max(one.granted, one.used) > one.limit:
            yield Remark(
                "converging",
                f"{one.key}: {spelled(one.key, one.used)} used, limit {spelled(one.key, one.limit)}; nothing is evicted "
                "and nothing more admitted until enough is gone",
            )
    if found.unseen:
        yield Remark("unseen", f"you may not see the quota of {', '.join(found.unseen)}: used and hard are too low")
    synced = next((one for one in found.conditions if one.type == "QuotaSynced"), None)
    if synced and synced.status == "False" and (synced.reason not in TOLD or ALSO in synced.message):
        yield Remark("condition", f"QuotaSynced is False, {synced.reason}: {synced.message}")
