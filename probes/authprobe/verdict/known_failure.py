"""TODO module docstring."""

import datetime
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.version_ranges import read_range
from authprobe.emulator.config import STRICT, Whole
from authprobe.observation.model import Observation, Outcome
from authprobe.scenario.model import Text, TextRule

ADDRESS_PATTERN: Final = r"^https?://[!-~]{3,500}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How a case fails; what is not stated is not compared."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    outcome: Outcome
    status: Whole | None = None
    error_type: Text | None = None
    message: Text | TextRule | None = None

    def fits(self, seen: Observation) -> bool:
        """Whether it failed so."""
        return (
            seen.outcome is self.outcome
            and self.status in (None, seen.status)
            and self.error_type in (None, seen.error_type)
            and (self.message is None or text_fits(self.message, seen.message))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailure:
    """One entry of the file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    case: Text
    """An id, or a pattern as `cli-login/*`."""
    signature: Signature
    versions: Text | None = None
    """One version or a range of them; every version if not given."""
    expires: datetime.date
    """The last day on which the failure is excused."""
    issue: Annotated[str, Field(pattern=ADDRESS_PATTERN)]
    note: Text | None = None

    @property
    def is_pattern(self) -> bool:
        """Whether it may mean more than one case."""
        return any(sign in self.case for sign in "*?[")

    def is_for(self, case_id: str, version: str | None) -> bool:
        """Whether it speaks of this case at the version that ran."""
        return (self.case == case_id or fnmatchcase(case_id, self.case)) and self._holds(version)

    def _holds(self, version: str | None) -> bool:
        if self.versions is None:
            return True
        wanted = read_range(self.versions)
        return version is not None and (
            wanted.holds(version) if wanted else version == self.versions
        )


def text_fits(rule: str | TextRule, text: str | None) -> bool:
    """Whether a text is as the rule says; no text is as no rule says."""
    return text is not None and (text == rule if isinstance(rule, str) else rule.fits(text))
