"""The proof for people: a matrix of source and target, what refused, and each hole with its evidence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cotenant.judge.isolation.report import Cell, Evidence, Report

WIDEST = 8
"""Tenants up to which a matrix is readable; above it the pairs are listed."""
SHOWN = 5
"""Holes shown for each cell."""
WORDS = {
    "ALLOWED-EXPECTED": "allowed as a role says",
    "ALLOWED-HARMLESS": "allowed and harmless",
    "ALLOWED": "ALLOWED and must not be",
    "UNKNOWN": "unknown",
}


def lines(report: Report) -> Iterator[str]:
    """The report, line by line."""
    yield (
        f"Isolation: {_many(len(report.tenants), 'tenant')}, {len(report.pairs)} of {report.possible_pairs} ordered pairs, "
        f"{_many(report.members, 'member')}, {report.checks:,} checks    level {report.level}, {report.mode}, "
        f"Kubernetes {report.kubernetes}"
    )
    yield ""
    yield from matrix(report) if len(report.tenants) <= WIDEST else listing(report)
    yield ""
    yield " · ".join(f"{number:,} {_word(outcome)}" for outcome, number in report.counts.items())
    if sample := next((cell for cell in report.pairs if cell.sample), None):
        yield from _sample(sample)
    for cell in report.cells:
        yield from _failures(cell)
    for note in dict.fromkeys([*(note for cell in report.cells for note in cell.notes), *report.notes]):
        yield f"note  {note}"
    yield f"{report.verdict}: {conclusion(report)}"


def conclusion(report: Report) -> str:
    """What the verdict rests on."""
    proven = sum(cell.state == "PROVEN" for cell in report.pairs)
    if report.verdict == "BROKEN" and proven == len(report.pairs):
        inside = sum(cell.failed for cell in report.cells if cell.own and cell.state == "BROKEN")
        return f"{_many(inside, 'failure')} in own spaces; nothing allowed from one tenant to another"
    wide = f"{_many(report.cluster_wide, 'failure')} cluster-wide; " if report.cluster_wide else ""
    return f"{wide}{proven} of {len(report.pairs)} pairs proven isolated"


def matrix(report: Report) -> Iterator[str]:
    """One row a source, one column a target; the diagonal says whether the members can work at home."""
    cells = {(cell.source, cell.target): word(cell) for cell in report.cells}
    names = report.tenants
    rows = [["FROM \\ TO", *names], *([a, *(cells.get((a, b), "not tried") for b in names)] for a in names)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "   ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def listing(report: Report) -> Iterator[str]:
    """The cells one below the other: for many tenants."""
    width = max(4, *(len(cell.source) for cell in report.cells))
    other = max(2, *(len(cell.target) for cell in report.cells))
    yield f"{'FROM'.ljust(width)}   {'TO'.ljust(other)}   RESULT"
    for cell in report.cells:
        yield f"{cell.source.ljust(width)}   {cell.target.ljust(other)}   {word(cell)}"


def word(cell: Cell) -> str:
    """A cell in two words."""
    if cell.state == "BROKEN":
        return f"BROKEN {cell.failed}/{cell.checks}" if cell.failed else "BROKEN cluster-wide"
    if cell.state == "INCOMPLETE":
        return "INCOMPLETE"
    if cell.own:
        return "own: works"
    return f"refused {cell.checks}" if cell.checks else "same people"


def _failures(cell: Cell) -> Iterator[str]:
    groups: dict[tuple[str, str, str, bool], list[Evidence]] = {}
    for one in cell.failures:
        kind = "BROKEN" if one.outcome == "ALLOWED" else "NOT PROVEN"
        groups.setdefault((kind, one.decider, one.member, one.claim == "cluster"), []).append(one)
    for (kind, decider, member, wide), found in list(groups.items())[:SHOWN]:
        first = found[0]
        where = f"{cell.source} in its own spaces" if cell.own else f"{cell.source} → {cell.target}"
        where = f"{cell.source} beyond its spaces" if wide else where
        yield ""
        yield f"{kind}  {where}: {member}, {first.action}"
        yield f"    answer  {f'HTTP {first.status}  ' if first.status else ''}{first.answer}"
        if decider:
            yield f"    because {decider}"
        yield f"    asked   {first.request}{f' as {first.user}' if first.user else ''}{_groups(first)}"
        yield f"    try     {first.reproduce}"
        if others := [one.action for one in found[1:4]]:
            yield f"    also    {'; '.join(others)}"
    if cell.failures:
        yield f"    {_many(cell.failed, 'failure')} of {cell.checks} checks; evidence: -o json"
        yield ""


def _sample(cell: Cell) -> Iterator[str]:
    if cell.sample:
        yield f"for example, {cell.source} → {cell.target}, {cell.sample.member}:"
        yield f"  {cell.sample.answer}"


def _groups(one: Evidence) -> str:
    return f" in {', '.join(one.groups)}" if one.groups else ""


def _word(outcome: str) -> str:
    return WORDS.get(outcome) or outcome.replace("DENIED", "refused")


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def text(report: Report) -> str:
    """The whole report."""
    return "\n".join(_without_doubles(lines(report)))


def _without_doubles(found: Iterable[str]) -> Iterator[str]:
    """Never two empty lines in a row."""
    before = "."
    for line in found:
        if line or before:
            yield line
        before = line
