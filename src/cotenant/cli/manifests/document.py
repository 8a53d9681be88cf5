"""YAML or JSON text -> documents with a line for every field.

The loader is libyaml's with the types that kubectl knows: a date stays text, and so does 10:30, which YAML 1.1 takes
for a number to the base of 60. Documents are taken apart first, so that a broken one does not hide the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yaml.constructor import SafeConstructor

from cotenant.cli.manifests.syntax import curly, explain, straightened
from cotenant.model.document import Document, Path, Problem, Span

MOST_NODES = 200_000
"""Nobody writes so many fields by hand."""
MOST_REPEATED = 20_000
"""Aliases may repeat a part of a document without end."""
DEEPEST = 100
"""libyaml's composer calls itself for each level, and a few thousand of them end the process."""
TAG = "tag:yaml.org,2002:"
SEPARATOR = re.compile(r"^(---|\.\.\.)(?=\s|$)")
WHOLE = re.compile(r"^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+)$")


class Loader(yaml.CSafeLoader):
    """Composes nodes; values are made of them by `Builder`."""


Loader.yaml_implicit_resolvers = {
    letter: [(tag, WHOLE if tag == f"{TAG}int" else shape) for tag, shape in found if tag != f"{TAG}timestamp"]
    for letter, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Broken(Exception):
    """A document that is no manifest; carries its problems."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*map(str, problems))
        self.problems = problems


def documents(source: str, text: str) -> Iterator[Document | Problem]:
    """Every document of a file, or what is wrong with it. Nothing for parts that are only comments."""
    lines = text.splitlines()
    for first, part in pieces(text):
        try:
            found = document(source, first, part)
        except Broken as broken:
            yield from broken.problems
        else:
            if found is not None:
                found.text = lines
                yield found


def pieces(text: str) -> Iterator[tuple[int, str]]:
    """The documents of a stream with the line on which each begins. `---` in the first column always separates them."""
    first, lines = 1, list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if SEPARATOR.match(line):
            yield first, "\n".join(lines)
            first, lines = number, ["   " + line[3:] if line.startswith("---") else ""]
        elif not line.startswith("%") or any(one.strip() for one in lines):
            lines.append(line)
        else:
            lines.append("")  # a directive such as %YAML 1.2
    yield first, "\n".join(lines)


def document(source: str, first: int, text: str) -> Document | None:
    """One document; None if there is nothing in it. Raises Broken."""
    found = tree(source, first, text)
    if found is None:
        return None
    value, builder = found
    if not isinstance(value, dict):
        fault = Problem(source, builder.lines[()], "a manifest is a map that begins with apiVersion and kind")
        raise Broken(fault, *builder.problems)
    if builder.problems:
        raise Broken(*builder.problems)
    return Document(source, builder.lines[()], value, builder.lines, builder.spans, builder.keys)


def tree(source: str, first: int, text: str, head: Path = (), indent: int = 0) -> tuple[object, Builder] | None:
    """The value of a text and its builder, which may have found problems; None if there is nothing. Raises Broken.

    The text begins in line `first`, in column `indent`; paths begin with `head`.
    """
    lines = text.split("\n")
    if (deep := depths(text)) is not None:
        raise Broken(Problem(source, first + deep, f"goes more than {DEEPEST} levels deep here; nothing reads that"))
    try:
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        fault = explain(error, lines)
        raise Broken(Problem(source, first + fault.line, fault.message, fault.mended)) from error
    except yaml.YAMLError as error:
        raise Broken(Problem(source, first, f"is no YAML: {' '.join(str(error).split())}")) from error
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == f"{TAG}null"):
        return None
    builder = Builder(source, first, lines, indent)
    value = builder.value(node, head)
    if builder.aliased:
        builder.spans.clear()
        builder.keys.clear()
    return value, builder


def deepest(text: str) -> int:
    """No less than the levels of a text, without parsing it: events cost as much as all the rest."""
    inside, widest, most = 0, 0, 0
    for line in text.split("\n"):
        opened = line.count("[") + line.count("{")
        if opened:
            widest = max(widest, opened)
            plain = not any(sign in line for sign in "\"'#")
            inside += 0 if plain and opened == line.count("]") + line.count("}") else opened
        most = max(most, line.count("- ") + line.count("? ") + len(line) - len(line.lstrip(" ")))
    return inside + widest + most


def depths(text: str) -> int | None:
    """The line, from 0, in which a text goes too deep."""
    if deepest(text) <= DEEPEST:
        return None
    depth = 0
    try:
        for event in yaml.parse(text, Loader=Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
            if depth > DEEPEST:
                return event.start_mark.line if event.start_mark else 0
    except yaml.YAMLError:
        return None  # composing it says more
    return None


class Builder:
    """Turns nodes into plain values, remembers the line of each, and collects what only nodes show."""

    def __init__(self, source: str, first: int, text: list[str], indent: int = 0) -> None:
        self.source, self.first, self.text, self.indent = source, first, text, indent
        self.lines: dict[Path, int] = {}
        self.spans: dict[Path, Span] = {}
        self.keys: dict[Path, Span] = {}
        self.nodes: set[int] = set()
        self.aliased = False
        self.problems: list[Problem] = []
        self.scalars = SafeConstructor()
        self.left, self.repeats = MOST_NODES, MOST_REPEATED
        self.open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> object:
        """The plain value of a node."""
        again = id(node) in self.nodes
        self.lines.setdefault(path, self.first + node.start_mark.line)
        self.spans[path] = self.span(node)
        self.aliased |= again
        self.nodes.add(id(node))
        self.left -= 1
        self.repeats -= again
        if self.left < 0:
            raise Broken(
                Problem(self.source, self.lines[path], f"has more than {MOST_NODES} fields; write several documents")
            )
        if self.repeats < 0 or id(node) in self.open:
            raise Broken(
                Problem(self.source, self.lines[path], "aliases repeat too much here; write the values out instead")
            )
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self.mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.value(item, (*path, number)) for number, item in enumerate(node.value)]
            return self.scalar(node)
        finally:
            self.open.discard(id(node))

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, object]:
        """A map. Keys are texts; each once."""
        merged: dict[str, object] = {}
        found: dict[str, object] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = self.first + key_node.start_mark.line
            if key_node.tag == f"{TAG}merge":
                merged |= self.merge(value_node, path)
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                self.fault(line, "a key is a word; quote what begins with { or [")
                continue
            key = self.key(key_node)
            if key in seen:
                self.fault(line, f"{key} is there twice, first in line {seen[key]}; only one of them can hold")
            seen.setdefault(key, line)
            self.lines[*path, key] = line
            self.keys[*path, key] = self.span(key_node)
            found[key] = self.value(value_node, (*path, key))
        return merged | found

    def merge(self, node: yaml.Node, path: Path) -> dict[str, object]:
        """The maps behind `<<`; the first of several wins."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found: dict[str, object] = {}
        for part in reversed(parts):
            value = self.value(part, path)
            found |= value if isinstance(value, dict) else {}
        return found

    def key(self, node: yaml.ScalarNode) -> str:
        """A key, as text. YAML takes a bare `on` or `123` for something else; JSON knows only text."""
        if fault := curly(node):
            self.fault(self.first + node.start_mark.line, fault, straightened(self.text[node.start_mark.line]))
        return str(node.value)

    def scalar(self, node: yaml.Node) -> object:
        """Text, number, truth or nothing."""
        line = self.first + node.start_mark.line
        if fault := curly(node):
            self.fault(line, fault, straightened(self.text[node.start_mark.line]))
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self.fault(line, f"{node.value!r} with the tag {node.tag} is nothing that a manifest can hold; quote it")
            return None

    def span(self, node: yaml.Node) -> Span:
        """Where a node stands in the file."""
        start, end = node.start_mark, node.end_mark
        return Span(
            self.first + start.line, self.indent + start.column, self.first + end.line, self.indent + end.column
        )

    def fault(self, line: int, message: str, mended: str | None = None) -> None:
        """Collects a problem."""
        self.problems.append(Problem(self.source, line, message, mended))
