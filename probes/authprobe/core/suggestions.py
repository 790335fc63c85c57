"""Suggestions for mistyped words: the closest allowed word, worded for an error message."""

from collections.abc import Iterable
from typing import Final

MAX_COMPARED_LENGTH: Final = 300
"""Characters of a word that are compared: difflib is quadratic, and no name is longer."""


def closest(word: str, words: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """Return the one of `words` that resembles `word` most, whatever its case, or None.

    `cutoff` is the least similarity from 0 to 1, as in `difflib.get_close_matches`.
    """
    import difflib  # only a mistyped word needs it

    spellings = {each.lower(): each for each in words}
    matches = difflib.get_close_matches(
        word[:MAX_COMPARED_LENGTH].lower(), spellings, n=1, cutoff=cutoff
    )
    return spellings[matches[0]] if matches else None


def did_you_mean(word: str, words: Iterable[str], *, otherwise: str = "") -> str:
    """Return `; did you mean 'y'?` to append to an error message.

    Without a close word it is `otherwise`, another remedy, or empty.
    """
    suggestion = closest(word, words)
    if suggestion is not None:
        return f"; did you mean '{suggestion}'?"
    return f"; {otherwise}" if otherwise else ""
