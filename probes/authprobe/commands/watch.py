"""`authprobe watch`: compare the new versions of clients with the versions before them."""

import contextlib
import dataclasses
import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import filelock

from authprobe.commands.diff import diff_command
from authprobe.commands.output import (
    INTERRUPTED,
    check_output_format,
    check_writable,
    print_lines,
    publish,
    read_trials,
)
from authprobe.commands.printing import print_error
from authprobe.compatibility.sampling import usable_trials
from authprobe.core.client_kinds import ClientKind, Package
from authprobe.core.executors import ExecutorAddress
from authprobe.core.safe_files import check_places, make_folder
from authprobe.core.shown_paths import display_path
from authprobe.core.signals import interruptible
from authprobe.core.version_ranges import in_order
from authprobe.diff.new_versions import NewVersions, find_new_versions
from authprobe.diff.versions import CasePair, Side, VersionComparison, select_pairs
from authprobe.diff.watch import ClientCheck, VersionCheck, Watch
from authprobe.diff.watch_state import (
    LIMIT_BYTES,
    STATE_FILE,
    WatchedClient,
    WatchState,
    can_record,
    read_state,
)
from authprobe.engine.laboratory import current_versions
from authprobe.engine.progress import Reporter, make_reporter
from authprobe.engine.runner import chosen_suite
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.options import default_jobs
from authprobe.plan.expand import known_clients_of, package_of, read_client_name
from authprobe.plan.suites import DEFAULT_SUITE, Suite
from authprobe.report import watch as words
from authprobe.report.watch_document import dump_document
from authprobe.scenario.clients import Client, names_one_release
from authprobe.scenario.load import load_all
from authprobe.scenario.model import Scenario
from authprobe.settings import Settings, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial
from authprobe.trials.scheduler import ProbeScheduler, probe_until_done

DEFAULT_CLIENTS: Final = (
    ClientKind.CLAUDE_CODE,
    ClientKind.AGENT_SDK_PYTHON,
    ClientKind.AGENT_SDK_NODE,
    ClientKind.ANTHROPIC_PYTHON,
    ClientKind.ANTHROPIC_NODE,
)
LOCK_FILE: Final = f"{STATE_FILE}.lock"
TOO_MANY_VERSIONS: Final = (
    f"the registry names more versions than fit in {STATE_FILE} ({LIMIT_BYTES:,} bytes)"
)
MAX_BASES: Final = 3
"""Older versions that a new one is compared with until one of them can be tested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """Options of `authprobe watch`."""

    clients: tuple[str, ...]
    suite: str | None
    scenarios: tuple[Path, ...]
    expression: str | None
    at_most: int
    out: Path
    looks: int
    jobs: int | None
    executor: ExecutorAddress | None
    as_json: bool
    as_markdown: bool


def watch(options: WatchOptions) -> int:
    """Compare what is new, print what it broke, and keep the state; return the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing was compared.
    """
    check_output_format(as_json=options.as_json, as_markdown=options.as_markdown)
    settings = Settings(
        scenarios=options.scenarios,
        suite=options.suite or (None if options.scenarios else DEFAULT_SUITE),
        out=options.out,
        jobs=options.jobs or default_jobs(),
        executor=options.executor,
    )
    questions = _read_questions(options, settings)
    clients = _read_clients(options, questions)
    log = ProbeLog(options.out / LOG_FILE)
    check_writable(options.out, [LOG_FILE, STATE_FILE])
    with interruptible(), _locked(options.out):
        state = read_state(options.out / STATE_FILE)
        watcher = _Watcher(options, questions, log, state, list(usable_trials(read_trials(log))))
        message = watcher.run(clients, settings)
    result = watcher.result
    print_code = print_lines(_lines(options, result), log)
    if message:
        print_error(message)
    if print_code or watcher.code:
        return print_code or watcher.code
    if result.broke:
        return ExitCode.FAILURES
    return ExitCode.OK if result.complete and not message else ExitCode.UNTESTABLE


def _lines(options: WatchOptions, result: Watch) -> Iterable[str]:
    if options.as_json:
        return [dump_document(result)]
    return words.markdown(result) if options.as_markdown else words.text(result)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of the state; two checks at a time would probe everything twice.

    Raises:
        SettingsError: another check has it, or it cannot be written.
    """
    try:
        make_folder(folder)
        check_places(folder, [LOCK_FILE])
        lock = filelock.FileLock(folder / LOCK_FILE)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise SettingsError(
            f"{folder}: another `authprobe watch` is at work there; wait for it, or choose another "
            "directory with --out"
        ) from None
    except OSError as error:
        raise SettingsError(f"{folder}: cannot be written: {error.strerror or error}") from None
    try:
        yield
    finally:
        lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Questions:
    """Cases that every version is asked."""

    scenarios: tuple[Scenario, ...]
    suite: Suite | None
    expression: str | None
    paths: tuple[Path, ...]

    def pairs(self, before: Side, after: Side) -> tuple[CasePair, ...]:
        """Return the cases at two versions.

        Raises:
            SettingsError: there are none.
        """
        selects = self.suite.selects if self.suite else None
        return select_pairs(
            self.scenarios, before, after, (), expression=self.expression, selects=selects
        )

    @property
    def scope(self) -> str:
        names = ", ".join(map(display_path, self.paths))
        words = f"suite {self.suite.id}" if self.suite else f"scenarios {names}"
        return f"{words}, -k {self.expression}" if self.expression else words


def _read_questions(options: WatchOptions, settings: Settings) -> _Questions:
    suite = chosen_suite(settings)
    scenarios = load_all(suite.paths if suite else settings.scenario_paths)
    return _Questions(
        scenarios=tuple(scenarios),
        suite=suite,
        expression=options.expression,
        paths=options.scenarios,
    )


def _read_clients(options: WatchOptions, questions: _Questions) -> tuple[Client, ...]:
    """Return the clients to watch: those chosen, or else those that the cases are about.

    Raises:
        SettingsError: there is no such client, or no case for it.
    """
    known = known_clients_of(questions.scenarios)
    names = dict.fromkeys(options.clients or DEFAULT_CLIENTS)
    clients = []
    problems = []
    for name in names:
        client = read_client_name(name, "--client", known)
        package_of(client)  # raises for one that no registry has
        try:
            questions.pairs(Side(client=client), Side(client=client))
        except SettingsError as error:
            problems.append(error)
        else:
            clients.append(client)
    if problems and (options.clients or not clients):
        raise problems[0]
    return tuple(clients)


class _Watcher:
    """One check of all clients; what it has finished is in the state and in `result`."""

    def __init__(
        self,
        options: WatchOptions,
        questions: _Questions,
        log: ProbeLog,
        state: WatchState,
        trials: list[Trial],
    ) -> None:
        self.code = ExitCode.OK
        self._options = options
        self._questions = questions
        self._log = log
        self._state = state
        self._largest_state = state  # if every new version becomes known
        self._trials = trials
        self._results: dict[str, ClientCheck] = {}

    @property
    def result(self) -> Watch:
        """Result of the check so far."""
        return Watch(
            clients=tuple(self._results.values()),
            scope=self._questions.scope,
            at_most=self._options.at_most,
        )

    def run(self, clients: Sequence[Client], settings: Settings) -> str | None:
        """Check all clients; return a message for the user if that ended early."""
        disk_bytes = settings.cache_limit_bytes
        with (
            make_reporter(plain=is_ci()) as reporter,
            ProbeScheduler(
                settings, self._log.redactor, reporter, disk_bytes=disk_bytes
            ) as scheduler,
        ):
            try:
                return self._check_all(clients, scheduler, reporter)
            except KeyboardInterrupt:
                self.code = ExitCode.INTERRUPTED
                return INTERRUPTED

    def _check_all(
        self, clients: Sequence[Client], scheduler: ProbeScheduler, reporter: Reporter
    ) -> str | None:
        """Return the reason that this machine can probe nothing; None: all were checked."""
        reporter.begin_stage("asking the package registries", len(clients))
        published = current_versions([package_of(client) for client in clients])
        for client in clients:
            self._begin(client, published)
        for client in clients:
            found = self._results[client.kind].new_versions
            if found and (reason := self._compare_new(client, found, scheduler, reporter)):
                return reason
        return None

    def _begin(
        self, client: Client, published: Mapping[Package, tuple[str, ...] | ClientError]
    ) -> None:
        """Find what is new of a client; its known versions are kept."""
        answer = published[package_of(client)]
        old = self._state.clients.get(client.kind)
        found = problem = None
        ignored: tuple[str, ...] = ()
        if isinstance(answer, ClientError):
            problem = str(answer)
        else:
            spec = client.known.spec
            versions = {v for v in answer if can_record(v) and names_one_release(spec, v)}
            ignored = in_order(set(answer) - versions)
            found = find_new_versions(
                versions,
                old.known if old else (),
                old.checked_at if old else None,
                old.withdrawn if old else (),
            )
            if found is None:
                problem = "no release is published"
            elif not self._has_room(client.kind, found):
                found, problem = None, TOO_MANY_VERSIONS
        self._results[client.kind] = ClientCheck(
            client=client.kind,
            problem=problem,
            new_versions=found,
            ignored=ignored,
            waiting=found.new if found else (),
        )
        if found:
            self._keep(client.kind, found, found.known)

    def _has_room(self, client: str, found: NewVersions) -> bool:
        """Return True if the state can be read again with all versions of a client, too."""
        largest = self._largest_state.with_client(client, _watched(found, found.published))
        if len(largest.dump().encode()) > LIMIT_BYTES:
            return False
        self._largest_state = largest
        return True

    def _compare_new(
        self, client: Client, found: NewVersions, scheduler: ProbeScheduler, reporter: Reporter
    ) -> str | None:
        """Compare the new versions of a client; return the reason that this ended early."""
        selected = found.select(self._options.at_most)
        untested = set(found.new)  # nothing can be compared with what was not probed
        known = set(found.known)
        for version in selected:
            check, reason = self._compare(client, found, version, untested, scheduler, reporter)
            if reason:
                return reason
            if check.compares_something:
                untested.discard(version)
                known.update(check.covered(found))
            if check.complete:
                known.add(version)
            kept = self._results[client.kind]
            self._results[client.kind] = dataclasses.replace(
                kept,
                checks=(*kept.checks, check),
                waiting=tuple(v for v in found.new if v not in known),
            )
            self._keep(client.kind, found, known)
        return None

    def _compare(
        self,
        client: Client,
        found: NewVersions,
        version: str,
        untested: Iterable[str],
        scheduler: ProbeScheduler,
        reporter: Reporter,
    ) -> tuple[VersionCheck, str | None]:
        """Compare a version with the newest one before it that can be tested.

        Returns the comparison, and the reason that this machine can probe nothing.
        """
        check = VersionCheck(version=version, before=None)
        excluded = set(untested)
        for _ in range(MAX_BASES):
            before = found.version_before(version, excluded)
            if before is None:
                break
            comparison = self._comparison(client, found, before, version)
            reason = probe_until_done(
                comparison.next_cases, self._trials, scheduler, self._log, reporter
            )
            check = self._version_check(comparison, found)
            if reason or comparison.has_answers(comparison.before, self._trials):
                return check, reason
            if not comparison.has_answers(comparison.after, self._trials):
                break
            excluded.add(before)
        return check, None

    def _comparison(
        self, client: Client, found: NewVersions, before: str, after: str
    ) -> VersionComparison:
        old, new = (
            Side(
                client=dataclasses.replace(client, version=version),
                is_newest=version == found.published[-1],
            )
            for version in (before, after)
        )
        return VersionComparison(
            before=old.client,
            after=new.client,
            pairs=self._questions.pairs(old, new),
            scenarios=tuple(map(display_path, self._options.scenarios)),
            max_probes=self._options.looks,
        )

    def _version_check(self, comparison: VersionComparison, found: NewVersions) -> VersionCheck:
        options, before, after = self._options, comparison.before, comparison.after
        selected = found.select(options.at_most)
        return VersionCheck(
            version=after.version,
            before=before.version,
            spanned=tuple(
                version
                for version in found.between(before.version, after.version)
                if version not in selected
            ),
            diff=comparison.diff(self._trials),
            command=diff_command(
                str(before),
                str(after),
                suite=self._questions.suite.id if self._questions.suite else None,
                scenarios=options.scenarios,
                expression=options.expression,
                looks=options.looks,
            ),
        )

    def _keep(self, client: str, found: NewVersions, known: Iterable[str]) -> None:
        """Write the state, in which these versions of a client are known."""
        self._state = self._state.with_client(client, _watched(found, known))
        texts = {STATE_FILE: self._state.dump()}
        self.code = publish(self._options.out, texts, self._log.redactor) or self.code


def _watched(found: NewVersions, known: Iterable[str]) -> WatchedClient:
    """Return the state of a client of which these published versions are known."""
    return WatchedClient(
        checked_at=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        known=in_order({*found.known, *known, *found.known_withdrawn}),
        withdrawn=in_order(found.known_withdrawn),
    )
