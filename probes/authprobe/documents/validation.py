"""Validation of a node tree by pydantic, with each error at its position and in plain words."""

import dataclasses
import functools
import types
from collections.abc import Iterator, Sequence
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Final,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from authprobe.documents.messages import error_message, subject
from authprobe.documents.node_tree import Items, Mapping, Node, Scalar, describe, plain
from authprobe.documents.source import (
    KEY,
    KeyPath,
    Position,
    Problem,
    escape,
    nearest,
    quote,
    remedy,
)
from authprobe.documents.vocabulary import Vocabulary

_MAX_ERRORS: Final = 1000
_UNKNOWN_KEY: Final = ("unexpected_keyword_argument", "extra_forbidden")

Read = TypeVar("Read")


def read(
    root: Node,
    kind: type[Read],
    vocabulary: Vocabulary,
    context: AnyMapping[str, Any] | None = None,
) -> tuple[Read | None, tuple[Problem, ...]]:
    """Return the tree as a value of the given kind, or None and every problem that prevents it.

    `context` is what validators of values look up (pydantic's validation context).
    """
    try:
        return _adapter(kind).validate_python(plain(root), context=context), ()  # type: ignore[arg-type]
    except ValidationError as error:
        errors = error.errors(include_url=False)[:_MAX_ERRORS]
        problems = tuple(_Validation(root, kind, vocabulary).problems(errors))
        # Never empty, even for an error type of a later pydantic that is not handled here.
        return None, problems or (Problem(root.position, escape(errors[0]["msg"])),)


@functools.cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def locate(root: Node, path: KeyPath) -> Position:
    """Return the position of a path: of a single value, or of the key of a list or mapping.

    With `KEY` at its end the path means the key. A path that leaves the tree ends where it leaves.
    """
    node, position, key_position = root, root.position, root.position
    for part in path:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.nodes:
            key_position, node = node.keys[part], node.nodes[part]
            position = node.position if isinstance(node, Scalar) else key_position
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.nodes):
            node = node.nodes[part]
            key_position = position = node.position
        else:
            return key_position if part == KEY else position
    return position


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """The value that a location of pydantic's leads to."""

    path: KeyPath
    node: Node
    types: tuple[Any, ...]
    """Types that are allowed there."""
    fits: bool = True
    """False: in a union, the location continues in a branch of another shape than the node."""


@dataclass(frozen=True, slots=True)
class _Validation:
    """The errors of one tree."""

    root: Node
    kind: type[Any]
    vocabulary: Vocabulary

    def problems(self, errors: Sequence[ErrorDetails]) -> Iterator[Problem]:
        """Yield the problems that these errors stand for."""
        unions: dict[KeyPath, _Target] = {}
        unknown = [error for error in errors if error["type"] in _UNKNOWN_KEY]
        # A mistyped key is also missing, but that is one mistake.
        mistyped = {(error["loc"][:-1], self._intended_key(error)) for error in unknown}
        for error in errors:
            *parent, last = error["loc"] or ("",)
            about_key = error["type"] in (*_UNKNOWN_KEY, "missing")
            target = self._target(tuple(parent) if about_key else error["loc"])
            if not target.fits:
                unions[target.path] = target
            elif error["type"] in _UNKNOWN_KEY:
                yield self._unknown_key(target, str(last))
            elif error["type"] == "missing":
                if (tuple(parent), last) not in mistyped:
                    message = f"the key {quote(str(last))} is missing"
                    yield Problem(target.node.position, message)
            elif text := error_message(
                error, target.path, target.node, target.types, self.vocabulary
            ):
                path = (*target.path, KEY) if last == KEY else target.path
                yield Problem(locate(self.root, path), text)
        yield from self._without_branch(unions)

    def _unknown_key(self, target: _Target, key: str) -> Problem:
        hint = remedy(key, known_keys(target.types[0]))
        position = locate(self.root, (*target.path, key, KEY))
        return Problem(position, f"unknown key {quote(key)}{hint}")

    def _without_branch(self, unions: dict[KeyPath, _Target]) -> Iterator[Problem]:
        """Yield the nodes with the shape of no branch; a branch that fits has its own errors."""
        for path, target in unions.items():
            shapes = [self._shape(option) for option in target.types]
            if not any(node_type is type(target.node) for node_type, _ in shapes):
                expected = " or ".join(dict.fromkeys(noun for _, noun in shapes))
                name = subject(path, self.vocabulary)
                message = f"{name} must be {expected}, not {describe(target.node)}"
                yield Problem(locate(self.root, path), message)

    def _target(self, location: KeyPath) -> _Target:
        target = _Target(path=(), node=self.root, types=(self.kind,))
        for part in location:
            if part == KEY:
                break
            if len(target.types) > 1:  # pydantic names the branch of a union
                branch = self._branch(target.types, str(part))
                if self._shape(branch)[0] is not type(target.node):
                    return dataclasses.replace(target, fits=False)
                target = dataclasses.replace(target, types=(branch,))
                continue
            target = _Target(
                path=(*target.path, part),
                node=_child(target.node, part),
                types=_options(_item_type(target.types[0], part)),
            )
        return target

    def _intended_key(self, error: ErrorDetails) -> str | None:
        *parent, last = error["loc"]
        return nearest(str(last), known_keys(self._target(tuple(parent)).types[0]))

    def _branch(self, options: tuple[Any, ...], label: str) -> Any:
        """Return the branch with pydantic's label: a class name, `tuple[…]`, or else text."""
        for option in options:
            is_mapping = self._shape(option)[0] is Mapping
            if is_mapping and getattr(option, "__name__", "") == label:
                return option
        shape = Items if label.startswith("tuple[") else Scalar
        return next(option for option in options if self._shape(option)[0] is shape)

    def _shape(self, branch: Any) -> tuple[type[Node], str]:
        if dataclasses.is_dataclass(branch) and branch not in self.vocabulary.scalars:
            return Mapping, "a mapping"
        return (Items, "a list") if get_origin(branch) is tuple else (Scalar, "text")


def _child(node: Node, part: str | int) -> Node:
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.nodes[part]
    if isinstance(node, Items) and isinstance(part, int):
        return node.nodes[part]
    return node


def _item_type(container: Any, part: str | int) -> Any:
    if isinstance(container, type) and dataclasses.is_dataclass(container):
        return _hints(container)[str(part)]
    return get_args(container)[0 if get_origin(container) is tuple else 1]


def _options(hint: Any) -> tuple[Any, ...]:
    """Return the types of a union except None, for which pydantic has no branch."""
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(option for option in get_args(hint) if option is not types.NoneType)
    return (hint,)


def known_keys(container: Any) -> list[str]:
    """Return the keys of a dataclass as they are written; none for another type."""
    return list(_hints(container))


@functools.cache
def _hints(container: type) -> dict[str, Any]:
    """Return the type of each key of a dataclass; a field with an alias is written as that."""
    if not dataclasses.is_dataclass(container):
        return {}
    hints = get_type_hints(container)
    annotated = get_type_hints(container, include_extras=True)
    names = [field.name for field in dataclasses.fields(container) if field.init]
    return {_alias(annotated[name]) or name: hints[name] for name in names}


def _alias(hint: Any) -> str | None:
    extras = hint.__metadata__ if get_origin(hint) is Annotated else ()
    fields = [extra for extra in extras if isinstance(extra, FieldInfo)]
    names = [name for each in fields for name in (each.alias, each.validation_alias)]
    return next((name for name in names if isinstance(name, str)), None)
