"""Corrections as splices of a person's text: comments, quotes and order of everything else stay as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import dedent
from typing import NamedTuple

from cotenant.model.document import Document, Path, Span


class Edit(NamedTuple):
    """This span becomes this text. An empty span is a place to insert."""

    span: Span
    text: str


Edits = tuple[Edit, ...]


def swap(document: Document, path: Path, new: str) -> Edits:
    """Another value for a scalar; it keeps its quotes. Nothing where its place is not known."""
    span = document.spans.get(path)
    raw = document.raw(span) if span else ""
    if not span or not raw:
        return ()
    return (Edit(span, f"{raw[0]}{new}{raw[0]}" if raw[0] in "\"'" else new),)


def rename(document: Document, path: Path, new: str) -> Edits:
    """Another name for a key."""
    span = document.keys.get(path)
    return (Edit(span, new),) if span and document.raw(span) else ()


def quote(document: Document, path: Path) -> Edits:
    """The same scalar, as text."""
    span = document.spans.get(path)
    raw = document.raw(span) if span else ""
    return (Edit(span, f'"{raw}"'),) if span and raw else ()


def drop(document: Document, path: Path, size: int) -> Edits:
    """A list of `size` without one of its scalars. Nothing if it was the only one."""
    head, at = path[:-1], path[-1]
    span, whole = document.spans.get(path), document.spans.get(head)
    if size < 2 or not span or not whole or not isinstance(at, int) or not document.raw(span):
        return ()
    if flow(document, head):
        beside = document.spans.get((*head, at + 1)) or document.spans.get((*head, at - 1))
        if beside is None:
            return ()
        if (beside.line, beside.column) > (span.line, span.column):
            return (Edit(Span(span.line, span.column, beside.line, beside.column), ""),)
        return (Edit(Span(beside.end_line, beside.end_column, span.end_line, span.end_column), ""),)
    return (Edit(Span(span.line, 0, span.line + 1, 0), ""),)


def add(document: Document, head: Path, size: int, new: str) -> Edits:
    """A list of `size` with one more item at its end, written as its last scalar is."""
    last = document.spans.get((*head, size - 1))
    raw = document.raw(last) if last else ""
    if not last or not raw:
        return ()
    sign = raw[0] if raw[0] in "\"'" else ""
    if flow(document, head):
        place = Span(last.end_line, last.end_column, last.end_line, last.end_column)
        return (Edit(place, f", {sign}{new}{sign}"),)
    before = document.text[last.line - 1][: last.column]
    return (Edit(Span(last.line + 1, 0, last.line + 1, 0), f"{before}{sign}{new}{sign}\n"),)


def flow(document: Document, path: Path) -> bool:
    """Whether a list is written in brackets."""
    span = document.spans.get(path)
    return bool(span) and span is not None and document.text[span.line - 1][span.column : span.column + 1] in "[{"


def applied(lines: Sequence[str], edits: Iterable[Edit]) -> str:
    """The text with these edits. Of two that touch the same place, the first holds; doing it again does the other."""
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line) + 1)
    text = "".join(f"{line}\n" for line in lines)

    def place(line: int, column: int) -> int:
        return min(starts[min(line, len(starts)) - 1] + column, len(text))

    done, parts = 0, []
    for span, new in sorted(dict.fromkeys(edits)):
        begin, end = place(span.line, span.column), place(span.end_line, span.end_column)
        if begin < done:
            continue
        parts += [text[done:begin], new]
        done = end
    return "".join(parts) + text[done:]


def shown(lines: Sequence[str], edits: Edits) -> str:
    """The lines that these edits touch, as they become; "" if nothing of them is left."""
    if not edits:
        return ""
    first = min(one.span.line for one in edits)
    last = max(one.span.end_line - (one.span.end_column == 0 and one.span.end_line > one.span.line) for one in edits)
    inserted = all(one.span[:2] == one.span[2:] and not one.span.column for one in edits)
    part = [] if inserted else lines[first - 1 : last]
    moved = (Edit(Span(a - first + 1, b, c - first + 1, d), text) for (a, b, c, d), text in edits)
    return dedent(applied(part, moved)).rstrip("\n")
