"""Error messages for the validation errors of pydantic, in the vocabulary of the document."""

import datetime
import enum
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import ErrorDetails

from authprobe.documents.node_tree import Mapping, Node, Scalar, describe
from authprobe.documents.source import KeyPath, escape, quote, remedy
from authprobe.documents.vocabulary import Vocabulary

_COMPARISONS: Final = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
_TRUE_WORDS: Final = frozenset({"yes", "on", "y"})
_FALSE_WORDS: Final = frozenset({"no", "off", "n"})
_MAX_MESSAGE_LENGTH: Final = 200
MESSAGE: Final = "message"
"""Type of a custom error whose text is the whole message."""


def error_message(
    error: ErrorDetails,
    path: KeyPath,
    node: Node,
    types: tuple[Any, ...],
    vocabulary: Vocabulary,
) -> str | None:
    """Return the message for an error at a node; None if another error already covers it."""
    name, context = subject(path, vocabulary), error.get("ctx", {})
    kind = error["type"]
    if kind in _EXPECTED_TYPES:
        expected, hint = _EXPECTED_TYPES[kind]
        return f"{name} must be {expected}, not {describe(node)}{hint(node)}"
    match kind:
        case _ if kind == MESSAGE:
            return error["msg"]
        case "enum":
            return _choice_message(name, node, types[0], vocabulary)
        case "string_pattern_mismatch":
            text = error["input"] if isinstance(error["input"], str) else ""
            pattern = str(context["pattern"])
            noun = vocabulary.patterns.get(pattern, f"of the form {escape(pattern)}")
            return f"{quote(text)} is not {noun}"
        case "string_too_short":
            return f"{name} must not be empty"
        case "string_too_long":
            return f"{name} is longer than {context['max_length']:,} characters"
        case "too_short":
            # pydantic counts only valid items; each invalid one has an error of its own already.
            empty = not getattr(node, "nodes", ())
            return f"{name} must have at least one item" if empty else None
        case "too_long":
            return f"{name} must have at most {context['max_length']:,} items"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"{name} must be {_bound(context)}, not {describe(node)}"
        case "value_error":
            reason = str(context["error"])
            return f"{name}: {escape(reason)[:_MAX_MESSAGE_LENGTH]}"
    return f"{name}: {escape(error['msg'])[:_MAX_MESSAGE_LENGTH]}"


def subject(path: KeyPath, vocabulary: Vocabulary) -> str:
    """Return the name of the value at a path, as the subject of an error message."""
    match path:
        case ():
            return vocabulary.document
        case (int(index),):
            return f"item {index + 1}"
        case (*_, str(key), int(index)):
            return f"item {index + 1} of {quote(key)}"
        case _:
            return quote(str(path[-1]))


def _bound(context: dict[str, Any]) -> str:
    key = next(key for key in _COMPARISONS if key in context)
    limit = context[key]
    number = f"{limit:,.12g}" if isinstance(limit, int | float) else limit  # a date is already text
    return f"{_COMPARISONS[key]} {number}"


def _choice_message(name: str, node: Node, choice: Any, vocabulary: Vocabulary) -> str:
    noun = vocabulary.nouns.get(choice, "a choice")
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return f"{name} must be {noun}, not {describe(node)}"
    words = [member.value for member in choice] if issubclass(choice, enum.Enum) else []
    return f"{quote(node.text)} is not {noun}{remedy(node.text, words)}"


def _text_hint(node: Node) -> str:
    scalar = isinstance(node, Scalar) and node.value is not None
    return "; put it in quotes" if scalar else ""


def _list_hint(node: Node) -> str:
    scalar = isinstance(node, Scalar) and node.value is not None
    return "; put it in [ ]" if scalar else ""


def _number_hint(node: Node) -> str:
    if isinstance(node, Scalar) and isinstance(node.value, str):
        digits = node.value.strip().removeprefix("-").replace(".", "", 1)
        return "; leave out the quotes" if digits.isdecimal() and digits.isascii() else ""
    return ""


def _flag_hint(node: Node) -> str:
    word = node.text.lower() if isinstance(node, Scalar) else ""
    if word in {"true", "false"}:
        return "; leave out the quotes"
    if word in _TRUE_WORDS:
        return "; did you mean true?"
    return "; did you mean false?" if word in _FALSE_WORDS else ""


def _date_hint(node: Node) -> str:
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return ""
    try:
        datetime.date.fromisoformat(node.value)
    except ValueError:
        return ""
    return "; leave out the quotes"


def _mapping_hint(node: Node) -> str:
    return "" if isinstance(node, Mapping) else "; write 'key: value' lines"


_EXPECTED_TYPES: Final[dict[str, tuple[str, Callable[[Node], str]]]] = {
    "string_type": ("text", _text_hint),
    "tuple_type": ("a list", _list_hint),
    "bool_type": ("true or false", _flag_hint),
    "int_type": ("a whole number", _number_hint),
    "float_type": ("a number", _number_hint),
    "date_type": ("a date such as 2026-02-19", _date_hint),
    "date_parsing": ("a date such as 2026-02-19", _date_hint),
    "date_from_datetime_parsing": ("a date such as 2026-02-19", _date_hint),
    "dataclass_type": ("a mapping", _mapping_hint),
    "dict_type": ("a mapping", _mapping_hint),
}
"""Expected value by type of pydantic error, with a hint for the actual node."""
