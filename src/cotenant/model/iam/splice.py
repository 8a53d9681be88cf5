"""One list in a YAML text gets, loses or changes one item; every other byte of the text stays.

Block lists are edited by whole lines, lists in brackets by the item's own text. Comments on lines of their own stay, also
those between the lines of an item that goes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from cotenant.model.iam.text import Node

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9/_.+=,@{}:-]*[A-Za-z0-9/_.+=@}-]", re.ASCII)
"""Scalars that mean themselves without quotes. `yes` and the like are no ARN, group or user name of ours."""
WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
Fields = Mapping[str, str | Sequence[str]]


class Uneditable(Exception):
    """The item stands there in a way in which only a person should touch it. The text says which."""


def scalar(text: str) -> str:
    """A text as YAML, in quotes only where it needs them."""
    return text if PLAIN.fullmatch(text) and text.lower() not in WORDS else json.dumps(text)


def block(fields: Fields, pad: str, newline: str) -> str:
    """An item of a block list whose dashes stand behind `pad`."""
    lines: list[str] = []
    for key, value in fields.items():
        lead = "  " if lines else "- "
        if isinstance(value, str):
            lines.append(f"{pad}{lead}{key}: {scalar(value)}")
        else:
            lines += [f"{pad}{lead}{key}:", *(f"{pad}  - {scalar(one)}" for one in value)]
    return "".join(line + newline for line in lines)


def appended(text: str, root: Node | None, items: Sequence[Fields]) -> str:
    """The text with more items at the end of its list. Raises Uneditable."""
    newline = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        return closed(text, newline) + "".join(block(one, "", newline) for one in items)
    if root.flow:
        new = ", ".join(json.dumps(one) for one in items)
        if not root.children:
            return f"{text[: root.start + 1]}{new}{text[root.start + 1 :]}"
        end = last(root.children[-1])
        return f"{text[:end]}, {new}{text[end:]}"
    if not root.children[-1:] or text[root.start - root.column : root.start].strip():
        raise Uneditable("the list does not begin on a line of its own")
    end = line_end(text, last(root.children[-1]))
    pad = text[root.start - root.column : root.start]
    return closed(text[:end], newline) + "".join(block(one, pad, newline) for one in items) + text[end:]


def removed(text: str, root: Node, at: int) -> str:
    """The text without the item at this place of the list."""
    item = simple(text, root.children[at])
    if root.flow:
        return without(text, root, at)
    start, end = extent(text, root, item)
    return text[:start] + "".join(kept(text[start:end])) + text[end:]


def replaced(text: str, root: Node, at: int, fields: Fields) -> str:
    """The text with another item at this place of the list."""
    item = simple(text, root.children[at])
    if root.flow:
        return f"{text[: item.start]}{json.dumps(fields)}{text[item.end :]}"
    start, end = extent(text, root, item)
    newline = "\r\n" if text[start:end].endswith("\r\n") else "\n"
    pad = text[root.start - root.column : root.start]
    rest = "".join(kept(text[start:end]))
    new = block(fields, pad, newline)
    if end == len(text) and not text.endswith("\n") and not rest:
        new = new.removesuffix(newline)
    return text[:start] + new + rest + text[end:]


def closed(text: str, newline: str) -> str:
    """The text, its last line ended."""
    return text if not text or text.endswith("\n") else text + newline


def last(node: Node) -> int:
    """Where the last thing of an item ends. Block lists and maps do not know."""
    return max((one.end for one in node.leaves()), default=node.start)


def line_end(text: str, place: int) -> int:
    """Behind the line that a place is in; a block scalar ends where the next line begins already."""
    if place and text[place - 1] == "\n":
        return place
    found = text.find("\n", place)
    return len(text) if found < 0 else found + 1


def simple(text: str, item: Node) -> Node:
    """The item, if all of it is written in the plain way. Raises Uneditable."""
    for one in [item, *item.leaves()]:
        if not one.bare:
            raise Uneditable(f"the item in line {item.line} has an anchor, alias or tag")
        if one.kind == "scalar" and "\n" in text[one.start : one.end]:
            raise Uneditable(f"the item in line {item.line} has a text of several lines")
    return item


def extent(text: str, root: Node, item: Node) -> tuple[int, int]:
    """From where to where the lines of an item of a block list go, its dash included. Raises Uneditable."""
    start = text.rfind("\n", 0, item.start) + 1
    while text[start + root.column : start + root.column + 1] != "-" or text[start : start + root.column].strip():
        if start <= root.start - root.column:
            raise Uneditable(f"the item in line {item.line} has no dash of its own")
        start = text.rfind("\n", 0, start - 1) + 1
    end = line_end(text, last(item))
    rest = text[last(item) : end].strip()
    if rest and not rest.startswith("#"):
        raise Uneditable(f"the item in line {item.line} shares its last line")
    return start, end


def kept(lines: str) -> list[str]:
    """The lines that are only comments."""
    return [one for one in lines.splitlines(keepends=True) if one.lstrip().startswith("#")]


def without(text: str, root: Node, at: int) -> str:
    """A list in brackets without one item and one comma; comments between items stay."""
    item = root.children[at]
    after = root.children[at + 1].start if at + 1 < len(root.children) else root.end - 1
    comma = found_comma(text, item.end, after)
    if comma is not None:
        gap = text[comma + 1 : after]
        skip = len(gap) - len(gap.lstrip(" ")) if at + 1 < len(root.children) else 0
        return text[: item.start] + text[item.end : comma] + text[comma + 1 + skip :]
    before = root.children[at - 1].end if at else root.start + 1
    comma = found_comma(text, before, item.start)
    if comma is None:
        return text[: item.start] + text[item.end :]
    return text[:comma] + text[comma + 1 : item.start].rstrip(" ") + text[item.end :]


def found_comma(text: str, start: int, end: int) -> int | None:
    """The first comma between two items that is not in a comment."""
    at = start
    while at < end:
        if text[at] == ",":
            return at
        if text[at] == "#":
            newline = text.find("\n", at, end)
            at = end if newline < 0 else newline
        at += 1
    return None
