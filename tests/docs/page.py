"""Pages of documentation as programs: their commands, the output that they promise, and a shell that runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEREDOC = re.compile(r"<<-?\s*'?(\w+)'?\s*$")
QUESTION = re.compile(r"(Type .* to go on[^:\n]*: )")
END = "--- end of step ---"


@dataclass(frozen=True)
class Step:
    """Commands that are typed, and what they are said to say; "" where nothing is shown."""

    commands: str
    expected: str = ""

    @property
    def answer(self) -> str:
        """What is typed when a command asks, by the page."""
        asked = re.search(r"^Type .* to go on.*: (\S+)$", self.expected, re.MULTILINE)
        return asked[1] if asked else ""


def blocks(page: Path, *kinds: str) -> list[tuple[str, str]]:
    """(kind, content) of each fenced block of these kinds."""
    return [(kind, body) for kind, body in FENCE.findall(page.read_text()) if kind in kinds]


def steps(page: Path) -> list[Step]:
    """A page's commands in order. `shell` is one step a block, its output in the `text` after it; `console` has `$`."""
    found: list[Step] = []
    for kind, body in blocks(page, "shell", "text", "console"):
        if kind == "shell":
            found.append(Step(body.strip("\n")))
        elif kind == "text":
            found[-1] = Step(found[-1].commands, body)
        else:
            found += dialogue(body)
    return found


def dialogue(body: str) -> Iterator[Step]:
    """The steps of a `console` block: a command behind `$ `, with its here-document and continued lines, then output."""
    lines, at = body.splitlines(), 0
    while at < len(lines):
        assert lines[at].startswith("$ "), f"output without a command: {lines[at]}"
        command = [lines[at].removeprefix("$ ")]
        here = HEREDOC.search(command[0])
        at += 1
        while here or command[-1].endswith("\\"):
            command.append(lines[at])
            at += 1
            if here and command[-1] == here[1]:
                break
        first = at
        while at < len(lines) and not lines[at].startswith("$ "):
            at += 1
        yield Step("\n".join(command), "\n".join(lines[first:at]))


class Shell:
    """One bash for all steps: variables, folder and background jobs stay."""

    def __init__(self, folder: Path, **variables: str) -> None:
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
            env=environment | variables,
        )

    def run(self, commands: str, answer: str = "") -> tuple[int, str]:
        """Exit code of the last command, and everything it said. Commands that ask get `answer`, else nothing."""
        typed = f"{{\n{commands}\n}} <<< '{answer}'" if answer else f"{{\n{commands}\n}} < /dev/null"
        self._process.stdin.write(f"{typed}\ncode=$?; echo; echo '{END}' $code\n")
        self._process.stdin.flush()
        lines = []
        for line in self._process.stdout:
            if line.startswith(END):
                return int(line.removeprefix(END)), QUESTION.sub(rf"\1{answer}\n", "".join(lines))
            lines.append(line)
        raise AssertionError("the shell is gone")

    def must(self, commands: str) -> str:
        """What a page takes for granted."""
        code, said = self.run(f"( set -e\n{commands}\n)")
        assert code == 0, f"{commands}\n{said}"
        return said

    def close(self) -> None:
        """Ends the shell and what it left in the background."""
        self.run("cotenant dev down; jobs -p | xargs -r kill -9")
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


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


def follow(shell: Shell, step: Step, *, code: int = 0) -> None:
    """Runs a step and holds it to what is written."""
    ended, said = shell.run(step.commands, step.answer)
    missing = agrees(said, step.expected)
    assert not missing, f"{step.commands}\n--- does not say ---\n{missing}\n--- but ---\n{said}"
    refused = "Error from server" in step.expected.splitlines()[-1:][0] if step.expected.strip() else False
    assert bool(ended) == (refused or bool(code)), f"exit code {ended}:\n{step.commands}\n{said}"
