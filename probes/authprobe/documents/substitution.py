"""Substitution of variables in a node tree: `${name}` in a text stands for the variable's value."""

import dataclasses
import re
from collections.abc import Collection
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from typing import Final

from authprobe.documents.node_tree import Items, Mapping, Node, Scalar, Value
from authprobe.documents.source import Position, Problem, quote, remedy

MAX_ADDED_LENGTH: Final = 1_000_000
"""Characters that all values of a document may add to it."""
_REFERENCE: Final = re.compile(r"\$(\$?)\{([A-Za-z0-9_-]{1,80})\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Substituted:
    """A tree after substitution, its problems, and the names of the variables in it."""

    root: Node
    problems: tuple[Problem, ...]
    used: frozenset[str]


def substitute(
    root: Node,
    values: AnyMapping[str, Value],
    *,
    code: Collection[str] = (),
    keyed: Collection[str] = (),
) -> Substituted:
    """Return the tree with each `${name}` replaced, and a problem for each unknown name.

    A text that is nothing but a reference becomes the value with its type. `$${name}` stands for
    `${name}` itself. Below the keys in `code`, what is not a known variable stays as it is, as
    shells and JavaScript have the same syntax. Keys of mappings are not replaced, except those
    directly below the keys in `keyed`.
    """
    substitution = _Substitution(values, frozenset(code), frozenset(keyed))
    new_root = substitution.node(root, in_code=False)
    return Substituted(
        root=new_root,
        problems=tuple(substitution.problems),
        used=frozenset(substitution.used),
    )


@dataclass(slots=True)
class _Substitution:
    values: AnyMapping[str, Value]
    code: frozenset[str]
    keyed: frozenset[str]
    problems: list[Problem] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    room: int = MAX_ADDED_LENGTH
    is_full: bool = False

    def node(self, node: Node, *, in_code: bool) -> Node:
        match node:
            case Scalar(value=str() as text) if "${" in text:
                return self._scalar(node, text, in_code=in_code)
            case Items():
                nodes = tuple(self.node(each, in_code=in_code) for each in node.nodes)
                return dataclasses.replace(node, nodes=nodes)
            case Mapping():
                below = {
                    key: self._below(key, each, in_code=in_code) for key, each in node.nodes.items()
                }
                return dataclasses.replace(node, nodes=below)
        return node

    def _below(self, key: str, node: Node, *, in_code: bool) -> Node:
        new = self.node(node, in_code=in_code or key in self.code)
        if key in self.keyed and isinstance(new, Mapping):
            return self._with_keys(new)
        return new

    def _with_keys(self, mapping: Mapping) -> Mapping:
        """Return a mapping with its keys replaced, and a problem for each that is there twice."""
        keys: dict[str, Position] = {}
        nodes: dict[str, Node] = {}
        for text, node in mapping.nodes.items():
            position = mapping.keys[text]
            scalar = Scalar(position=position, value=text, text=text)
            key = self._scalar(scalar, text, in_code=False).text if "${" in text else text
            if key in nodes:
                message = f"with these variables, {quote(key)} is here twice"
                self.problems.append(Problem(position, message))
            keys[key], nodes[key] = position, node
        return dataclasses.replace(mapping, keys=keys, nodes=nodes)

    def _scalar(self, node: Scalar, text: str, *, in_code: bool) -> Scalar:
        whole = _REFERENCE.fullmatch(text)
        if whole and not whole[1] and whole[2] in self.values:
            value = self.values[whole[2]]
            self.used.add(whole[2])
            return self._replaced(node, value, spelling(value))

        def replace(match: re.Match[str]) -> str:
            escaped, name = match[1], match[2]
            if name not in self.values:
                if not in_code and not escaped:
                    self._report(node.position, name)
                return match[0] if in_code else match[0].removeprefix("$" if escaped else "")
            if escaped:
                return match[0][1:]
            self.used.add(name)
            return spelling(self.values[name])

        new = _REFERENCE.sub(replace, text)
        return self._replaced(node, new, new)

    def _replaced(self, node: Scalar, value: Value, text: str) -> Scalar:
        """Return the node with another value, as long as there is room for its text."""
        self.room -= max(len(text) - len(node.text), 0)
        if self.room >= 0:
            return dataclasses.replace(node, value=value, text=text)
        if not self.is_full:
            self.is_full = True
            message = f"the variables add more than {MAX_ADDED_LENGTH:,} characters to this file"
            self.problems.append(Problem(node.position, message))
        return node

    def _report(self, position: Position, name: str) -> None:
        hint = remedy(name, self.values) or "; define it under 'variables'"
        message = f"no variable {quote('${' + name + '}')} is defined{hint}"
        self.problems.append(Problem(position, message))


def spelling(value: Value) -> str:
    """Return the spelling of a value in YAML."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
