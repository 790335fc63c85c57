"""Conducts a run: opens the laboratory, installs the clients, probes, judges, keeps the records."""

import contextlib
import datetime
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from authprobe.clients.base import Laboratory
from authprobe.emulator.rules.routes import RULES
from authprobe.engine import probe
from authprobe.engine.laboratory import install_clients, open_laboratory, published_versions
from authprobe.engine.progress import Reporter
from authprobe.engine.record import make_record
from authprobe.engine.signals import interruptible
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.plan.expand import make_plan
from authprobe.redaction.pseudonyms import display_path
from authprobe.redaction.redactor import Redactor
from authprobe.run.baseline import EMPTY, Baseline, absent, read_baseline
from authprobe.run.known_failures import KnownFailureList, load_known
from authprobe.run.model import CaseRecord, Run, Selection, make_run
from authprobe.run.partial_results import PartialResults
from authprobe.scenario.load import load_all
from authprobe.settings import Settings


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What is to be probed, and what it is to be compared with."""

    settings: Settings
    cases: tuple[Case, ...]
    baseline: Baseline = EMPTY
    known: KnownFailureList = KnownFailureList()  # noqa: RUF009 - a frozen value


def load_plan(settings: Settings) -> RunPlan:
    """Every case that the settings ask for, and the baseline.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing can be planned.
    """
    if unknown := settings.break_rules - RULES.keys():
        raise SettingsError(f"--break-rule {min(unknown)}: there is no such rule")
    scenarios = load_all(settings.scenario_paths)
    baseline = read_baseline(settings.baseline) if settings.baseline else EMPTY
    known = load_known(settings.known_failures, datetime.datetime.now(datetime.UTC).date())
    return RunPlan(
        settings,
        make_plan(
            scenarios, clients=settings.clients, cases=settings.cases, published=published_versions
        ),
        baseline,
        known,
    )


def execute(
    plan: RunPlan,
    reporter: Reporter,
    cases: Sequence[Case] | None = None,
    redactor: Redactor | None = None,
) -> Run:
    """Probe and judge all cases, or these; an interrupted run holds those that were finished.

    The redactor learns every token of the run.

    Each record is on disk in `results.partial.jsonl` as soon as it exists, so that not even
    `kill -9` loses it; the file is removed by whoever writes `results.json`.
    """
    cases, settings = plan.cases if cases is None else cases, plan.settings
    redactor = redactor or Redactor()
    started_at = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    began = time.monotonic()
    records: list[CaseRecord] = []
    interrupted, laboratory = False, None
    with PartialResults(settings.out) as partial:
        try:
            with interruptible(), contextlib.ExitStack() as stack:
                laboratory = open_laboratory(stack, settings, redactor)
                observed = _probe(laboratory, cases, settings, reporter)
                for case, observation in stack.enter_context(contextlib.closing(observed)):
                    record = make_record(case, observation, plan.baseline, plan.known)
                    partial.add(record)
                    records.append(record)
                    reporter.finish_step(case.id)
        except KeyboardInterrupt:
            interrupted = True
    limited = interrupted or settings.is_limited or len(cases) < len(plan.cases)
    return make_run(
        records,
        partial=limited,
        absent=() if limited else absent(plan.baseline, records),
        complaints=tuple(plan.known.complaints(records, partial=limited)),
        started_at=started_at,
        elapsed=time.monotonic() - began,
        interrupted=interrupted,
        client_network=laboratory.children.network if laboratory else None,
        selection=Selection(
            scenarios=tuple(map(display_path, settings.scenarios)), clients=settings.clients
        ),
    )


def _probe(
    laboratory: Laboratory, cases: Sequence[Case], settings: Settings, reporter: Reporter
) -> Generator[tuple[Case, Observation]]:
    # Ended in reverse: first what runs, then who waits for it; what it talked to goes last.
    with probe.make_thread_pool(settings.jobs) as executor, laboratory.children:
        install_clients(probe.required_clients(cases), laboratory.cache, reporter)
        reporter.begin_stage("probing", len(cases))

        def probe_one(case: Case) -> Observation:
            reporter.begin_step(case.id, "")
            return probe.probe(laboratory, case)

        yield from probe.probe_all(cases, probe_one, executor, jobs=settings.jobs)
