"""Tests of the small instances of JSON schemas."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authprobe.emulator.model.schema_instance import MAX_SIZE, small_instance

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "required": ["left", "right"],
            "properties": {"left": {"$ref": "#/$defs/node"}, "right": {"$ref": "#/$defs/node"}},
        }
    },
}
"""A schema of which no instance is finite, and twice as large at each depth."""


@pytest.mark.parametrize(
    ("schema", "instance"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        ({"required": ["a"], "properties": {"a": {"type": "string"}}}, {"a": "pong"}),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [0, 0]),
        ({"items": {"type": "integer"}, "minItems": 3, "uniqueItems": True}, [0, 1, 2]),
        ({"type": "array", "contains": {"const": 5}}, [5]),
        ({"enum": ["pytest", "unittest"]}, "pytest"),
        ({"const": {"a": None}}, {"a": None}),
        ({"type": ["null", "boolean"]}, False),
        ({"type": "null"}, None),
        ({"type": "string", "minLength": 6}, "ponggg"),
        ({"type": "string", "maxLength": 2}, "po"),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 4}, 4),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "number", "minimum": 0.2, "maximum": 0.8}, 0.5),
        ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, False),
        ({"allOf": [{"required": ["a"]}, {"properties": {"a": {"const": 1}}}]}, {"a": 1}),
        ({"$ref": "#/$defs/x", "$defs": {"x": {"type": "boolean"}}}, False),
        ({"minProperties": 1, "properties": {"b": {"type": "null"}}}, {"b": None}),
    ],
)  # fmt: skip
def test_an_instance_has_what_the_schema_requires(schema: dict[str, Any], instance: object) -> None:
    assert small_instance(schema) == instance
    jsonschema.validate(instance, schema)


LEAVES = (
    st.sampled_from(["string", "integer", "number", "boolean", "null"]).map(lambda t: {"type": t})
    | st.builds(
        lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
        st.integers(-50, 50),
        st.integers(0, 9),
    )
    | st.builds(
        lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size},
        st.integers(0, 9),
        st.integers(0, 9),
    )
    | st.lists(st.text(max_size=3), min_size=1, max_size=3).map(lambda texts: {"enum": texts})
)


def _objects(parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.sampled_from("abcd"), parts, max_size=3)
    return properties.flatmap(
        lambda found: st.lists(st.sampled_from(sorted(found) or ["a"]), unique=True).map(
            lambda required: {
                "type": "object",
                "properties": found,
                "required": required,
                "additionalProperties": not found,
            }
        )
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda parts: (
        _objects(parts)
        | st.builds(
            lambda item, low: {"type": "array", "items": item, "minItems": low},
            parts,
            st.integers(0, 3),
        )
        | st.lists(parts, min_size=1, max_size=2).map(lambda choices: {"anyOf": choices})
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(schema=SCHEMAS)
def test_an_instance_is_valid(schema: dict[str, Any]) -> None:
    jsonschema.validate(small_instance(schema), schema)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("type", "properties", "required", "items", "prefixItems", "minItems", "enum"),
                    *(
                        "anyOf",
                        "allOf",
                        "$ref",
                        "minimum",
                        "exclusiveMaximum",
                        "multipleOf",
                        "format",
                    ),
                    *(
                        "contains",
                        "minProperties",
                        "additionalProperties",
                        "maxLength",
                        "minLength",
                    ),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(schema=st.dictionaries(st.sampled_from(["type", "items", "required", "anyOf"]), JSON))
def test_any_schema_has_an_instance(schema: dict[str, Any]) -> None:
    json.dumps(small_instance(schema))


@pytest.mark.parametrize(
    "schema",
    [
        TREE,
        {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}},
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**9, "items": {"const": "x" * 50_000}},
        {"$ref": "#"},
        {"minProperties": 10**9},
        {"type": "array", "minItems": 1000, "items": {"type": "string", "minLength": 10**9}},
    ],
    ids=range(7),
)
def test_the_size_of_an_instance_is_limited(schema: dict[str, Any]) -> None:
    assert len(json.dumps(small_instance(schema))) < 30 * MAX_SIZE
