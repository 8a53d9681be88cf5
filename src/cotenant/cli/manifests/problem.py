"""What is wrong in a manifest, where, and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass, field

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. `line` counts from 1; 0 where a whole file is meant."""

    source: str
    line: int
    message: str

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

    def at(self, path: Path) -> int:
        """The line of a field, or of the nearest thing around it that is there."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, self.line)

    def problem(self, path: Path, message: str) -> Problem:
        """A fault of this document; the message begins with the field's path."""
        name = spelled(path)
        return Problem(self.source, self.at(path), f"{name}: {message}" if name else message)


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
