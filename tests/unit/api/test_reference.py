from __future__ import annotations

from pathlib import Path

from cotenant.api.reference import main, text

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "api.md"


def test_the_committed_page_is_what_the_types_say():
    assert PAGE.read_text() == text()


def test_the_page_says_type_bound_and_meaning_of_a_field():
    assert "| `spec.members` | list of ≤ 200: object | Who belongs to the tenant, and in which role. |" in text()
    assert "| `spec.members[].role` | string of ≤ 63, required |" in text()
    assert "| `spec.quota.hard` | map of ≤ 64 to quantity |" in text()
    assert "| `spec.spaces.limit` | integer, 0 to 500 |" in text()


def test_a_rule_that_holds_in_several_places_is_said_once():
    page = text().partition("## TenantProfile")[0]

    assert page.count("must be an address range such as 10.9.0.0/16: `spec.network.from[].cidr`") == 1


def test_check_finds_a_page_that_was_edited_by_hand(tmp_path, capsys):
    page = tmp_path / "api.md"
    assert main(["--write", str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    page.write_text("edited")

    assert main(["--check", str(page)]) == 1
    assert "api.md" in capsys.readouterr().err
    assert main([]) == 2
