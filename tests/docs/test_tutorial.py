"""The tutorial is true: its commands are run in order by one shell, and its outputs are compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.cluster
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial" / "two-teams.md"
FENCE = re.compile(r"^```(shell|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END = "--- end of step ---"


def steps() -> list[tuple[str, str]]:
    """(commands, expected output) of each block; "" where none is shown."""
    found: list[tuple[str, str]] = []
    for kind, body in FENCE.findall(TUTORIAL.read_text()):
        if kind == "shell":
            found.append((body, ""))
        else:
            found[-1] = (found[-1][0], body)
    return found


class Shell:
    """One bash for all steps: variables, folder and background jobs stay."""

    def __init__(self, folder: Path) -> None:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"),
            "XDG_STATE_HOME": str(folder / "state"),
            "NO_COLOR": "1",
        }
        environment.pop("KUBECONFIG", None)
        self._process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=folder,
            env=environment,
        )

    def run(self, commands: str) -> tuple[int, str]:
        """Exit code of the last command, and everything it said."""
        self._process.stdin.write(f"{commands}\ncode=$?; echo; echo '{END}' $code\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.startswith(END):
                return int(line.removeprefix(END)), "".join(lines)
            lines.append(line)
        raise AssertionError("the shell is gone")

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


@pytest.fixture
def shell(tmp_path, control_plane):
    """`control_plane` only decides whether there are programs at all; the tutorial starts its own."""
    one = Shell(tmp_path)
    yield one
    one.run("cotenant dev down; jobs -p | xargs -r kill -9")
    one.close()


def agrees(said: str, expected: str) -> str:
    """ "" if every expected line is in what was said, in order; else the first that is not. `…` is anything."""
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    at = 0
    for wanted in (" ".join(line.split()) for line in expected.splitlines() if line.strip() not in ("", "…")):
        pattern = re.compile(".*".join(re.escape(part.strip()) for part in wanted.split("…")))
        while at < len(lines) and not pattern.fullmatch(lines[at]):
            at += 1
        if at == len(lines):
            return wanted
        at += 1
    return ""


def test_every_step_of_the_tutorial_does_and_says_what_is_written(shell):
    found = steps()
    assert len(found) > 15
    for commands, expected in found:
        code, said = shell.run(commands)
        missing = agrees(said, expected)
        assert not missing, f"{commands}\n--- does not say ---\n{missing}\n--- but ---\n{said}"
        refused = "Error from server" in expected.splitlines()[-1:][0] if expected else False
        broken = "BROKEN" in expected
        assert bool(code) == (refused or broken), f"exit code {code}:\n{commands}\n{said}"


def test_a_wrong_output_would_be_noticed():
    assert agrees("NAME  AGE\nweb   5s\n", "NAME AGE\nweb …\n") == ""
    assert agrees("NAME  AGE\nweb   5s\n", "NAME AGE\napi …\n") == "api …"
    assert agrees("b\na\n", "a\nb\n") == "b"
