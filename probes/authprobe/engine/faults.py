"""Unexpected errors of authprobe itself in one case, which must not end the run."""

from authprobe.core.faults import fault_words
from authprobe.observation.model import Observation, Outcome


def failed_observation(error: Exception, *, elapsed: float = 0.0) -> Observation:
    """Return the observation of a case on which authprobe failed: the error's type and place.

    It contains no values, because they may be secrets of the case.
    """
    return Observation(
        outcome=Outcome.UNAVAILABLE,
        elapsed=round(elapsed, 3),
        detail=(f"authprobe itself failed on this case: {fault_words(error)}; please report it"),
    )
