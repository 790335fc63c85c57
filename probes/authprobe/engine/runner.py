"""Run orchestration: load the plan, set up, install clients, probe, judge, persist records."""

import contextlib
import dataclasses
import datetime
import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from authprobe.clients.base import Laboratory
from authprobe.core.isolation import Isolation, weakest
from authprobe.core.shown_paths import display_path
from authprobe.core.signals import interruptible, uninterrupted
from authprobe.documents.node_tree import Value
from authprobe.documents.source import escape
from authprobe.documents.substitution import spelling
from authprobe.emulator.rules.routes import RULES
from authprobe.emulator.server.worker import RemoteNetwork
from authprobe.engine import probe
from authprobe.engine.admission import AdmissionGate
from authprobe.engine.installs import Installs
from authprobe.engine.laboratory import open_laboratory, published_versions
from authprobe.engine.last_failed import select_last_failed
from authprobe.engine.progress import Reporter
from authprobe.engine.record import make_record
from authprobe.engine.remote.opening import make_executor, open_cluster
from authprobe.engine.rounds import Rounds
from authprobe.engine.scheduler import Scheduler
from authprobe.engine.tally import Tally
from authprobe.errors import SettingsError
from authprobe.observation.model import Observation
from authprobe.plan.case import Case
from authprobe.plan.expand import left_out_of_live, make_plan
from authprobe.plan.suites import TOP_FOLDER, Suite, find_suite, suites_of
from authprobe.redaction.redactor import Redactor
from authprobe.run.baseline import EMPTY_BASELINE, Baseline, absent_cases, read_baseline
from authprobe.run.known_failures import KnownFailureList, load_known_failures
from authprobe.run.model import CaseRecord, Run, RunShard, SecretSearch, Selection, make_run
from authprobe.run.own_scenarios import recorded_definitions, recorded_texts
from authprobe.run.partial_results import PartialResults
from authprobe.run.scenario_files import BUNDLED_FILES, ScenarioFile, name_file, name_location
from authprobe.scenario.bundled_clients import client_sources
from authprobe.scenario.client_files import client_document
from authprobe.scenario.clients import Client
from authprobe.scenario.known_clients import KnownClient
from authprobe.scenario.load import LoadedScenario, check_variables, load_files
from authprobe.settings import Settings, bundled_scenarios, is_bundled

if TYPE_CHECKING:
    from authprobe.engine.remote.cluster import Cluster
    from authprobe.live.laboratory import Consent


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The cases to probe, with the baseline and known failures to compare against."""

    settings: Settings
    cases: tuple[Case, ...]
    scenarios: tuple[ScenarioFile, ...] = ()
    selection: Selection = Selection()  # noqa: RUF009 - a frozen value
    baseline: Baseline = EMPTY_BASELINE
    known_failures: KnownFailureList = KnownFailureList()  # noqa: RUF009 - a frozen value
    own_scenarios: Mapping[str, str] = field(default_factory=dict)
    """YAML of the scenarios that are not bundled, by id."""
    own_definitions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """YAML of the files of definitions of each scenario, by id and name."""
    not_live: tuple[str, ...] = ()
    """Lines that say which cases cannot be asked of the real service, and why."""
    suite: Suite | None = None
    """Suite that the cases are of; None: they are all of the scenarios."""
    shard: RunShard | None = None
    """Shard that is probed here; None: the cases are not shared with other machines."""
    consent: "Consent | None" = None
    """Consent to ask the real service; without it, no live case asks anything."""


def load_plan(settings: Settings) -> RunPlan:
    """Read scenarios, baseline and known failures, and return the plan of the selected cases.

    Raises:
        ScenarioError, SettingsError, RecordError: an input file or an option is invalid.
    """
    check_rules(settings.break_rules)
    suite = chosen_suite(settings)
    paths = suite.paths if suite else _paths(settings)
    if suite or settings.asks_live:
        loaded = load_files(paths, settings.variables, asks_live=settings.asks_live)
    else:
        loaded = load_with_bundled(paths, settings.cases, settings.variables)
    baseline = read_baseline(settings.baseline) if settings.baseline else EMPTY_BASELINE
    today = datetime.datetime.now(datetime.UTC).date()
    known_failures = load_known_failures(settings.known_failures, today)
    cases = make_plan(
        [each.scenario for each in loaded],
        clients=settings.clients,
        cases=settings.cases,
        published=published_versions,
        targets=settings.targets,
        selects=suite.selects if suite else None,
        remedy=functools.partial(_other_suites, settings),
    )
    if settings.last_failed:
        cases = select_last_failed(cases, settings.out)
    return RunPlan(
        settings,
        cases,
        _files(loaded),
        _selection(settings, suite),
        baseline,
        known_failures,
        {each.scenario.id: each.text for each in loaded if not is_bundled(each.path)},
        _own_definitions(loaded, cases),
        not_live=tuple(left_out_of_live(each.scenario for each in loaded))
        if settings.asks_live
        else (),
        suite=suite,
    )


def check_rules(ids: Iterable[str]) -> None:
    """Raise if one of these is no rule of the emulator.

    Raises:
        SettingsError: it is none.
    """
    if unknown := set(ids) - RULES.keys():
        raise SettingsError(
            f"--break-rule {min(unknown)}: no such rule; `authprobe emulator --rules` lists them"
        )


def chosen_suite(settings: Settings) -> Suite | None:
    """Return the suite of the settings.

    Raises:
        SettingsError: there is no such suite, or the settings name scenarios as well.
    """
    if settings.suite is None:
        return None
    suite = find_suite(settings.suite)
    if settings.scenarios:
        names = ", ".join(map(escape, map(str, settings.scenarios)))
        raise SettingsError(
            f"--suite {suite.id}: a suite selects bundled cases; leave it or the scenarios "
            f"({names}) out"
        )
    if settings.asks_live:
        raise SettingsError(
            f"--suite {suite.id}: a suite is for the emulator; leave it or --target out"
        )
    return suite


def _paths(settings: Settings) -> tuple[Path, ...]:
    """Return the files and folders of the scenarios; a bundled case is found wherever it is."""
    finds_cases = (settings.cases or settings.last_failed) and not settings.clients
    if finds_cases and not settings.asks_live:
        return settings.all_scenario_paths
    return settings.scenario_paths


def load_with_bundled(
    paths: Sequence[Path], cases: Iterable[str], variables: Mapping[str, Value] | None = None
) -> tuple[LoadedScenario, ...]:
    """Return the scenarios of paths, and the bundled ones that only the ids of cases name.

    So a bundled case is found where a file of options sets other scenarios as well.

    Raises:
        ScenarioError, SettingsError: as `load_files`.
    """
    loaded = load_files(paths, variables, has_others=True)
    missing = {case.partition("/")[0] for case in cases} - {each.scenario.id for each in loaded}
    if missing:
        bundled = load_files(Settings().all_scenario_paths)
        if more := [each.path for each in bundled if each.scenario.id in missing]:
            return load_files((*paths, *more), variables)
    check_variables(variables or {}, (name for each in loaded for name in each.variables))
    return loaded


def _other_suites(settings: Settings, client: Client) -> str:
    """Return that another suite is to be chosen for a client; empty if none has a case of it."""
    if settings.scenarios or settings.asks_live:
        return ""
    suites = suites_of(client)
    return f"choose --suite {' or '.join(suites)}" if suites else ""


def _own_definitions(
    loaded: Iterable[LoadedScenario], cases: Iterable[Case]
) -> dict[str, dict[str, str]]:
    """Return the files of definitions that are not bundled, by scenario and name.

    They are those that a scenario names, and those of the project or of packages that it uses.
    """
    texts: dict[str, dict[str, str]] = {
        each.scenario.id: dict(each.definitions) for each in loaded if not is_bundled(each.path)
    }
    for id, kinds in _kinds_by_scenario(cases).items():
        for source in client_sources() if kinds else ():
            if source.path and any(source.clients.get(k.kind) is k for k in kinds.values()):
                text = client_document(source.path).text
                texts.setdefault(id, {})[source.path.name] = text
    return {id: files for id, files in texts.items() if files}


def _kinds_by_scenario(cases: Iterable[Case]) -> dict[str, dict[int, KnownClient]]:
    """Return the clients with a definition that the cases of each scenario use."""
    kinds: dict[str, dict[int, KnownClient]] = defaultdict(dict)
    for case in cases:
        for client in filter(None, (case.client, case.client.through)):
            if client.definition:
                kinds[case.scenario][id(client.known)] = client.known
    return kinds


def _files(loaded: Sequence[LoadedScenario]) -> tuple[ScenarioFile, ...]:
    bundled = bundled_scenarios()
    return tuple(
        ScenarioFile(id=each.scenario.id, file=name_file(each.path, each.given, bundled=bundled))
        for each in loaded
    )


def _selection(settings: Settings, suite: Suite | None) -> Selection:
    return Selection(
        scenarios=tuple(map(display_path, settings.scenarios)),
        clients=settings.clients,
        variables=tuple(f"{name}={spelling(each)}" for name, each in settings.variables.items()),
        isolation=settings.isolation,
        locations=tuple(_locations(settings, suite)),
        targets=settings.targets,
        suite=suite.id if suite else None,
    )


def _locations(settings: Settings, suite: Suite | None) -> Iterator[str]:
    """Yield the names of the files and folders in which a run looks for scenarios."""
    bundled = bundled_scenarios()
    paths = settings.scenario_paths if settings.scenarios or settings.asks_live else ()
    if suite:
        paths = tuple(bundled / folder for folder in suite.folders if folder != TOP_FOLDER)
    if TOP_FOLDER in suite.folders if suite else not paths:
        yield BUNDLED_FILES
    for path in paths:
        yield name_location(path, bundled=bundled)


def execute_plan(
    plan: RunPlan,
    reporter: Reporter,
    cases: Sequence[Case] | None = None,
    redactor: Redactor | None = None,
    *,
    handles_signals: bool = True,
) -> Run:
    """Probe and judge all cases of the plan, or only `cases`.

    An interrupted run contains the cases that were finished; SIGTERM interrupts it as well if it
    `handles_signals`. The redactor learns every token of the run. Each record is appended to
    `results.partial.jsonl` at once, so that not even `kill -9` loses it; the caller removes that
    file when it has written `results.json`.
    """
    cases, settings = plan.cases if cases is None else cases, plan.settings
    redactor = redactor or Redactor()
    started_at = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    began = time.monotonic()
    by_id: dict[str, CaseRecord] = {}
    interrupted, laboratory, secret_search = False, None, None
    # The cluster first: without it nothing is written.
    with open_cluster(settings, reporter) as cluster, PartialResults(settings.out) as partial:
        tally = Tally(cases, reporter, redactor)

        def keep(record: CaseRecord) -> None:
            with uninterrupted():  # a record that is in the one file is in the other as well
                partial.add(record)
                by_id[record.id] = record
            tally.add(record)

        try:
            with contextlib.ExitStack() as stack:
                if handles_signals:
                    stack.enter_context(interruptible())
                laboratory = _open_laboratory(stack, plan, redactor)
                _probe(laboratory, cases, plan, reporter, keep, cluster)
                secret_search = _search_temporary_files(laboratory)
        except KeyboardInterrupt:
            interrupted = True
    records = list(by_id.values())
    leaves_out = settings.leaves_out_cases or (plan.suite and not plan.suite.has_every_case)
    is_unfinished = bool(interrupted or leaves_out or len(records) < len(cases))
    is_partial = is_unfinished or len(records) < len(plan.cases)
    shard = plan.shard
    if shard:
        is_unfinished |= shard.cases < len(plan.cases)
        shard = dataclasses.replace(shard, partial=is_unfinished)
    isolation, refusal = _isolation(laboratory, cluster)
    absent = absent_cases(plan.baseline, records, plan.scenarios, plan.selection)
    return make_run(
        records,
        partial=is_partial,
        absent=() if is_partial else absent,
        complaints=tuple(plan.known_failures.stale_entries(records, partial=is_partial)),
        started_at=started_at,
        elapsed=time.monotonic() - began,
        interrupted=interrupted,
        client_isolation=isolation,
        isolation_refusal=refusal,
        fail_on=settings.fail_on,
        max_failures=settings.max_failures,
        not_started=len(cases) - len(records),
        selection=plan.selection,
        scenarios=plan.scenarios,
        own_scenarios=recorded_texts(plan.own_scenarios, records, redactor),
        own_definitions=recorded_definitions(plan.own_definitions, records, redactor),
        secret_search=secret_search,
        shard=shard,
    )


def _open_laboratory(stack: contextlib.ExitStack, plan: RunPlan, redactor: Redactor) -> Laboratory:
    """Open the laboratory of a run; with consent, it can ask the real service as well."""
    laboratory = open_laboratory(stack, plan.settings, redactor)
    if plan.consent is None:
        return laboratory
    # Imported here, as in `probe`: most runs ask only the emulator.
    from authprobe.live.laboratory import live_laboratory

    live = live_laboratory(plan.consent, plan.settings, redactor)
    return dataclasses.replace(laboratory, live=live)


def _isolation(
    laboratory: Laboratory | None, cluster: "Cluster | None"
) -> tuple[Isolation | None, str | None]:
    """Return the isolation of the clients, with its reason: the weakest of all machines."""
    children = laboratory.children if laboratory else None
    here = (children.known_isolation, children.known_refusal) if children else (None, None)
    there = list(cluster.isolations.items()) if cluster else []
    return weakest([here, *there])


def _asked(plan: RunPlan, cases: Sequence[Case]) -> list[Case]:
    """Return those of the live cases that are asked, and so need their client."""
    planned = plan.consent.plan.cases if plan.consent else ()
    ids = {each.case.id for each in planned}
    return [case for case in cases if case.id in ids]


def _search_temporary_files(laboratory: Laboratory) -> SecretSearch | None:
    """Search the scratch folder of a live run for the user's secrets, before it is removed."""
    live, scratch = laboratory.live, laboratory.scratch
    if live is None:
        return None
    from authprobe.live.laboratory import LiveLaboratory
    from authprobe.live.residue import search_residue

    if not isinstance(live, LiveLaboratory) or scratch is None or not live.secrets.names:
        return None
    residue = search_residue(live.secrets, (scratch,))
    return SecretSearch(
        names=residue.names,
        files=residue.files,
        size_bytes=residue.size_bytes,
        found=tuple(dict.fromkeys(name for name, _ in residue.found)),
        blind=residue.blind,
    )


@contextlib.contextmanager
def _ended_early(laboratory: Laboratory) -> Iterator[None]:
    """End the emulator of a run that is broken off: requests of authprobe's own wait for it."""
    try:
        yield
    except BaseException:
        if isinstance(laboratory.network, RemoteNetwork):
            laboratory.network.end()
        raise


def _probe(
    laboratory: Laboratory,
    cases: Sequence[Case],
    plan: RunPlan,
    reporter: Reporter,
    keep: Callable[[CaseRecord], None],
    cluster: "Cluster | None",
) -> None:
    """Probe the cases while the clients are installed, and keep the record of each."""
    settings = plan.settings
    # Closed in reverse order: the children first, so that the threads that wait for them can end.
    with (
        probe.make_thread_pool(settings.jobs) as executor,
        Installs(laboratory.cache, reporter) as installs,
        laboratory.children,
        _ended_early(laboratory),
    ):

        def probe_one(case: Case) -> Observation:
            reporter.begin_step(case.id, "")
            return probe.probe_case(laboratory, case)

        scheduler = Scheduler(
            probe_one, executor, AdmissionGate(settings.jobs), installs, laboratory.costs
        )
        remote = make_executor(cluster, laboratory, scheduler.probe) if cluster else None

        def companions(case: Case) -> Mapping[str, str]:
            here = laboratory.cache.companions(case.client)
            return remote.companions.get(case.id, here) if remote else here

        rounds = Rounds(
            probe=remote.probe if remote else scheduler.probe,
            judge=lambda case, observation: dataclasses.replace(
                make_record(case, observation, plan.baseline, plan.known_failures),
                companions=dict(companions(case)),
            ),
            keep=keep,
            reporter=reporter,
            retries=settings.retries,
            max_failures=settings.max_failures,
        )
        rounds.run([case for case in cases if case.live is None])
        # The real service is asked one thing at a time, and never twice.
        live = _asked(plan, [case for case in cases if case.live is not None])
        installs.begin(live)
        for case in live:
            installs.wait_for(case)
        dataclasses.replace(
            rounds,
            probe=lambda cases, may_start: probe.probe_in_turn(cases, probe_one, may_start),
            retries=0,
            stage="asking the real service",
        ).run([case for case in cases if case.live is not None])
