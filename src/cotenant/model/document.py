"""A manifest with the place of each of its fields, and what is wrong in it: where, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

Path = tuple[str | int, ...]


class Span(NamedTuple):
    """From where to where a text goes: lines from 1, columns from 0, the end is the first that is not part of it."""

    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `line` counts from 1; 0 where a whole file is meant."""

    source: str
    line: int
    message: str
    mended: str | None = None
    """The whole line as it was most likely meant, where that can be told."""

    def __str__(self) -> str:
        where = f"{self.source}:{self.line}" if self.line else self.source
        return f"{where}: {self.message}"


@dataclass(slots=True)
class Document:
    """One manifest and the line of each of its fields."""

    source: str
    line: int
    value: dict[str, object]
    lines: dict[Path, int] = field(default_factory=dict)
    spans: dict[Path, Span] = field(default_factory=dict)
    """Where each value stands. Empty in documents with aliases: there a text may stand for several values."""
    keys: dict[Path, Span] = field(default_factory=dict)
    """Where the key of each field stands."""
    text: list[str] = field(default_factory=list)
    """The lines of the whole file."""
    embedded: set[Path] = field(default_factory=set)
    """Texts that hold YAML themselves and were replaced by what they say."""

    def at(self, path: Path) -> int:
        """The line of a field, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)

    def problem(self, path: Path, message: str) -> Problem:
        """A fault of this document; the message begins with the field's path."""
        name = spelled(path)
        return Problem(self.source, self.at(path), f"{name}: {message}" if name else message)

    def raw(self, span: Span) -> str:
        """The text of a span, as it stands in the file; "" if it goes over several lines."""
        if span.line != span.end_line or span.line > len(self.text):
            return ""
        return self.text[span.line - 1][span.column : span.end_column]

    def items(self, head: str) -> Iterator[Document]:
        """The maps of a list as documents of their own, each with its own lines."""
        found = self.value.get(head)
        parts: dict[str | int, Document] = {
            at: Document(self.source, self.at((head, at)), item, text=self.text)
            for at, item in enumerate(found if isinstance(found, list) else ())
            if isinstance(item, dict)
        }
        for path, line in self.lines.items():
            if len(path) > 1 and path[0] == head and (part := parts.get(path[1])):
                part.lines[path[2:]] = line
        for path, span in self.spans.items():
            if len(path) > 1 and path[0] == head and (part := parts.get(path[1])):
                part.spans[path[2:]] = span
        for path, span in self.keys.items():
            if len(path) > 1 and path[0] == head and (part := parts.get(path[1])):
                part.keys[path[2:]] = span
        yield from parts.values()


def spelled(path: Path) -> str:
    """`spec.members[0].role`, as the API server writes it."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parsed(text: str) -> Path:
    """The path that `spelled` wrote; for the fields in an answer of the API server."""
    found: list[str | int] = []
    for part in text.replace("[", ".[").split("."):
        if part.startswith("[") and part.endswith("]") and part[1:-1].isdigit():
            found.append(int(part[1:-1]))
        elif part:
            found.append(part.strip("[]"))
    return tuple(found)
