"""Known issues: incidents of the service by day, regressions of Claude Code by version."""

import datetime
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from authprobe.core.version_ranges import version_key
from authprobe.diagnosis.causes import Sources, Text, Texts
from authprobe.documents.bundled import read_bundled
from authprobe.documents.constraints import STRICT, Conversion

KNOWN_ISSUES_FILE: Final = Path(__file__).with_name("known_issues.yaml")


def _checked_version(text: str) -> str:
    version_key(text)
    return text


Version = Annotated[str, Conversion(_checked_version)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceIncident:
    """A malfunction of the service."""

    __pydantic_config__: ClassVar = STRICT

    begin: datetime.date
    end: datetime.date | None = None
    """None: it lasted one day."""
    what: Text
    causes: Texts
    sources: Sources

    @property
    def last_day(self) -> datetime.date:
        """The last day of the incident."""
        return self.end or self.begin


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A malfunction of some versions of Claude Code."""

    __pydantic_config__: ClassVar = STRICT

    begin: Version | None = None
    """First affected version; None: every version before the last one."""
    end: Version | None = None
    """Last version that is known to be affected; None: the one before `fixed`."""
    fixed: Version | None = None
    what: Text
    causes: Texts
    sources: Sources

    @property
    def versions(self) -> str:
        """The affected versions in words: `1.0.82 to before 1.0.88`."""
        last = f"before {self.fixed}" if self.fixed else self.end
        if self.begin is None:
            return str(last)
        return self.begin if self.begin == self.end else f"{self.begin} to {last}"

    def affects(self, version: str) -> bool:
        """Return True if the version is one of the affected ones."""
        key = version_key(version)
        return (
            (self.begin is None or key >= version_key(self.begin))
            and (self.end is None or key <= version_key(self.end))
            and (self.fixed is None or key < version_key(self.fixed))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownIssues:
    """The content of one file."""

    __pydantic_config__: ClassVar = STRICT

    incidents: tuple[ServiceIncident, ...]
    regressions: tuple[Regression, ...]

    def incidents_on(
        self, day: datetime.date, causes: tuple[str, ...]
    ) -> tuple[ServiceIncident, ...]:
        """Return the incidents of that day that resemble one of these causes."""
        return tuple(
            incident
            for incident in self.incidents
            if incident.begin <= day <= incident.last_day and set(causes) & set(incident.causes)
        )

    def regressions_of(self, version: str, causes: tuple[str, ...]) -> tuple[Regression, ...]:
        """Return the regressions of that version that resemble one of these causes."""
        return tuple(
            regression
            for regression in self.regressions
            if regression.affects(version) and set(causes) & set(regression.causes)
        )


@functools.cache
def known_issues() -> KnownIssues:
    """Return the bundled known issues."""
    return read_bundled(KNOWN_ISSUES_FILE, KnownIssues)
