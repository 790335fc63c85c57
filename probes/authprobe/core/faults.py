"""Unexpected errors of authprobe itself, told without the values that they may contain."""

import traceback
from pathlib import Path
from typing import Final

import authprobe

PACKAGE: Final = Path(authprobe.__file__).parent


def fault_words(error: Exception) -> str:
    """Return the type of an error and the function that raised it, without any value."""
    return f"{type(error).__name__} in {_place(error)}"


def _place(error: Exception) -> str:
    """Return the innermost function of this package that the error passed through."""
    places = [
        f"{Path(frame.filename).relative_to(PACKAGE)}: {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(PACKAGE)
    ]
    return places[-1] if places else "a library"
