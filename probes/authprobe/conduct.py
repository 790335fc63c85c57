"""Conducts a run: opens the laboratory, installs the clients, probes, judges, keeps the records."""

import contextlib
import datetime
import functools
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe import engine
from authprobe.clients.base import Laboratory
from authprobe.clients.install import Cache
from authprobe.clients.process import Children
from authprobe.emulator.rules.routes import RULES
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.errors import ClientError, SettingsError
from authprobe.interruption import terminable
from authprobe.observation.findings import find
from authprobe.observation.model import Observation, Outcome
from authprobe.plan.case import Case
from authprobe.plan.expand import make_plan
from authprobe.progress import Reporter
from authprobe.redaction.pseudonyms import spoken
from authprobe.redaction.redactor import Redactor
from authprobe.run.baseline import EMPTY, Baseline, absent, read_baseline
from authprobe.run.known_failures import Known, load_known
from authprobe.run.model import CaseRecord, Diagnosis, Run, Selection, make_run
from authprobe.run.partial_results import _Partial
from authprobe.scenario.load import load_all
from authprobe.scenario.model import Client, ClientKind
from authprobe.settings import Settings, cache_folder
from authprobe.verdict.judge import judge
from authprobe.verdict.model import Status, Verdict

INSTALLS_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be probed, and what it is to be compared with."""

    settings: Settings
    cases: tuple[Case, ...]
    baseline: Baseline = EMPTY
    known: Known = Known()  # noqa: RUF009 - a frozen value


def plan_of(settings: Settings) -> Plan:
    """Every case that the settings ask for, and the baseline.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing can be planned.
    """
    if unknown := settings.break_rules - RULES.keys():
        raise SettingsError(f"--break-rule {min(unknown)}: there is no such rule")
    scenarios = load_all(settings.scenario_paths)
    baseline = read_baseline(settings.baseline) if settings.baseline else EMPTY
    known = load_known(settings.known_failures, datetime.datetime.now(datetime.UTC).date())
    return Plan(
        settings,
        make_plan(
            scenarios, clients=settings.clients, cases=settings.cases, published=published_versions
        ),
        baseline,
        known,
    )


def published_versions(kind: ClientKind, having: Iterable[str] = ()) -> tuple[str, ...]:
    """The published versions of a client, as last heard within a day; asked for anew if one of
    these is not among them.

    Raises:
        ClientError: the registry gives no answer, and gave none before.
    """
    with Children() as children, Cache(cache_folder(), children) as cache:
        return cache.versions(kind, having)


def conduct(
    plan: Plan,
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
    with _Partial(settings.out) as partial:
        try:
            with terminable(), contextlib.ExitStack() as stack:
                laboratory = open_laboratory(stack, settings, redactor)
                observed = _probe(laboratory, cases, settings, reporter)
                for case, observation in stack.enter_context(contextlib.closing(observed)):
                    record = make_record(case, observation, plan.baseline, plan.known)
                    partial.add(record)
                    records.append(record)
                    reporter.done(case.id)
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
            scenarios=tuple(map(spoken, settings.scenarios)), clients=settings.clients
        ),
    )


def open_laboratory(
    stack: contextlib.ExitStack, settings: Settings, redactor: Redactor
) -> Laboratory:
    """The laboratory of a run, which ends with the stack.

    Raises:
        SettingsError: this machine does not let it be.
    """
    scratch, network = _begin(stack)
    installing = Children(scratch)
    cache = Cache(cache_folder(), installing, scratch, settings.cache_limit_bytes)
    children = Children(scratch, apart=True)
    for part in (cache, installing, children):
        stack.enter_context(part)
    return Laboratory(
        network=network,
        children=children,
        cache=cache,
        broken_rules=settings.break_rules,
        scratch=scratch,
        redactor=redactor,
    )


def _probe(
    laboratory: Laboratory, cases: Sequence[Case], settings: Settings, reporter: Reporter
) -> Generator[tuple[Case, Observation]]:
    # Ended in reverse: first what runs, then who waits for it; what it talked to goes last.
    with engine.thread_pool(settings.jobs) as executor, laboratory.children:
        install(engine.clients_of(cases), laboratory.cache, reporter)
        reporter.stage("probing", len(cases))

        def probe_one(case: Case) -> Observation:
            reporter.busy(case.id, "")
            return engine.probe(laboratory, case)

        yield from engine.probe_all(cases, probe_one, executor, jobs=settings.jobs)


def _begin(stack: contextlib.ExitStack) -> tuple[Path, RemoteNetwork]:
    """The run's own folder, and the emulator.

    Raises:
        SettingsError: this machine does not let them be.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="authprobe-run-", ignore_cleanup_errors=True)
        scratch = Path(stack.enter_context(folder))
        return scratch, stack.enter_context(RemoteNetwork(scratch))
    except (ClientError, OSError) as error:
        raise SettingsError(f"nothing can be probed here: {error}") from None


def install(clients: Sequence[Client], cache: Cache, reporter: Reporter) -> None:
    """Prepare these clients; `cache.get` tells what became of each."""
    if not clients:
        return
    cache.expect(clients)
    reporter.stage("preparing clients", len(clients))
    with ThreadPoolExecutor(INSTALLS_AT_ONCE, thread_name_prefix="install") as pool:
        waiting = {
            pool.submit(
                cache.prepare,
                client,
                functools.partial(reporter.busy, str(client)),
                reporter.tell,
            ): client
            for client in clients
        }
        try:
            for prepared in as_completed(waiting):
                prepared.result()
                reporter.done(str(waiting[prepared]))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            cache.stop()
            raise


def make_record(
    case: Case, observation: Observation, baseline: Baseline, known: Known
) -> CaseRecord:
    """What `results.json` holds of a case."""
    previous = baseline.of(case.id, case.formerly)
    about = known.about(case.id, observation.client_version)
    verdict = judge(case, observation, previous, about)
    return CaseRecord(
        id=case.id,
        scenario=case.scenario,
        title=case.title,
        client=case.names.client,
        client_version=observation.client_version,
        endpoint=case.names.endpoint,
        credential=case.names.credential,
        headers=case.names.headers,
        backend=case.names.backend,
        environment=case.names.environment,
        credentials=case.credentials,
        fault=case.fault,
        flow=case.flow,
        formerly=case.formerly,
        why=case.why,
        sources=case.sources,
        expectation=case.expectation,
        observation=observation,
        verdict=verdict,
        findings=find(observation),
        diagnosis=_diagnose(observation, verdict),
    )


def _diagnose(observation: Observation, verdict: Verdict) -> Diagnosis | None:
    if observation.outcome is Outcome.ACCEPTED and verdict.status is not Status.FAILED:
        return None
    # Read when it is first needed: a run in which all is accepted has no use for the causes.
    from authprobe.diagnosis.record import diagnose

    return diagnose(observation, verdict)
