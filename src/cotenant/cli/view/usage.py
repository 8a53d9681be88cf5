"""`cotenant top` in tables and documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cotenant.cli.view.output import Row
from cotenant.judge.accounts import remarks
from cotenant.model.accounts import Account, Accounts, Holding
from cotenant.model.pool import rounded, spelled

FIGURES = ("USED", "HARD", "ALLOCATED", "HEADROOM", "LIMIT")
TENANTS = ("TENANT", "RESOURCE", *FIGURES)
SPACES = ("SPACE", "RESOURCE", *FIGURES)
WIDE = ("FLOOR", "NAMESPACE")


def said(key: str, amount: int | None) -> str:
    """An amount for people, or "" for what is not known."""
    return "" if amount is None else rounded(key, amount)


def tenant_rows(found: Iterable[Accounts]) -> list[Row]:
    """One a tenant and key."""
    return [
        (one.tenant, account.key, *(said(account.key, figure) for figure in totals(account)))
        for one in found
        for account in one.all()
    ]


def totals(account: Account) -> tuple[int | None, ...]:
    """The figures of a tenant, as in FIGURES."""
    return account.used, account.hard, account.allocated, account.headroom, account.limit


def space_rows(found: Accounts, only: str = "", *, wide: bool = False) -> list[Row]:
    """One a space and key, who uses most first; of one namespace alone where `only` names it."""
    rows: list[Row] = []
    for account in found.all():
        for one in sorted(account.holdings, key=lambda one: (-(one.used or 0), one.namespace)):
            if only not in ("", one.namespace):
                continue
            row = (one.space or one.namespace, account.key, *(said(account.key, figure) for figure in figures(one)))
            rows.append((*row, said(account.key, one.floor), one.namespace) if wide else row)
    return rows


def figures(one: Holding) -> tuple[int | None, ...]:
    """The figures of a space, as in FIGURES: its headroom is what it holds and does not use, its limit its ceiling."""
    return one.used, one.hard, one.allocation, one.headroom, one.ceiling


def plain(found: Accounts, only: str = "") -> dict[str, Any]:
    """A tenant for -o json. Amounts are quantities; what is not known is left out."""
    return {
        "tenant": found.tenant,
        "resources": [
            {
                "resource": account.key,
                **named(account.key, totals(account)),
                "spaces": [
                    {"namespace": one.namespace, **({"space": one.space} if one.space else {})}
                    | named(account.key, (*figures(one), one.floor), (*FIGURES, "FLOOR"))
                    for one in account.holdings
                    if only in ("", one.namespace)
                ],
            }
            for account in found.all()
        ],
        "remarks": [{"topic": one.topic, "message": one.text} for one in remarks(found)],
    }


def named(key: str, amounts: Iterable[int | None], names: Iterable[str] = FIGURES) -> dict[str, str]:
    """Known amounts by the name of their column."""
    return {name.lower(): spelled(key, one) for name, one in zip(names, amounts, strict=True) if one is not None}
