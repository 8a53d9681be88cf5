"""Rules over a bundle -> what is wrong, in the order of the files, with the corrected text."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from cotenant.judge.lint.bundle import Bundle
from cotenant.judge.lint.catalogue import RULES
from cotenant.judge.lint.edit import Edit, shown
from cotenant.judge.lint.rule import Hit, Level, Rule
from cotenant.model.document import Problem


class Trap(Struct, frozen=True, order=True, rename="camel"):
    """One thing that is wrong. Lines and columns count from 1; 0 is not known."""

    file: str
    line: int
    column: int
    rule: str
    name: str
    level: Level
    message: str
    why: str
    write: str
    """The corrected text, or a pattern of it with <…> where only you know."""


class Report(Struct, frozen=True):
    """All traps, and the edits that mend some of them, by file."""

    traps: list[Trap]
    edits: dict[str, list[Edit]]


def lint(bundle: Bundle, *, ignored: Collection[str] = (), rules: Iterable[Rule] = RULES) -> Report:
    """Every rule over everything, except those ignored by id or name."""
    texts = {one.source: one.text for one in bundle.documents} | {one.source: one.text for one in bundle.scripts}
    traps: list[Trap] = []
    edits: dict[str, list[Edit]] = {}
    for rule in rules:
        if rule.id in ignored or rule.name in ignored:
            continue
        for one in rule.check(bundle):
            traps.append(trap(rule, one, shown(texts.get(one.source, []), one.edits) or one.write))
            if not rule.by_hand:
                edits.setdefault(one.source, []).extend(one.edits)
    return Report(sorted(set(traps)), edits)


def trap(rule: Rule, hit: Hit, write: str) -> Trap:
    """What a rule says about a place."""
    return Trap(hit.source, hit.line, hit.column, rule.id, rule.name, rule.level, hit.message, rule.why, write)


def faulty(rule: Rule, problem: Problem) -> Trap:
    """What the reader of our own kinds says."""
    return Trap(
        problem.source, problem.line, 0, rule.id, rule.name, rule.level, problem.message, rule.why, problem.mended or ""
    )
