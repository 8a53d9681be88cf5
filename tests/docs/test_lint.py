"""The page on lint is true: its commands are run in order, and their outputs are compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "lint.md"
FENCE = re.compile(r"^```shell\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def pattern(line: str) -> re.Pattern[str]:
    """A line in which `…` is anything."""
    return re.compile(".*".join(map(re.escape, line.split("…"))))


def missing(said: str, expected: str) -> list[str]:
    """The expected lines that do not follow each other in what was said."""
    lines = iter(said.splitlines())
    return [
        one for one in expected.splitlines() if one != "…" and not any(pattern(one).fullmatch(line) for line in lines)
    ]


def test_every_command_of_the_page_says_what_is_written(tmp_path):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}
    found = FENCE.findall(PAGE.read_text("utf-8"))
    assert len(found) == 4
    codes = []
    for commands, expected in found:
        done = subprocess.run(
            ["bash", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert missing(said, expected) == [], said
        codes.append(done.returncode)
    assert codes == [1, 1, 0, 1]


def test_a_wrong_output_would_be_noticed():
    assert missing("b\na\n", "a\nb\n") == ["b"]
