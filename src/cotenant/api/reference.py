"""docs/reference/api.md, from the same schemas as the CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cotenant.api import keys
from cotenant.api.markdown import cell
from cotenant.api.schema import KINDS, Kind
from cotenant.api.structural import Schema, schema_of

_INTRO = f"""# API reference

Group `{keys.GROUP}`, version `{keys.VERSION}`. Generated from the types in `src/cotenant/api`; `kubectl explain` prints the same texts.

There are no defaults in the schemas: the effective value is the tenant's leaf, else the profile's, else the built-in
one. Lists and maps are replaced whole; `[]` means "none allowed", absent means "inherit".
"""
_INT_OR_STRING = "x-kubernetes-int-or-string"


def text() -> str:
    """The whole page."""
    return "\n".join([_INTRO, *(_page(kind) for kind in KINDS)])


def _page(kind: Kind) -> str:
    schema = schema_of(kind.type)
    scope = "namespaced" if kind.namespaced else "cluster-scoped"
    lines = [f"## {kind.name}", "", f"`{kind.plural}.{keys.GROUP}`, short name `{kind.short}`, {scope}."]
    lines += ["", schema["description"], "", "| field | type | what it is |", "| --- | --- | --- |"]
    rows = [row for name in ("spec", "status") if name in schema["properties"] for row in _rows(schema, name, "")]
    lines += [
        f"| `{path}` | {_type(field, required=required)} | {cell(str(field.get('description', '')))} |"
        for path, field, required in rows
    ]
    return "\n".join([*lines, "", "The API server refuses what breaks one of these:", "", *_rules(schema), ""])


def _rows(parent: Schema, name: str, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """A field and everything below it: path, schema, whether it must be there."""
    field = parent["properties"][name]
    path = f"{path}.{name}" if path else name
    yield path, field, name in parent.get("required", ())
    inner, suffix = (field["items"], "[]") if field.get("type") == "array" else (field, "")
    for below in inner.get("properties", {}):
        yield from _rows(inner, below, path + suffix)


def _type(schema: Schema, *, required: bool) -> str:
    return _kind(schema) + (", required" if required else "")


def _kind(schema: Schema) -> str:
    if schema.get(_INT_OR_STRING):
        return "quantity"
    if values := schema.get("enum"):
        return " \\| ".join(f"`{value}`" for value in values)
    if schema["type"] == "array":
        return f"list of ≤ {schema['maxItems']}: {_kind(schema['items'])}"
    if "additionalProperties" in schema:
        return f"map of ≤ {schema['maxProperties']} to {_kind(schema['additionalProperties'])}"
    if schema["type"] == "integer":
        return "integer" + _range(schema)
    return str(schema.get("format") or schema["type"]) + (
        f" of ≤ {schema['maxLength']}" if "maxLength" in schema else ""
    )


def _range(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    return f", {low} to {high}" if low is not None and high is not None else ""


def _rules(schema: Schema) -> list[str]:
    """Every sentence once, with the fields that it is about."""
    places: dict[str, list[str]] = {}
    for path, rule in _found(schema, ""):
        places.setdefault(rule["message"], []).append(f"`{path}`")
    return [f"- {message}: {', '.join(dict.fromkeys(paths))}" for message, paths in places.items()]


def _found(schema: Schema, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield (path + rule.get("fieldPath", "")).lstrip(".") or "the object", rule
    for name, inner in schema.get("properties", {}).items():
        yield from _found(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from _found(schema[key], f"{path}[]")
