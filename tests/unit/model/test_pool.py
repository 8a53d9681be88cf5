from __future__ import annotations

import msgspec
import pytest

from cotenant.api.ledger import TenantLedger
from cotenant.model.escrow.units import limit_of
from cotenant.model.pool import rounded, served, spelled
from cotenant.model.quantity import parse
from unit.specimens import metadata, quota


@pytest.mark.parametrize(
    ("key", "base", "people", "more"),
    [
        ("limits.memory", 5368709118, "4.9Gi", "5.0Gi"),
        ("limits.memory", 5 * 2**30, "5Gi", "5Gi"),
        ("limits.memory", 5 * 2**30 + 1, "5.0Gi", "5.1Gi"),
        ("requests.storage", 1536 * 2**20, "1536Mi", "1536Mi"),
        ("requests.storage", 8 * 10**9, "8G", "8G"),
        ("requests.storage", 17895697066, "16.6Gi", "16.7Gi"),
        ("limits.memory", 2**20 + 1, "1.0Mi", "1.1Mi"),
        ("limits.memory", 2**20 - 1, "1048575", "1048575"),
        ("limits.memory", 0, "0", "0"),
        ("pods", 5368709118, "5368709118", "5368709118"),
        ("requests.cpu", 1500, "1500m", "1500m"),
    ],
)
def test_an_amount_for_people_is_short_and_never_more_than_there_is(
    key: str, base: int, people: str, more: str
) -> None:
    assert (rounded(key, base), rounded(key, base, up=True)) == (people, more)
    assert limit_of(key, people) <= base
    assert limit_of(key, spelled(key, base)) == base
    # What is asked for is enough.
    assert parse(more) >= parse(spelled(key, base))


@pytest.mark.parametrize(
    ("allocation", "hard", "used", "given"),
    [(3, "3", "1", True), (0, "0", "0", True), (3, "0", "0", False), (3, "0", "3", True), (3, "0", "5", False)],
    ids=["given", "told that there is nothing", "on its way", "pressed below what it uses", "adopted with more"],
)
def test_a_space_is_served_once_it_was_given_something_or_told_that_there_is_nothing(
    allocation: int, hard: str, used: str, given: bool
) -> None:
    spec = {"resource": "pods", "limit": 9, "entries": [{"space": "red-dev", "allocation": allocation}]}
    ledger = msgspec.convert({"metadata": metadata("pods", namespace="home-red"), "spec": spec}, TenantLedger)
    assert served(ledger, quota("red-dev", {"pods": hard}, {"pods": used}), "pods") is given
