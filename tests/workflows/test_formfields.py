"""Fields of forms, from JSON Schema and from lists."""

from typing import Any

import pytest

from workflows.errors import Invalid
from workflows.formfields import MOST_FIELDS, FormField, parse

SCHEMA = {"properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({}, {"kind": "string"}),
        ({"type": "string", "format": "date-time"}, {"kind": "datetime"}),
        ({"type": "string", "format": "textarea", "title": "T", "description": "D"},
         {"kind": "text", "title": "T", "description": "D"}),
        ({"type": ["integer", "null"], "minimum": 1, "maximum": 9}, {"kind": "integer", "minimum": 1, "maximum": 9}),
        ({"type": "number", "default": 1.5}, {"kind": "number", "default": 1.5}),
        ({"type": "boolean"}, {"kind": "boolean"}),
        ({"type": "object"}, {"kind": "json"}),
        ({"type": "array"}, {"kind": "json"}),
        ({"enum": [1, "b"], "enumNames": ["One"]}, {"choices": ((1, "One"), ("b", "b"))}),
        ({"oneOf": [{"const": True, "title": "Yes"}]}, {"choices": ((True, "Yes"),)}),
        ({"options": [{"value": "x", "label": "X"}, "y"]}, {"choices": (("x", "X"), ("y", "y"))}),
        ({"type": "array", "items": {"enum": ["a"]}}, {"choices": (("a", "a"),), "multiple": True}),
        ({"minLength": 1, "maxLength": 5}, {"min_length": 1, "max_length": 5}),
    ],
)  # fmt: skip
def test_a_property_is_a_field(item: Any, expected: Any) -> None:
    assert parse({"properties": {"a": item}}) == [FormField("a", **expected)]
    assert parse([{"name": "a", **item}]) == [FormField("a", **expected)]


@pytest.mark.parametrize(
    "schema",
    [None, "", 3, {}, {"properties": {}}, {"properties": []}, {"x-uid": "1", **SCHEMA},
     {"properties": {"a": {"type": "void", "x-component": "Grid"}}}],
)  # fmt: skip
def test_what_is_no_schema_has_no_fields(schema: Any) -> None:
    assert parse(schema) == []


def test_names_alone_are_fields_too() -> None:
    assert parse(["a", {"name": "b", "required": True}]) == [FormField("a"), FormField("b", required=True)]
    assert parse({**SCHEMA, "required": ["a"]}) == [FormField("a", required=True)]


@pytest.mark.parametrize(
    ("schema", "field"),
    [
        ([3], "schema.0"),
        ([{"type": "string"}], "schema.0"),
        ([{"name": "a.b"}], "schema.0"),
        ([{"name": "a", "minimum": "x"}], "schema.0.minimum"),
        ([{"name": "a", "enum": [{}]}], "schema.0"),
        ([{"name": "a", "enum": list(range(501))}], "schema.0"),
        ([f"f{number}" for number in range(MOST_FIELDS + 1)], "schema"),
    ],
)
def test_what_can_not_be_read_is_told(schema: Any, field: str) -> None:
    with pytest.raises(Invalid) as refusal:
        parse(schema)
    assert field in refusal.value.errors
