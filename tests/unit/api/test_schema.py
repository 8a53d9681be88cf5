from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cotenant.api.schema import KINDS, crd, crds, files
from cotenant.api.structural import schema_of

CHART = Path(__file__).parents[3] / "charts" / "cotenant" / "crds"


def walk(schema: dict, path: str = "") -> Iterator[tuple[str, dict]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from walk(schema[key], f"{path}[]")


ALL = [(kind.name + path, schema) for kind in KINDS for path, schema in walk(schema_of(kind.type))]
OURS = [
    (path, schema) for path, schema in ALL if not path.endswith((".apiVersion", ".kind")) and ".metadata" not in path
]


def test_the_committed_files_are_what_the_types_say():
    assert {path.name: path.read_text() for path in CHART.glob("*.yaml")} == files()


def test_the_files_hold_the_definitions():
    assert [yaml.safe_load(text) for text in files().values()] == crds()


def test_everything_is_bounded_and_nothing_has_a_default():
    for path, schema in OURS:
        if schema.get("type") == "string":
            assert "enum" in schema or "maxLength" in schema, path
        if schema.get("type") == "array":
            assert "maxItems" in schema, path
        if "additionalProperties" in schema:
            assert "maxProperties" in schema, path
        assert not {"default", "nullable", "$ref", "x-kubernetes-preserve-unknown-fields"} & schema.keys(), path


def test_every_property_is_described():
    for path, schema in OURS:
        for name, inner in schema.get("properties", {}).items():
            assert name == "metadata" or len(inner["description"]) > 3, f"{path}.{name}"


def test_every_rule_says_in_one_line_what_to_do():
    messages = [rule["message"] for _, schema in ALL for rule in schema.get("x-kubernetes-validations", ())]

    assert len(messages) > 30
    assert all("\n" not in message and 5 < len(message) < 200 for message in messages)


def test_kinds_are_served_as_documented():
    served = {
        definition["spec"]["names"]["kind"]: (
            definition["spec"]["scope"],
            definition["spec"]["names"]["shortNames"],
            definition["spec"]["names"]["categories"],
            "status" in definition["spec"]["versions"][0].get("subresources", {}),
        )
        for definition in crds()
    }

    assert served == {
        "Tenant": ("Cluster", ["cot"], ["cotenant"], True),
        "TenantProfile": ("Cluster", ["cotp"], ["cotenant"], False),
        "Space": ("Namespaced", ["cosp"], ["cotenant"], True),
        "SpacePolicy": ("Namespaced", ["copol"], ["cotenant"], False),
        "TenantLedger": ("Namespaced", ["cotl"], ["cotenant"], False),
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_message_never_stands_in_the_narrow_table(kind):
    columns = crd(kind)["spec"]["versions"][0]["additionalPrinterColumns"]

    assert [
        column["name"] for column in columns if column["name"] in ("Reason", "Message") and not column.get("priority")
    ] == []
    assert columns[-1]["name"] == "Age" or any(column["name"] == "Age" for column in columns)
