from __future__ import annotations

from pathlib import Path

import pytest

from cotenant.judge import reference
from cotenant.judge.reasons import REASONS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "conditions.md"


def test_the_reference_is_written_from_the_list() -> None:
    assert PAGE.read_text() == reference.page(), "python -m cotenant.judge.reference --write"


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_says_what_to_do(reason: str) -> None:
    text = REASONS[reason]
    assert text.endswith(".")
    assert 10 < len(text) < 300
    assert f"| `{reason}` |" in reference.page()


def test_a_wrong_call_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert reference.main([]) == 2
    assert "--write" in capsys.readouterr().err


def test_a_page_that_is_out_of_date_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "conditions.md"
    assert reference.main(["--check"], page) == 1
    assert reference.main(["--write"], page) == 0
    assert reference.main(["--check"], page) == 0
    page.write_text("old")
    assert reference.main(["--check"], page) == 1
    assert "python -m cotenant.judge.reference --write" in capsys.readouterr().err
