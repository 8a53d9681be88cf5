"""What is written from code is what the code says."""

from __future__ import annotations

import pytest

from cotenant.generated import files, main, stale


def test_every_committed_file_is_what_the_code_says():
    assert stale() == [], "make docs"


@pytest.mark.parametrize("name", sorted(files()))
def test_a_file_that_was_edited_by_hand_or_lost_is_named(name, tmp_path, capsys):
    assert main(["--write"], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    (tmp_path / name).write_text("edited")

    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err == f"{name} is not what the code says: make docs\n"
    (tmp_path / name).unlink()
    assert stale(tmp_path) == [name]


def test_a_wrong_call_explains_itself(capsys):
    assert main([]) == 2
    assert "--write" in capsys.readouterr().err
