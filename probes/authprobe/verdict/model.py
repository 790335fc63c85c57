"""What we think of an observation."""

import enum
from dataclasses import dataclass

from authprobe.observation.fingerprint import Transition


class Status(enum.StrEnum):
    """pytest's words."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


class BaselineState(enum.StrEnum):
    """SARIF's words for a comparison with the last accepted run (SARIF 2.1.0, 3.27.24)."""

    NEW = "new"
    UNCHANGED = "unchanged"
    UPDATED = "updated"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A field of the observation that is not as expected."""

    field: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """passed, failed, skipped or error, and why."""

    status: Status
    baseline: BaselineState = BaselineState.NEW
    regressed: bool = False
    """It passed in the baseline and fails now, or fails in another way than is known."""
    mismatches: tuple[Mismatch, ...] = ()
    transitions: tuple[Transition, ...] = ()
    """What has changed since the baseline."""
    known: str | None = None
    """The issue of a known failure: it has failed in just this way, and is `skipped`."""
