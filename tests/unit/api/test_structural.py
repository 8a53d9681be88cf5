from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import pytest
from msgspec import Meta, Struct

from cotenant.api import docstrings
from cotenant.api.meta import ObjectMeta
from cotenant.api.rule import Rule
from cotenant.api.structural import Inexpressible, schema_of

Short = Annotated[str, Meta(max_length=8)]
WORD = Rule("self != ''", "a word is not empty")
Word = Annotated[
    Annotated[str, Meta(max_length=8, pattern="^.+$")], Meta(extra_json_schema={"x-cotenant-rules": [WORD]})
]


@pytest.fixture(autouse=True)
def _documented(monkeypatch):
    """Classes of these tests have no docstrings to read."""
    monkeypatch.setattr(docstrings, "of_class", lambda cls: cls.__name__)
    monkeypatch.setattr(docstrings, "of_field", lambda cls, name: f"{cls.__name__}.{name}")


def field_schema(annotation: Any) -> dict:
    """The schema of one field of that type, without its description."""
    cls = type("Kind", (Struct,), {"__annotations__": {"field": annotation}, "__module__": __name__})
    schema = schema_of(cls)["properties"]["field"]
    assert schema.pop("description") == "Kind.field"
    return schema


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Short, {"type": "string", "maxLength": 8}),
        (Annotated[str, Meta(min_length=1, max_length=8)], {"type": "string", "minLength": 1, "maxLength": 8}),
        (Annotated[str, Meta(max_length=8, pattern="^a")], {"type": "string", "maxLength": 8, "pattern": "^a"}),
        (Short | None, {"type": "string", "maxLength": 8}),
        (bool, {"type": "boolean"}),
        (int, {"type": "integer", "format": "int64"}),
        (Annotated[int, Meta(ge=0, le=5)], {"type": "integer", "format": "int64", "minimum": 0, "maximum": 5}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (
            Short | int,
            {
                "x-kubernetes-int-or-string": True,
                "anyOf": [{"type": "integer"}, {"type": "string"}],
                "maxLength": 8,
            },
        ),
        (
            Annotated[list[Short], Meta(max_length=3)],
            {
                "type": "array",
                "maxItems": 3,
                "items": {"type": "string", "maxLength": 8},
                "x-kubernetes-list-type": "atomic",
            },
        ),
        (
            Annotated[list[Short], Meta(max_length=3, extra_json_schema={"x-kubernetes-list-type": "set"})],
            {
                "type": "array",
                "maxItems": 3,
                "items": {"type": "string", "maxLength": 8},
                "x-kubernetes-list-type": "set",
            },
        ),
        (
            Annotated[dict[Short, int], Meta(max_length=3)],
            {
                "type": "object",
                "maxProperties": 3,
                "additionalProperties": {"type": "integer", "format": "int64"},
                "x-kubernetes-validations": [
                    {"rule": "self.all(k, size(k) <= 8)", "message": "every key has at most 8 characters"}
                ],
            },
        ),
    ],
)
def test_a_type_becomes_its_schema(annotation, expected):
    assert field_schema(annotation) == expected


@pytest.mark.parametrize(
    ("annotation", "complaint"),
    [
        (str, "max_length"),
        (str | int, "max_length"),
        (list[Short], "max_length"),
        (Annotated[list[str], Meta(max_length=1)], "max_length"),
        (dict[Short, bool], "max_length"),
        (Annotated[dict[str, bool], Meta(max_length=1)], "max_length of the keys"),
        (Annotated[dict[int, bool], Meta(max_length=1)], "strings"),
        (float, "FloatType"),
        (Any, "AnyType"),
        (Short | bool, "not structural"),
        (Short | int | bool, "not structural"),
        (Literal[1, 2], "only strings"),
        (Annotated[int, Meta(gt=0)], "ge and le"),
        (Annotated[Short, Meta(extra_json_schema={"default": "x"})], "default"),
    ],
)
def test_what_a_schema_cannot_say_or_bound_is_an_error_that_names_the_field(annotation, complaint):
    with pytest.raises(Inexpressible, match=complaint) as error:
        field_schema(annotation)

    assert str(error.value).startswith("Kind.field")


class Inner(Struct, kw_only=True):
    a: Short
    b: Short | None = None
    RULES: ClassVar = (Rule("has(self.b)", "b is missing", field=".b"),)


class Outer(Inner, kw_only=True):
    metadata: ObjectMeta
    inner: Inner | None = None


def test_rules_of_a_class_are_inherited_and_found_where_it_is_nested():
    schema = schema_of(Outer)
    rule = {"rule": "has(self.b)", "message": "b is missing", "fieldPath": ".b"}

    assert schema["x-kubernetes-validations"] == [rule]
    assert schema["properties"]["inner"]["x-kubernetes-validations"] == [rule]


def test_fields_without_a_value_of_their_own_are_required_but_never_metadata():
    assert schema_of(Outer)["required"] == ["a"]
    assert schema_of(Outer)["properties"]["metadata"]["type"] == "object"


def test_a_rule_in_words_takes_the_place_of_a_pattern():
    assert field_schema(Word) == {
        "type": "string",
        "maxLength": 8,
        "x-kubernetes-validations": [{"rule": "self != ''", "message": "a word is not empty"}],
    }


class Tagged(Struct, tag=True):
    a: bool


class Listed(Struct, array_like=True):
    a: bool


@pytest.mark.parametrize("cls", [Tagged, Listed])
def test_structs_that_are_no_plain_objects_are_refused(cls):
    with pytest.raises(Inexpressible, match="no plain objects"):
        schema_of(cls)
