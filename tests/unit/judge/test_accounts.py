from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cotenant.api.meta import Condition
from cotenant.judge.accounts import remarks
from cotenant.judge.chain import ALSO
from cotenant.model.accounts import Accounts
from unit.judge.books import NOW, books

FULL: Any = {f"{n:03}": (0, 0, 0) for n in range(500)} | {"late": (0, 0, None)}
LONG_AGO, JUST_NOW = NOW - timedelta(seconds=90), NOW - timedelta(seconds=5)
CASES: list[tuple[Accounts, str, str]] = [
    (Accounts(tenant="red", now=NOW, hard={}), "no-quota", "tenant red has no quota"),
    (
        books({"a": (1, 5, 5)}, ledger=False),
        "ledger-missing",
        "the ledger of pods is missing: spaces keep what they have",
    ),
    (books({"a": (1, 5, 5)}, rebuilding=True), "ledger-rebuilding", "the ledger of pods is being made anew"),
    (books(FULL), "ledger-full", "1 of 501 namespaces are in no ledger, which has 500 entries"),
    (books({"a": (9, 9, 9)}, granted=9, limit=5), "converging", "pods: 9 used, limit 5; nothing is evicted"),
    (books({"a": (1, 5, 5)}, renewed=LONG_AGO), "no-operator", "no sign of an operator for 90 s"),
    (books({"a": (1, 5, 5)}, told=0, charged=LONG_AGO), "no-operator", "no sign of an operator for 90 s"),
    (books({"a": (None, 0, 5)}), "unseen", "you may not see the quota of red-a"),
]


@pytest.mark.parametrize(("accounts", "topic", "words"), CASES, ids=[one[1] for one in CASES])
def test_what_the_figures_do_not_say_is_said(accounts: Accounts, topic: str, words: str) -> None:
    (found,) = remarks(accounts)
    assert found.topic == topic and words in found.text


@pytest.mark.parametrize(
    "accounts",
    [
        books({"a": (1, 5, 5)}, renewed=JUST_NOW),
        # An operator that runs tells what is used within seconds; one that told it may be dead, and nobody can know.
        books({"a": (1, 5, 5)}, told=0, charged=JUST_NOW),
        books({"a": (1, 5, 5)}, charged=LONG_AGO),
        books({"a": (1, 5, 5)}, told=0, charged=LONG_AGO, renewed=JUST_NOW),
    ],
)
def test_where_everything_is_as_it_should_be_nothing_is_said(accounts: Accounts) -> None:
    assert remarks(accounts) == []


def test_what_the_tenant_says_of_itself_is_passed_on() -> None:
    def said(reason: str, status: Any = "False") -> list[str]:
        condition = Condition(type="QuotaSynced", status=status, reason=reason, message="lower min")
        return [one.text for one in remarks(books({"a": (1, 5, 5)}, conditions=(condition,)))]

    assert said("FloorsExceedLimit") == ["QuotaSynced is False, FloorsExceedLimit: lower min"]
    assert said("Converging") == said("Synced", "True") == []


def test_what_is_wrong_besides_is_passed_on_where_the_figures_say_the_rest() -> None:
    message = ALSO.join(["pods: 4 used, limit 2", "KeyNotCounted: Kubernetes does not count count/x"])
    condition = Condition(type="QuotaSynced", status="False", reason="Converging", message=message)
    (found,) = remarks(books({"a": (1, 5, 5)}, conditions=(condition,)))
    assert found.text.endswith("; also KeyNotCounted: Kubernetes does not count count/x")
