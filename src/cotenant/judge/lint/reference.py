"""docs/reference/lint.md, written from the closed list of rules."""

from __future__ import annotations

from cotenant.api.markdown import cell
from cotenant.judge.lint.catalogue import FAULTY, SUBJECTS, of_subject
from cotenant.judge.lint.rule import Rule

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
        lines.append(f"| `{one.id}` `{one.name}`, {level} | {cell(one.why)} | {cell(one.fix)} |")
    return "\n".join(lines) + "\n"
