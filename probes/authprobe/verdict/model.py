"""Verdict types: pass/fail status, mismatches and baseline state."""

import enum
from dataclasses import dataclass

from authprobe.observation.fingerprint import Transition


class Status(enum.StrEnum):
    """Status of a case, in pytest's terms."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"
    OBSERVED = "observed"
    """Nothing was expected, so nothing was judged."""


class BaselineState(enum.StrEnum):
    """Comparison with the accepted baseline, in the terms of SARIF 2.1.0, 3.27.24."""

    NEW = "new"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A field of the observation that differs from the expectation."""

    field: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One of several probes of a case."""

    status: Status
    elapsed: float
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Status of a case, the reasons for it, and its changes since the baseline."""

    status: Status
    baseline: BaselineState = BaselineState.NEW
    regressed: bool = False
    """It passed in the baseline and fails now, or fails differently than its known failure."""
    fixed: bool = False
    """It failed in the baseline, and passes now."""
    mismatches: tuple[Mismatch, ...] = ()
    transitions: tuple[Transition, ...] = ()
    """Changes since the baseline; first the client's version, if another one ran then."""
    attempts: tuple[Attempt, ...] = ()
    """Every attempt, if the case was probed again after a failure; else empty."""
    known: str | None = None
    """Issue or note of the known failure that the case matches; its status is `skipped` then."""

    @property
    def failed_attempts(self) -> int:
        """Number of attempts that failed, of several."""
        return sum(attempt.status is Status.FAILED for attempt in self.attempts)

    @property
    def flaky(self) -> bool:
        """True if the case failed, and passed when it was probed again."""
        return self.status is Status.PASSED and self.failed_attempts > 0
