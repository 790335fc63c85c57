"""KnownFailure: an excused failure of a case, as the judge matches it."""

import datetime
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.version_ranges import read_range
from authprobe.documents.constraints import STRICT
from authprobe.emulator.config import Whole
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case_ids import matches_id, without_version
from authprobe.scenario.model import Text, TextRule

URL_PATTERN: Final = r"^https?://[!-~]{3,500}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Fields that identify a failure; a field that is None is not compared."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    outcome: Outcome
    status: Whole | None = None
    error_type: Text | None = None
    message: Text | TextRule | None = None

    def matches(self, observation: Observation) -> bool:
        """Return True if the observation has every stated field."""
        return (
            observation.outcome is self.outcome
            and self.status in (None, observation.status)
            and self.error_type in (None, observation.error_type)
            and (self.message is None or matches_text_rule(self.message, observation.message))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailure:
    """One entry of a known-failures file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    case: Text
    """An id, or a pattern such as `cli-login/*`."""
    signature: Signature
    versions: Text | None = None
    """A version or a range; None: every version."""
    expires: datetime.date
    """The last day on which the failure is excused."""
    issue: Annotated[str, Field(pattern=URL_PATTERN)] | None = None
    note: Text | None = None
    """Why the failure is excused; required without an issue."""

    @property
    def reference(self) -> str:
        """The issue, or else the note."""
        return self.issue or self.note or ""

    @property
    def is_pattern(self) -> bool:
        """True if the entry may apply to more than one case."""
        return any(character in self.case for character in "*?[")

    def applies_to(self, case_id: str, version: str | None) -> bool:
        """Return True if the entry covers this case at the version that ran."""
        return matches_id(self.case, case_id) and self._covers(version)

    def asks_the_same(self, case_id: str, version: str | None) -> bool:
        """Return True if the entry names the same case at another version of its client."""
        is_same = without_version(self.case) == without_version(case_id)
        return is_same and not self.is_pattern and self._covers(version)

    def _covers(self, version: str | None) -> bool:
        if self.versions is None:
            return True
        if version is None:
            return False
        version_range = read_range(self.versions)
        return version_range.contains(version) if version_range else version == self.versions


def matches_text_rule(rule: str | TextRule, text: str | None) -> bool:
    """Return True if `text` satisfies `rule`; None never does."""
    return text is not None and (text == rule if isinstance(rule, str) else rule.fits(text))
