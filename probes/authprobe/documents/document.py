"""Documents: YAML files read into typed values, with every problem at its line and column."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from authprobe.documents.node_tree import EmptyFileError, Node, Scalar, compose
from authprobe.documents.node_tree import Mapping as MappingNode
from authprobe.documents.recognition import foreign_problem, without_quotes
from authprobe.documents.source import (
    KeyPath,
    PathProblem,
    Position,
    Problem,
    SourceError,
    escape,
    read_text,
)
from authprobe.documents.validation import known_keys, locate, read
from authprobe.documents.vocabulary import Vocabulary

MAX_PROBLEMS: Final = 100
"""Most problems of one file that are reported."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Generic[Value]):
    """A file after reading; its value is complete only if it has no problems."""

    path: Path
    value: Value | None = None
    problems: tuple[Problem, ...] = ()
    root: Node | None = None
    text: str = ""
    """Text of the file; empty if it could not be read."""

    @property
    def messages(self) -> tuple[str, ...]:
        """The problems as `file:line:column: message`, in file order."""
        ordered = sorted(set(self.problems))
        messages = [self._message(problem) for problem in ordered[:MAX_PROBLEMS]]
        if len(ordered) > MAX_PROBLEMS:
            text = f"too many errors; only the first {MAX_PROBLEMS} are shown"
            messages.append(self._message(Problem(ordered[MAX_PROBLEMS - 1].position, text)))
        return tuple(messages)

    def position(self, path: KeyPath) -> Position:
        """Return the position of a value of the document."""
        return Position() if self.root is None else locate(self.root, path)

    def place(self, path: KeyPath) -> str:
        """Return the `file:line:column` of a value of the document."""
        return self._place(self.position(path))

    def _message(self, problem: Problem) -> str:
        return f"{self._place(problem.position)}: {problem.message}"

    def _place(self, position: Position) -> str:
        return f"{escape(str(self.path))}:{position.line}:{position.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A tree that is ready to be validated."""

    root: Node
    problems: tuple[Problem, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    """Values that validators look up (pydantic's validation context)."""


def read_document(
    path: Path,
    kind: type[Value],
    vocabulary: Vocabulary,
    *,
    check: Callable[[Value], Iterable[PathProblem]] = lambda value: (),
    empty: Value | None = None,
    prepare: Callable[[Node], "Prepared"] = lambda root: Prepared(root=root),
    scan: Callable[[Node], Iterable[Problem]] = lambda root: (),
) -> Document[Value]:
    """Read a file as one document of the given kind; never raises, the problems are in the result.

    `check` finds what types cannot express. `empty` is the value of an empty file; without it, an
    empty file is a problem. `prepare` may change the tree before it is validated. `scan` finds
    problems of any text in it, also of a tree that is not valid. Of a file without any known key
    nothing is quoted: it may be anything.
    """
    keys = known_keys(kind)
    text = ""
    try:
        text = read_text(path)
        tree = compose(text, vocabulary)
    except EmptyFileError as error:
        if empty is not None:
            return Document(path=path, value=empty)
        return Document(path=path, problems=(error.problem,))
    except SourceError as error:
        problem = without_quotes(error.problem, text, keys) if keys else error.problem
        return Document(path=path, problems=(problem,))
    if keys and (foreign := foreign_problem(tree.root, keys, vocabulary)) is not None:
        return Document(path=path, problems=(foreign,), root=tree.root)
    prepared = prepare(tree.root)
    root = prepared.root
    value, problems = read(root, kind, vocabulary, prepared.context)
    if value is not None:
        problems = tuple(
            Problem(locate(root, where), message)
            for where, message in islice(check(value), 2 * MAX_PROBLEMS)
        )
    problems = (*tree.problems, *prepared.problems, *problems)
    told = {problem.position for problem in problems}
    further = (each for each in scan(root) if each.position not in told)
    problems += tuple(islice(further, 2 * MAX_PROBLEMS))
    return Document(path=path, value=value, problems=problems, root=root, text=text)


def read_scalars(path: Path, key: str, vocabulary: Vocabulary) -> dict[str, Scalar]:
    """Return the scalars below a key of a file; none of a file that cannot be read."""
    try:
        root = compose(read_text(path), vocabulary).root
    except SourceError:
        return {}
    return scalars(root, key)


def scalars(root: Node, key: str) -> dict[str, Scalar]:
    """Return the scalars of the mapping below a key; what is not of this shape is left out."""
    node = root.nodes.get(key) if isinstance(root, MappingNode) else None
    if not isinstance(node, MappingNode):
        return {}
    return {name: each for name, each in node.nodes.items() if isinstance(each, Scalar)}
