"""YAML as a tree of nodes with positions; size and depth are bounded, as files are untrusted.

The tree is built from parse events in one pass, and no Python object is constructed: explicit tags
are rejected, and plain scalars follow the core schema of YAML 1.2 (10.3.2), plus dates. So `yes`
and `on` are text.
"""

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from authprobe.documents.source import Position, Problem, SourceError, escape, quote
from authprobe.documents.vocabulary import Vocabulary

MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 50
_MAX_REASON_LENGTH: Final = 200

Value = str | int | float | bool | datetime.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A single value with its spelling in the file."""

    position: Position
    value: Value
    text: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    position: Position
    nodes: "tuple[Node, ...]"
    count: int
    """Number of nodes, including itself; an alias counts at each use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys with their values, including merged ones."""

    position: Position
    keys: dict[str, Position]
    nodes: "dict[str, Node]"
    count: int


Node = Scalar | Items | Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The only document of a file, and its problems as YAML."""

    root: Node
    problems: tuple[Problem, ...]


class EmptyFileError(SourceError):
    """A file without a document."""


def compose(text: str, vocabulary: Vocabulary) -> Tree:
    """Parse a YAML text into a tree.

    Raises:
        EmptyFileError: the text contains no document.
        SourceError: the text is not YAML, has several documents, is too deep or too large.
    """
    try:
        return _Composer(text, vocabulary).tree()
    except yaml.YAMLError as error:
        raise SourceError(*_explain(error, text)) from None


def plain(node: Node) -> Any:
    """Return the node as built-in Python values."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(item) for item in node.nodes]
        case Mapping():
            return {key: plain(value) for key, value in node.nodes.items()}


@dataclass(slots=True)
class _Pairs:
    """The entries of a mapping while it is being parsed."""

    keys: dict[str, Position] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    merged: list[Mapping] = field(default_factory=list)

    def add(self, key: str, position: Position, node: Node) -> None:
        self.keys.setdefault(key, position)
        self.nodes.setdefault(key, node)

    def mapping(self, position: Position) -> Mapping:
        for source in self.merged:  # after the explicit keys, and the first source wins
            for key, node in source.nodes.items():
                self.add(key, source.keys[key], node)
        count = 1 + sum(node.count for node in self.nodes.values())
        return Mapping(position=position, keys=self.keys, nodes=self.nodes, count=count)


class _Composer:
    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        # libyaml is twenty times faster, and its marks are the same.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self._vocabulary = vocabulary
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0
        self._problems: list[Problem] = []

    def tree(self) -> Tree:
        next(self._events)
        is_empty = isinstance(next(self._events), yaml.StreamEndEvent)
        root = None if is_empty else self._node(next(self._events), depth=1)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            start = f"{self._vocabulary.document} starts with {self._vocabulary.start}"
            raise EmptyFileError(Position(), f"the file is empty; {start}")
        next(self._events)
        if not isinstance(end := next(self._events), yaml.StreamEndEvent):
            raise SourceError(
                _position(end), "a second document starts here; put each document in its own file"
            )
        return Tree(root=root, problems=tuple(self._problems))

    def _node(self, event: Any, depth: int) -> Node:
        position = _position(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), position)
        if depth > MAX_DEPTH:
            raise SourceError(position, f"nested deeper than {MAX_DEPTH} levels")
        self._count(1, position)
        if event.tag is not None:
            tag = quote(_short_tag(event.tag))
            self._report(position, f"the tag {tag} is not allowed; leave it out")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._untagged(event, position, depth)
        # Had the anchor been set again inside, the later one would count.
        if event.anchor is not None and self._anchors[event.anchor] is None:
            self._anchors[event.anchor] = node
        return node

    def _untagged(self, event: Any, position: Position, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, position)
        if isinstance(event, yaml.SequenceStartEvent):
            nodes = tuple(
                self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)
            )
            count = 1 + sum(node.count for node in nodes)
            return Items(position=position, nodes=nodes, count=count)
        return self._mapping(position, depth)

    def _alias(self, name: str, position: Position) -> Node:
        if name not in self._anchors:
            raise SourceError(position, f"no anchor {quote('&' + name)} precedes this alias")
        if (node := self._anchors[name]) is None:
            alias = quote("*" + name)
            raise SourceError(position, f"the alias {alias} is inside its own anchor")
        self._count(node.count, position)
        return dataclasses.replace(node, position=position)

    def _scalar(self, event: yaml.ScalarEvent, position: Position) -> Scalar:
        text: str = event.value
        if match := _CONTROL.search(text):
            code = f"U+{ord(match[0]):04X}"
            self._report(position, f"the text contains the control character {code}; leave it out")
        value = resolve_scalar(text) if event.implicit[0] else text
        return Scalar(position=position, value=value, text=text)

    def _mapping(self, position: Position, depth: int) -> Mapping:
        pairs = _Pairs()
        merge_position: Position | None = None
        for event in self._until(yaml.MappingEndEvent):
            key_position = _position(event)
            key = self._node(event, depth + 1)
            node = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._report(key_position, "a key must be text, not a list or a mapping")
            elif key.text == "<<" and getattr(event, "implicit", (False,))[0]:
                if merge_position:
                    self._report(
                        key_position,
                        f"the key '<<' is also in line {merge_position.line}; "
                        "merge both in one list",
                    )
                merge_position = merge_position or key_position
                pairs.merged += self._merged(node)
            elif not isinstance(key.value, str):
                self._report(
                    key_position, f"a key must be text, not {describe(key)}; put it in quotes"
                )
            elif (first := pairs.keys.get(key.value)) is not None:
                self._report(
                    key_position, f"the key {quote(key.value)} is also in line {first.line}"
                )
            else:
                pairs.add(key.value, key_position, node)
        return pairs.mapping(position)

    def _merged(self, node: Node) -> Iterator[Mapping]:
        for source in node.nodes if isinstance(node, Items) else (node,):
            if isinstance(source, Mapping):
                yield source
            else:
                self._report(source.position, f"'<<' takes a mapping, not {describe(source)}")

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _count(self, nodes: int, position: Position) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise SourceError(
                position, f"more than {MAX_NODES:,} keys and values, counting aliases at each use"
            )

    def _report(self, position: Position, message: str) -> None:
        self._problems.append(Problem(position, message))


def describe(node: Node) -> str:
    """Return the kind and value of a node, for an error message."""
    match node:
        case Items():
            return "a list"
        case Mapping():
            return "a mapping"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=str()):
            return f"the text {quote(node.text)}" if node.text else "an empty text"
        case Scalar(value=datetime.date()):
            return f"the date {quote(node.text)[1:-1]}"
        case Scalar(value=bool()):
            return node.text
        case Scalar():
            return f"the number {quote(node.text)[1:-1]}"


_CONTROL: Final = re.compile(r"[^\t\n\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")
_INTEGER: Final = re.compile(r"[-+]?[0-9]{1,20}")
_OCTAL_OR_HEX: Final = re.compile(r"0(?:o[0-7]{1,20}|x[0-9a-fA-F]{1,16})")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]{1,20}|[0-9]{1,20}(?:\.[0-9]{0,20})?)(?:[eE][-+]?[0-9]{1,3})?"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS: Final[dict[str, bool | None]] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)


def resolve_scalar(text: str) -> Value:
    """Return the value of a plain scalar, as YAML reads it.

    Digits beyond the limits above stay text: converting endless numbers would be slow.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OCTAL_OR_HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _DATE.fullmatch(text):
        with contextlib.suppress(ValueError):
            return datetime.date.fromisoformat(text)
    return text


def _position(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _short_tag(tag: str) -> str:
    standard = "tag:yaml.org,2002:"
    return "!!" + tag.removeprefix(standard) if tag.startswith(standard) else tag


def _explain(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    """Return where the text stops being YAML, and the parser's reason with a remedy."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Position(), f"not YAML: {escape(str(error))[:_MAX_REASON_LENGTH]}"
    position = Position(error.problem_mark.line + 1, error.problem_mark.column + 1)
    reason = ", ".join(part for part in (error.context, error.problem) if part)
    start = error.context_mark
    since = (
        f" (it began in line {start.line + 1})" if start and start.line + 1 != position.line else ""
    )
    hint = _hint(reason, text, position)
    return position, f"not YAML: {escape(reason)[:_MAX_REASON_LENGTH]}{since}{hint}"


def _hint(reason: str, text: str, position: Position) -> str:
    lines = text.splitlines()
    line = lines[position.line - 1] if position.line <= len(lines) else ""
    if "cannot start any token" in reason:
        if line[position.column - 1 : position.column] == "\t":
            return "; indent with spaces, not tabs"
        return "; put the text in quotes"
    if "mapping values are not allowed" in reason:
        return '; put text that contains ": " in quotes'
    if "escape" in reason:
        return "; use single quotes for a literal backslash"
    return ""
