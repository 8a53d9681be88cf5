"""YAML or JSON text -> documents with a line for every field.

The loader is libyaml's with the types that kubectl knows: a date stays text, and so does 10:30, which YAML 1.1 takes
for a number to the base of 60. Documents are taken apart first, so that a broken one does not hide the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml
from yaml.constructor import SafeConstructor

from cotenant.cli.manifests.problem import Document, Path, Problem
from cotenant.cli.manifests.syntax import curly, explain

MOST_NODES = 200_000
"""Aliases may repeat a part of a document without end; nobody writes so many fields by hand."""
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
    for first, part in pieces(text):
        try:
            found = document(source, first, part)
        except Broken as broken:
            yield from broken.problems
        else:
            if found is not None:
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
    lines = text.split("\n")
    try:
        node = yaml.compose(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        line, message = explain(error, lines)
        raise Broken(Problem(source, first + line, message)) from error
    except yaml.YAMLError as error:
        raise Broken(Problem(source, first, f"is no YAML: {' '.join(str(error).split())}")) from error
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == f"{TAG}null"):
        return None
    builder = Builder(source, first)
    value = builder.value(node, ())
    line = first + node.start_mark.line
    if not isinstance(value, dict):
        builder.problems.insert(0, Problem(source, line, "a manifest is a map that begins with apiVersion and kind"))
    if builder.problems:
        raise Broken(*builder.problems)
    assert isinstance(value, dict)
    return Document(source, line, value, builder.lines)


class Builder:
    """Turns nodes into plain values, remembers the line of each, and collects what only nodes show."""

    def __init__(self, source: str, first: int) -> None:
        self.source, self.first = source, first
        self.lines: dict[Path, int] = {}
        self.problems: list[Problem] = []
        self.scalars = SafeConstructor()
        self.left = MOST_NODES
        self.open: set[int] = set()

    def value(self, node: yaml.Node, path: Path) -> object:
        """The plain value of a node."""
        self.lines.setdefault(path, self.first + node.start_mark.line)
        self.left -= 1
        if self.left < 0 or id(node) in self.open:
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
            self.fault(self.first + node.start_mark.line, fault)
        return str(node.value)

    def scalar(self, node: yaml.Node) -> object:
        """Text, number, truth or nothing."""
        line = self.first + node.start_mark.line
        if fault := curly(node):
            self.fault(line, fault)
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self.fault(line, f"{node.value!r} with the tag {node.tag} is nothing that a manifest can hold; quote it")
            return None

    def fault(self, line: int, message: str) -> None:
        """Collects a problem."""
        self.problems.append(Problem(self.source, line, message))
