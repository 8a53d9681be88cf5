"""A file's documents in spite of its faults: each line that can be mended is, and reading goes on.

One broken line hides nothing of the rest. The texts inside aws-auth are read too, each field with its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cotenant.cli.manifests import flattened
from cotenant.cli.manifests.document import Broken, documents, tree
from cotenant.model.document import Document, Path, Problem

MOST_ROUNDS = 25
SECTIONS = ("mapRoles", "mapUsers", "mapAccounts")
Fault = tuple[Problem, str]
"""A problem, and what could not be read for it: "document" or a section of aws-auth."""


@dataclass(slots=True)
class Reading:
    """What a file holds."""

    lines: list[str]
    """With every mended line in place of the broken one: where the documents' fields are."""
    documents: list[Document] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read(source: str, text: str) -> Reading:
    """Every document of a file, and every fault; lines are mended one after the other until nothing is left to mend."""
    found = once(source, text.splitlines())
    told: dict[tuple[int, str], Fault] = {}
    for _ in range(MOST_ROUNDS):
        lines = list(found.lines)
        fresh = [one for one in found.faults if one[0].mended is not None and (one[0].line, one[0].message) not in told]
        for problem, where in fresh:
            told[problem.line, problem.message] = (problem, where)
            lines[problem.line - 1] = problem.mended or ""
        if not fresh:
            break
        found = once(source, lines)
    seen = {id(one) for one in told.values()}
    rest = [one for one in found.faults if id(one) not in seen and (one[0].line, one[0].message) not in told]
    found.faults = sorted([*told.values(), *rest], key=lambda one: one[0].line)
    return found


def once(source: str, lines: list[str]) -> Reading:
    """The documents of a text as it stands."""
    found = Reading(lines)
    for one in documents(source, "\n".join(lines)):
        if isinstance(one, Problem):
            found.faults.append((one, "document"))
            continue
        for each in flattened(one):
            each.text = lines
            found.documents.append(each)
            found.faults += unfolded(each)
    return found


def unfolded(document: Document) -> Iterator[Fault]:
    """Puts the lists that the texts of aws-auth hold in their place; yields what is wrong with them."""
    metadata, data = document.value.get("metadata"), document.value.get("data")
    if document.value.get("kind") != "ConfigMap" or not isinstance(metadata, dict) or not isinstance(data, dict):
        return
    if metadata.get("name") != "aws-auth":
        return
    for section in SECTIONS:
        text = data.get(section)
        if not isinstance(text, str) or not text.strip():
            continue
        path: Path = ("data", section)
        first, indent = block(document, path)
        try:
            found = tree(document.source, first or document.at(path), text, path, indent)
        except Broken as broken:
            for one in broken.problems:
                yield placed(document, path, one, first, indent), section
            continue
        if found is None:
            continue
        value, builder = found
        yield from ((placed(document, path, one, first, indent), section) for one in builder.problems)
        if not isinstance(value, list):
            yield Problem(document.source, document.at(path), "is no list of items that begin with a dash"), section
            continue
        document.embedded.add(path)
        data[section] = value
        if first:
            document.lines |= {each: line for each, line in builder.lines.items() if each != path}
            document.spans |= builder.spans
            document.keys |= builder.keys


def block(document: Document, path: Path) -> tuple[int, int]:
    """(line, column) in which a text behind `|` begins; 0, 0 for texts in other styles: their lines are not known."""
    span = document.spans.get(path)
    if span is None or document.text[span.line - 1][span.column : span.column + 1] != "|":
        return 0, 0
    for line in document.text[span.line : span.end_line]:
        if line.strip():
            return span.line + 1, len(line) - len(line.lstrip(" "))
    return 0, 0


def placed(document: Document, path: Path, problem: Problem, first: int, indent: int) -> Problem:
    """A problem of an inner text at its line in the file."""
    line = problem.line if first else document.at(path)
    mended = " " * indent + problem.mended if first and problem.mended is not None else None
    return Problem(problem.source, line, problem.message, mended)
