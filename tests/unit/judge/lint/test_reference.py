"""docs/reference/lint.md is what the list of rules says."""

from __future__ import annotations

from cotenant.judge.lint.catalogue import RULES
from cotenant.judge.lint.reference import PAGE, main, page


def test_the_page_is_written_from_the_list():
    assert PAGE.read_text("utf-8") == page(), "python -m cotenant.judge.lint.reference --write"


def test_every_rule_is_on_the_page():
    assert [one.id for one in RULES if f"| `{one.id}` `{one.name}`" not in page()] == []


def test_a_page_that_is_out_of_date_is_told(tmp_path, capsys):
    path = tmp_path / "lint.md"
    assert main(["--check"], path) == 1
    assert main(["--write"], path) == 0
    assert main(["--check"], path) == 0
    assert main([]) == 2
    assert "--write" in capsys.readouterr().err
