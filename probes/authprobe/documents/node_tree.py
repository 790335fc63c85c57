"""YAML as a tree whose every key and value knows its place; bounded, so that no file can hurt.

The tree is built from parse events, in one pass. Nothing is constructed: explicit tags are refused,
and plain scalars are what the core schema of YAML 1.2 says (10.3.2), and dates. So `yes` and `on`
are texts.
"""

import contextlib
import dataclasses
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from authprobe.documents.source import Flaw, Mark, SourceError, escape, quote

MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 50

Value = str | int | float | bool | datetime.date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A single value, and its spelling in the file."""

    at: Mark
    value: Value
    text: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    at: Mark
    nodes: "tuple[Node, ...]"
    count: int
    """How many nodes it is, with those of aliases as often as they are used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Keys with their values, merged ones included."""

    at: Mark
    keys: dict[str, Mark]
    nodes: "dict[str, Node]"
    count: int


Node = Scalar | Items | Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The one document of a file, and what is wrong with it as YAML."""

    root: Node
    flaws: tuple[Flaw, ...]


def compose(text: str) -> Tree:
    """The tree of a YAML text.

    Raises:
        SourceError: it is not YAML, not exactly one document, too deep or too large.
    """
    try:
        return _Composer(text).tree()
    except yaml.YAMLError as error:
        raise SourceError(*_explain(error, text)) from None


def plain(node: Node) -> Any:
    """The node as Python's own values."""
    match node:
        case Scalar():
            return node.value
        case Items():
            return [plain(item) for item in node.nodes]
        case Mapping():
            return {key: plain(value) for key, value in node.nodes.items()}


@dataclass(slots=True)
class _Pairs:
    """The entries of a mapping while it is read."""

    keys: dict[str, Mark] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    merged: list[Mapping] = field(default_factory=list)

    def add(self, key: str, at: Mark, node: Node) -> None:
        self.keys.setdefault(key, at)
        self.nodes.setdefault(key, node)

    def mapping(self, at: Mark) -> Mapping:
        for source in self.merged:  # after the explicit keys, and the first source wins
            for key, node in source.nodes.items():
                self.add(key, source.keys[key], node)
        count = 1 + sum(node.count for node in self.nodes.values())
        return Mapping(at=at, keys=self.keys, nodes=self.nodes, count=count)


class _Composer:
    def __init__(self, text: str) -> None:
        # libyaml is twenty times faster, and its marks are the same.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=loader))
        self._anchors: dict[str, Node | None] = {}
        self._nodes = 0
        self._flaws: list[Flaw] = []

    def tree(self) -> Tree:
        next(self._events)
        is_empty = isinstance(next(self._events), yaml.StreamEndEvent)
        root = None if is_empty else self._node(next(self._events), depth=1)
        if root is None or (isinstance(root, Scalar) and root.value is None):
            raise SourceError(Mark(), "the file is empty; a scenario starts with its 'id'")
        next(self._events)
        if not isinstance(end := next(self._events), yaml.StreamEndEvent):
            raise SourceError(_at(end), "a second document starts here; one file is one scenario")
        return Tree(root=root, flaws=tuple(self._flaws))

    def _node(self, event: Any, depth: int) -> Node:
        at = _at(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), at)
        if depth > MAX_DEPTH:
            raise SourceError(at, f"nested deeper than {MAX_DEPTH} levels")
        self._count(1, at)
        if event.tag is not None:
            self._fault(at, f"the tag {quote(_tag(event.tag))} is not allowed; leave it out")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node = self._untagged(event, at, depth)
        # Had the anchor been set again inside, the later one would count.
        if event.anchor is not None and self._anchors[event.anchor] is None:
            self._anchors[event.anchor] = node
        return node

    def _untagged(self, event: Any, at: Mark, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, at)
        if isinstance(event, yaml.SequenceStartEvent):
            nodes = tuple(
                self._node(item, depth + 1) for item in self._until(yaml.SequenceEndEvent)
            )
            return Items(at=at, nodes=nodes, count=1 + sum(node.count for node in nodes))
        return self._mapping(at, depth)

    def _alias(self, name: str, at: Mark) -> Node:
        if name not in self._anchors:
            raise SourceError(at, f"there is no anchor {quote('&' + name)} before this alias")
        if (node := self._anchors[name]) is None:
            raise SourceError(at, f"the alias {quote('*' + name)} is inside of what it stands for")
        self._count(node.count, at)
        return dataclasses.replace(node, at=at)

    def _scalar(self, event: yaml.ScalarEvent, at: Mark) -> Scalar:
        text: str = event.value
        if odd := _CONTROL.search(text):
            code = f"U+{ord(odd[0]):04X}"
            self._fault(at, f"the text holds the control character {code}; leave it out")
        return Scalar(at=at, value=_resolve(text) if event.implicit[0] else text, text=text)

    def _mapping(self, at: Mark, depth: int) -> Mapping:
        pairs = _Pairs()
        merge_at: Mark | None = None
        for event in self._until(yaml.MappingEndEvent):
            key_at = _at(event)
            key = self._node(event, depth + 1)
            node = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                self._fault(key_at, "a key must be text, not a list or a mapping")
            elif key.text == "<<" and getattr(event, "implicit", (False,))[0]:
                if merge_at:
                    self._fault(key_at, f"the key '<<' is also in line {merge_at.line}; list both")
                merge_at = merge_at or key_at
                pairs.merged += self._merged(node)
            elif not isinstance(key.value, str):
                self._fault(key_at, f"a key must be text, not {describe(key)}; put it in quotes")
            elif (first := pairs.keys.get(key.value)) is not None:
                self._fault(key_at, f"the key {quote(key.value)} is also in line {first.line}")
            else:
                pairs.add(key.value, key_at, node)
        return pairs.mapping(at)

    def _merged(self, node: Node) -> Iterator[Mapping]:
        for source in node.nodes if isinstance(node, Items) else (node,):
            if isinstance(source, Mapping):
                yield source
            else:
                self._fault(source.at, f"'<<' takes a mapping, not {describe(source)}")

    def _until(self, end: type[yaml.Event]) -> Iterator[Any]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _count(self, nodes: int, at: Mark) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise SourceError(
                at, f"more than {MAX_NODES:,} keys and values, counting aliases at each use"
            )

    def _fault(self, at: Mark, text: str) -> None:
        self._flaws.append(Flaw(at, text))


def describe(node: Node) -> str:
    """The node as a complaint names it."""
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
_BASED: Final = re.compile(r"0(?:o[0-7]{1,20}|x[0-9a-fA-F]{1,16})")
_FLOAT: Final = re.compile(
    r"[-+]?(?:\.[0-9]{1,20}|[0-9]{1,20}(?:\.[0-9]{0,20})?)(?:[eE][-+]?[0-9]{1,3})?"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORDS: Final[dict[str, bool | None]] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)


def _resolve(text: str) -> Value:
    """What a plain scalar stands for. Numbers without end are not numbers: they would be slow."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _DATE.fullmatch(text):
        with contextlib.suppress(ValueError):
            return datetime.date.fromisoformat(text)
    return text


def _at(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _tag(tag: str) -> str:
    standard = "tag:yaml.org,2002:"
    return "!!" + tag.removeprefix(standard) if tag.startswith(standard) else tag


def _explain(error: yaml.YAMLError, text: str) -> tuple[Mark, str]:
    """Where the text stops to be YAML, and why: the parser's words, and a remedy we know."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Mark(), f"not YAML: {escape(str(error))[:200]}"
    at = Mark(error.problem_mark.line + 1, error.problem_mark.column + 1)
    said = ", ".join(part for part in (error.context, error.problem) if part)
    began = error.context_mark
    since = f" (it began in line {began.line + 1})" if began and began.line + 1 != at.line else ""
    return at, f"not YAML: {escape(said)[:200]}{since}{_hint(said, text, at)}"


def _hint(said: str, text: str, at: Mark) -> str:
    lines = text.splitlines()
    line = lines[at.line - 1] if at.line <= len(lines) else ""
    if "cannot start any token" in said:
        if line[at.column - 1 : at.column] == "\t":
            return "; indent with spaces, not tabs"
        return "; put the text in quotes"
    if "mapping values are not allowed" in said:
        return "; put a text that holds ': ' in quotes"
    if "escape" in said:
        return "; use single quotes where a backslash is meant"
    return ""
