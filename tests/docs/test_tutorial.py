"""The tutorial is true: its commands are run in order by one shell, and its outputs are compared."""

from __future__ import annotations

import pytest

from docs.page import ROOT, Shell, Step, agrees, dialogue, follow, steps

TUTORIAL = ROOT / "docs" / "tutorial" / "two-teams.md"


@pytest.fixture
def shell(tmp_path, control_plane):
    """`control_plane` only decides whether there are programs at all; the tutorial starts its own."""
    one = Shell(tmp_path)
    yield one
    one.close()


@pytest.mark.cluster
def test_every_step_of_the_tutorial_does_and_says_what_is_written(shell):
    found = steps(TUTORIAL)
    assert len(found) > 15
    for step in found:
        follow(shell, step, code=1 if "BROKEN" in step.expected else 0)


def test_a_wrong_output_would_be_noticed():
    assert agrees("NAME  AGE\nweb   5s\n", "NAME AGE\nweb …\n") == ""
    assert agrees("NAME  AGE\nweb   5s\n", "NAME AGE\napi …\n") == "api …"
    assert agrees("b\na\n", "a\nb\n") == "b"


def test_commands_and_outputs_of_a_dialogue_are_told_apart():
    body = "$ a \\\n  b\nsaid\n$ cat <<'X'\nhello\nX\nhello\n$ c\n"
    assert list(dialogue(body)) == [Step("a \\\n  b", "said"), Step("cat <<'X'\nhello\nX", "hello"), Step("c", "")]
    assert Step("x", "note\nType team to go on: team\ngone").answer == "team"
