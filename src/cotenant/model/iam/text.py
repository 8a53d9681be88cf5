"""A YAML text as a tree that knows where in the text each part stands, so that one can be changed and no other touched.

Made of libyaml's events: its composer calls itself for each level, and 100,000 brackets end the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import yaml
from msgspec import Struct

DEEPEST = 30
"""Levels; an item of aws-auth has three."""
MOST = 200_000
"""Nodes. A ConfigMap holds 1 MiB."""
KEYS = 100
"""Keys and values of one map."""
NULLS = ("", "~", "null", "Null", "NULL")
BREAKS = "\x85\u2028\u2029\ufeff"
"""Line breaks and marks that editors do not show, and at which places in a text get counted differently."""


class Unreadable(Exception):
    """No YAML, or such that nobody should write by hand. `line` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line, self.message = line, message


class Node(Struct):
    """A scalar, list or map. `start` and `end` are places in the text; those of block lists and maps end too late."""

    kind: Literal["scalar", "list", "map"]
    line: int
    """From 1."""
    column: int
    start: int
    end: int
    value: str = ""
    null: bool = False
    flow: bool = False
    """In brackets."""
    bare: bool = True
    """Without anchor, tag and alias."""
    children: list[Node] = []
    """Items; of a map keys and values in turn."""

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Keys and values of a map; nothing of anything else."""
        if self.kind == "map":
            yield from zip(self.children[::2], self.children[1::2], strict=True)

    def leaves(self) -> Iterator[Node]:
        """Every part that ends where `end` says: scalars, and lists and maps in brackets."""
        if self.kind == "scalar" or self.flow:
            yield self
        for one in self.children:
            yield from one.leaves()


def tree(text: str) -> Node | None:
    """The one document of a text; None if there is nothing but comments. Raises Unreadable."""
    if odd := next((one for one in text if one in BREAKS), None):
        raise Unreadable(text[: text.index(odd)].count("\n") + 1, f"holds the invisible character U+{ord(odd):04X}")
    try:
        return build(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(mark.line + 1 if mark else 1, f"is no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise Unreadable(1, f"is no YAML: {' '.join(str(error).split())}") from error


def build(text: str) -> Node | None:
    """The tree of the events."""
    roots: list[Node] = []
    stack: list[Node] = []
    named: dict[str, Node] = {}
    left = MOST
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            assert event.end_mark
            stack.pop().end = event.end_mark.index
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        found = node(event, named)
        left -= 1 + len(found.children)
        if left < 0 or len(stack) > DEEPEST:
            raise Unreadable(found.line, "is more than anybody writes by hand")
        if stack:
            stack[-1].children.append(found)
            merging(stack[-1], found)
        else:
            roots.append(found)
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(found)
        if not isinstance(event, yaml.AliasEvent) and event.anchor:
            named[event.anchor] = found
    if len(roots) > 1:
        raise Unreadable(roots[1].line, "holds several documents, of which only the first is read")
    return roots[0] if roots else None


def node(event: yaml.NodeEvent, named: dict[str, Node]) -> Node:
    """One event as a node without children. An alias is a copy of what it stands for, in its own place."""
    mark, end = event.start_mark, event.end_mark
    assert mark and end
    if isinstance(event, yaml.AliasEvent):
        meant = named.get(event.anchor or "")
        if meant is None:
            raise Unreadable(mark.line + 1, f"*{event.anchor} stands for nothing")
        if any(one.children for one in meant.children):
            raise Unreadable(mark.line + 1, f"*{event.anchor} repeats more than a list of names; write it out")
        found = Node(meant.kind, mark.line + 1, mark.column, mark.index, end.index, meant.value, meant.null)
        found.flow, found.bare, found.children = True, False, [*meant.children]
        return found
    kinds: dict[type, Literal["list", "map"]] = {yaml.SequenceStartEvent: "list", yaml.MappingStartEvent: "map"}
    found = Node(kinds.get(type(event), "scalar"), mark.line + 1, mark.column, mark.index, end.index)
    found.bare = not event.anchor and not getattr(event, "tag", None)
    if isinstance(event, yaml.ScalarEvent):
        found.value = event.value
        found.null = event.implicit[0] and event.style in (None, "") and event.value in NULLS
    else:
        found.flow = bool(getattr(event, "flow_style", False))
    return found


def merging(parent: Node, found: Node) -> None:
    """Refuses keys that only a reader of the whole of YAML understands, and those that are there twice."""
    if parent.kind != "map" or len(parent.children) % 2 == 0:
        return
    if found.kind != "scalar" or found.value == "<<":
        raise Unreadable(found.line, "has a key that is no plain name; write it out")
    if len(parent.children) > KEYS:
        raise Unreadable(parent.line, f"has more than {KEYS // 2} keys")
    if any(one.value.lower() == found.value.lower() for one in parent.children[:-1:2]):
        raise Unreadable(found.line, f"has {found.value} twice in one item; which one holds depends on the reader")
