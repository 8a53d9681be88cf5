"""docs/reference/cli.md is what the commands say."""

from pathlib import Path

from cotenant.cli import COMMANDS
from cotenant.cli.view.reference import main, page

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "cli.md"


def test_the_page_is_what_the_commands_say():
    assert PAGE.read_text(encoding="utf-8") == page(), (
        "python -m cotenant.cli.view.reference --write docs/reference/cli.md"
    )


def test_every_command_is_on_the_page():
    text = page()
    assert [name for name in COMMANDS if f"### `cotenant {name}" not in text] == []


def test_a_stale_page_is_told_by_the_exit_code(tmp_path):
    path = tmp_path / "cli.md"
    assert main(["--check", str(path)]) == 1
    assert main(["--write", str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    assert main([]) == 2
