"""JSONPath queries (RFC 9535) of scenario files, with regular expressions of RE2.

python-jsonpath in its strict mode needs no further package, while jsonpath-rfc9535, of the same
author, needs two native ones for regular expressions that backtrack.

A query takes steps in proportion to a power of the document's size if its filters are nested, and
both are chosen by others. So the steps are counted, and end with `MAX_STEPS`, after the same ones
on every machine.
"""

import functools
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.function_extensions import ExpressionType, FilterFunction
from jsonpath.match import JSONPathMatch
from jsonpath.parse import Parser
from jsonpath.segments import (
    JSONPathChildSegment,
    JSONPathRecursiveDescentSegment,
    JSONPathSegment,
)
from jsonpath.stream import TokenStream

from authprobe.core.regular_expressions import (
    MAX_TEXT_LENGTH,
    PatternError,
    compile_pattern,
    find_match,
)

SYNTAX: Final = "rfc-editor.org/rfc/rfc9535"


MAX_STEPS: Final = 500_000
"""Values that one reading visits and compares, in all its lines together: a few seconds."""
_PATTERN_STEPS: Final = 10_000
"""Steps for which a pattern counts that was not used before."""
_INSTRUCTIONS_PER_STEP: Final = 100
"""Instructions of a pattern that count for one step at each character that is searched: RE2 tries
all of them there once its automaton has no memory left. A smaller pattern counts for one, too.
"""


class JsonPathError(ValueError):
    """A query that is not JSONPath."""


class _TooManyStepsError(Exception):
    """The steps of a reading are used up."""


@dataclass(slots=True)
class Steps:
    """The steps that one reading has left; at zero it finds nothing more."""

    left: int = MAX_STEPS
    _patterns: set[str] = field(default_factory=set)

    def take(self, count: int = 1) -> None:
        """Take steps.

        Raises:
            _TooManyStepsError: none is left.
        """
        self.left -= count
        if self.left < 0:
            raise _TooManyStepsError

    def take_search(self, pattern: str, text: str) -> None:
        """Take the steps of one search for a regular expression in a text.

        Raises:
            PatternError: the pattern is invalid, not supported or too large.
            _TooManyStepsError: none is left.
        """
        if pattern not in self._patterns:
            self.take(_PATTERN_STEPS)
            self._patterns.add(pattern)
        size = compile_pattern(pattern, captures=True).programsize
        steps = max(1, size // _INSTRUCTIONS_PER_STEP)
        self.take(min(len(text), MAX_TEXT_LENGTH) * steps + 1)


_steps: ContextVar[Steps] = ContextVar("steps")
"""Those of the reading that this thread is at: the library passes nothing on to its parts."""


class _Search(FilterFunction):
    """The functions `search` and `match` (RFC 9535, 2.4.6 and 2.4.7)."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as in the library
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, is_whole: bool) -> None:
        self._form = r"\A(?:{})\z" if is_whole else "{}"

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        whole = self._form.format(pattern)
        try:
            _steps.get().take_search(whole, value)
            return find_match(whole, value) is not None
        except PatternError:  # RFC 9535: the result is false
            return False


class _ChildSegment(JSONPathChildSegment):
    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterator[JSONPathMatch]:
        for match in super().resolve(nodes):
            _steps.get().take()
            yield match


class _DescendantSegment(JSONPathRecursiveDescentSegment):
    def _visit(self, node: JSONPathMatch, depth: int = 1) -> Iterator[JSONPathMatch]:
        _steps.get().take()
        yield from super()._visit(node, depth)

    def resolve(self, nodes: Iterable[JSONPathMatch]) -> Iterator[JSONPathMatch]:
        for match in super().resolve(nodes):
            _steps.get().take()
            yield match


class _Parser(Parser):
    def parse_query(self, stream: TokenStream) -> Iterator[JSONPathSegment]:
        for each in super().parse_query(stream):
            is_descendant = isinstance(each, JSONPathRecursiveDescentSegment)
            kind = _DescendantSegment if is_descendant else _ChildSegment
            yield kind(env=each.env, token=each.token, selectors=each.selectors)


class _Environment(JSONPathEnvironment):
    parser_class = _Parser

    def is_truthy(self, obj: object) -> bool:
        _steps.get().take()
        return super().is_truthy(obj)

    def compare(self, left: object, operator: str, right: object) -> bool:
        _steps.get().take()
        return super().compare(left, operator, right)

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        self.function_extensions["match"] = _Search(is_whole=True)
        self.function_extensions["search"] = _Search(is_whole=False)


_ENVIRONMENT: Final = _Environment(strict=True)


@functools.lru_cache(maxsize=256)
def compile_json_path(text: str) -> JSONPath:
    """Return a compiled query.

    Raises:
        JsonPathError: it is not JSONPath.
    """
    try:
        path = _ENVIRONMENT.compile(text)
    except (JSONPathError, RecursionError, ValueError) as error:
        # Not its text: python-jsonpath 2.2.2 cannot point into an empty query.
        raise JsonPathError(str(error.args[0]) if error.args else "it is nested too deep") from None
    if not isinstance(path, JSONPath):
        raise JsonPathError("it combines several queries")
    return path


def find_in_json(path: str, document: Any, steps: Steps | None = None) -> Any:
    """Return the first value that a query finds; None: it finds nothing within its steps, or null.

    Raises:
        JsonPathError: it is not JSONPath.
    """
    token = _steps.set(steps or Steps())
    try:
        match = next(iter(compile_json_path(path).finditer(document)), None)
    except (JSONPathError, RecursionError, _TooManyStepsError):  # too deep for the library
        return None
    finally:
        _steps.reset(token)
    return None if match is None else match.obj
