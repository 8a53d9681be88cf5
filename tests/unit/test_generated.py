"""What is written from code is what the code says."""

from __future__ import annotations

from cotenant.generated import files, main, stale


def test_every_committed_file_is_what_the_code_says():
    assert stale() == [], "make docs"


def test_files_that_were_edited_by_hand_or_lost_are_named(tmp_path, capsys):
    assert main(["--write"], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0
    edited, *lost = files()
    (tmp_path / edited).write_text("edited")
    for name in lost:
        (tmp_path / name).unlink()

    assert main(["--check"], tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{name} is not what the code says: make docs" for name in (edited, *lost)
    ]


def test_a_wrong_call_explains_itself(capsys):
    assert main([]) == 2
    assert "--write" in capsys.readouterr().err
