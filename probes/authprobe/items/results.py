"""The run of a session of pytest, made of the records of all its processes, and its reports."""

import datetime
import functools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from authprobe.core.history_location import NO_HISTORY
from authprobe.engine.rounds import attempt_of
from authprobe.errors import SettingsError
from authprobe.items.reports import RunReports
from authprobe.items.session import (
    SessionFacts,
    begun_session,
    report_folder,
    session_settings,
    with_prefixes,
)
from authprobe.redaction.publishing import ArtifactGuard
from authprobe.report.files import HTML
from authprobe.report.model.matrix import inconclusive_reason
from authprobe.report.model.saved_bisections import read_bisections
from authprobe.run.baseline import EMPTY_BASELINE, absent_cases, read_baseline
from authprobe.run.history.worker import HistoryWorker
from authprobe.run.known_failures import load_known_failures
from authprobe.run.model import CaseRecord, Run, Selection, make_run
from authprobe.run.own_scenarios import recorded_texts
from authprobe.run.scenario_files import BUNDLED, BUNDLED_FILES
from authprobe.run.size_limit import fit_run, fitting_text
from authprobe.settings import Settings
from authprobe.verdict.model import Status


@dataclass(slots=True, kw_only=True)
class Received:
    """Records and facts that the processes of a session have sent, and when it began."""

    began_at: datetime.datetime
    began: float
    """The same by `time.monotonic`."""
    records: list[str] = field(default_factory=list)
    """The record of each probe as JSON, in the order of their ends."""
    facts: list[str] = field(default_factory=list)
    """Facts of each process of pytest-xdist as JSON."""
    failed_cases: int = 0
    """Number of failed items that are cases."""


def publish_session(session: pytest.Session, received: Received) -> tuple[str, ...]:
    """Write the reports that the options ask for, and set the exit code of the session.

    Returns lines to print at its end.

    Raises:
        SettingsError: the processes of the session refused an option, and ran nothing.
        ProbesError: the baseline or the known failures were changed meanwhile, and are invalid.
    """
    config = session.config
    settings = session_settings(config)
    own = begun_session(config)
    facts = _merged(
        [own.facts()] if own else map(TypeAdapter(SessionFacts).validate_json, received.facts)
    )
    if facts.problem:
        raise SettingsError(facts.problem)
    if not received.records:
        return ()
    run, results = fit_run(_make_run(session, settings, received, facts))
    out = report_folder(config)
    past = HistoryWorker(settings.history_location if out else NO_HISTORY, settings.history_runs)
    reports = RunReports(settings, out, own.guard if own else ArtifactGuard(), past)
    try:
        past.prefetch(run.cases)
        if reports.publish_results(results):
            reports.publish(run, functools.partial(_page, run, past, settings.out))
    finally:
        past.close()
    before = session.exitstatus
    reports.set_exit_status(session, run, received.failed_cases)
    is_news = session.exitstatus != before or bool(run.complaints)
    lines = (
        past.trouble,
        *run.complaints,
        reports.problem or inconclusive_reason(run),
        reports.exit_reason if is_news else None,
        f"report: {out / HTML}" if out and reports.problem is None else None,
    )
    return tuple(with_prefixes(line) for line in lines if line)


def _make_run(
    session: pytest.Session, settings: Settings, received: Received, facts: SessionFacts
) -> Run:
    own = begun_session(session.config)
    reader = TypeAdapter(CaseRecord)
    records = _last_probes(
        reader.validate_json(each, by_alias=True, by_name=True) for each in received.records
    )
    interrupted = session.exitstatus == pytest.ExitCode.INTERRUPTED
    is_partial = interrupted or bool(settings.clients) or len(records) < facts.planned
    today = datetime.datetime.now(datetime.UTC).date()
    known_failures = load_known_failures(settings.known_failures, today)
    baseline = read_baseline(settings.baseline) if settings.baseline else EMPTY_BASELINE
    has_bundled = any(each.file.startswith(BUNDLED) for each in facts.scenarios)
    selection = Selection(
        scenarios=facts.paths,
        clients=settings.clients,
        isolation=settings.isolation,
        locations=(
            *(each.file for each in facts.scenarios if not each.file.startswith(BUNDLED)),
            *((BUNDLED_FILES,) if has_bundled else ()),
        ),
    )
    absent = absent_cases(baseline, records, facts.scenarios, selection)
    return make_run(
        records,
        started_at=received.began_at,
        elapsed=time.monotonic() - received.began,
        interrupted=interrupted,
        partial=is_partial,
        absent=() if is_partial else absent,
        complaints=tuple(known_failures.stale_entries(records, partial=is_partial)),
        client_isolation=facts.isolation,
        isolation_refusal=facts.refusal,
        fail_on=settings.fail_on,
        selection=selection,
        scenarios=facts.scenarios,
        own_scenarios=recorded_texts(
            facts.texts, records, own.guard.redactor if own else ArtifactGuard().redactor
        ),
    )


def _merged(parts: Iterable[SessionFacts]) -> SessionFacts:
    """Return the facts of several processes, which collect the same files, as one."""
    merged = SessionFacts()
    for part in parts:
        merged = replace(
            part,
            isolation=part.isolation or merged.isolation,
            refusal=part.refusal or merged.refusal,
        )
    return merged


def _last_probes(probes: Iterable[CaseRecord]) -> Sequence[CaseRecord]:
    """Return one record of each case: of the last probe that says something, with all attempts.

    Plugins such as pytest-rerunfailures run an item several times.
    """
    by_id: dict[str, list[CaseRecord]] = {}
    for record in probes:
        by_id.setdefault(record.id, []).append(record)
    return [_last_probe(records) for records in by_id.values()]


def _last_probe(records: Sequence[CaseRecord]) -> CaseRecord:
    tested = [record for record in records if record.verdict.status is not Status.ERROR]
    last = (tested or records)[-1]
    if len(records) == 1:
        return last
    attempts = tuple(
        attempt for each in records for attempt in each.verdict.attempts or (attempt_of(each),)
    )
    return replace(last, verdict=replace(last.verdict, attempts=attempts))


def _page(run: Run, past: HistoryWorker, out: Path) -> str:
    # Imported here: jinja2 takes longer to import than the first probes take to run.
    from authprobe.report.html.report import report_page

    make = functools.partial(report_page, past=past.points(), bisections=read_bisections(out))
    return str(fitting_text(run, make))
