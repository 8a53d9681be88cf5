from __future__ import annotations

from pathlib import Path

import pytest

from workers import TOGETHER, together

ROOT = Path(__file__).parents[2]
FILES = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]


@pytest.mark.parametrize("start", [path for paths in TOGETHER.values() for path in paths])
def test_what_runs_together_exists(start: str) -> None:
    assert any(file.startswith(start) for file in FILES)


def test_a_file_of_no_group_is_one_by_itself() -> None:
    assert together("tests/unit/test_workers.py::test_it[a::b]") == "tests/unit/test_workers.py"
    assert together("tests/seeds/test_iam_rows.py::test_s2_04") == together("tests/plane/iam/test_members.py::test_a")


def test_who_needs_the_plane_that_people_enter_by_iam_shares_it() -> None:
    needing = [file for file in FILES if "control_plane_eks" in (ROOT / file).read_text() and "unit" not in file]
    assert len(needing) == 3
    assert {together(file) for file in needing} == {"signed in by IAM"}
