"""`-k`: the cases that an expression means, by their ids and tags and nothing else."""

from collections.abc import Iterable

from _pytest.mark.expression import Expression

from authprobe.errors import SettingsError
from authprobe.plan.case import Case


def selected(cases: Iterable[Case], expression: str | None) -> tuple[Case, ...]:
    """The cases that the expression fits, as pytest's own; all of them if there is none.

    pytest itself looks at the names of folders as well, and one of those may be any word.

    Raises:
        SettingsError: this is no expression.
    """
    if not expression:
        return tuple(cases)
    try:
        compiled = Expression.compile(expression)
    except SyntaxError as error:
        raise SettingsError(
            f"Wrong expression passed to '-k': {expression}: at column {error.offset}: {error.msg}"
        ) from None
    return tuple(case for case in cases if compiled.evaluate(_Words(case)))


class _Words:
    """Whether a case has a word in its id, or in one of its tags."""

    def __init__(self, case: Case) -> None:
        self._names = [name.lower() for name in (case.id, *case.tags)]

    def __call__(self, name: str, /, **options: str | int | bool | None) -> bool:
        """Whether this word is in one of them."""
        if options:
            raise SettingsError(f"-k: {name}(...): a word takes no options here")
        return any(name.lower() in mine for mine in self._names)
