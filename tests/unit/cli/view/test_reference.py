"""docs/reference/cli.md is what the commands say."""

from cotenant.cli import COMMANDS
from cotenant.cli.view.reference import page


def test_every_command_is_on_the_page():
    text = page()
    assert [name for name in COMMANDS if f"### `cotenant {name}" not in text] == []
