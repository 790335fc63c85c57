"""A small instance of a JSON schema.

No library is used: those on PyPI make random instances (jsf, hypothesis-jsonschema), and the
emulator answers the same request with the same instance each time.
"""

import json
import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, TypeGuard

ANSWER: Final = "pong"
"""A text where any text is allowed: many programs take an empty one for an error."""
MAX_DEPTH: Final = 30
MAX_SIZE: Final = 100_000
"""Depth, and about the number of characters, at which an instance ends: a client chooses the
schema, and it can refer to itself.
"""
MAX_BOUND: Final = 1e100
MIN_STEP: Final = 1e-9
"""Larger bounds of numbers are ignored, and smaller steps."""
MAX_PARTS: Final = 300
"""Schemas that are merged into one."""
FORMATS: Final = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "pong@example.com",
    "hostname": "example.com",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}
"""Texts of the formats that structured outputs support
(platform.claude.com/docs/en/build-with-claude/structured-outputs).
"""
_TYPE_OF_KEYWORD: Final = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "minProperties"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "contains"), "array"),
    **dict.fromkeys(("minLength", "maxLength", "format", "pattern"), "string"),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), "number"),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), "number"),
}
"""Type that a schema without a type means, by its keywords."""


def small_instance(schema: Mapping[str, Any]) -> Any:
    """Return an instance with what the schema requires and nothing else.

    Patterns are not followed, nor `not`, `if`, `dependentSchemas` and references to other files.
    """
    return _Maker(schema).make(schema, MAX_DEPTH)


class _Maker:
    """Makes one instance, and ends it where it becomes too large."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._room = MAX_SIZE

    def make(self, part: object, depth: int) -> Any:
        self._room -= len(ANSWER) + 4
        if not isinstance(part, dict) or depth == 0 or self._room <= 0:
            return ANSWER
        schema = _flat(part, self._root)
        if "const" in schema:
            return self._copy(schema["const"])
        if isinstance(options := schema.get("enum"), list) and options:
            return self._copy(options[0])
        match _type(schema):
            case "object":
                return self._object(schema, depth - 1)
            case "array":
                return self._array(schema, depth - 1)
            case "integer" | "number" as kind:
                return _number(schema, is_whole=kind == "integer")
            case "boolean":
                return False
            case "null":
                return None
            case _:
                return self._string(schema)

    def _copy(self, value: object) -> object:
        self._room -= len(json.dumps(value))
        return value if self._room > 0 else ANSWER

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        other = schema.get("additionalProperties")
        required = [name for name in _list(schema.get("required")) if isinstance(name, str)]
        instance: dict[str, Any] = {}
        for name in required:
            if self._room <= 0:
                break
            self._room -= len(name)
            instance[name] = self.make(properties.get(name, other), depth)
        optional = [name for name in properties if name not in instance]
        missing = self._count(schema.get("minProperties")) - len(instance)
        optional += [f"{ANSWER}{number}" for number in range(missing - len(optional))]
        for name in optional[: max(missing, 0)]:
            instance[name] = self.make(properties.get(name, other), depth)
        return instance

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        contained = schema.get("contains") if schema.get("minContains") != 0 else None
        length = max(self._count(schema.get("minItems")), int(contained is not None))
        parts = _list(schema.get("prefixItems"))[:length]
        parts += [schema.get("items") if contained is None else contained] * (length - len(parts))
        items = [self.make(part, depth) for part in parts]
        return _distinct(items) if schema.get("uniqueItems") is True else items

    def _string(self, schema: Mapping[str, Any]) -> str:
        text = FORMATS.get(str(schema.get("format")), ANSWER)
        text = text.ljust(self._count(schema.get("minLength")), "g")
        self._room -= len(text)
        longest = schema.get("maxLength")
        return text[:longest] if isinstance(longest, int) and longest >= 0 else text

    def _count(self, value: object) -> int:
        return min(value, max(self._room, 0)) if isinstance(value, int) and value > 0 else 0


def _flat(schema: dict[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema with references, `allOf` and the first alternative merged into it."""
    flat: dict[str, Any] = {}
    pending: deque[object] = deque([schema])
    for _ in range(MAX_PARTS):
        if not pending:
            break
        part = pending.popleft()
        if not isinstance(part, dict):
            continue
        flat = _merged(flat, part)
        if isinstance(reference := part.get("$ref"), str):
            pending.append(_resolve(reference, root))
        pending += _list(part.get("allOf"))[:MAX_PARTS]
        for name in ("anyOf", "oneOf"):
            pending += _list(part.get(name))[:1]
    return flat


def _merged(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Return one schema that requires what both require."""
    merged = {**right, **left}
    for name in ("properties", "required"):
        ours, theirs = left.get(name), right.get(name)
        if isinstance(ours, dict) and isinstance(theirs, dict):
            merged[name] = {**theirs, **ours}
        elif isinstance(ours, list) and isinstance(theirs, list):
            merged[name] = [*ours, *theirs]
    for name, choose in (("minItems", max), ("minLength", max), ("minimum", max), ("maximum", min)):
        if _is_number(left.get(name)) and _is_number(right.get(name)):
            merged[name] = choose(left[name], right[name])
    return merged


def _resolve(reference: str, root: Mapping[str, Any]) -> object:
    """Return the part of the schema at a JSON pointer (RFC 6901); None: there is none."""
    part: object = root
    for name in reference.removeprefix("#").split("/")[1:]:
        key = name.replace("~1", "/").replace("~0", "~")
        part = part.get(key) if isinstance(part, dict) else None
    return part


def _type(schema: Mapping[str, Any]) -> object:
    """Return the type of the instance: the first one allowed, or the one its keywords mean."""
    kind = schema.get("type")
    if isinstance(kind, list):
        return next((name for name in kind if name != "null"), "null")
    if kind is not None:
        return kind
    return next((_TYPE_OF_KEYWORD[name] for name in schema if name in _TYPE_OF_KEYWORD), "string")


def _distinct(items: list[Any]) -> list[Any]:
    """Return the items with a number added to texts and numbers, so that they differ."""
    return [
        f"{item}{number}"
        if number and isinstance(item, str)
        else item + number
        if number and _is_number(item)
        else item
        for number, item in enumerate(items)
    ]


def _number(schema: Mapping[str, Any], *, is_whole: bool) -> float:
    """Return the number nearest to 0 that the bounds and the step allow."""
    step = schema.get("multipleOf")
    step = step if _is_number(step) and MIN_STEP <= step < MAX_BOUND else 1
    if is_whole:
        step = math.ceil(step)
    low = _first_multiple(schema.get("minimum"), schema.get("exclusiveMinimum"), step)
    high = -_first_multiple(
        _negative(schema.get("maximum")), _negative(schema.get("exclusiveMaximum")), step
    )
    value = low if low > 0 else min(high, 0)
    if low > high and not is_whole:  # no multiple of the step is between the bounds
        value = _middle(schema)
    if not math.isfinite(value):
        return 0
    return int(value) if value == int(value) else value


def _first_multiple(inclusive: object, exclusive: object, step: float) -> float:
    """Return the lowest multiple of a step above the lower bounds."""
    low = -math.inf
    if _is_bound(inclusive):
        low = math.ceil(inclusive / step) * step
    if _is_bound(exclusive):
        low = max(low, (math.floor(exclusive / step) + 1) * step)
    return low


def _middle(schema: Mapping[str, Any]) -> float:
    ends = [
        float(bound)
        for names in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))
        for bound in [next((schema[name] for name in names if _is_bound(schema.get(name))), 0)]
    ]
    return sum(ends) / 2


def _negative(value: object) -> object:
    return -value if _is_bound(value) else None


def _is_bound(value: object) -> TypeGuard[float]:
    return _is_number(value) and abs(value) < MAX_BOUND


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
