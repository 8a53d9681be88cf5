"""Every field of a manifest against the wire types: unknown, missing, of the wrong type, out of bounds, against a rule."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec import inspect as types

from cotenant.api.meta import ObjectMeta
from cotenant.api.rule import Rule
from cotenant.api.structural import RULES
from cotenant.cli.manifests.rules import broken, worded
from cotenant.model.document import Path, spelled

Fault = tuple[Path, str]
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
METADATA = [
    "name",
    "namespace",
    "labels",
    "annotations",
    "finalizers",
    "generateName",
    "ownerReferences",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
]
"""metav1.ObjectMeta whole: what `kubectl get -o yaml` prints may be given back."""
WORDS = {bool: "true or false", int: "a whole number", str: "a text", list: "a list", dict: "a map", float: "a number"}


def faults(cls: type[msgspec.Struct], manifest: Mapping[str, Any]) -> Iterator[Fault]:
    """Every fault of a manifest of this kind, with the path of its field. Status is the operator's and not looked at."""
    body = {key: value for key, value in manifest.items() if key not in ("apiVersion", "kind", "status")}
    yield from struct(types.type_info(cls), body, (), cls)  # type: ignore[arg-type]  # the info of a Struct
    for key in ("labels", "annotations"):
        metadata = manifest.get("metadata")
        texts = metadata.get(key) if isinstance(metadata, Mapping) else None
        for name, value in texts.items() if isinstance(texts, Mapping) else ():
            if not isinstance(value, str):
                yield ("metadata", key, name), f'must be a text; write "{shown(value)}"'


def check(info: types.Type, value: Any, path: Path, root: type) -> Iterator[Fault]:
    """The faults of a value of any type."""
    match info:
        case types.Metadata():
            found = list(check(info.type, value, path, root))
            yield from found
            if not found:
                extra = info.extra_json_schema or {}
                yield from annotated(extra, value, path)
                yield from against(extra.get(RULES, ()), value, path)
        case types.UnionType():
            yield from check(option(info, value), value, path, root)
        case types.StructType():
            yield from struct(info, value, path, root) if isinstance(value, Mapping) else wrong(value, dict, path)
        case types.ListType():
            yield from items(info, value, path, root) if isinstance(value, list) else wrong(value, list, path)
        case types.DictType():
            yield from entries(info, value, path, root) if isinstance(value, Mapping) else wrong(value, dict, path)
        case types.LiteralType():
            if value not in info.values or isinstance(value, bool):
                yield path, f"{shown(value)} is none of {', '.join(map(str, info.values))}{near(value, info.values)}"
        case types.StrType():
            yield from text(info, value, path) if isinstance(value, str) else wrong(value, str, path)
        case types.IntType():
            whole = isinstance(value, int) and not isinstance(value, bool)
            yield from number(info, value, path) if whole else wrong(value, int, path)
        case types.BoolType():
            yield from () if isinstance(value, bool) else wrong(value, bool, path)
        case _:
            return


def struct(info: types.StructType, value: Mapping[str, Any], path: Path, root: type) -> Iterator[Fault]:
    """The fields of a map that has a type of ours; an empty field counts as one that is not there."""
    fields = {field.encode_name: field for field in info.fields}
    if info.cls is ObjectMeta:
        for key in value.keys() - set(METADATA):
            yield (*path, key), f"is no field of metadata{near(key, METADATA)}"
        if not isinstance(value.get("name"), str) or not value["name"]:
            yield (*path, "name"), "is missing; every manifest has a name"
        return
    known = set(fields) | ({"apiVersion", "kind"} if not path else set())
    for key in value:
        if key not in known:
            yield (*path, key), unknown(key, value, fields, path, root)
    found: list[Fault] = []
    for name, field in fields.items():
        if value.get(name) is not None:
            found += check(field.type, value[name], (*path, name), root)
        elif field.required:
            found.append(((*path, name), "is missing"))
    yield from found
    yield from against(getattr(info.cls, "RULES", ()), value, path)


def items(info: types.ListType, value: list[Any], path: Path, root: type) -> Iterator[Fault]:
    """A list and each of its items."""
    if info.max_length is not None and len(value) > info.max_length:
        yield path, f"has {len(value)} items, at most {info.max_length} are allowed"
    for at, item in enumerate(value):
        yield from check(info.item_type, item, (*path, at), root)


def entries(info: types.DictType, value: Mapping[str, Any], path: Path, root: type) -> Iterator[Fault]:
    """A map of free keys, and each of its values."""
    if info.max_length is not None and len(value) > info.max_length:
        yield path, f"has {len(value)} keys, at most {info.max_length} are allowed"
    for key, item in value.items():
        yield from check(info.key_type, key, (*path, key), root)
        yield from check(info.value_type, item, (*path, key), root)


def text(info: types.StrType, value: str, path: Path) -> Iterator[Fault]:
    """A text: its length. Its form is a rule's matter, which says it in words."""
    if info.max_length is not None and len(value) > info.max_length:
        yield path, f"has {len(value)} characters, at most {info.max_length} are allowed"
    elif info.min_length and len(value) < info.min_length:
        yield path, "is empty; write a value, or leave the field out"


def number(info: types.IntType, value: int, path: Path) -> Iterator[Fault]:
    """A whole number and its bounds."""
    if info.ge is not None and value < info.ge:
        yield path, f"is {value}, at least {info.ge} is allowed"
    elif info.le is not None and value > info.le:
        yield path, f"is {value}, at most {info.le} is allowed"


def annotated(extra: Mapping[str, Any], value: Any, path: Path) -> Iterator[Fault]:
    """What the schema says besides types: times, and lists whose items are all different."""
    if extra.get("format") == "date-time" and not TIME.fullmatch(value):
        yield path, f"{value} is no time; write it as 2026-12-31T00:00:00Z"
    if extra.get("x-kubernetes-list-type") == "set":
        for at, item in enumerate(value):
            if item in value[:at]:
                yield (*path, at), f"{item} is on the list already; take it off once"


def against(rules: Iterable[Any], value: Any, path: Path) -> Iterator[Fault]:
    """The rules that a value breaks, in the words of the rule. One of them at a time: the next may follow from it."""
    for one in rules:
        rule = msgspec.convert(one, Rule) if not isinstance(one, Rule) else one
        if broken(rule, value):
            yield (*path, *filter(None, rule.field.split("."))), worded(rule, value)
            return


def option(info: types.UnionType, value: Any) -> types.Type:
    """The part of a union that a value was meant for: a quantity may be a number or a text."""
    options = [one for one in info.types if not isinstance(one, types.NoneType)]
    if isinstance(value, int) and not isinstance(value, bool):
        return next((one for one in options if isinstance(one, types.IntType)), options[0])
    return options[0]


def wrong(value: Any, wanted: type, path: Path) -> Iterator[Fault]:
    """A value of another type than the field's."""
    hint = ""
    if wanted is bool and isinstance(value, str):
        hint = "; write it without quotes" if value in ("true", "false") else "; write true or false"
    elif wanted is int and isinstance(value, str) and value.lstrip("-").isdigit():
        hint = f"; write {value} without quotes"
    elif wanted is str and not isinstance(value, list | dict) and value is not None:
        hint = f'; write "{shown(value)}"'
    elif wanted is list and not isinstance(value, list):
        hint = f"; write [{shown(value)}]" if not isinstance(value, dict) else "; begin each item with -"
    kind = "nothing" if value is None else WORDS.get(type(value), "something else")
    yield path, f"must be {WORDS[wanted]}, and is {kind}{hint}"


def unknown(key: str, value: Mapping[str, Any], fields: Mapping[str, types.Field], path: Path, root: type) -> str:
    """A field that is not known here, and where it may have been meant to be."""
    where = spelled(path) or root.__name__
    for sibling, field in fields.items():
        if sibling in value and not value[sibling] and key in inner(field.type):
            return f"is no field of {where}; it belongs to {sibling} above: indent it by two more spaces"
    places = spots(root).get(key, ())
    guess = near(key, list(fields))
    meant = next((name for name in fields if guess.endswith(f" {name}?")), "")
    if len(places) == 1 and not (meant and not list(check(fields[meant].type, value[key], (), root))):
        return f"is no field of {where}; did you mean {'.'.join(places[0])}?"
    if guess:
        return f"is no field of {where}{guess}"
    return f"is no field of {where}; allowed are {', '.join(sorted(fields))}"


def near(word: object, words: Iterable[object]) -> str:
    """The likeliest meaning of a misspelt word, as the end of a sentence."""
    plain = {str(one).lower(): str(one) for one in words}
    found = difflib.get_close_matches(str(word).lower(), list(plain), 1, 0.7)
    return f"; did you mean {plain[found[0]]}?" if found else ""


def inner(info: types.Type) -> set[str]:
    """The fields of a type, if it has fields."""
    match info:
        case types.Metadata():
            return inner(info.type)
        case types.UnionType():
            return set().union(*(inner(one) for one in info.types))
        case types.StructType() if info.cls is ObjectMeta:
            return set(METADATA)
        case types.StructType():
            return {field.encode_name for field in info.fields}
        case _:
            return set()


@cache
def spots(cls: type) -> dict[str, list[tuple[str, ...]]]:
    """Field name -> the paths at which a kind has it, lists left out of the paths."""
    found: dict[str, list[tuple[str, ...]]] = {}

    def walk(info: types.Type, path: tuple[str, ...]) -> None:
        match info:
            case types.Metadata():
                walk(info.type, path)
            case types.UnionType():
                for one in info.types:
                    walk(one, path)
            case types.ListType():
                walk(info.item_type, path)
            case types.StructType() if info.cls is not ObjectMeta:
                for field in info.fields:
                    if path or field.encode_name != "status":
                        found.setdefault(field.encode_name, []).append((*path, field.encode_name))
                        walk(field.type, (*path, field.encode_name))

    walk(types.type_info(cls), ())
    return found


def shown(value: object) -> str:
    """A value as YAML writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return "…" if isinstance(value, list | dict) else str(value)
