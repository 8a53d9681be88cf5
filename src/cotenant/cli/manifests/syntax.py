"""Broken YAML in words: curly quotes, tabs, indentation, strings without end, and what to write instead."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import yaml

QUOTES = {"\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u00ab": '"', "\u00bb": '"'}
KEY = re.compile(
    r"""^(?P<indent>\s*)(?P<dashes>(?:-\s+)*)(?P<key>"[^"]*"|'[^']*'|[^\s#'"&*!|>{}\[\]-][^#]*?):(?P<rest>\s.*|)$"""
)
BRACED = re.compile(r"^\{\w+\}\S")
BRACED_VALUE = re.compile(r":\s+(\{\w+\}[^\s,}]\S*)")
GLUED = re.compile(r"^(?:-\s+)?([A-Za-z][\w.-]*):([^\s:/]\S*)$")
TWICE = re.compile(r"""^(?:-\s+)?([A-Za-z][\w./-]*):\s+([^"'\[{|>&*!][^#]*:\s[^#]*?)\s*$""")
BARE = re.compile(r"^[A-Za-z][\w./-]*$")
NO_BREAK = "\u00a0"
ITEM = re.compile(r"^(?P<indent>\s*)-(\s|$)")


class Fault(NamedTuple):
    """The line of a fault, from 0, the sentence, and the whole line as it was most likely meant."""

    line: int
    message: str
    mended: str | None = None


def straightened(line: str) -> str:
    """A line with straight quotes and ordinary spaces, and none where they would only stand beside a word."""
    line = re.sub(f"{NO_BREAK}+(?=\\s*(:|$))", "", line).replace(NO_BREAK, " ")
    return line.translate({ord(one): other for one, other in QUOTES.items()})


def curly(node: yaml.Node) -> str | None:
    """The fault of a bare word that a word processor was at: YAML takes curly quotes and its spaces for letters."""
    word = str(node.value)
    if getattr(node, "style", None) or not word:
        return None
    if NO_BREAK in word:
        return spaced(word)
    if not ({word[0], word[-1]} & QUOTES.keys()):
        return None
    return f'curly quotes are letters to YAML: {word}; write "{word.strip("".join(QUOTES))}"'


def spaced(text: str) -> str:
    """What to write instead of no-break spaces."""
    return f"a no-break space is a letter to YAML; write an ordinary one: {text.replace(NO_BREAK, ' ').strip()}"


def explain(error: yaml.MarkedYAMLError, text: list[str]) -> Fault:
    """What a parser's error means."""
    mark = error.problem_mark or error.context_mark
    at = min(mark.line if mark else 0, len(text) - 1)
    problem = error.problem or "cannot be read"
    if found := endless(error, text):
        return found
    if foreign := next((n for n in (at, at - 1) if n >= 0 and NO_BREAK in text[n]), None):
        return Fault(foreign, spaced(text[foreign]), straightened(text[foreign]))
    if tab := next((n for n in (at, at - 1) if indented_by_tab(text, n)), None):
        mended = " " * before(text, tab) + text[tab].lstrip()
        return Fault(tab, f"a tab indents this line; YAML wants spaces: write {before(text, tab)} spaces", mended)
    if found := quoted(text, at):
        return found
    if "cannot start any token" in problem and mark:
        letter = text[at][mark.column : mark.column + 1]
        return Fault(at, f"a value cannot begin with {letter}; quote the whole value")
    if "undefined alias" in problem:
        return Fault(at, "* begins an alias that nothing above defines; quote the value if the * is meant")
    return open_ended(error, text) or misplaced(text, at) or spoilt(text, at) or Fault(at, f"is no YAML: {problem}")


def endless(error: yaml.MarkedYAMLError, text: list[str]) -> Fault | None:
    """A text in quotes that begins and does not end."""
    mark = error.context_mark
    if mark is None or mark.line >= len(text) or "quoted scalar" not in (error.context or ""):
        return None
    if QUOTES.keys() & set(text[mark.line]):
        return quoted(text, mark.line)
    sign = text[mark.line][mark.column : mark.column + 1]
    return Fault(mark.line, f"the text that begins here with {sign} does not end; close it with {sign}")


def open_ended(error: yaml.MarkedYAMLError, text: list[str]) -> Fault | None:
    """A list or map in brackets that does not end where it must."""
    mark, problem = error.context_mark, error.problem or ""
    if mark is None or "while parsing a flow" not in (error.context or ""):
        return None
    line = text[mark.line] if mark.line < len(text) else ""
    sign, rest = line[mark.column : mark.column + 1], line[mark.column :].strip()
    if BRACED.match(rest):
        return Fault(mark.line, f'a value that begins with {{ is a map to YAML; write "{rest}"')
    if not sign or sign not in "[{":
        found = [number for number, line in enumerate(text[: mark.line + 1]) if line.rstrip().endswith(("[", "{"))]
        return Fault(found[-1], "the brackets that begin here do not end") if found else None
    what, end = ("list", "]") if sign == "[" else ("map", "}")
    comma = "; or a comma is missing before the next part" if "did not find expected ','" in problem else ""
    return Fault(mark.line, f"the {what} that begins here with {sign} does not end; close it with {end}{comma}")


def spoilt(text: list[str], at: int) -> Fault | None:
    """Colons: one that is missing, one without its space, one too many."""
    for line in (at, at - 1):
        words = text[line].strip() if line >= 0 else ""
        if found := BRACED_VALUE.search(words):
            return Fault(line, f'a value that begins with {{ is a map to YAML; write "{found[1]}"')
        if found := GLUED.match(words):
            return Fault(line, f"a colon wants a space behind it; write {found[1]}: {found[2]}")
        if found := TWICE.match(words):
            return Fault(line, f'a value with a colon and a space in it wants quotes; write {found[1]}: "{found[2]}"')
        if line < at and BARE.match(words):
            return Fault(line, f"a key ends with a colon; write {words}:")
    return None


def quoted(text: list[str], at: int) -> Fault | None:
    """Curly quotes in the line of an error or the one before."""
    for line in (at, at - 1):
        found = [one for one in text[line] if one in QUOTES] if 0 <= line < len(text) else []
        if found:
            mended = straightened(text[line])
            return Fault(line, f"curly quotes {''.join(found)} are letters to YAML; write {mended.strip()}", mended)
    return None


def indented_by_tab(text: list[str], at: int) -> bool:
    """Whether a tab is among the white space that a line begins with."""
    line = text[at] if 0 <= at < len(text) else ""
    return "\t" in line[: len(line) - len(line.lstrip())]


def before(text: list[str], at: int) -> int:
    """The spaces that a line with tabs most likely means: one step below the line above that opens something."""
    lines = [one for one in text[:at] if one.strip() and "\t" not in one and not one.lstrip().startswith("#")]
    if not lines:
        return 2
    above = lines[-1]
    column = Line.of(above).column
    return column + 2 if above.rstrip().endswith(":") else column


@dataclass(frozen=True, slots=True)
class Line:
    """Where a line of block YAML begins: `indent` of the line, `column` of the key behind its dashes."""

    indent: int
    column: int
    key: str = ""
    item: bool = False
    opens: bool = False
    """Whether the key has nothing behind its colon, so that what follows belongs to it."""

    @classmethod
    def of(cls, line: str) -> Line:
        """Of one line of text."""
        indent = len(line) - len(line.lstrip(" "))
        found = KEY.match(line)
        item = bool(ITEM.match(line))
        if not found:
            return cls(indent, indent + (2 if item else 0), item=item)
        rest = re.sub(r"(^|\s)#.*", "", found["rest"]).strip()
        return cls(indent, indent + len(found["dashes"]), found["key"], item, not rest)


def misplaced(text: list[str], at: int) -> Fault | None:
    """The fault of a line that begins in a column where nothing that is open begins."""
    for line in (at, at - 1):
        if line < 0 or not text[line].strip() or text[line].lstrip().startswith("#"):
            continue
        if found := indentation(text, line):
            message, spaces = found
            return Fault(line, message, " " * spaces + text[line].lstrip())
    return None


def indentation(text: list[str], at: int) -> tuple[str, int] | None:
    """What to write instead, and how many spaces, if the line's indentation fits nothing above it."""
    here = Line.of(text[at])
    open_ = levels(text[:at])
    if not open_:
        return None
    name = f"`{here.key}:`" if here.key and not here.item else "this list item" if here.item else "this line"
    last = open_[-1]
    if here.indent > last.column:
        if last.opens:
            return None
        beside = f"`{last.key}:`" if last.key else "the line above"
        spaces = last.indent if here.item and last.item else last.column
        return (
            f"{name} is indented by {here.indent}, deeper than {beside}, which has a value already; "
            f"write {spaces} spaces"
        ), spaces
    columns = {one.indent for one in open_ if one.item} if here.item else {one.column for one in open_}
    columns |= {one.column for one in open_ if one.opens} if here.item and not columns else set()
    if here.indent in columns:
        return None
    nearest = min(sorted(columns, reverse=True), key=lambda column: abs(column - here.indent), default=0)
    named = (f"`{one.key}:`" for one in reversed(open_) if one.key and one.column == nearest)
    items = here.item and any(one.item and one.indent == nearest for one in open_)
    beside = "the items beside it" if items else next(named, "the items beside it")
    return f"{name} is indented by {here.indent}, and {beside} by {nearest}: write {nearest} spaces", nearest


def levels(text: list[str]) -> list[Line]:
    """The lines above that are still open: each further right than the one before."""
    found: list[Line] = []
    for line in text:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        here = Line.of(line)
        if not here.key and not here.item:
            continue
        while found and (
            found[-1].indent > here.indent
            or (found[-1].indent == here.indent and (found[-1].item == here.item or not found[-1].opens))
            or (not here.item and not found[-1].item and found[-1].column >= here.column)
        ):
            found.pop()
        found.append(here)
    return found
