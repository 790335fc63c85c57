"""Known failures: reading of the file, and detection of stale entries."""

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import ConfigDict, Field

from authprobe.core.version_ranges import EXACT, read_range
from authprobe.documents.constraints import STRICT
from authprobe.documents.document import read_document
from authprobe.documents.source import PathProblem, quote
from authprobe.documents.vocabulary import Vocabulary
from authprobe.errors import ScenarioError
from authprobe.observation.model import Outcome
from authprobe.run.model import CaseRecord
from authprobe.scenario.checks.text_rules import check_text_rule
from authprobe.scenario.model import TextRule
from authprobe.verdict.known_failure import URL_PATTERN, KnownFailure
from authprobe.verdict.model import Status

ENTRIES_KEY: Final = "known_failures"
KNOWN_FAILURES: Final = Vocabulary(
    document="a known-failures file",
    start=f"'{ENTRIES_KEY}'",
    nouns={Outcome: "an outcome"},
    patterns={URL_PATTERN: "an address; write one as https://example.org/issues/1"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailures:
    """Content of a known-failures file."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    known_failures: Annotated[tuple[KnownFailure, ...], Field(max_length=1000)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFailureList:
    """Entries of a known-failures file with their places, as of one day."""

    entries: tuple[tuple[str, KnownFailure], ...] = ()
    """Each with its `file:line:column`."""
    today: datetime.date = datetime.date.min

    def for_case(self, case_id: str, version: str | None) -> tuple[KnownFailure, ...]:
        """Return the unexpired entries that apply to a case at the version that ran.

        Without one, those of the same question at another version of the client apply, so that an
        entry survives an upgrade.
        """
        current = [entry for _, entry in self.entries if entry.expires >= self.today]
        return tuple(entry for entry in current if entry.applies_to(case_id, version)) or tuple(
            entry for entry in current if entry.asks_the_same(case_id, version)
        )

    def stale_entries(self, records: Iterable[CaseRecord], *, partial: bool) -> Iterator[str]:
        """Yield a line for each entry that has expired or that no longer excuses a failure.

        After a partial run, patterns are skipped: a case that they match may not have run.
        """
        tested = [record for record in records if record.verdict.status is not Status.ERROR]
        for place, entry in self.entries:
            matches = [r for r in tested if entry.applies_to(r.id, r.client_version)] or [
                r for r in tested if entry.asks_the_same(r.id, r.client_version)
            ]
            if entry.expires < self.today:
                yield f"{place}: this known failure expired on {entry.expires}; {_EXPIRED_REMEDY}"
            elif partial and entry.is_pattern:
                continue
            elif matches and not any(_is_excused(record, entry) for record in matches):
                yield (
                    f"{place}: this known failure no longer occurs: {len(matches)} of its cases "
                    f"ran, and none failed like this ({quote(entry.case)}); remove the entry"
                )


_EXPIRED_REMEDY: Final = "check its issue, then remove the entry or extend the date"


def _is_excused(record: CaseRecord, entry: KnownFailure) -> bool:
    return record.verdict.known is not None and entry.signature.matches(record.observation)


def load_known_failures(path: Path | None, today: datetime.date) -> KnownFailureList:
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
        entries=tuple((document.place((ENTRIES_KEY, index)), entry) for index, entry in entries),
        today=today,
    )


def _check(document: KnownFailures) -> Iterator[PathProblem]:
    for index, entry in enumerate(document.known_failures):
        if (reason := _invalid_range_reason(entry.versions)) is not None:
            yield (ENTRIES_KEY, index, "versions"), reason
        if not entry.reference:
            yield (ENTRIES_KEY, index), "an entry needs an 'issue' or a 'note'"
        if isinstance(rule := entry.signature.message, TextRule):
            yield from check_text_rule((ENTRIES_KEY, index, "signature", "message"), rule)


def _invalid_range_reason(versions: str | None) -> str | None:
    if versions is None:
        return None
    try:
        version_range = read_range(versions)
    except ValueError as error:
        return str(error)
    if version_range is None and not EXACT.fullmatch(versions):
        return f"{quote(versions)} is neither a version nor a range; write 2.1.31 or >=2.1.0 <2.2"
    return None
