"""A rule of `cotenant lint`: an id, a name, why it matters, what to write instead, and the function that finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple

from cotenant.judge.lint.edit import Edits
from cotenant.model.document import Document, Path

if TYPE_CHECKING:
    from cotenant.judge.lint.bundle import Bundle

Level = Literal["error", "warning"]


class Hit(NamedTuple):
    """One place where a rule found something. `column` counts from 1, 0 where it is not known."""

    source: str
    line: int
    column: int
    message: str
    """What is wrong here, with the words that stand there."""
    edits: Edits = ()
    write: str = ""
    """The corrected text, where edits do not tell it."""


Check = Callable[["Bundle"], Iterable[Hit]]


class Rule(NamedTuple):
    """One rule. Called with a Bundle it yields its hits."""

    id: str
    name: str
    level: Level
    """error: refused, or it never does what it says. warning: it works, and is a trap."""
    why: str
    """One sentence."""
    fix: str
    """What to write instead, in general."""
    check: Check
    by_hand: bool = False
    """Whether the correction changes what runs, or wants another one elsewhere: it is shown, `--fix` does not write it."""


def rule(id_: str, level: Level, *, fix: str, by_hand: bool = False) -> Callable[[Check], Rule]:
    """Makes a rule of a function: its name is the rule's, its docstring says why."""

    def made(check: Check) -> Rule:
        return Rule(
            id_, check.__name__.replace("_", "-"), level, " ".join((check.__doc__ or "").split()), fix, check, by_hand
        )

    return made


def hit(document: Document, path: Path, message: str, edits: Edits = (), write: str = "", *, key: bool = False) -> Hit:
    """A hit at a field's value, or at its key."""
    span = document.keys.get(path) if key else document.spans.get(path)
    if span is None:
        span = document.keys.get(path)
    line, column = (span.line, span.column + 1) if span else (document.at(path), 0)
    return Hit(document.source, line, column, message, edits, write)
