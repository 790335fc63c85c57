"""Selection of cases by a `-k` expression, which is matched against ids and tags only."""

from collections.abc import Iterable

from _pytest.mark.expression import Expression

from authprobe.errors import SettingsError
from authprobe.plan.case import Case


def select_cases(cases: Iterable[Case], expression: str | None) -> tuple[Case, ...]:
    """Return the cases that match an expression in pytest's syntax; all cases without one.

    pytest itself also matches the names of directories, which may be any word.

    Raises:
        SettingsError: the expression is invalid.
    """
    if not expression:
        return tuple(cases)
    compiled = compile_expression(expression)
    return tuple(case for case in cases if compiled.evaluate(_CaseMatcher(case)))


def compile_expression(expression: str) -> Expression:
    """Return an expression in pytest's syntax.

    Raises:
        SettingsError: the expression is invalid.
    """
    try:
        return Expression.compile(expression)
    except SyntaxError as error:
        raise SettingsError(
            f"Wrong expression passed to '-k': {expression}: at column {error.offset}: {error.msg}"
        ) from None
    except (RecursionError, MemoryError):
        raise SettingsError(
            f"Wrong expression passed to '-k': {expression:.80}: is nested too deeply"
        ) from None


class _CaseMatcher:
    """Predicate for words in the id or the tags of a case."""

    def __init__(self, case: Case) -> None:
        self._names = [name.lower() for name in (case.id, *case.tags)]

    def __call__(self, word: str, /, **options: str | int | bool | None) -> bool:
        """Return True if the word occurs in the id or in a tag."""
        if options:
            raise SettingsError(f"-k: {word}(...): words take no options")
        return any(word.lower() in name for name in self._names)
