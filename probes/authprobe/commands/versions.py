"""`authprobe versions`: since which version, and until which, a client does what."""

import datetime
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import authprobe
from authprobe.commands.output import (
    check_output_format,
    check_writable,
    looks_words,
    print_lines,
    publish,
    read_trials,
)
from authprobe.compatibility.features import BUNDLED_FEATURES, load_features
from authprobe.compatibility.sampling import SamplingPlan, usable_trials
from authprobe.compatibility.table import CompatibilityTable, Provenance, dump_table, read_table
from authprobe.core.client_kinds import ClientKind
from authprobe.core.escaping import for_log
from authprobe.core.version_ranges import EXACT, is_prerelease, version_key
from authprobe.engine.laboratory import published_versions
from authprobe.engine.progress import make_reporter
from authprobe.engine.signals import interruptible
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.options import default_jobs
from authprobe.plan.case import Case
from authprobe.plan.expand import read_client
from authprobe.redaction.pseudonyms import display_path
from authprobe.report import versions as words
from authprobe.run.model import this_platform
from authprobe.scenario.clients import LATEST
from authprobe.scenario.load import load_all
from authprobe.settings import Settings, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial
from authprobe.trials.scheduler import ProbeScheduler, probe_until_done


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsOptions:
    """What the user has asked for."""

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
    from_log: bool
    as_json: bool
    as_markdown: bool


def versions(options: VersionsOptions) -> int:
    """Probe what is not known yet, write the table and its page, and print it; the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing was probed.
    """
    check_output_format(as_json=options.as_json, as_markdown=options.as_markdown)
    kind = _kind(options.client)
    data = options.data or options.out / "versions" / f"{kind}.json"
    before = _table_before(data, kind)
    page = page_of(data)
    settings = Settings(
        scenarios=options.scenarios, out=options.out, jobs=options.jobs or default_jobs()
    )
    survey = _survey(options, settings, kind)
    log = ProbeLog(options.out / LOG_FILE)
    trials = read_trials(log)
    known = list(trials if options.from_log else usable_trials(trials))
    for folder in (options.out, data.parent):
        check_writable(folder)
    problem, made, code = None, None, ExitCode.OK
    if not options.from_log:
        problem, made, code = _probe(options, survey, before, known, settings, log)
    table = CompatibilityTable(
        client=kind,
        published=survey.published,
        features=survey.make_features(survey.evidence(known, before), before),
        made=(*(before.made if before else ()), *([made] if made else [])),
    )
    withheld = print_lines(_lines(options, table), log)
    withheld = publish(data.parent, files(table, data), log.redactor) or withheld
    if problem:
        print(problem, file=sys.stderr)
    if not withheld:
        print(f"table: {data}\npage: {page}", file=sys.stderr)
    return withheld or code


def page_of(data: Path) -> Path:
    """The page that stands beside a table.

    Raises:
        SettingsError: it would take the place of the table.
    """
    page = data.with_suffix(".html")
    if page.name.lower() == data.name.lower():
        raise SettingsError(f"{data}: this is the name of its page; end that of the table in .json")
    return page


def files(table: CompatibilityTable, data: Path) -> dict[str, str]:
    """The table and its page, by the names of their files."""
    from authprobe.report.html.versions_page import versions_page  # jinja2 takes long

    page = versions_page(table, data=data.name)
    return {data.name: dump_table(table), page_of(data).name: page}


def _lines(options: VersionsOptions, table: CompatibilityTable) -> Iterator[str]:
    if options.as_json:
        yield dump_table(table).rstrip("\n")
    else:
        yield from map(for_log, (words.markdown if options.as_markdown else words.text)(table))


def _probe(
    options: VersionsOptions,
    survey: SamplingPlan,
    before: CompatibilityTable | None,
    known: list[Trial],
    settings: Settings,
    log: ProbeLog,
) -> tuple[str | None, Provenance | None, ExitCode]:
    """Add to what is known; what is to be told, what it took, and the exit code."""
    began, problem, code = time.monotonic(), None, ExitCode.OK
    chosen = survey.sample(survey.evidence(known, before))

    def next_cases(trials: Sequence[Trial], tried: Counter[str]) -> Sequence[Case]:
        return survey.next_cases(chosen, survey.evidence(trials, before), tried)

    with (
        interruptible(),
        make_reporter(plain=is_ci()) as reporter,
        ProbeScheduler(
            settings, log.redactor, reporter, disk_bytes=options.disk_bytes
        ) as collector,
    ):
        try:
            reason = probe_until_done(next_cases, known, collector, log, reporter)
        except KeyboardInterrupt:
            problem, code = "interrupted; the same command goes on from here", ExitCode.INTERRUPTED
        else:
            if reason:
                problem = f"nothing can be installed here: {reason}; the same command goes on"
                code = ExitCode.FAILURES
    if not collector.probes:
        return problem, None, code
    where = this_platform()
    made = Provenance(
        at=datetime.datetime.now(datetime.UTC).replace(microsecond=0),
        tool=authprobe.__version__,
        platform=f"{where.system} {where.machine}",
        command=_command(options),
        elapsed=round(time.monotonic() - began, 1),
        probes=collector.probes,
        installs=collector.installs,
        disk_peak_bytes=collector.disk_peak_bytes,
    )
    print(words.effort_words(made), file=sys.stderr)
    return problem, made, code


def _command(options: VersionsOptions) -> str:
    """What asks the same, without the folders of this machine."""
    told = ["authprobe", "versions", "--client", options.client]
    told += ["--since", options.since] if options.since else []
    told += ["--until", options.until] if options.until else []
    told += ["--count", str(options.count), *looks_words(options.looks)]
    told += ["--features", display_path(options.features)] if options.features else []
    for path in options.scenarios:
        told += ["--scenarios", display_path(path)]
    return shlex.join(told)


def _kind(name: str) -> ClientKind:
    """The client that is asked for.

    Raises:
        SettingsError: there is no such client, or it has no versions.
    """
    client = read_client(name, "--client")
    if client.kind is ClientKind.RAW_HTTP:
        raise SettingsError(f"--client {name}: this is authprobe's own request, without versions")
    if client.version != LATEST or "+" in name:
        raise SettingsError(f"--client {name}: give its name alone, and versions with --since")
    return client.kind


def _table_before(data: Path, kind: ClientKind) -> CompatibilityTable | None:
    """The table that is added to; None: there is none yet.

    Raises:
        RecordError, SettingsError: the file is something else.
    """
    if not data.exists():
        return None
    before = read_table(data)
    if before.client != kind:
        raise SettingsError(
            f"{data}: this is the table of {before.client}; name another file with --data"
        )
    return before


def _survey(options: VersionsOptions, settings: Settings, kind: ClientKind) -> SamplingPlan:
    """What is asked of which versions.

    Raises:
        ScenarioError, SettingsError: nothing can be asked.
    """
    scenarios = load_all(settings.all_scenario_paths)
    asked = load_features(options.features or BUNDLED_FEATURES, tuple(scenarios), kind)
    try:
        published = _releases(published_versions(kind))
    except ClientError as error:
        raise SettingsError(f"{kind}: {error}") from None
    return SamplingPlan(
        bound_features=asked,
        published=published,
        candidates=_between(options, published),
        count=options.count,
        max_probes=options.looks,
    )


def _releases(published: tuple[str, ...]) -> tuple[str, ...]:
    known = {v for v in published if EXACT.fullmatch(v) and not is_prerelease(v)}
    return tuple(sorted(known, key=version_key))


def _between(options: VersionsOptions, published: tuple[str, ...]) -> tuple[str, ...]:
    """The releases that are asked for.

    Raises:
        SettingsError: there is none.
    """
    for option, version in (("--since", options.since), ("--until", options.until)):
        if version and not EXACT.fullmatch(version):
            raise SettingsError(f"{option} {version}: give one version, such as 2.1.31")
    if options.since and options.until and version_key(options.since) > version_key(options.until):
        raise SettingsError(
            f"--since {options.since} is newer than --until {options.until}; is it the other way?"
        )
    low = version_key(options.since) if options.since else None
    high = version_key(options.until) if options.until else None
    found = tuple(
        version
        for version in published
        if (low is None or low <= version_key(version))
        and (high is None or version_key(version) <= high)
    )
    if not found:
        newest = f"; the newest is {published[-1]}" if published else ""
        raise SettingsError(f"no published version of {options.client} is among these{newest}")
    return found
