"""A tree becomes a scenario; what pydantic has against it is put in the words of the file."""

import dataclasses
import functools
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar, Union, get_args, get_origin, get_type_hints, overload

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from authprobe.documents.messages import subject, wording
from authprobe.documents.node_tree import Items, Mapping, Node, Scalar, describe, plain
from authprobe.documents.source import KEY, Flaw, KeyPath, Mark, escape, nearest, quote, remedy
from authprobe.scenario.model import Scenario

_MAX_ERRORS: Final = 1000
_UNKNOWN: Final = ("unexpected_keyword_argument", "extra_forbidden")


Read = TypeVar("Read")


@overload
def read(root: Node) -> Scenario | tuple[Flaw, ...]: ...
@overload
def read(root: Node, kind: type[Read]) -> Read | tuple[Flaw, ...]: ...
def read(root: Node, kind: type[Any] = Scenario) -> Any:
    """The scenario, or other kind of value, that the tree holds, or all that keeps it from one."""
    try:
        return _reader(kind).validate_python(plain(root))  # type: ignore[arg-type]
    except ValidationError as error:
        errors = error.errors(include_url=False)[:_MAX_ERRORS]
        # Never none, whatever a later pydantic says that is not foreseen here.
        return tuple(_flaws(root, errors, kind)) or (Flaw(root.at, escape(errors[0]["msg"])),)


@functools.cache
def _reader(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def locate(root: Node, path: KeyPath) -> Mark:
    """Where a path leads: to a single value, or to the key of a list or mapping.

    `KEY` at its end asks for the key. A path that leaves the file ends where it leaves.
    """
    node, at, key_at = root, root.at, root.at
    for part in path:
        if isinstance(node, Mapping) and isinstance(part, str) and part in node.nodes:
            key_at, node = node.keys[part], node.nodes[part]
            at = node.at if isinstance(node, Scalar) else key_at
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.nodes):
            node = node.nodes[part]
            key_at = at = node.at
        else:
            return key_at if part == KEY else at
    return at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a location of pydantic's leads."""

    path: KeyPath
    node: Node
    types: tuple[Any, ...]
    """The types that may stand there."""
    fits: bool = True
    """False: it is a union, and the location goes on in a branch of another shape than the node."""


def _flaws(root: Node, errors: Sequence[ErrorDetails], kind: type[Any]) -> Iterator[Flaw]:
    unions: dict[KeyPath, _Place] = {}
    unknown = [error for error in errors if error["type"] in _UNKNOWN]
    # A mistyped key is missing as well, but that is one mistake.
    mistyped = {(error["loc"][:-1], _meant(root, error, kind)) for error in unknown}
    for error in errors:
        *parent, last = error["loc"] or ("",)
        about_key = error["type"] in (*_UNKNOWN, "missing")
        place = _place(root, tuple(parent) if about_key else error["loc"], kind)
        if not place.fits:
            unions[place.path] = place
        elif error["type"] in _UNKNOWN:
            yield Flaw(
                locate(root, (*place.path, last, KEY)),
                f"unknown key {quote(str(last))}{remedy(str(last), _keys(place.types[0]))}",
            )
        elif error["type"] == "missing":
            if (tuple(parent), last) not in mistyped:
                yield Flaw(place.node.at, f"the key {quote(str(last))} is missing")
        elif text := wording(error, place.path, place.node, place.types):
            yield Flaw(locate(root, (*place.path, KEY) if last == KEY else place.path), text)
    yield from _shapeless(root, unions)


def _shapeless(root: Node, unions: dict[KeyPath, _Place]) -> Iterator[Flaw]:
    """Nodes that have the shape of no branch; a branch that fits speaks for itself."""
    for path, place in unions.items():
        if not any(_shape(option)[0] is type(place.node) for option in place.types):
            wanted = " or ".join(dict.fromkeys(_shape(option)[1] for option in place.types))
            text = f"{subject(path)} must be {wanted}, not {describe(place.node)}"
            yield Flaw(locate(root, path), text)


def _place(root: Node, location: KeyPath, kind: type[Any]) -> _Place:
    place = _Place(path=(), node=root, types=(kind,))
    for part in location:
        if part == KEY:
            break
        if len(place.types) > 1:  # pydantic names the branch of a union
            branch = _branch(place.types, str(part))
            if _shape(branch)[0] is not type(place.node):
                return dataclasses.replace(place, fits=False)
            place = dataclasses.replace(place, types=(branch,))
            continue
        place = _Place(
            path=(*place.path, part),
            node=_child(place.node, part),
            types=_options(_inside(place.types[0], part)),
        )
    return place


def _meant(root: Node, error: ErrorDetails, kind: type[Any]) -> str | None:
    *parent, last = error["loc"]
    return nearest(str(last), _keys(_place(root, tuple(parent), kind).types[0]))


def _child(node: Node, part: str | int) -> Node:
    if isinstance(node, Mapping) and isinstance(part, str):
        return node.nodes[part]
    if isinstance(node, Items) and isinstance(part, int):
        return node.nodes[part]
    return node


def _inside(outer: Any, part: str | int) -> Any:
    if isinstance(outer, type) and dataclasses.is_dataclass(outer):
        return _hints(outer)[str(part)]
    return get_args(outer)[0 if get_origin(outer) is tuple else 1]


def _options(given: Any) -> tuple[Any, ...]:
    """The types of a union but None, which pydantic gives no branch of its own."""
    if get_origin(given) in (Union, types.UnionType):
        return tuple(option for option in get_args(given) if option is not types.NoneType)
    return (given,)


def _branch(options: tuple[Any, ...], label: str) -> Any:
    """The branch that pydantic labels so: a class by its name, a list as `tuple[…]`, or a text."""
    for option in options:
        if getattr(option, "__name__", "") == label and dataclasses.is_dataclass(option):
            return option
    wanted = Items if label.startswith("tuple[") else Scalar
    return next(option for option in options if _shape(option)[0] is wanted)


def _shape(branch: Any) -> tuple[type[Node], str]:
    if dataclasses.is_dataclass(branch):
        return Mapping, "a mapping"
    return (Items, "a list") if get_origin(branch) is tuple else (Scalar, "text")


def _keys(outer: Any) -> list[str]:
    return list(_hints(outer))


@functools.cache
def _hints(outer: type) -> dict[str, Any]:
    if not dataclasses.is_dataclass(outer):
        return {}
    names = {field.name for field in dataclasses.fields(outer)}
    return {name: hint for name, hint in get_type_hints(outer).items() if name in names}
