"""`authprobe versions`: find the versions in which the features of a client begin and end."""

import datetime
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import authprobe
from authprobe.commands.output import (
    INTERRUPTED,
    check_output_format,
    check_writable,
    looks_arguments,
    print_lines,
    publish,
    read_trials,
)
from authprobe.commands.printing import print_error
from authprobe.compatibility.features import BUNDLED_FEATURES, load_features
from authprobe.compatibility.sampling import SamplingPlan, usable_trials
from authprobe.compatibility.table import CompatibilityTable, Provenance, dump_table, read_table
from authprobe.core.escaping import for_shell
from authprobe.core.executors import ExecutorAddress
from authprobe.core.safe_files import is_missing
from authprobe.core.shown_paths import display_path
from authprobe.core.signals import interruptible
from authprobe.core.version_ranges import EXACT, releases, version_key
from authprobe.engine.laboratory import published_versions
from authprobe.engine.progress import make_reporter
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.options import default_jobs
from authprobe.plan.case import Case
from authprobe.plan.expand import known_clients_of, package_of, read_client_name
from authprobe.report import versions as words
from authprobe.run.model import this_platform
from authprobe.scenario.clients import Client
from authprobe.scenario.load import load_all
from authprobe.scenario.model import Scenario
from authprobe.settings import Settings, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial
from authprobe.trials.scheduler import ProbeScheduler, probe_until_done


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsOptions:
    """Options of `authprobe versions`."""

    client: str
    since: str | None
    until: str | None
    count: int
    features: Path | None
    scenarios: tuple[Path, ...]
    data: Path | None
    out: Path
    disk_bytes: int
    looks: int
    jobs: int | None
    executor: ExecutorAddress | None
    from_log: bool
    as_json: bool
    as_markdown: bool


def versions(options: VersionsOptions) -> int:
    """Probe missing versions, write the table and its page, and print it; return the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing was probed.
    """
    check_output_format(as_json=options.as_json, as_markdown=options.as_markdown)
    settings = Settings(
        scenarios=options.scenarios,
        out=options.out,
        jobs=options.jobs or default_jobs(),
        executor=options.executor,
    )
    scenarios = load_all(settings.all_scenario_paths)
    client = read_client_name(options.client, "--client", known_clients_of(scenarios))
    kind = client.kind
    data = options.data or options.out / "versions" / f"{kind}.json"
    old_table = _read_old_table(data, kind)
    page = page_of(data)
    plan = _sampling_plan(options, scenarios, client)
    log = ProbeLog(options.out / LOG_FILE)
    trials = list(read_trials(log))
    check_writable(options.out, [LOG_FILE])
    check_writable(data.parent, [data.name, page.name])
    message: str | None = None
    provenance: tuple[Provenance, ...] = ()
    code = ExitCode.OK
    if not options.from_log:
        trials = list(usable_trials(trials))
        message, provenance, code = _probe(options, plan, old_table, trials, settings, log)
    table = CompatibilityTable(
        client=kind,
        published=plan.published,
        features=plan.make_features(plan.evidence(trials, old_table), old_table),
        made=(*(old_table.made if old_table else ()), *provenance),
    )
    output_code = print_lines(_lines(options, table), log)
    output_code = publish(data.parent, table_files(table, data), log.redactor) or output_code
    if message:
        print_error(message)
    if not output_code:
        print_error(f"table: {data}\npage: {page}")
    return output_code or code


def page_of(data: Path) -> Path:
    """Return the path of the page beside a table.

    Raises:
        SettingsError: the page would overwrite the table.
    """
    page = data.with_suffix(".html")
    if page.name.lower() == data.name.lower():
        raise SettingsError(
            f"{data}: the page would overwrite the table; give the table a name that ends in .json"
        )
    return page


def table_files(table: CompatibilityTable, data: Path) -> dict[str, str]:
    """Return the contents of the table and of its page, by file name."""
    from authprobe.report.html.versions_page import versions_page  # jinja2 takes long

    page = versions_page(table, data=data.name)
    return {data.name: dump_table(table), page_of(data).name: page}


def _lines(options: VersionsOptions, table: CompatibilityTable) -> Iterator[str]:
    if options.as_json:
        yield dump_table(table).rstrip("\n")
    else:
        yield from (words.markdown if options.as_markdown else words.text)(table)


def _probe(
    options: VersionsOptions,
    plan: SamplingPlan,
    old_table: CompatibilityTable | None,
    trials: list[Trial],
    settings: Settings,
    log: ProbeLog,
) -> tuple[str | None, tuple[Provenance, ...], ExitCode]:
    """Append the missing trials; return a message, what was probed, and the exit code."""
    start, message, code = time.monotonic(), None, ExitCode.OK
    sample = plan.sample(plan.evidence(trials, old_table))

    def next_cases(trials: Sequence[Trial], attempts: Counter[str]) -> Sequence[Case]:
        return plan.next_cases(sample, plan.evidence(trials, old_table), attempts)

    with (
        interruptible(),
        make_reporter(plain=is_ci()) as reporter,
        ProbeScheduler(
            settings, log.redactor, reporter, disk_bytes=options.disk_bytes
        ) as scheduler,
    ):
        try:
            reason = probe_until_done(next_cases, trials, scheduler, log, reporter)
        except KeyboardInterrupt:
            message, code = INTERRUPTED, ExitCode.INTERRUPTED
        else:
            if reason:
                message = f"{reason}; run the same command again later"
                code = ExitCode.FAILURES
    if not scheduler.probes:
        return message, (), code
    provenance = _provenance(options, scheduler, elapsed=time.monotonic() - start)
    print_error(words.effort_words(provenance))
    return message, (provenance,), code


def _provenance(
    options: VersionsOptions, scheduler: ProbeScheduler, *, elapsed: float
) -> Provenance:
    platform = this_platform()
    return Provenance(
        at=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        tool=authprobe.__version__,
        platform=f"{platform.system} {platform.machine}",
        command=_command(options),
        elapsed=round(elapsed, 1),
        probes=scheduler.probes,
        installs=scheduler.installs,
        disk_peak_bytes=scheduler.disk_peak_bytes,
    )


def _command(options: VersionsOptions) -> str:
    """Return the command that repeats the search, without local directories."""
    command = ["authprobe", "versions", "--client", options.client]
    command += ["--since", options.since] if options.since else []
    command += ["--until", options.until] if options.until else []
    command += ["--count", str(options.count), *looks_arguments(options.looks)]
    command += ["--features", display_path(options.features)] if options.features else []
    for path in options.scenarios:
        command += ["--scenarios", display_path(path)]
    return for_shell(command)


def _read_old_table(data: Path, kind: str) -> CompatibilityTable | None:
    """Return the table to extend, or None if there is none yet.

    Raises:
        RecordError, SettingsError: the file is not a table of this client.
    """
    if is_missing(data):
        return None
    table = read_table(data)
    if table.client != kind:
        raise SettingsError(f"{data}: a table of {table.client}; name another file with --data")
    return table


def _sampling_plan(
    options: VersionsOptions, scenarios: Sequence[Scenario], client: Client
) -> SamplingPlan:
    """Return the features to look for, and the versions to sample.

    Raises:
        ScenarioError, SettingsError: there are no features, or no versions.
    """
    features = load_features(options.features or BUNDLED_FEATURES, tuple(scenarios), client.kind)
    try:
        published = releases(published_versions(package_of(client)))
    except ClientError as error:
        raise SettingsError(f"{client.kind}: {error}") from None
    return SamplingPlan(
        bound_features=features,
        published=published,
        candidates=_between(options, published),
        count=options.count,
        max_probes=options.looks,
    )


def check_bounds(since: str | None, until: str | None) -> None:
    """Raise if a bound is not a version, or the first is newer than the last.

    Raises:
        SettingsError: it is so.
    """
    for option, version in (("--since", since), ("--until", until)):
        if version and not EXACT.fullmatch(version):
            raise SettingsError(f"{option} {version}: give one version, such as 2.1.31")
    if since and until and version_key(since) > version_key(until):
        raise SettingsError(f"--since {since} is newer than --until {until}; swap them")


def _between(options: VersionsOptions, published: tuple[str, ...]) -> tuple[str, ...]:
    """Return the releases from --since to --until.

    Raises:
        SettingsError: a bound is not a version, or there is no release between them.
    """
    check_bounds(options.since, options.until)
    low = version_key(options.since) if options.since else None
    high = version_key(options.until) if options.until else None
    between = tuple(
        version
        for version in published
        if (low is None or low <= version_key(version))
        and (high is None or version_key(version) <= high)
    )
    if not between:
        newest = f"; the newest is {published[-1]}" if published else ""
        raise SettingsError(
            f"no published version of {options.client} is in the selected range{newest}"
        )
    return between
