"""Unexpected errors of authprobe itself in one case, which must not end the run."""

import traceback
from pathlib import Path
from typing import Final

import authprobe
from authprobe.observation.model import Observation, Outcome

PACKAGE: Final = Path(authprobe.__file__).parent


def failed_observation(error: Exception, *, elapsed: float = 0.0) -> Observation:
    """Return the observation of a case on which authprobe failed: the error's type and place.

    It contains no values, because they may be secrets of the case.
    """
    return Observation(
        outcome=Outcome.UNAVAILABLE,
        elapsed=round(elapsed, 3),
        detail=(f"authprobe itself failed on this case: {fault_words(error)}; please report it"),
    )


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
