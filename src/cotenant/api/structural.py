"""Wire type -> structural OpenAPI v3, as a CustomResourceDefinition wants it, or a loud error.

Everything is bounded: the API server multiplies the cost of a CEL rule by the largest list, map or string it may meet,
so one field without a bound puts every rule below it over budget (KEP-2876). There are no defaults, no nullable
fields and no preserved unknown ones.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import inspect as types

from cotenant.api import docstrings
from cotenant.api.meta import ObjectMeta
from cotenant.api.rule import Rule

Schema = dict[str, Any]
RULES = "x-cotenant-rules"
"""Key of Meta(extra_json_schema=…) under which a type that is no Struct carries its rules."""
_VALIDATIONS = "x-kubernetes-validations"
_TYPE_META: Schema = {
    "apiVersion": {"description": "Group and version of this kind.", "type": "string"},
    "kind": {"description": "What this object is.", "type": "string"},
}
_ALLOWED = frozenset({"format", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"})


class Inexpressible(Exception):
    """A type says something that a structural schema cannot say, or leaves out a bound that it must have."""


def schema_of(cls: type[msgspec.Struct]) -> Schema:
    """The schema of a kind's object, with apiVersion, kind and metadata as every CustomResourceDefinition has them."""
    info = types.type_info(cls)
    if not isinstance(info, types.StructType):
        raise Inexpressible(f"{cls.__name__} is no Struct")
    schema = _struct(info, cls.__name__)
    return schema | {"properties": {**_TYPE_META, **schema["properties"]}}


def _schema(info: types.Type, path: str) -> Schema:
    match info:
        case types.Metadata():
            return _with_extra(_schema(info.type, path), info.extra_json_schema or {}, path)
        case types.StructType():
            return _struct(info, path)
        case types.UnionType():
            return _union(info, path)
        case types.LiteralType():
            return _enum(info.values, path)
        case types.BoolType():
            return {"type": "boolean"}
        case types.IntType():
            return _integer(info, path)
        case types.StrType():
            return _string(info, path)
        case types.ListType():
            return _list(info, path)
        case types.DictType():
            return _map(info, path)
        case _:
            raise Inexpressible(f"{path}: {type(info).__name__} has no place in a structural schema")


def _struct(info: types.StructType, path: str) -> Schema:
    cls = info.cls
    if info.tag_field or info.array_like:
        raise Inexpressible(f"{path}: tagged and array-like structs are no plain objects")
    properties = {field.encode_name: _field(cls, field, f"{path}.{field.encode_name}") for field in info.fields}
    schema: Schema = {"description": docstrings.of_class(cls), "type": "object", "properties": properties}
    # metadata is given by the machinery of every kind; the API server refuses it on the list of required fields' types.
    if required := [f.encode_name for f in info.fields if f.required and not _is_metadata(f.type)]:
        schema["required"] = required
    return _with_rules(schema, getattr(cls, "RULES", ()))


def _field(cls: type, field: types.Field, path: str) -> Schema:
    if _is_metadata(field.type):
        # Named here so that a rule may point at it; the API server allows nothing else of metadata.
        return {"type": "object", "properties": {"name": {"type": "string", "maxLength": 253}}}
    schema = {key: value for key, value in _schema(field.type, path).items() if key != "description"}
    return {"description": docstrings.of_field(cls, field.name), **schema}


def _is_metadata(info: types.Type) -> bool:
    return isinstance(info, types.StructType) and info.cls is ObjectMeta


def _union(info: types.UnionType, path: str) -> Schema:
    """`T | None` is an optional field; a string or a whole number is an int-or-string; nothing else is structural."""
    options = [option for option in info.types if not isinstance(option, types.NoneType)]
    if len(options) == 1:
        return _schema(options[0], path)
    text = next((option for option in options if isinstance(option, types.StrType)), None)
    if len(options) == 2 and text and any(isinstance(option, types.IntType) for option in options):
        length = _bound(text.max_length, "max_length", path)
        return {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": length,
        }
    raise Inexpressible(f"{path}: a union of {len(options)} types is not structural")


def _enum(values: Iterable[Any], path: str) -> Schema:
    listed = list(values)
    if not all(isinstance(value, str) for value in listed):
        raise Inexpressible(f"{path}: only strings can be enumerated")
    return {"type": "string", "enum": listed}


def _integer(info: types.IntType, path: str) -> Schema:
    if info.gt is not None or info.lt is not None or info.multiple_of is not None:
        raise Inexpressible(f"{path}: give integers ge and le")
    return _without_none({"type": "integer", "format": "int64", "minimum": info.ge, "maximum": info.le})


def _string(info: types.StrType, path: str) -> Schema:
    bounds = {"minLength": info.min_length, "maxLength": _bound(info.max_length, "max_length", path)}
    return _without_none({"type": "string", **bounds, "pattern": info.pattern})


def _list(info: types.ListType, path: str) -> Schema:
    bounds = {"minItems": info.min_length, "maxItems": _bound(info.max_length, "max_length", path)}
    items = _schema(info.item_type, f"{path}[]")
    return _without_none({"type": "array", **bounds, "items": items, "x-kubernetes-list-type": "atomic"})


def _map(info: types.DictType, path: str) -> Schema:
    """A map with bounded keys. OpenAPI of this kind cannot bound them, a rule can."""
    if not isinstance(info.key_type, types.StrType):
        raise Inexpressible(f"{path}: the keys of a map are strings")
    longest = _bound(info.key_type.max_length, "max_length of the keys", path)
    bounds = {"minProperties": info.min_length, "maxProperties": _bound(info.max_length, "max_length", path)}
    schema: Schema = {"type": "object", **bounds, "additionalProperties": _schema(info.value_type, f"{path}{{}}")}
    rule = Rule(f"self.all(k, size(k) <= {longest})", f"every key has at most {longest} characters")
    return _with_rules(_without_none(schema), [rule])


def _with_extra(schema: Schema, extra: Mapping[str, Any], path: str) -> Schema:
    """What Meta(extra_json_schema=…) adds: a format, a list type, rules."""
    rules = [msgspec.convert(rule, Rule) for rule in extra.get(RULES, ())]
    added = {key: value for key, value in extra.items() if key != RULES}
    if unknown := added.keys() - _ALLOWED:
        raise Inexpressible(f"{path}: {', '.join(sorted(unknown))} is not carried over into the schema")
    if rules:
        # A pattern is for those who decode without an API server; here the rule says the same in a sentence.
        schema = {key: value for key, value in schema.items() if key != "pattern"}
    return _with_rules(schema | added, rules)


def _with_rules(schema: Schema, rules: Iterable[Rule]) -> Schema:
    listed = [
        _without_none(
            {
                "rule": one.expression,
                "message": one.message,
                "messageExpression": _naming(one),
                "fieldPath": one.field or None,
            }
        )
        for one in rules
    ]
    return schema | {_VALIDATIONS: [*schema.get(_VALIDATIONS, ()), *listed]} if listed else schema


def _naming(rule: Rule) -> str | None:
    """The message behind one key that breaks the rule: all of them cost too much, for keys have no bound. CEL reads JSON's texts as its own."""
    told = json.dumps(f": {rule.message}", ensure_ascii=False)
    return f"{rule.culprits}[0] + {told}" if rule.culprits else None


def _bound(value: int | None, name: str, path: str) -> int:
    if value is None:
        raise Inexpressible(f"{path}: needs {name}; without a bound CEL rules exceed their cost budget")
    return value


def _without_none(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if value is not None}
