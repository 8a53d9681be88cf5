"""`cotenant breakglass` wants an end and a reason, before it asks any cluster."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cotenant.cli.breakglass import command


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "--for and --reason, or --end"),
        (["--for", "30m"], "--for and --reason"),
        (["--reason", "x"], "--for and --reason"),
        (["--for", "30m", "--reason", " "], "--for and --reason"),
        (["--end", "--for", "30m"], "--end alone"),
        (["--for", "25h", "--reason", "x"], "24h at most"),
        (["--for", "0", "--reason", "x"], "24h at most"),
        (["--for", "soon", "--reason", "x"], "no duration"),
    ],
)
def test_without_an_end_and_a_reason_nothing_is_done(given, words):
    done = CliRunner().invoke(command, given)

    assert done.exit_code == 2
    assert words in " ".join(done.output.split())
