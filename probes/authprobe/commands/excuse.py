"""Known failures from the results of a run: they are excused until a date, not accepted."""

import datetime
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.commands.output import check_writable, publish
from authprobe.commands.printing import print_error
from authprobe.core.escaping import for_shell, one_line
from authprobe.core.safe_files import locked_folder
from authprobe.errors import ExitCode, SettingsError
from authprobe.plan.case_ids import select_ids
from authprobe.redaction.redactor import Redactor
from authprobe.report.model import phrases
from authprobe.report.model.phrases import plural
from authprobe.run.known_failure_entries import entry_text, extended_text, make_entry
from authprobe.run.model import CaseRecord, Run
from authprobe.run.results_file import read_run
from authprobe.verdict.known_failure import URL_PATTERN
from authprobe.verdict.model import Status

MAX_OFFERS: Final = 10
DEFAULT_RESULTS: Final = Path("reports/results.json")
DEFAULT_PERIOD: Final = datetime.timedelta(days=90)
"""Time for which an offered known failure is excused."""


@dataclass(frozen=True, slots=True)
class Excuse:
    """Why failures are known, until when, and the issue about them."""

    note: str
    until: datetime.date
    issue: str | None


def read_excuse(
    known: str | None,
    until: str | None,
    issue: str | None,
    *,
    names: Sequence[str],
    note: str | None,
) -> Excuse:
    """Return the values of the options `--known`, `--until` and `--issue`.

    Raises:
        SettingsError: one is missing or invalid.
    """
    if not (known and known.strip()):
        raise SettingsError('--known: write why the failure is known: --known "waits for 2.1.340"')
    if until is None:
        raise SettingsError("--known: name the last day of the excuse with --until 2027-03-01")
    if not names:
        raise SettingsError("--known: name the cases whose failures are known")
    if note is not None:
        raise SettingsError("--note: is for accepted cases; --known is the reason already")
    if issue is not None and not re.match(URL_PATTERN, issue):
        raise SettingsError(
            f"--issue {one_line(issue)}: must be an address, such as https://example.org/issues/1"
        )
    return Excuse(known.strip(), _read_date(until), issue)


def _read_date(text: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"--until {one_line(text)}: must be a date, such as 2027-03-01"
        ) from None
    if day < _today():
        raise SettingsError(f"--until {day}: is in the past; name the last day of the excuse")
    return day


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


def excuse_failures(names: Sequence[str], excuse: Excuse, *, results: Path, path: Path) -> int:
    """Add the failures of these cases to the known failures, and return the exit code.

    Raises:
        RecordError, ScenarioError, SettingsError: nothing was written.
    """
    records = _failing(names, read_run(results))
    entries = [
        make_entry(record, note=excuse.note, until=excuse.until, issue=excuse.issue)
        for record in records
    ]
    check_writable(path.parent, [path.name])
    with locked_folder(path.parent):
        text = extended_text(path, entries, _today())
        if code := publish(path.parent, {path.name: text}, Redactor()):
            return code
    print_error(f"{path}: {plural(len(entries), 'known failure')} added, until {excuse.until}")
    return ExitCode.OK


def _failing(names: Sequence[str], run: Run) -> tuple[CaseRecord, ...]:
    """Return the failed cases of these ids, which must have failed, and patterns.

    Raises:
        SettingsError: a name matches no case, or none that failed.
    """
    records = {record.id: record for record in run.cases}
    failed = {id for id, record in records.items() if record.verdict.status is Status.FAILED}
    selection: dict[str, CaseRecord] = {}
    for name in names:
        matches = select_ids([name], records)
        if not failed.intersection(matches):
            raise SettingsError(_not_failed(name, [records[id] for id in matches]))
        selection |= {id: records[id] for id in matches if id in failed}
    return tuple(selection.values())


def _not_failed(name: str, matches: Sequence[CaseRecord]) -> str:
    words = ", ".join(dict.fromkeys(phrases.status_words(each.verdict) for each in matches))
    return f"{name}: did not fail ({words}), so there is no failure to record"


def offer_lines(records: Sequence[CaseRecord], results: Path) -> Iterator[str]:
    """Yield, for each accepted failure, how to record it as a known one instead."""
    failed = [record for record in records if record.verdict.status is Status.FAILED]
    if not failed:
        return
    yield (
        f"{plural(len(failed), 'accepted case')} failed, and will fail again in the next run. "
        "To excuse a failure until a date, record it as a known one:"
    )
    until = _today() + DEFAULT_PERIOD
    for record in failed[:MAX_OFFERS]:
        entry = make_entry(record, note="why", until=until, issue=None)
        words = ["authprobe", "accept", record.id, "--known", "why", "--until", str(until)]
        words += [] if results == DEFAULT_RESULTS else ["--results", str(results)]
        yield from ("", f"  {for_shell(words)}", "which adds to known-failures.yaml:")
        yield from entry_text(entry).splitlines()
    if more := len(failed) - MAX_OFFERS:
        yield from ("", f"and {plural(more, 'more case')}") if more > 0 else ()
