"""Known failures: a case, how it fails, in which versions, until when, and the issue about it."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.version_ranges import EXACT, read_range
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem, quote
from authprobe.documents.vocabulary import Vocabulary
from authprobe.emulator.config import STRICT
from authprobe.errors import ScenarioError
from authprobe.observation.model import Outcome
from authprobe.run.model import CaseRecord
from authprobe.verdict.known_failure import ADDRESS_PATTERN, KnownFailure
from authprobe.verdict.model import Status

KEY: Final = "known_failures"
KNOWN_FAILURES: Final = Vocabulary(
    document="a known-failures file",
    start=f"'{KEY}'",
    nouns={Outcome: "an outcome"},
    patterns={ADDRESS_PATTERN: "an address; write one as https://example.org/issues/1"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailures:
    """What a file of known failures holds."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    known_failures: Annotated[tuple[KnownFailure, ...], Field(max_length=1000)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailureList:
    """The entries that hold on a day, with the places from which they come."""

    entries: tuple[tuple[str, KnownFailure], ...] = ()
    """Each with its `file:line:column`."""
    today: datetime.date = datetime.date.min

    def about(self, case_id: str, version: str | None) -> tuple[KnownFailure, ...]:
        """The entries that excuse a failure of this case, if it is the one that they know."""
        return tuple(
            entry
            for _, entry in self.entries
            if entry.expires >= self.today and entry.is_for(case_id, version)
        )

    def complaints(self, records: Iterable[CaseRecord], *, partial: bool) -> Iterator[str]:
        """A line for each entry that has expired, or that no case needs any more.

        What a pattern is for is known only when every case has run.
        """
        tested = [record for record in records if record.verdict.status is not Status.ERROR]
        for place, entry in self.entries:
            own = [r for r in tested if entry.is_for(r.id, r.client_version)]
            if entry.expires < self.today:
                yield f"{place}: this known failure has expired on {entry.expires}; {_RENEW}"
            elif partial and entry.is_pattern:
                continue
            elif own and not any(_is_excused(record, entry) for record in own):
                yield (
                    f"{place}: this known failure is no more: {len(own)} of its cases ran, and "
                    f"none failed so ({quote(entry.case)}); take the entry out"
                )


_RENEW: Final = "look at its issue, then take the entry out or give it another day"


def _is_excused(record: CaseRecord, entry: KnownFailure) -> bool:
    return record.verdict.known is not None and entry.signature.fits(record.observation)


def load_known(path: Path | None, today: datetime.date) -> KnownFailureList:
    """Return the entries of a file; none without a file, or in an empty one.

    Raises:
        ScenarioError: every error in the file, in file order.
    """
    if path is None:
        return KnownFailureList(today=today)
    document = read_document(
        path, KnownFailures, KNOWN_FAILURES, check=_check, empty=KnownFailures()
    )
    if document.value is None or document.problems:
        raise ScenarioError(document.messages)
    entries = enumerate(document.value.known_failures)
    return KnownFailureList(
        entries=tuple((document.place((KEY, index)), entry) for index, entry in entries),
        today=today,
    )


def _check(document: KnownFailures) -> Iterator[PathProblem]:
    for index, entry in enumerate(document.known_failures):
        if (reason := _invalid_range_reason(entry.versions)) is not None:
            yield (KEY, index, "versions"), reason


def _invalid_range_reason(versions: str | None) -> str | None:
    if versions is None:
        return None
    try:
        wanted = read_range(versions)
    except ValueError as error:
        return str(error)
    if wanted is None and not EXACT.fullmatch(versions):
        return f"{quote(versions)} is no version and no range; write 2.1.31 or >=2.1.0 <2.2"
    return None
