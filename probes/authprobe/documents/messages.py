"""The words for what pydantic has against a value."""

import datetime
import enum
from collections.abc import Callable
from typing import Any, Final

from pydantic_core import ErrorDetails

from authprobe.documents.node_tree import Mapping, Node, Scalar, describe
from authprobe.documents.source import KeyPath, escape, quote, remedy
from authprobe.emulator.config import FAULT_PATTERN, AccountState, TokenKind, TokenState
from authprobe.observation.model import LoginExpiry, LoginState, Outcome
from authprobe.scenario.model import CLIENT_PATTERN, SLUG_PATTERN, Flow, Form, Request, Via

_ENUMS: Final[dict[Any, str]] = {
    Outcome: "an outcome",
    LoginState: "what a stored login may be worth",
    LoginExpiry: "what a stored login may say of its expiry",
    Request: "a request",
    TokenKind: "a kind of token",
    TokenState: "a state of a token",
    AccountState: "a standing",
    Via: "a way to hand over a credential",
    Form: "a form of a credential",
    Flow: "a flow",
}
_PATTERNS: Final = {
    FAULT_PATTERN: "the name of a fault; `authprobe emulator --rules` lists them",
    SLUG_PATTERN: "a name; use a-z, 0-9 and . + _ -",
    CLIENT_PATTERN: "a client; write kind@version, as in claude-code@2.1.31",
}
_ADDRESS: Final = (
    "an address; write one as https://api.anthropic.com, without user, query or spaces"
)
_BOUNDS: Final = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
_YES: Final = frozenset({"yes", "on", "y"})
_NO: Final = frozenset({"no", "off", "n"})


def wording(error: ErrorDetails, path: KeyPath, node: Node, types: tuple[Any, ...]) -> str | None:
    """What is wrong with the node; None where pydantic only repeats itself."""
    name, context = subject(path), error.get("ctx", {})
    kind = error["type"]
    if kind in _WANTED:
        wanted, hint = _WANTED[kind]
        return f"{name} must be {wanted}, not {describe(node)}{hint(node)}"
    match kind:
        case "enum":
            return _choice(name, node, types[0])
        case "string_pattern_mismatch":
            text = error["input"] if isinstance(error["input"], str) else ""
            return f"{quote(text)} is not {_PATTERNS.get(context['pattern'], _ADDRESS)}"
        case "string_too_short":
            return f"{name} must not be empty"
        case "string_too_long":
            return f"{name} is longer than {context['max_length']} characters"
        case "too_short":
            # It counts the items that are valid; those that are not have a complaint already.
            empty = not getattr(node, "nodes", ())
            return f"{name} must have at least one item" if empty else None
        case "too_long":
            return f"{name} must have at most {context['max_length']} items"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            bounds = [
                f"{words} {context[key]:g}" for key, words in _BOUNDS.items() if key in context
            ]
            return f"{name} must be {bounds[0]}, not {describe(node)}"
    return f"{name}: {escape(error['msg'])[:200]}"


def subject(path: KeyPath) -> str:
    """The value at a path as a complaint names it."""
    match path:
        case ():
            return "a scenario"
        case (*_, str(key), int(index)):
            return f"item {index + 1} of {quote(key)}"
        case _:
            return quote(str(path[-1]))


def _choice(name: str, node: Node, choice: Any) -> str:
    noun = _ENUMS.get(choice, "a choice")
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
    return (
        "; did you mean true?" if word in _YES else "; did you mean false?" if word in _NO else ""
    )


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


_WANTED: Final[dict[str, tuple[str, Callable[[Node], str]]]] = {
    "string_type": ("text", _text_hint),
    "tuple_type": ("a list", _list_hint),
    "bool_type": ("true or false", _flag_hint),
    "int_type": ("a whole number", _number_hint),
    "float_type": ("a number", _number_hint),
    "date_type": ("a date as 2026-02-19", _date_hint),
    "date_parsing": ("a date as 2026-02-19", _date_hint),
    "date_from_datetime_parsing": ("a date as 2026-02-19", _date_hint),
    "dataclass_type": ("a mapping", _mapping_hint),
    "dict_type": ("a mapping", _mapping_hint),
}
