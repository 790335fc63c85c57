"""What changed between neighbouring versions of a client within one run: its news (pure)."""

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from authprobe.core.escaping import changed_parts
from authprobe.core.version_ranges import version_order
from authprobe.observation.fingerprint import NONE, normalize_text
from authprobe.observation.model import COMMAND_MISSING, Outcome
from authprobe.plan.case_ids import named_versions, without_version
from authprobe.report.model import phrases
from authprobe.report.model.case_facts import deciding_exchange
from authprobe.run.model import CaseRecord, Run

Pair = tuple[CaseRecord, CaseRecord]
"""The same question, asked of a version and of the next one that the run has."""


class Subject(enum.StrEnum):
    """Part of a case that can change between versions, the most important first."""

    OUTCOME = "outcome"
    CREDENTIAL = "credential"
    """Credential of the deciding request, and the header that carries it."""
    LOGIN = "stored login"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChange:
    """A change that a version brought to one or more questions."""

    subject: Subject
    client: str
    """Kinds of the client, without versions."""
    versions: tuple[str, str]
    """The last version of the run before the change, and the first one after it."""
    before: str
    after: str
    pairs: tuple[Pair, ...]
    """Cases with this change, by id."""

    @property
    def is_worse(self) -> bool:
        """True if a client was accepted before and is not now, or no longer comes to an end."""
        return self.subject is Subject.OUTCOME and _is_worse(*self.pairs[0])

    @property
    def is_better(self) -> bool:
        """True if the reverse of `is_worse` holds."""
        before, after = self.pairs[0]
        return self.subject is Subject.OUTCOME and _is_worse(after, before)


def version_changes(run: Run) -> tuple[VersionChange, ...]:
    """Return the changes between neighbouring versions, each once with all of its questions.

    The order is that of `Subject`; then changes to the worse, to the better, and those of most
    questions. Messages are only compared where nothing else has changed.
    """
    pairs_by_change: dict[tuple[Subject, str, tuple[str, str], str, str], list[Pair]] = {}
    for before, after in neighbours(run):
        for subject, old, new in _changes(before, after):
            versions = str(before.client_version), str(after.client_version)
            key = (subject, without_version(after.client), versions, old, new)
            pairs_by_change.setdefault(key, []).append((before, after))
    changes = (
        VersionChange(
            subject=subject,
            client=client,
            versions=versions,
            before=old,
            after=new,
            pairs=(*pairs,),
        )
        for (subject, client, versions, old, new), pairs in pairs_by_change.items()
    )
    return tuple(sorted(changes, key=_rank))


def neighbours(run: Run) -> Iterator[Pair]:
    """Yield each case with the same question at the next newer version that was tested."""
    questions: dict[str, list[CaseRecord]] = {}
    for record in run.cases:
        if record.client_version and not record.observation.untestable:
            questions.setdefault(without_version(record.id), []).append(record)
    for records in questions.values():
        ordered = sorted(records, key=lambda r: version_order(str(r.client_version)))
        for before, after in pairwise(ordered):
            if before.client_version != after.client_version:
                yield before, after


def result_words(record: CaseRecord) -> str:
    """Return the outcome with its status; for a missing subcommand, that it is missing."""
    observation = record.observation
    is_missing = observation.detail == COMMAND_MISSING
    return COMMAND_MISSING if is_missing else phrases.outcome_words(observation)


def describe_change(change: VersionChange) -> str:
    """Return the client, its versions and the change on one line, without the questions."""
    what = "" if change.subject is Subject.OUTCOME else f"{change.subject} "
    before, after = changed_parts(change.before, change.after)
    return f"{named_versions(change.client, *change.versions)}: {what}{before} → {after}"


def _changes(before: CaseRecord, after: CaseRecord) -> Iterator[tuple[Subject, str, str]]:
    """Yield what differs between two versions, with its two values."""
    found = False
    for subject, value_of in _VALUES.items():
        old, new = value_of(before), value_of(after)
        if old != new and not (found and subject is Subject.MESSAGE):
            found = True
            yield subject, old, new


def _credential(record: CaseRecord) -> str:
    exchange = deciding_exchange(record)
    return phrases.sent_words(exchange) if exchange else "no request"


def _login(record: CaseRecord) -> str:
    login = record.observation.stored_login
    return login.state.value if login else NONE


def _message(record: CaseRecord) -> str:
    return normalize_text(record.observation.message or NONE)


_VALUES: Final[Mapping[Subject, Callable[[CaseRecord], str]]] = {
    Subject.OUTCOME: result_words,
    Subject.CREDENTIAL: _credential,
    Subject.LOGIN: _login,
    Subject.MESSAGE: _message,
}


def _is_worse(before: CaseRecord, after: CaseRecord) -> bool:
    old, new = before.observation.outcome, after.observation.outcome
    if old is new or Outcome.UNAVAILABLE in (old, new):
        return False
    return old is Outcome.ACCEPTED or (new is Outcome.TIMED_OUT)


def _rank(change: VersionChange) -> tuple[object, ...]:
    return (
        list(Subject).index(change.subject),
        not change.is_worse,
        not change.is_better,
        -len(change.pairs),
        change.client,
        change.versions,
        change.pairs[0][1].id,
    )
