"""docs/reference/lint.md is what the list of rules says."""

from __future__ import annotations

from cotenant.judge.lint.catalogue import RULES
from cotenant.judge.lint.reference import page


def test_every_rule_is_on_the_page():
    assert [one.id for one in RULES if f"| `{one.id}` `{one.name}`" not in page()] == []
