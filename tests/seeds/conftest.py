"""`cotenant lint` on files of a test."""

from __future__ import annotations

import json

import pytest

from cotenant.cli import answer


class Linted(list):
    """What lint says about some files; the files stay where they are."""

    def __init__(self, folder, code: int, findings: list[dict]) -> None:
        super().__init__(findings)
        self.folder, self.code = folder, code

    def named(self) -> list[tuple[str, int]]:
        """(rule, line) of everything."""
        return [(one["name"], one["line"]) for one in self]

    def of(self, name: str) -> dict:
        """The only finding of a rule."""
        (found,) = [one for one in self if one["name"] == name]
        return found


@pytest.fixture
def lint(tmp_path, capsys):
    """Writes files and runs the command on their folder."""

    def run(*flags: str, **files: str) -> Linted:
        for name, text in files.items():
            (tmp_path / name.replace("_", ".")).write_text(text)
        code = answer(["lint", "-f", str(tmp_path), "-o", "json", *flags], "cotenant")
        found = json.loads(capsys.readouterr().out)
        assert (found["apiVersion"], found["kind"], found["unread"]) == ("cli.cotenant.dev/v1", "LintReport", [])
        assert code == bool(found["findings"])
        return Linted(tmp_path, code, found["findings"])

    return run
