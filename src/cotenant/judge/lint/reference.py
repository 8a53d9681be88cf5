"""docs/reference/lint.md, written from the closed list of rules: `python -m cotenant.judge.lint.reference --write`."""

from __future__ import annotations

import sys
from pathlib import Path

from cotenant.judge.lint.catalogue import FAULTY, SUBJECTS, of_subject
from cotenant.judge.lint.rule import Rule
from cotenant.judge.reference import kept, safe

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "lint.md"
HEAD = """# Rules of `cotenant lint`

<!-- Generated from src/cotenant/judge/lint: change it there and run make docs. -->

The list is closed. An *error* is refused by the API server or by EKS, or never does what it says; a *warning* works, and is a trap.
`cotenant lint --ignore ID` leaves a rule out. `--fix` writes what needs no decision; what changes running things, or wants a change elsewhere
too, is marked *by hand* and only shown. [How to use it](../how-to/lint.md).
"""


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## cotenant's own kinds\n", rows([FAULTY])]
    for title in SUBJECTS:
        parts += [f"## {title}\n", rows(of_subject(title))]
    return "\n".join(parts)


def rows(rules: list[Rule]) -> str:
    """A table of rules."""
    lines = ["| Rule | Why | Write instead |", "| --- | --- | --- |"]
    for one in rules:
        level = one.level + (", by hand" if one.by_hand else "")
        lines.append(f"| `{one.id}` `{one.name}`, {level} | {safe(one.why)} | {safe(one.fix)} |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str], path: Path = PAGE) -> int:
    """Keeps the page of rules."""
    return kept(arguments, page(), path, "cotenant.judge.lint.reference")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
