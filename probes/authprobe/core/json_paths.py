"""JSONPath queries (RFC 9535) of scenario files, with regular expressions of RE2.

python-jsonpath in its strict mode needs no further package, while jsonpath-rfc9535, of the same
author, needs two native ones for regular expressions that backtrack.
"""

import functools
from typing import Any, Final

from jsonpath import JSONPath, JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.function_extensions import ExpressionType, FilterFunction

from authprobe.core.regular_expressions import PatternError, find_match

SYNTAX: Final = "rfc-editor.org/rfc/rfc9535"


class JsonPathError(ValueError):
    """A query that is not JSONPath."""


class _Search(FilterFunction):
    """The functions `search` and `match` (RFC 9535, 2.4.6 and 2.4.7)."""

    arg_types = [ExpressionType.VALUE, ExpressionType.VALUE]  # noqa: RUF012 - as in the library
    return_type = ExpressionType.LOGICAL

    def __init__(self, *, is_whole: bool) -> None:
        self._form = r"\A(?:{})\z" if is_whole else "{}"

    def __call__(self, value: object, pattern: object) -> bool:
        if not isinstance(value, str) or not isinstance(pattern, str):
            return False
        try:
            return find_match(self._form.format(pattern), value) is not None
        except PatternError:  # RFC 9535: the result is false
            return False


class _Environment(JSONPathEnvironment):
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


def find_in_json(path: str, document: Any) -> Any:
    """Return the first value that a query finds; None: it finds nothing, or null.

    Raises:
        JsonPathError: it is not JSONPath.
    """
    try:
        match = next(iter(compile_json_path(path).finditer(document)), None)
    except (JSONPathError, RecursionError):  # too deep for the library
        return None
    return None if match is None else match.obj
