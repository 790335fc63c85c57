"""`authprobe diff`: compare two versions of a client, or two runs."""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from authprobe.bisection.question import unpublished_message
from authprobe.commands.output import (
    DEFAULT_LOOKS,
    INTERRUPTED,
    check_output_format,
    check_writable,
    looks_arguments,
    print_lines,
    publish,
    read_trials,
)
from authprobe.commands.printing import print_error
from authprobe.compatibility.sampling import usable_trials
from authprobe.core.client_kinds import ClientKind
from authprobe.core.escaping import for_shell
from authprobe.core.executors import ExecutorAddress
from authprobe.core.safe_files import is_missing
from authprobe.core.shown_paths import display_path
from authprobe.core.signals import interruptible
from authprobe.core.version_ranges import EXACT, LATEST, newest
from authprobe.diff.model import Diff
from authprobe.diff.runs import diff_runs
from authprobe.diff.versions import Side, VersionComparison, check_clients, select_pairs
from authprobe.engine.laboratory import published_versions
from authprobe.engine.progress import make_reporter
from authprobe.engine.runner import chosen_suite, load_with_bundled
from authprobe.errors import ClientError, ExitCode, SettingsError
from authprobe.options import default_jobs
from authprobe.plan.expand import known_clients_of, package_of, read_client
from authprobe.report import diff as words
from authprobe.report.diff_document import dump_document
from authprobe.run.results_file import read_run
from authprobe.scenario.bundled_clients import KNOWN_CLIENTS
from authprobe.scenario.clients import Client, kind_name
from authprobe.scenario.known_clients import KnownClient
from authprobe.scenario.load import load_files
from authprobe.settings import Settings, is_ci
from authprobe.trials.log import LOG_FILE, ProbeLog, Trial
from authprobe.trials.scheduler import ProbeScheduler, probe_until_done

CLIENT_PATTERN: Final = re.compile(r"[a-z][a-z0-9-]*@\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffOptions:
    """Options of `authprobe diff`."""

    before: str
    after: str
    names: tuple[str, ...]
    scenarios: tuple[Path, ...]
    suite: str | None
    expression: str | None
    out: Path
    looks: int
    jobs: int | None
    executor: ExecutorAddress | None
    from_log: bool
    as_json: bool
    as_markdown: bool
    html: Path | None


def diff(options: DiffOptions) -> int:
    """Compare, print the differences and write the page; return the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: nothing was compared.
    """
    check_output_format(as_json=options.as_json, as_markdown=options.as_markdown)
    log = ProbeLog(options.out / LOG_FILE)
    if options.html:
        check_writable(options.html.parent, [options.html.name])
    message, probe_code = None, ExitCode.OK
    if _is_client(options.before):
        difference, message, probe_code = _diff_clients(options, log)
    else:
        difference = _diff_runs(options)
    print_code = print_lines(_lines(options, difference), log)
    page_code = _write_page(options, difference, log) if options.html else ExitCode.OK
    if message:
        print_error(message)
    return print_code or page_code or probe_code or _exit_code(difference)


def _exit_code(difference: Diff) -> ExitCode:
    if difference.broke:
        return ExitCode.FAILURES
    return ExitCode.OK if difference.complete else ExitCode.UNTESTABLE


def _is_client(name: str) -> bool:
    """Return True if a name is meant as a client, valid or not, rather than as a file."""
    resembles_client = kind_name(name) in KNOWN_CLIENTS or CLIENT_PATTERN.fullmatch(name)
    return bool(resembles_client) and is_missing(Path(name))


def _lines(options: DiffOptions, difference: Diff) -> list[str]:
    command = _command(options)
    if options.as_json:
        return [dump_document(difference, command)]
    render = words.markdown if options.as_markdown else words.text
    return list(render(difference, command))


def _write_page(options: DiffOptions, difference: Diff, log: ProbeLog) -> ExitCode:
    """Write the page, unless it contains a credential; return the exit code."""
    # Imported here: most comparisons write no page.
    from authprobe.report.html.diff_page import diff_page

    assert options.html is not None  # noqa: S101 - the caller has checked it
    page = str(diff_page(difference, _command(options)))
    return publish(options.html.parent, {options.html.name: page}, log.redactor)


def _command(options: DiffOptions) -> str | None:
    """Return the command that repeats the comparison; None: files elsewhere on this machine."""
    sides = (options.before, options.after)
    if any(not _is_client(name) and _is_elsewhere(Path(name)) for name in sides):
        return None
    return diff_command(
        *sides,
        *options.names,
        suite=options.suite,
        scenarios=options.scenarios,
        expression=options.expression,
        looks=options.looks if _is_client(options.before) else DEFAULT_LOOKS,
    )


def diff_command(
    *names: str,
    suite: str | None,
    scenarios: Iterable[Path],
    expression: str | None,
    looks: int,
) -> str:
    """Return the command that compares two sides; `names` are the sides, then the cases."""
    words = ["authprobe", "diff", *names]
    words += ["-k", expression] if expression else []
    words += ["--suite", suite] if suite else []
    words += [word for path in scenarios for word in ("--scenarios", display_path(path))]
    return for_shell([*words, *looks_arguments(looks)])


def _is_elsewhere(path: Path) -> bool:
    """Return True unless the path is below the working directory, and so the same for others."""
    return path.is_absolute() or ".." in path.parts


def _diff_runs(options: DiffOptions) -> Diff:
    """Return the differences between two results files.

    Raises:
        SettingsError, RecordError: a file is not a results file, or has no such case.
    """
    if _is_client(options.after):
        raise SettingsError(
            f"{options.before} and {options.after}: cannot compare a file with a client; "
            "give two clients or two results.json files"
        )
    two_clients = options.from_log, options.scenarios, options.jobs, options.executor, options.suite
    if any(two_clients) or options.expression:
        raise SettingsError(
            "--log, --scenarios, --suite, --jobs, --executor and -k apply to two clients only; "
            "leave them out for two runs"
        )
    difference = diff_runs(read_run(Path(options.before)), read_run(Path(options.after)))
    return difference.restrict_to(options.names) if options.names else difference


def _diff_clients(options: DiffOptions, log: ProbeLog) -> tuple[Diff, str | None, ExitCode]:
    """Return the differences between two clients, a message for the user, and the exit code.

    Raises:
        ScenarioError, SettingsError, RecordError: no case can be compared.
    """
    settings = Settings(
        scenarios=options.scenarios,
        suite=options.suite,
        out=options.out,
        jobs=options.jobs or default_jobs(),
        executor=options.executor,
    )
    suite = chosen_suite(settings)
    # The incidents are reported at versions of their own, and asked only by name.
    paths = settings.all_scenario_paths if options.names else settings.scenario_paths
    loaded = load_files(suite.paths) if suite else load_with_bundled(paths, options.names)
    scenarios = tuple(each.scenario for each in loaded)
    known = known_clients_of(scenarios)
    before, after = (_side(name, known) for name in (options.before, options.after))
    check_clients(before.client, after.client)
    comparison = VersionComparison(
        before=before.client,
        after=after.client,
        pairs=select_pairs(
            scenarios,
            before,
            after,
            options.names,
            expression=options.expression,
            selects=suite.selects if suite else None,
        ),
        scenarios=tuple(map(display_path, options.scenarios)),
        max_probes=options.looks,
    )
    trials = list(read_trials(log))
    if options.from_log:
        return comparison.diff(trials), None, ExitCode.OK
    trials = list(usable_trials(trials))
    check_writable(options.out, [LOG_FILE])
    message, code = _probe(comparison, trials, settings, log)
    return comparison.diff(trials), message, code


def _side(name: str, known: Mapping[str, KnownClient]) -> Side:
    """Return the named client at a published version.

    Raises:
        SettingsError: there is no such client or version.
    """
    client = read_client(name, known_clients=known)
    if client.kind == ClientKind.RAW_HTTP:
        raise SettingsError(
            f"{name}: authprobe's own request, which has no versions; name another client"
        )
    if client.through:
        _exact(client.through)
    version, is_newest = _exact(client)
    return Side(client=dataclasses.replace(client, version=version), is_newest=is_newest)


def _exact(client: Client) -> tuple[str, bool]:
    """Return the published version of a client, and whether it is the newest, called `latest`.

    Raises:
        SettingsError: the version is not published, or is a range.
    """
    is_exact = client.version != LATEST
    if is_exact and not EXACT.fullmatch(client.version):
        raise SettingsError(f"{client}: give one version, such as {client.kind}@2.1.31")
    try:
        published = published_versions(package_of(client), [client.version] if is_exact else ())
    except ClientError as error:
        raise SettingsError(f"{client}: {error}") from None
    versions = {version for version in published if EXACT.fullmatch(version)}
    last = newest(versions)
    version = client.version if is_exact else last
    if version is None:
        raise SettingsError(f"{client}: no version is published")
    if version not in versions:
        raise SettingsError(f"{client.kind}@{unpublished_message(version, versions)}")
    return version, version == last


def _probe(
    comparison: VersionComparison, trials: list[Trial], settings: Settings, log: ProbeLog
) -> tuple[str | None, ExitCode]:
    """Append the missing trials; return a message for the user, and the exit code."""
    disk_bytes = settings.cache_limit_bytes
    with (
        interruptible(),
        make_reporter(plain=is_ci()) as reporter,
        ProbeScheduler(settings, log.redactor, reporter, disk_bytes=disk_bytes) as scheduler,
    ):
        try:
            reason = probe_until_done(comparison.next_cases, trials, scheduler, log, reporter)
        except KeyboardInterrupt:
            return INTERRUPTED, ExitCode.INTERRUPTED
    if reason:
        return reason, ExitCode.UNTESTABLE
    return None, ExitCode.OK
